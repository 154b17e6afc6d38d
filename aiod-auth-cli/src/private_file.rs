//! Writing a file with secrets in it: only its owner can read it, and nobody sees half of it.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
};

/// Writes a file that isn't there yet.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = write_temporary(path, content)?;
    // Unlike a rename, a second name is refused where there is something already.
    let created = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            // Some file systems know no second names.
            write_new(path, content)
        }
        linked => linked,
    };
    fs::remove_file(&temporary).ok();
    created
}

/// Writes a file, in place of one that may be there.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = write_temporary(path, content)?;
    fs::rename(&temporary, path).inspect_err(|_| {
        // The first error is the one that counts.
        fs::remove_file(&temporary).ok();
    })
}

/// In the same folder, because neither a rename nor a second name crosses file systems.
fn write_temporary(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(ErrorKind::IsADirectory)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", process::id()));
    let temporary = path.with_file_name(temporary);
    write_new(&temporary, content)?;
    Ok(temporary)
}

/// Leaves nothing behind if it fails.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| {
        fs::remove_file(path).ok();
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login.json");
        create(&path, b"one").unwrap();
        assert_eq!(create(&path, b"two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        fs::create_dir(folder.path().join("folder")).unwrap();
        replace(&folder.path().join("folder"), b"four").unwrap_err();
        create(&folder.path().join("none/login.json"), b"five").unwrap_err();
        // The file and the folder.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_neither_followed_nor_overwritten_by_chance() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(create(&link, b"one").unwrap_err().kind(), ErrorKind::AlreadyExists);
        replace(&link, b"two").unwrap();
        assert!(!target.exists() && link.symlink_metadata().unwrap().is_file());
    }
}
