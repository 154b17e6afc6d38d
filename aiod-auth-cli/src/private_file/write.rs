//! Writing a file with secrets in it: only its owner can read it.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Error, ErrorKind, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// Writes a file that isn't there yet.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    match write_temporary(path, content)?.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Err(refused.error),
        // Some file systems can't rename like this.
        Err(_) => write_new(path, content),
    }
}

/// Writes a file, in place of one that may be there; but not of something else, as a symbolic link or
/// `/dev/stdout`.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => {
            return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        _ => {}
    }
    write_temporary(path, content)?.persist(path)?;
    Ok(())
}

/// Writes a file that is no secret, in place of the one before, whose mode it keeps.
pub(crate) fn rewrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = write_temporary(path, content)?;
    if let Ok(before) = fs::metadata(path) {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.persist(path)?;
    Ok(())
}

/// In the same folder, because a rename doesn't cross file systems. It goes when this is dropped.
fn write_temporary(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().ok_or(ErrorKind::IsADirectory)?);
    prefix.push(".");
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?;
    write(file.as_file_mut(), content)?;
    Ok(file)
}

/// Leaves nothing behind if it fails.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    write(&mut file, content).inspect_err(|_| {
        fs::remove_file(path).ok();
    })
}

fn write(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login.json");
        create(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        fs::create_dir(folder.path().join("folder")).unwrap();
        replace(&folder.path().join("folder"), b"four").unwrap_err();
        create(&folder.path().join("none/login.json"), b"five").unwrap_err();
        write_new(&path, b"six").unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        // The file and the folder.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_neither_followed_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(create(&link, b"one").unwrap_err().kind(), ErrorKind::AlreadyExists);
        let error = replace(&link, b"two").unwrap_err();
        assert_eq!(error.to_string(), "it is not a regular file");
        assert!(!target.exists() && link.is_symlink());
        let pipe = folder.path().join("pipe");
        let pipe_type = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, pipe_type, 0o600.into(), 0).unwrap();
        replace(&pipe, b"three").unwrap_err();
        assert!(!pipe.symlink_metadata().unwrap().is_file());
        // A name alone is one in the working folder.
        write_temporary(Path::new("login.json"), b"").unwrap();
    }
}
