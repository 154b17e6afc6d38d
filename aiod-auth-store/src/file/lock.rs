//! One at a time: a kernel lock, on a file of its own.
//!
//! Not on the record: a lock belongs to the file and not to its name, and the record is another
//! file after each save. For the same reason a lock file that is removed could be locked by a process
//! that opened it before, while another locks a new one. So only the process that has the lock removes
//! the file, and each that gets a lock looks whether the name still leads to what it locked.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    place::{beside, check, resolve},
    system::{FileSystem, How, Locked, OpenFile},
};
use crate::StoreError;

/// The lock of one record.
pub(crate) struct LockFile {
    system: Arc<dyn FileSystem>,
    path: PathBuf,
    file: Box<dyn OpenFile>,
    is_locked: bool,
}

impl LockFile {
    /// Takes the lock of the record at this path. `None`: another process has it.
    pub(crate) fn take(
        system: &Arc<dyn FileSystem>,
        record: &Path,
    ) -> Result<Option<Self>, StoreError> {
        let path = resolve(&**system, &beside(record, ".lock"))?;
        for _ in 0..TRIES_MAX {
            let file = system.open(&path, How::Create).map_err(StoreError::io("lock", &path))?;
            let status = file.status().map_err(StoreError::io("lock", &path))?;
            check(&path, &status)?;
            let is_locked = match file.try_lock().map_err(StoreError::io("lock", &path))? {
                Locked::Yes => true,
                Locked::Busy => return Ok(None),
                Locked::Unsupported => {
                    // To refuse would mean that no login is possible there.
                    log::warn!("the file system of {} has no locks", path.display());
                    false
                }
            };
            if is_named(&**system, &path, status.id).map_err(StoreError::io("lock", &path))? {
                let system = Arc::clone(system);
                return Ok(Some(Self { system, path, file, is_locked }));
            }
        }
        // Other processes keep making and removing it: one of them has it.
        Ok(None)
    }

    /// Whether there is a lock at all.
    pub(crate) const fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Removes the file, which is still locked then: where there is no record, it would stay for ever.
    pub(crate) fn remove(&self) {
        if self.is_locked && self.system.removes_locked_files() {
            self.system.remove(&self.path).ok();
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // To close the file is not enough while another thread is starting a program: until that
        // runs, it has the file open too. If it fails, closing is what is left.
        self.file.unlock().ok();
    }
}

impl fmt::Debug for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Whether a name still leads to this file.
pub(crate) fn is_named(system: &dyn FileSystem, path: &Path, id: (u64, u64)) -> io::Result<bool> {
    match system.status(path) {
        Ok(status) => Ok(status.id == id),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

const TRIES_MAX: usize = 100;
