//! The counterpart of `unix.rs`. Not tested.
//!
//! There are no modes here: what is new gets the rights of its folder, and the user's profile is
//! closed to others.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::Path,
    thread,
    time::Duration,
};

pub(super) fn create_private_file(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

pub(super) fn open_lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).open(path)
}

pub(super) fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

pub(super) fn make_file_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn make_private(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn is_ours_or_roots(_metadata: &Metadata) -> bool {
    true
}

/// A virus scanner or a reader may have one of the files open for a moment: for two seconds at
/// most, that is no error.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    const ERROR_ACCESS_DENIED: i32 = 5;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    const ERROR_LOCK_VIOLATION: i32 = 33;

    for _ in 0..100 {
        match fs::rename(from, to) {
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION)
                ) =>
            {
                thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
    fs::rename(from, to)
}

/// NTFS keeps a journal of its own; a folder can't be opened for this.
pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}
