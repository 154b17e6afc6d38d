//! One at a time: a kernel lock, on a file of its own.
//!
//! Not on the record: a lock belongs to the file and not to its name, and the record is another
//! file after each save. For the same reason a lock file that is removed could be locked by a process
//! that opened it before, while another locks a new one. So only the process that has the lock removes
//! the file, and each that gets a lock looks whether the name still leads to what it locked.
//!
//! What is in the file is a note for the next process that has the lock: which refresh token is replaced
//! by what is in `.next`. It may get lost (a backup without it, or the file is removed): then the newer of the
//! two counts.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    mark::Fingerprint,
    place::{beside, check, not_opened, replace_with_copy},
    system::{FileSystem, How, Locked, OpenFile, if_supported},
};
use crate::StoreError;

/// The lock of one record.
pub(crate) struct LockFile {
    system: Arc<dyn FileSystem>,
    path: PathBuf,
    file: Mutex<Box<dyn OpenFile>>,
    is_locked: bool,
}

impl LockFile {
    /// Takes the lock of the record at this path. `None`: another process has it.
    pub(crate) fn take(
        system: &Arc<dyn FileSystem>,
        record: &Path,
    ) -> Result<Option<Self>, StoreError> {
        // A symbolic link is refused: what it leads to would be written.
        let path = path(record);
        for _ in 0..TRIES_MAX {
            let mut file = system
                .open(&path, How::Create)
                .map_err(|error| not_opened(&**system, "lock", &path, error))?;
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
            if !is_named(&**system, &path, status.id).map_err(StoreError::io("lock", &path))? {
                continue;
            }
            if status.links > 1 {
                // It is another file, too, or in a backup: that is not written. The note stays.
                replace_with_copy(&**system, &path, &mut *file)
                    .map_err(StoreError::io("lock", &path))?;
                continue;
            }
            let (system, file) = (Arc::clone(system), Mutex::new(file));
            return Ok(Some(Self { system, path, file, is_locked }));
        }
        // Other processes keep making and removing it: one of them has it.
        Ok(None)
    }

    /// Whether there is a lock at all.
    pub(crate) const fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Notes which refresh token is about to be replaced; it is on the disk then. `None`: none.
    pub(crate) fn note(&self, replaces: Option<Fingerprint>) -> Result<(), StoreError> {
        let note = replaces.map(|print| format!("{REPLACES}{print}\n")).unwrap_or_default();
        let mut file = self.file();
        let mut write = || {
            let size = file.status()?.size;
            if size == 0 && note.is_empty() {
                return Ok(());
            }
            file.rewind()?;
            file.write(note.as_bytes())?;
            let length = u64::try_from(note.len()).unwrap_or(u64::MAX);
            if size > length {
                file.set_size(length)?;
            }
            if_supported(file.sync())
        };
        write().map_err(StoreError::io("write", &self.path))
    }

    /// What an earlier process noted.
    pub(crate) fn noted(&self) -> Result<Option<Fingerprint>, StoreError> {
        let mut file = self.file();
        let mut read = || {
            file.rewind()?;
            file.read(NOTE_BYTES_MAX)
        };
        let note = read().map_err(StoreError::io("read", &self.path))?;
        let print = str::from_utf8(&note).ok().and_then(|note| note.strip_prefix(REPLACES));
        Ok(print.and_then(|print| print.trim_end().parse().ok()))
    }

    /// Removes the file, which is still locked then: where there is no record, it would stay for ever.
    pub(crate) fn remove(&self) {
        if self.is_locked && self.system.removes_locked_files() {
            self.system.remove(&self.path).ok();
        }
    }

    fn file(&self) -> MutexGuard<'_, Box<dyn OpenFile>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // To close the file is not enough while another thread is starting a program: until that
        // runs, it has the file open too. If it fails, closing is what is left.
        self.file().unlock().ok();
    }
}

impl fmt::Debug for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFile").field("path", &self.path).finish_non_exhaustive()
    }
}

pub(crate) fn path(record: &Path) -> PathBuf {
    beside(record, ".lock")
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
const REPLACES: &str = "replaces ";
const NOTE_BYTES_MAX: usize = 64;
