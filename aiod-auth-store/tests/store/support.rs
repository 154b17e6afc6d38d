//! What the tests have in common.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aiod_auth_core::{AccessToken, RecordKey, RefreshToken, Timestamp, Tokens};
use aiod_auth_store::{AiodFile, FileStore, Store};

/// A folder with one record in it, which is still to be written.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Box<dyn Store>,
    pub(crate) key: RecordKey,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Box::new(FileStore::new(folder.path().join("tokens")));
        Self { store, key: key("my-tool"), folder }
    }

    /// The Python client's file.
    pub(crate) fn aiod() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), key("my-tool"));
        let file = folder.path().join(".aiod/token.toml");
        Self { store: Box::new(AiodFile::new(file, key.clone())), key, folder }
    }

    pub(crate) fn with_record() -> Self {
        Self::new().filled()
    }

    pub(crate) fn filled(self) -> Self {
        self.store.save(&self.key, &tokens("first")).unwrap();
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.store.location(&self.key).into()
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    pub(crate) fn write(&self, text: impl AsRef<[u8]>) {
        fs::write(self.path(), text).unwrap();
    }

    pub(crate) fn loaded(&self) -> Option<String> {
        let tokens = self.store.load(&self.key).unwrap()?;
        tokens.access_token.as_ref().map(|token| token.expose().into())
    }
}

pub(crate) fn key(client_id: &str) -> RecordKey {
    RecordKey {
        issuer: "https://auth.example.org".into(),
        client_id: client_id.into(),
        account: Some("work".into()),
        scope: "openid".parse().unwrap(),
        resource: vec!["https://api.example.org".into()],
    }
}

pub(crate) fn tokens(text: &str) -> Tokens {
    let mut tokens = Tokens::empty(Timestamp::UNIX_EPOCH);
    tokens.access_token = AccessToken::new(text).ok();
    tokens.refresh_token = Some(RefreshToken::new(format!("refresh-{text}")));
    tokens.scope = "openid".parse().unwrap();
    tokens
}

/// In CI, nothing is left out.
#[cfg(unix)]
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("left out: {why}");
}

/// Gives what is there, or a link itself, to another user: only root can. Where this is not done, the test ends.
#[cfg(unix)]
#[must_use]
pub(crate) fn gave_away(path: &Path) -> bool {
    let is_done = std::os::unix::fs::lchown(path, Some(ANOTHER_USER), None).is_ok();
    if !is_done {
        skipped("only root can give a file to another user");
    }
    is_done
}

#[cfg(unix)]
pub(crate) const ANOTHER_USER: u32 = 12_345;

/// The names in a folder, in alphabetical order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
