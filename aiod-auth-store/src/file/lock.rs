//! One at a time: a kernel lock, on a file of its own.
//!
//! Not on the record: a lock belongs to the file and not to its name, and the record is another
//! file after each save. For the same reason a lock file is never removed.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use super::{
    place::{beside, resolve},
    platform,
};
use crate::{Lock, StoreError};

/// Takes the lock of the record at this path. `None`: somebody else has it.
pub(crate) fn try_lock(record: &Path) -> Result<Option<Lock>, StoreError> {
    let path = resolve(&beside(record, ".lock"))?;
    let file = platform::open_lock_file(&path).map_err(StoreError::io("lock", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock::new(Held(file)))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) if platform::has_no_locks(&error) => {
            // To refuse would mean that nobody can log in there.
            log::warn!("the file system of {} has no locks", path.display());
            Ok(Some(Lock::new(())))
        }
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
    }
}

struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // To close the file is not enough while another thread is starting a program: until that
        // runs, it has the file open too. If it fails, closing is what is left.
        self.0.unlock().ok();
    }
}
