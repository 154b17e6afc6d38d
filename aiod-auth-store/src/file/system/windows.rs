//! The counterpart of `unix.rs`. Not tested.
//!
//! There are no modes here: what is new gets the rights of its folder, and the user's profile is
//! closed to other users.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use super::{Kind, Owner, Status};

pub(super) fn options() -> OpenOptions {
    OpenOptions::new()
}

/// What this version of std can't say is said so that nothing depends on it.
pub(super) fn status(metadata: &Metadata) -> Status {
    let kind = metadata.file_type();
    Status {
        kind: if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        },
        owner: Owner::Us,
        mode: 0,
        size: metadata.len(),
        links: 1,
        id: (0, 0),
        modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    }
}

pub(super) fn is_root() -> bool {
    false
}

pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

pub(super) fn make_readable(_file: &File) {}

pub(super) fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

pub(super) fn set_mode_of(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

pub(super) fn reserve(_file: &File, _bytes: u64) -> io::Result<()> {
    Ok(())
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

pub(super) fn is_mount_point(_path: &Path) -> bool {
    false
}

pub(super) fn is_not_permitted(_error: &io::Error) -> bool {
    false
}

pub(super) fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}
