//! Where a record really is, and whether that place can be trusted.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::system::{
    FileSystem, How, Kind, OpenFile, Owner, Status, if_allowed, if_supported, is_root,
};
use crate::StoreError;

/// Follows symbolic links, so that what they lead to is written, and they stay.
///
/// There may be nothing at the end yet; what is there is a file. A folder may have been named by mistake, and
/// is left alone.
pub(crate) fn resolve(system: &dyn FileSystem, path: &Path) -> Result<PathBuf, StoreError> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let status = match system.status(&path) {
            Ok(status) => status,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(StoreError::io("find", &path)(error)),
        };
        check(&path, &status)?;
        match status.kind {
            Kind::Link => {}
            Kind::Folder => return Err(StoreError::Refused { path, why: IS_FOLDER }),
            Kind::File | Kind::Other => return Ok(path),
        }
        let target = system.read_link(&path).map_err(StoreError::io("follow", &path))?;
        path = path.with_file_name(target);
    }
    let why = "its symbolic links have no end";
    Err(StoreError::Refused { path, why })
}

/// Whether both are names of one file, which need not be there yet.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    real_name(one) == real_name(other)
}

/// Without symbolic links, as far as there is something.
fn real_name(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// Why a file beside a record could not be opened: if something else has its name, that is why.
pub(crate) fn not_opened(
    system: &dyn FileSystem,
    doing: &'static str,
    path: &Path,
    error: io::Error,
) -> StoreError {
    let why = match system.status(path).map(|status| status.kind) {
        Ok(Kind::Folder) => IS_FOLDER,
        Ok(Kind::Link) => "it is a symbolic link",
        Ok(Kind::Other) => "it is no file",
        Ok(Kind::File) | Err(_) => return StoreError::io(doing, path)(error),
    };
    StoreError::Refused { path: path.into(), why }
}

/// Refuses what isn't ours, and what is neither a file nor a folder: reading a pipe would never
/// end.
///
/// What belongs to root passes: root could put anything in our place anyway, and it is how secrets
/// are mounted into containers.
pub(crate) fn check(path: &Path, status: &Status) -> Result<(), StoreError> {
    let path = path.to_owned();
    match (status.owner, status.kind) {
        (Owner::Other(owner), _) => Err(StoreError::OfAnotherUser { path, owner }),
        (_, Kind::Other) => Err(StoreError::Refused { path, why: "it is no file" }),
        _ => Ok(()),
    }
}

/// Makes sure that the folder of a record is there, and that only we can look into it.
pub(crate) fn make_folder(system: &dyn FileSystem, record: &Path) -> Result<(), StoreError> {
    let folder = folder(record);
    create_folder(system, folder)?;
    let (path, status) = follow(system, folder)?;
    check(folder, &status)?;
    restrict(system, folder, &path, &status).map_err(StoreError::io("restrict the folder", folder))
}

/// Like `create_dir_all`, but each new folder is private and survives a crash, and root makes none in
/// another user's.
pub(crate) fn create_folder(system: &dyn FileSystem, folder: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("make the folder", folder)(error);
    let is_there = |folder: &Path| system.status(folder).map(|status| status.kind != Kind::File);
    match is_there(folder) {
        Ok(true) => return check_root_may_write(system, folder),
        Ok(false) => return Err(failed(io::ErrorKind::NotADirectory.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let Some(parent) = folder.parent() else {
        return Err(failed(io::ErrorKind::NotFound.into()));
    };
    create_folder(system, parent)?;
    match system.create_folder(folder) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        other => other.map_err(failed)?,
    }
    if_supported(system.sync_folder(parent)).map_err(failed)
}

/// What root makes in another user's folder, that user can't read. Where every user may write (`/tmp`), the
/// owner expects it; and for all users but root, the folder's mode has said who may.
fn check_root_may_write(system: &dyn FileSystem, folder: &Path) -> Result<(), StoreError> {
    match follow(system, folder) {
        Ok((_, Status { owner: Owner::Other(owner), mode, .. }))
            if is_root() && mode & 0o002 == 0 =>
        {
            Err(StoreError::OfAnotherUser { path: folder.into(), owner })
        }
        // What else is wrong with it is said by what uses it.
        _ => Ok(()),
    }
}

/// What is at the end of a folder's links: they may lead anywhere, what counts is whose that is.
fn follow(system: &dyn FileSystem, folder: &Path) -> Result<(PathBuf, Status), StoreError> {
    let mut path = folder.to_owned();
    for _ in 0..LINKS_MAX {
        let status = system.status(&path).map_err(StoreError::io("look at the folder", &path))?;
        if status.kind != Kind::Link {
            return Ok((path, status));
        }
        let target = system.read_link(&path).map_err(StoreError::io("follow", &path))?;
        path = path.with_file_name(target);
    }
    let why = "its symbolic links have no end";
    Err(StoreError::Refused { path, why })
}

/// Takes from other users what they may do in a folder of ours; but not in one that was made for
/// something else (`/tmp`, a home folder): a folder of ours is called `tokens`, and AI-on-Demand's is
/// `.aiod`, which its Python client leaves open, and the tokens in it.
fn restrict(
    system: &dyn FileSystem,
    name: &Path,
    folder: &Path,
    status: &Status,
) -> io::Result<()> {
    let is_private = status.mode & 0o077 == 0;
    let is_shared = status.mode & 0o1000 != 0;
    let is_for_tokens = name.file_name().is_some_and(|name| name == "tokens" || name == ".aiod");
    if is_private || is_shared || !is_for_tokens || status.owner != Owner::Us {
        return Ok(());
    }
    match system.set_mode(folder, status.mode & 0o7700) {
        Ok(()) => {
            log::warn!("{} was open to other users", name.display());
            Ok(())
        }
        failed => if_allowed(folder, failed),
    }
}

/// Whether there is none any more.
pub(crate) fn remove(system: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match system.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The same, and it isn't there after a power failure either.
pub(crate) fn remove_for_good(system: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match system.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.and_then(|()| if_supported(system.sync_folder(folder(path)))),
    }
}

/// What stands there while a file gets a copy in its place.
pub(crate) fn copy_of(path: &Path) -> PathBuf {
    beside(path, ".copy")
}

/// Gives the name to a copy of this file, which is locked, as old as it.
pub(crate) fn replace_with_copy(
    system: &dyn FileSystem,
    path: &Path,
    file: &mut dyn OpenFile,
) -> io::Result<()> {
    let copy = copy_of(path);
    remove(system, &copy)?;
    let mut new = system.open(&copy, How::CreateNew)?;
    new.write(&file.read(CONTENT_BYTES_MAX)?)?;
    // Which of two texts is the newer one may decide.
    if_supported(new.set_modified(file.status()?.modified))?;
    if_supported(new.sync())?;
    system.rename(&copy, path)
}

/// The most that is ever in `.next`: one that is only begun is twice as big as its record.
pub(crate) const CONTENT_BYTES_MAX: usize = 2 * super::BYTES_MAX + 1024;

/// A file beside this one: its name, and something after it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

pub(crate) const IS_FOLDER: &str = "it is a folder";
/// As Linux has it.
const LINKS_MAX: usize = 40;
