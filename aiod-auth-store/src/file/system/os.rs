//! The operating system's own file system.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

use super::{FileSystem, How, Locked, OpenFile, Status, platform};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Os;

impl FileSystem for Os {
    fn status(&self, path: &Path) -> io::Result<Status> {
        uninterrupted(|| fs::symlink_metadata(path)).map(|metadata| platform::status(&metadata))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        uninterrupted(|| fs::read_link(path))
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn OpenFile>> {
        let mut options = platform::options();
        options.read(true);
        match how {
            How::Read => &mut options,
            How::Write => options.write(true),
            How::Create => options.write(true).create(true).truncate(false),
            How::CreateNew => options.write(true).create_new(true),
        };
        let file = uninterrupted(|| options.open(path))?;
        if matches!(how, How::Create | How::CreateNew) {
            platform::make_readable(&file);
        }
        Ok(Box::new(OsFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        uninterrupted(|| platform::rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        uninterrupted(|| fs::remove_file(path))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        uninterrupted(|| platform::create_folder(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        platform::sync_folder(path)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        uninterrupted(|| platform::set_mode(path, mode))
    }

    fn is_mount_point(&self, path: &Path) -> bool {
        platform::is_mount_point(path)
    }

    fn removes_locked_files(&self) -> bool {
        cfg!(unix)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn pause(&self, delay: Duration) {
        thread::sleep(delay);
    }
}

#[derive(Debug)]
struct OsFile(File);

impl OpenFile for OsFile {
    fn status(&self) -> io::Result<Status> {
        uninterrupted(|| self.0.metadata()).map(|metadata| platform::status(&metadata))
    }

    fn read(&mut self, bytes: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut content = Zeroizing::new(Vec::with_capacity(bytes.saturating_add(1)));
        let limit = u64::try_from(bytes).unwrap_or(u64::MAX);
        Read::by_ref(&mut self.0).take(limit).read_to_end(&mut content)?;
        Ok(content)
    }

    fn rewind(&mut self) -> io::Result<()> {
        Seek::rewind(&mut self.0)
    }

    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.0.write_all(content)
    }

    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn reserve(&self, bytes: usize) -> io::Result<()> {
        uninterrupted(|| platform::reserve(&self.0, u64::try_from(bytes).unwrap_or(u64::MAX)))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_modified(&self, at: SystemTime) -> io::Result<()> {
        self.0.set_modified(at)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        uninterrupted(|| platform::set_mode_of(&self.0, mode))
    }

    fn try_lock(&self) -> io::Result<Locked> {
        uninterrupted(|| match self.0.try_lock() {
            Ok(()) => Ok(Locked::Yes),
            Err(TryLockError::WouldBlock) => Ok(Locked::Busy),
            Err(TryLockError::Error(error)) if platform::has_no_locks(&error) => {
                Ok(Locked::Unsupported)
            }
            Err(TryLockError::Error(error)) => Err(error),
        })
    }

    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

/// A signal that came meanwhile is no reason to give up.
fn uninterrupted<T>(operation: impl Fn() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
