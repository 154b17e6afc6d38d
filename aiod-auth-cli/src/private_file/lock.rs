//! A lock among processes: a file of its own, which stays.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Error, ErrorKind},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Takes the lock, and says so after a second if another process has it for that long.
///
/// # Errors
/// [`ErrorKind::TimedOut`] where another process has it for a minute; what the system says where the
/// file can't be opened, or isn't ours.
pub(crate) fn lock(path: &Path, waiting: impl FnOnce()) -> io::Result<File> {
    let file = open(path)?;
    let began = Instant::now();
    let mut waiting = Some(waiting);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // There are file systems without locks, and to refuse would mean that nothing can be set.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        if began.elapsed() >= LIMIT {
            return Err(Error::new(ErrorKind::TimedOut, "another process holds the lock"));
        }
        if began.elapsed() >= SAID_AFTER
            && let Some(waiting) = waiting.take()
        {
            waiting();
        }
        thread::sleep(PAUSE);
    }
}

/// In a folder that other users may write to, a link of theirs in the lock's place would have this program
/// make or lock a file of their choice.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| link(path, error))?;
    super::read::check(&file.metadata()?)?;
    Ok(file)
}

/// "Too many levels of symbolic links" is what the system says of a single one.
fn link(path: &Path, error: Error) -> Error {
    if path.is_symlink() {
        return Error::new(ErrorKind::InvalidInput, "it is a symbolic link");
    }
    error
}

fn has_no_locks(error: &Error) -> bool {
    #[cfg(unix)]
    if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::NOLCK) {
        return true;
    }
    error.kind() == ErrorKind::Unsupported
}

const PAUSE: Duration = Duration::from_millis(50);
const SAID_AFTER: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(57);

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_link_in_the_locks_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("lock"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let error = lock(&path, || ()).unwrap_err();
        assert_eq!(error.to_string(), "it is a symbolic link");
        assert!(!target.exists());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        lock(&path, || ()).unwrap_err();
        fs::remove_dir(&path).unwrap();
        drop(lock(&path, || ()).unwrap());
        assert!(path.is_file());
    }
}
