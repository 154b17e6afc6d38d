//! Tokens in files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aiod_auth_core::{RecordKey, Timestamp, Tokens, session::Version};
use etcetera::BaseStrategy as _;

use crate::{Listed, Lock, Store, StoreError, document::Unreadable, record};
use files::{Files, Format, Login, Record, Text};
#[cfg(feature = "keyring")]
pub(crate) use name::of as name_of;
#[cfg(feature = "redis")]
pub(crate) use name::readable_name;

mod fate;
#[cfg(all(test, target_os = "linux"))]
mod faults;
pub(crate) mod files;
mod fnv;
mod interrupted;
pub(crate) mod lock;
mod mark;
mod name;
mod next;
pub(crate) mod place;
pub(crate) mod reading;
mod replace;
#[cfg(any(all(test, target_os = "linux"), feature = "_simulation"))]
pub(crate) mod simulated;
pub(crate) mod system;

/// Keeps tokens in a folder: one TOML file per login, which only the user can read.
///
/// - **Private.** A folder that is made has mode 0700 and a file 0600 from its first moment; a folder called
///   `tokens` that others could look into is closed to them. A file or a
///   symbolic link that belongs to another user is refused.
/// - **Whole.** A record is replaced at once, and has reached the disk when
///   [`save`](Store::save) returns. A symbolic link is written through, not replaced.
/// - **Nothing lost.** The new text is written to `….next` first. What could not be finished, because the
///   process died or a rename failed, is finished by the next process that takes the lock. A record that
///   can't be replaced by a rename (a file that is mounted into a container) is written in place.
/// - **Careful with what it doesn't know.** Comments and unknown members are kept; the record of a
///   newer version is refused, a damaged one moved aside (`….corrupt-<Unix time>`) by the next
///   save.
/// - **Locked by the kernel,** with a file of its own (`….lock`), which goes when the record has gone.
///   Where a file system has no locks, it warns and goes on without: two processes may then refresh at
///   once, but without that, no login would be possible there at all. What the server answers to one of them is not
///   lost to the other.
///
/// What is read is wiped from memory as the secrets of `aiod-auth-core` are. While a record is
/// rewritten, the TOML library makes copies of the old and the new one that are only freed.
///
/// Linux is tested. macOS and Windows are written for, not tested; Windows has no modes: there,
/// what keeps others out is that the folder is in the user's profile.
///
/// ```
/// # use aiod_auth_core::{AccessToken, Profile, Timestamp, Tokens};
/// use aiod_auth_store::{FileStore, Store};
///
/// # let folder = tempfile::tempdir()?;
/// let store = FileStore::new(folder.path().join("tokens"));
/// let key = Profile::new("https://auth.example.org", "my-tool")?.key();
/// store.save(&key, &Tokens::new(AccessToken::new("secret").unwrap(), Timestamp::UNIX_EPOCH))?;
///
/// assert!(store.load(&key)?.is_some());
/// assert!(store.location(&key).contains("auth.example.org-my-tool-"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
    files: Files,
}

impl FileStore {
    /// Keeps records in this folder, which is made when it is first needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // So that it stays the same folder when the program changes its working directory.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Self { folder, files: Files::default() }
    }

    /// Keeps records in `tokens`, in [`default_config_folder`].
    ///
    /// # Errors
    /// [`StoreError::NoHome`].
    pub fn in_default_folder() -> Result<Self, StoreError> {
        Ok(Self::new(default_config_folder()?.join("tokens")))
    }

    #[cfg(any(all(test, target_os = "linux"), feature = "_simulation"))]
    fn on(files: Files, folder: &str) -> Self {
        Self { files, ..Self::new(folder) }
    }

    /// The record in a file, if it is still there.
    fn listed(&self, path: &Path) -> Result<Option<Listed>, StoreError> {
        let text = self.files.text(path)?.filter(|text| **text != *files::LOGGED_OUT);
        let Some(text) = text else { return Ok(None) };
        let (key, tokens) = record::read(&text).map_err(|error| explain(path, error))?;
        if self.path(&key) != path {
            return Err(StoreError::OtherKey { path: path.into() });
        }
        Ok(Some(Listed::new(key, path.display().to_string(), &tokens)))
    }

    fn path(&self, key: &RecordKey) -> PathBuf {
        self.folder.join(name::of(key))
    }
}

/// Where this project's files are: `~/.config/aiod-auth`, in `XDG_CONFIG_HOME` if that is set; on
/// Windows, in `%APPDATA%`.
///
/// # Errors
/// [`StoreError::NoHome`].
pub fn default_config_folder() -> Result<PathBuf, StoreError> {
    let folders = etcetera::choose_base_strategy().map_err(|_| StoreError::NoHome)?;
    let folder = folders.config_dir().join("aiod-auth");
    // An empty HOME would be wherever the program was started.
    if folder.is_absolute() { Ok(folder) } else { Err(StoreError::NoHome) }
}

/// Makes a folder that only this user can look into, and what is missing above it; one that is there stays as
/// it is. For what a program keeps beside its tokens.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// aiod_auth_store::make_private_folder(folder.path().join("notes"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`StoreError::OfAnotherUser`] for root, where the nearest folder that is there is another user's, unless every
/// user may write in it; [`StoreError::Io`].
pub fn make_private_folder(folder: impl AsRef<Path>) -> Result<(), StoreError> {
    let folder = std::path::absolute(&folder).unwrap_or_else(|_| folder.as_ref().into());
    place::create_folder(&system::Os, &folder)
}

impl Store for FileStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        let record = self.files.load(&self.path(key), &Own(key))?;
        Ok(record.and_then(|record| record.login.tokens))
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.files.save(&self.path(key), &Own(key), tokens, None).map(drop)
    }

    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.files.save(&self.path(key), &Own(key), tokens, Some(version))
    }

    /// Only what can be read is removed: what is damaged, or another login's, stays.
    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.files.remove(&self.path(key), &Own(key))
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.files.try_lock(&self.path(key), &Own(key))
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.files.prepare(&self.path(key), &Own(key))
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let failed = || StoreError::io("read the folder", &self.folder);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed()(error)),
        };
        let mut listed = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed())?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            match self.listed(&path) {
                Ok(one) => listed.extend(one),
                Err(error) => log::warn!("left out of the list: {error}"),
            }
        }
        Ok(listed)
    }

    fn location(&self, key: &RecordKey) -> String {
        self.path(key).display().to_string()
    }
}

/// This project's own format, for one key.
struct Own<'a>(&'a RecordKey);

impl Format for Own<'_> {
    fn read(&self, path: &Path, text: &str, _written_at: Timestamp) -> Result<Login, StoreError> {
        let (found, tokens) = record::read(text).map_err(|error| explain(path, error))?;
        if found != *self.0 {
            return Err(StoreError::OtherKey { path: path.into() });
        }
        Ok(Login { tokens: Some(tokens), client_secret: None })
    }

    fn emptied(&self) -> &'static str {
        files::LOGGED_OUT
    }

    fn write(
        &self,
        path: &Path,
        before: Option<&Record>,
        tokens: &Tokens,
    ) -> Result<Text, StoreError> {
        let before = before.map(|record| record.text.as_str());
        record::write(before, self.0, tokens).map_err(|error| explain(path, error))
    }
}

pub(crate) fn explain(path: &Path, error: Unreadable) -> StoreError {
    let path = path.to_owned();
    match error {
        Unreadable::Damaged(what) => StoreError::Damaged { path, what },
        Unreadable::Newer(version) => StoreError::NewerVersion { path, version },
    }
}

/// More than a record ever has: an answer has 1 MiB at most, each of its characters may take two here, and
/// what it doesn't bring is kept from the one before.
pub(crate) const BYTES_MAX: usize = 4 << 20;
