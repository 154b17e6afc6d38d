//! Changing a file so that everybody always sees a whole one, and a crash leaves one too.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{place::beside, platform};
use crate::StoreError;

/// Puts a new file in the place of the old one: written and on disk before it gets the name.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    replace_unless(path, content, || Ok(None::<()>)).map(drop)
}

/// The same, but at the last moment this may say that the old one has to stay.
pub(crate) fn replace_unless<T>(
    path: &Path,
    content: &[u8],
    stays: impl FnOnce() -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    put(path, path, content, stays)
}

/// A new file beside this one, which then gets a name: this one's, or another.
fn put<T>(
    path: &Path,
    name: &Path,
    content: &[u8],
    stays: impl FnOnce() -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    let (temporary, file) = create_temporary(path).map_err(StoreError::io("write", path))?;
    let outcome = finish(&temporary, file, name, content, stays);
    if !matches!(outcome, Ok(None)) {
        // The error that counts is the first one.
        fs::remove_file(&temporary).ok();
    }
    remove_leftovers(path);
    outcome
}

/// Whether a file could be put in the place of this one: whoever asks a server for new tokens has to
/// know before. A new file as big as this one is made, and removed.
pub(crate) fn try_out(path: &Path) -> Result<(), StoreError> {
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len()).clamp(4096, 1 << 20);
    let content = vec![b'#'; usize::try_from(size).unwrap_or(4096)];
    let outcome = create_temporary(path).and_then(|(temporary, mut file)| {
        let written = file.write_all(&content);
        drop(file);
        fs::remove_file(&temporary)?;
        written
    });
    outcome.map_err(StoreError::io("write", path))
}

/// Removes a file for good.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    remove_leftovers(path);
    removed
        .and_then(|()| platform::sync_folder(folder(path)))
        .map_err(StoreError::io("remove", path))
}

/// Gives a damaged record another name, which says when. No earlier one is overwritten: whoever
/// saves holds the record's lock, so nobody else is looking for a name.
pub(crate) fn move_aside(path: &Path) -> Result<(), StoreError> {
    let aside = free_name(path, "corrupt");
    // Half a token may be in it, and whoever wrote it may have let others read it.
    platform::make_file_private(path)
        .and_then(|()| platform::rename(path, &aside))
        .map_err(StoreError::io("move aside", path))?;
    log::warn!("a damaged token record is kept as {}", aside.display());
    Ok(())
}

/// Keeps a copy of what is about to be replaced, in the same way.
pub(crate) fn keep_copy(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let aside = free_name(path, "replaced");
    put(path, &aside, content, || Ok(None::<()>))?;
    log::warn!("what was in {} is kept as {}", path.display(), aside.display());
    Ok(())
}

fn free_name(path: &Path, why: &str) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut seconds = now.unwrap_or_default().as_secs();
    loop {
        let aside = beside(path, &format!(".{why}-{seconds}"));
        if fs::symlink_metadata(&aside).is_err() {
            return aside;
        }
        seconds += 1;
    }
}

/// In the same folder, because a rename doesn't cross file systems.
fn create_temporary(path: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let count = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
        let temporary = beside(path, &format!("{TEMPORARY}{}-{count}", process::id()));
        match platform::create_private_file(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            // Containers that share a folder also share process ids.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

fn finish<T>(
    temporary: &Path,
    mut file: File,
    path: &Path,
    content: &[u8],
    stays: impl FnOnce() -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(file);
    written.map_err(StoreError::io("write", path))?;
    if let Some(reason) = stays()? {
        return Ok(Some(reason));
    }
    platform::rename(temporary, path)
        .and_then(|()| platform::sync_folder(folder(path)))
        .map_err(StoreError::io("write", path))?;
    Ok(None)
}

/// A process that was killed while it saved has left a file with tokens in it. Nobody takes an hour
/// to save, so what is older is nobody's. Whatever fails here can be tried again next time.
fn remove_leftovers(path: &Path) {
    let beginning = beside(path, TEMPORARY);
    for entry in fs::read_dir(folder(path)).into_iter().flatten().flatten() {
        let name = entry.path();
        let is_temporary = name
            .as_os_str()
            .as_encoded_bytes()
            .starts_with(beginning.as_os_str().as_encoded_bytes());
        if is_temporary && age(&entry).is_some_and(|age| age > Duration::from_secs(3600)) {
            fs::remove_file(&name).ok();
        }
    }
}

fn age(entry: &fs::DirEntry) -> Option<Duration> {
    entry.metadata().ok()?.modified().ok()?.elapsed().ok()
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

const TEMPORARY: &str = ".tmp-";

static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        // A file can't be renamed to the name of a folder.
        fs::create_dir(&path).unwrap();
        let error = replace(&path, b"new").unwrap_err();
        assert!(error.to_string().starts_with("cannot write"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// So that whoever saves next knows it, if this process is killed meanwhile.
    #[test]
    fn a_copy_is_made_under_the_name_of_what_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        fs::write(&path, "old").unwrap();
        let old = SystemTime::now() - Duration::from_secs(7200);
        let (leftover, file) = create_temporary(&path).unwrap();
        file.set_modified(old).unwrap();
        keep_copy(&path, b"old").unwrap();
        assert!(!leftover.exists());
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|name| name.unwrap().file_name()).collect();
        names.sort();
        assert!(names[1].to_str().unwrap().starts_with("record.replaced-"), "{names:?}");
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn another_containers_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        let next = TEMPORARIES.load(Ordering::Relaxed);
        for count in next..next + 20 {
            let theirs = beside(&path, &format!("{TEMPORARY}{}-{count}", process::id()));
            fs::write(theirs, "theirs").unwrap();
        }
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 21);
    }
}
