//! What only Unix has, or does its own way.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
    time::SystemTime,
};

use rustix::{fs::OFlags, io::Errno, process::geteuid};

use super::{Kind, Owner, Status};

/// What is made is private from its first moment. Links were followed before, and checked; a pipe that
/// took the place of a file since then keeps no caller waiting.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    options
}

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
        owner: match metadata.uid() {
            uid if uid == geteuid().as_raw() => Owner::Us,
            0 => Owner::Root,
            uid => Owner::Other(uid),
        },
        mode: metadata.mode() & 0o7777,
        size: metadata.len(),
        links: metadata.nlink(),
        id: (metadata.dev(), metadata.ino()),
        modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    }
}

pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

/// A umask may have taken even our own rights.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    if fs::metadata(folder).is_ok_and(|made| made.mode() & 0o700 != 0o700) {
        set_mode(folder, 0o700).ok();
    }
    Ok(())
}

/// The same for a file.
pub(super) fn make_readable(file: &File) {
    let is_ours = |made: &Metadata| made.is_file() && made.uid() == geteuid().as_raw();
    if file.metadata().is_ok_and(|made| is_ours(&made) && made.mode() & 0o600 != 0o600) {
        set_mode_of(file, 0o600).ok();
    }
}

pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

pub(super) fn set_mode_of(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};

    Ok(fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn reserve(_file: &File, _bytes: u64) -> io::Result<()> {
    Ok(())
}

/// The old file goes and the new one comes in one step.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        // One that we may write to and not list.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::ACCESS) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Linux says so. Elsewhere a rename finds out.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())
        .is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn is_mount_point(_path: &Path) -> bool {
    false
}

pub(super) fn is_not_permitted(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::PERM)
}

/// `ENOLCK` is what NFS says without a lock server.
pub(super) fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || Errno::from_io_error(error) == Some(Errno::NOLCK)
}
