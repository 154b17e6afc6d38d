//! A file in the place of a record.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aiod_auth_core::{AccessToken, RecordKey, Scope, Tokens};
use aiod_auth_store::{FileStore, Store, StoreError};
use tempfile::TempDir;

use crate::fuzzing::answers::NOW;

/// Finds these bytes where a record should be. Returns `done`, or why it can't be read.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn store_file(content: &[u8]) -> &'static str {
    // What can't be read is not shown, not changed and not deleted; what is read is this login's.
    let place = match Place::with(content) {
        Ok(place) => place,
        Err(error) => panic!("no folder, so nothing was tried: {error}"),
    };
    let Place { store, path, .. } = &place;
    let loaded = store.load(&key());
    assert_eq!(place.content(), content, "reading changes it");
    let ending = match &loaded {
        Ok(tokens) => {
            assert!(tokens.is_some(), "a record is overlooked");
            assert!(content.ends_with(b"\n"), "a record that was cut off");
            "done"
        }
        Err(error) => {
            names_the_place_alone(error, path);
            let removed = store.remove(&key());
            assert!(removed.is_err() && place.content() == content, "removed: {removed:?}");
            ending_of(error)
        }
    };

    let saved = store.save(&key(), &tokens());
    match (&saved, ending) {
        (Ok(()), "damaged") => assert_eq!(place.aside(), Some(content.to_vec()), "it is gone"),
        (Ok(()), "done") | (Err(_), "newer" | "other") => assert_eq!(place.aside(), None),
        _ => panic!("{ending}, and then saved: {saved:?}"),
    }
    if saved.is_ok() {
        let tokens = store.load(&key());
        let token = tokens.as_ref().ok().and_then(|tokens| tokens.as_ref());
        assert!(
            token.is_some_and(|token| token.access_token().unwrap().expose() == NEW),
            "{tokens:?}"
        );
        let removed = store.remove(&key());
        assert!(removed.is_ok() && !path.exists(), "{removed:?}");
    } else {
        assert_eq!(place.content(), content);
    }
    ending
}

pub(super) fn ending_of(error: &StoreError) -> &'static str {
    if matches!(error, StoreError::Damaged { .. }) {
        "damaged"
    } else if matches!(error, StoreError::NewerVersion { .. }) {
        "newer"
    } else {
        assert!(matches!(error, StoreError::OtherKey { .. }), "{error:?}");
        "other"
    }
}

/// A store, and a file where it looks for a record.
pub(super) struct Place {
    pub(super) store: FileStore,
    pub(super) path: PathBuf,
    folder: TempDir,
}

impl Place {
    /// An empty place.
    pub(super) fn new(key: &RecordKey) -> io::Result<Self> {
        let folder = folder()?;
        let store = FileStore::new(folder.path());
        let path = PathBuf::from(store.location(key));
        Ok(Self { store, path, folder })
    }

    fn with(content: &[u8]) -> io::Result<Self> {
        let place = Self::new(&key())?;
        fs::write(&place.path, content)?;
        Ok(place)
    }

    pub(super) fn content(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_default()
    }

    fn aside(&self) -> Option<Vec<u8>> {
        aside(self.folder.path(), ".corrupt-")
    }
}

/// A folder in memory, where there is such a place: a store waits until the disk has everything.
pub(super) fn folder() -> io::Result<TempDir> {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { TempDir::new_in(shm) } else { TempDir::new() }
}

/// What was put aside under such a name, if it is one file.
pub(super) fn aside(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let entries = fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut aside = paths.filter(|path| path.to_string_lossy().contains(name));
    match (aside.next(), aside.next()) {
        (Some(path), None) => fs::read(path).ok(),
        _ => None,
    }
}

/// All that an error may say of a record: the place, a line, a version, and these words.
pub(super) fn names_the_place_alone(error: &StoreError, path: &Path) {
    let (text, path) = (error.to_string(), path.display().to_string());
    assert!(text.contains(&path), "which one? {text}");
    let words = text.replace(&path, "");
    let words = words.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
    for word in words {
        let known = WORDS.split_whitespace().any(|known| known == word);
        assert!(known || word.bytes().all(|byte| byte.is_ascii_digit()), "{word:?} in {text}");
    }
    super::super::watch::silent(error);
}

const WORDS: &str = "the token record is damaged has format which too new that of another login \
    line not TOML version missing or no table tokens key it ends within a list strings string date \
    and time scope UTF 8 access_token refresh_token id_token issued_at expires_at \
    refresh_expires_at session_ended_at issuer client_id account resource \
    client_secret expiration_date aiod_auth session_scope are both there";

pub(super) fn key() -> RecordKey {
    RecordKey {
        issuer: "https://as.example".to_owned(),
        client_id: "demo".to_owned(),
        account: None,
        scope: Scope::default(),
        resource: Vec::new(),
    }
}

fn tokens() -> Tokens {
    Tokens::new(AccessToken::new(NEW).unwrap(), NOW)
}

const NEW: &str = "new";
