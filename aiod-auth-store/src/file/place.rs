//! Where a record really is, and whether that place can be trusted.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use super::platform;
use crate::StoreError;

/// Follows symbolic links, so that what they lead to is written, and they stay.
///
/// There may be nothing at the end yet.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(StoreError::io("find", &path)(error)),
        };
        check(&path, &metadata)?;
        if !metadata.is_symlink() {
            return Ok(path);
        }
        let target = fs::read_link(&path).map_err(StoreError::io("follow", &path))?;
        path = path.with_file_name(target);
    }
    let why = "its symbolic links have no end";
    Err(StoreError::Refused { path, why })
}

/// Refuses what isn't ours, and what is neither a file nor a folder: reading a pipe would never
/// end.
///
/// What belongs to root passes: root could put anything in our place anyway, and it is how secrets
/// are mounted into containers.
pub(crate) fn check(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let kind = metadata.file_type();
    let why = if !platform::is_ours_or_roots(metadata) {
        "it belongs to another user"
    } else if !kind.is_file() && !kind.is_dir() && !kind.is_symlink() {
        "it is no file"
    } else {
        return Ok(());
    };
    let path = path.to_owned();
    Err(StoreError::Refused { path, why })
}

/// Makes sure that the folder is there, and that only we can look into it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    create_folder(folder).map_err(StoreError::io("make the folder", folder))?;
    let metadata = fs::metadata(folder).map_err(StoreError::io("look at the folder", folder))?;
    check(folder, &metadata)?;
    platform::make_private(folder).map_err(StoreError::io("restrict the folder", folder))
}

/// Like `create_dir_all`, but each new folder is private and survives a crash.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    create_folder(parent)?;
    match platform::create_private_folder(folder) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        other => other,
    }?;
    platform::sync_folder(parent)
}

/// A file beside this one: its name, and something after it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// As Linux has it.
const LINKS_MAX: usize = 40;
