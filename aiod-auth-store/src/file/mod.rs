//! Tokens in files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aiod_auth_core::{RecordKey, Tokens};
use etcetera::BaseStrategy as _;
use zeroize::Zeroizing;

use crate::{Lock, Store, StoreError, document::Unreadable, record};

pub(crate) mod atomic;
pub(crate) mod lock;
mod name;
pub(crate) mod place;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "windows.rs")]
mod platform;

/// Keeps tokens in a folder: one TOML file per login, which only the user can read.
///
/// - **Private.** A folder that is made has mode 0700 and a file 0600 from its first moment; a folder called
///   `tokens` that others could look into is closed to them. A file or a
///   symbolic link that belongs to somebody else is refused.
/// - **Whole.** A record is replaced at once, and has reached the disk when
///   [`save`](Store::save) returns. A symbolic link is written through, not replaced.
/// - **Careful with what it doesn't know.** Comments and unknown members are kept; the record of a
///   newer version is refused, a damaged one moved aside (`….corrupt-<Unix time>`) by the next
///   save.
/// - **Locked by the kernel,** with a file of its own (`….lock`) that is never removed. Where a
///   file system has no locks, it warns and goes on without: two processes may then refresh at
///   once, but without that, nobody could log in there at all.
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
}

impl FileStore {
    /// Keeps records in this folder, which is made when it is first needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // So that it stays the same folder when the program changes its working directory.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Self { folder }
    }

    /// Keeps records in `tokens`, in [`default_config_folder`].
    ///
    /// # Errors
    /// [`StoreError::NoHome`].
    pub fn in_default_folder() -> Result<Self, StoreError> {
        Ok(Self::new(default_config_folder()?.join("tokens")))
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

impl Store for FileStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        let path = place::resolve(&self.path(key))?;
        Ok(read(&path, key)?.map(|(_, tokens)| tokens))
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        place::make_folder(&self.folder)?;
        let path = place::resolve(&self.path(key))?;
        let before = match read(&path, key) {
            Ok(before) => before,
            Err(StoreError::Damaged { .. }) => {
                atomic::move_aside(&path)?;
                None
            }
            Err(error) => return Err(error),
        };
        let before = before.as_ref().map(|(text, _)| text.as_str());
        let text = record::write(before, key, tokens).map_err(|error| explain(&path, error))?;
        atomic::replace(&path, text.as_bytes())
    }

    /// Only what can be read is removed: what is damaged, or another login's, stays.
    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        let path = place::resolve(&self.path(key))?;
        if read(&path, key)?.is_some() {
            atomic::remove(&path)?;
        }
        Ok(())
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        place::make_folder(&self.folder)?;
        lock::try_lock(&place::resolve(&self.path(key))?)
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        place::make_folder(&self.folder)?;
        let path = place::resolve(&self.path(key))?;
        match read(&path, key) {
            Ok(_) | Err(StoreError::Damaged { .. }) => atomic::try_out(&path),
            Err(error) => Err(error),
        }
    }

    fn location(&self, key: &RecordKey) -> String {
        self.path(key).display().to_string()
    }
}

pub(crate) type Text = Zeroizing<String>;

/// The record at a path, if there is one: as text, and what it says.
fn read(path: &Path, key: &RecordKey) -> Result<Option<(Text, Tokens)>, StoreError> {
    let Some((text, _)) = read_text(path)? else {
        return Ok(None);
    };
    let (found, tokens) = record::read(&text).map_err(|error| explain(path, error))?;
    if found != *key {
        return Err(StoreError::OtherKey { path: path.into() });
    }
    Ok(Some((text, tokens)))
}

/// The text of a file that can be trusted, if there is one.
pub(crate) fn read_text(path: &Path) -> Result<Option<(Text, fs::Metadata)>, StoreError> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", path)(error)),
    };
    let metadata = file.metadata().map_err(StoreError::io("read", path))?;
    place::check(path, &metadata)?;

    let damaged = |what: &str| StoreError::Damaged { path: path.into(), what: what.into() };
    if metadata.is_dir() {
        return Err(damaged("it is a folder"));
    }
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if size > BYTES_MAX {
        return Err(damaged("it is too big"));
    }
    // A buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(size + 1));
    match io::Read::read_to_string(&mut file, &mut text) {
        Ok(_) => Ok(Some((text, metadata))),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged("it is not UTF-8")),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

pub(crate) fn explain(path: &Path, error: Unreadable) -> StoreError {
    let path = path.to_owned();
    match error {
        Unreadable::Damaged(what) => StoreError::Damaged { path, what },
        Unreadable::Newer(version) => StoreError::NewerVersion { path, version },
    }
}

/// Servers' answers may have 1 MiB: no record comes near this.
const BYTES_MAX: usize = 16 * 1024 * 1024;
