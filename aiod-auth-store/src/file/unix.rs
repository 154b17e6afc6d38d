//! What only Unix has, or does its own way.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

use rustix::{io::Errno, process::geteuid};

/// A new file that only we can read.
pub(super) fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Open for writing, because NFS asks for that.
pub(super) fn open_lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

pub(super) fn create_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

/// Takes from others what they may do with a file of ours.
pub(super) fn make_file_private(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_file() || mode & 0o077 == 0 || metadata.uid() != geteuid().as_raw() {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode & 0o7700))
}

/// Takes from others what they may do in a folder of ours; but not in one that was made for something
/// else (`/tmp`, a home folder): a folder of ours is called `tokens`, and AI-on-Demand's is `.aiod`,
/// which its Python client leaves open, and the tokens in it.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    let metadata = fs::metadata(folder)?;
    let mode = metadata.mode() & 0o7777;
    let is_private = mode & 0o077 == 0;
    let is_shared = mode & 0o1000 != 0;
    let is_for_tokens = folder.file_name().is_some_and(|name| name == "tokens" || name == ".aiod");
    if is_private || is_shared || !is_for_tokens || metadata.uid() != geteuid().as_raw() {
        return Ok(());
    }
    log::warn!("{} was open to other users", folder.display());
    fs::set_permissions(folder, Permissions::from_mode(mode & 0o7700))
}

pub(super) fn is_ours_or_roots(metadata: &Metadata) -> bool {
    metadata.uid() == geteuid().as_raw() || metadata.uid() == 0
}

/// The old file goes and the new one comes in one step.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Makes a rename survive a crash, where the file system can do that.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

/// `ENOLCK` is what NFS says without a lock server.
pub(super) fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || Errno::from_io_error(error) == Some(Errno::NOLCK)
}
