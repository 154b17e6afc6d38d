//! Tokens in the platform's keyring.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use aiod_auth_core::{RecordKey, Tokens};
use keyring::{Entry, Error};
use zeroize::Zeroizing;

use crate::{
    FileStore, Listed, Lock, RecordError, Store, StoreError, TokenRecord as _,
    file::{
        self,
        lock::LockFile,
        place::make_folder,
        system::{FileSystem, Os},
    },
    parse_record,
};

/// Keeps tokens in the platform's keyring: the Secret Service on Linux (GNOME's, KDE's), the Keychain on macOS,
/// the Credential Manager on Windows. What is there is sealed until the user has logged in.
///
/// - **Its lock is a file of ours,** in a folder: no keyring has locks. It goes when it is given back.
/// - **Small.** Windows takes 2560 bytes, which few logins fit into: that is said before the user is asked.
/// - **Asked for by the user's session.** A job that runs without one has no keyring, see
///   [`or_files`](Self::or_files).
/// - A look and the write after it are two steps here: another program that writes the same entry without the lock
///   may come in between.
///
/// Linux is tested, with GNOME's keyring.
#[derive(Clone)]
pub struct KeyringStore {
    folder: PathBuf,
    room: usize,
    bytes_max: usize,
    system: Arc<dyn FileSystem>,
}

impl KeyringStore {
    /// A store with its locks in this folder.
    ///
    /// # Errors
    /// [`StoreError::NoKeyring`].
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        if let Err(error) = Entry::store_status() {
            return Err(StoreError::NoKeyring { why: error.to_string() });
        }
        let folder = folder.into();
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Ok(Self { folder, room: ROOM_BYTES, bytes_max: BYTES_MAX, system: Arc::new(Os) })
    }

    /// A store with its locks in this folder; or, where there is no keyring, a [`FileStore`] in this folder, with a
    /// warning in the log.
    pub fn or_files(folder: impl Into<PathBuf>) -> Arc<dyn Store> {
        let folder = folder.into();
        match Self::new(&folder) {
            Ok(store) => Arc::new(store),
            Err(error) => {
                log::warn!("{error}: tokens are kept in {}", folder.display());
                Arc::new(FileStore::new(folder))
            }
        }
    }

    /// How many bytes a login takes that is not there yet: so many have to fit before a user is asked. The default
    /// is 4096. Short tokens take less.
    #[must_use]
    pub const fn with_room(mut self, bytes: usize) -> Self {
        self.room = bytes;
        self
    }

    /// How many bytes an entry of this keyring takes, at most. The default is the platform's.
    #[must_use]
    pub const fn with_bytes_max(mut self, bytes: usize) -> Self {
        self.bytes_max = bytes;
        self
    }

    fn read(&self, key: &RecordKey) -> Result<Option<(Text, Tokens)>, StoreError> {
        let Some(bytes) = self.secret(&self.name(key))? else { return Ok(None) };
        let at = |error: RecordError| error.at(self.location(key));
        let text = text(&bytes).map_err(at)?;
        let tokens = Tokens::from_record(&text, key).map_err(at)?;
        Ok(Some((text, tokens)))
    }

    fn secret(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match with(name, Entry::get_secret) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(explain(name, error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.check_size(name, bytes.len())?;
        with(name, |entry| entry.set_secret(bytes)).map_err(|error| explain(name, error))
    }

    fn delete(name: &str) -> Result<(), StoreError> {
        match with(name, Entry::delete_credential) {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(explain(name, error)),
        }
    }

    fn check_size(&self, name: &str, bytes: usize) -> Result<(), StoreError> {
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let why = "it is more than this keyring takes for one entry";
        Err(StoreError::CannotHold { path: shown(name).into(), why })
    }

    fn name(&self, key: &RecordKey) -> String {
        file::name_of(key).trim_end_matches(".toml").to_owned()
    }

    fn lock_of(&self, key: &RecordKey) -> PathBuf {
        self.folder.join(file::name_of(key))
    }
}

impl Store for KeyringStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        Ok(self.read(key)?.map(|(_, tokens)| tokens))
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        let name = self.name(key);
        let mut damaged = None;
        let before = match self.read(key) {
            Err(StoreError::Damaged { .. }) => {
                damaged = self.secret(&name).ok().flatten();
                None
            }
            // If the look fails, the write may not.
            Err(StoreError::Other(_) | StoreError::Unavailable { .. }) => None,
            read => read?.map(|(text, _)| text),
        };
        let before = before.as_ref().map(|text| text.as_str());
        let text = tokens.to_record(key, before).map_err(|error| error.at(self.location(key)))?;
        self.write(&name, text.expose().as_bytes())?;
        // Not before the new tokens are safe, which nothing else may have.
        if let Some(damaged) = damaged {
            let aside = format!("{name}.corrupt");
            match self.write(&aside, &damaged) {
                Ok(()) => log::warn!("a damaged token record is kept as {}", shown(&aside)),
                Err(error) => log::warn!("a damaged token record is not kept: {error}"),
            }
        }
        Ok(())
    }

    /// Only what can be read is removed: what is damaged, or another login's, stays.
    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        match self.read(key)? {
            Some(_) => Self::delete(&self.name(key)),
            None => Ok(()),
        }
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let path = self.lock_of(key);
        make_folder(&*self.system, &path)?;
        Ok(LockFile::take(&self.system, &path)?.map(|lock| Lock::new(Held(lock))))
    }

    /// Writes as much as a login takes, and removes it again.
    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        let size = match self.read(key) {
            Err(StoreError::Damaged { .. }) => None,
            read => read?.map(|(text, _)| text.len()),
        };
        let probe = format!("{}.probe", self.name(key));
        let size = size.unwrap_or(self.room);
        self.check_size(&probe, size)?;
        self.write(&probe, &vec![PROBE; size])?;
        Self::delete(&probe)
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let read = |entry: keyring_core::Entry| match entry.get_secret() {
            Ok(bytes) => Some(Ok(Zeroizing::new(bytes))),
            // It has gone meanwhile.
            Err(Error::NoEntry) => None,
            Err(error) => Some(Err(error)),
        };
        let found = connected(|| {
            let entries = keyring_core::Entry::search(&HashMap::from([("service", SERVICE)]))?;
            entries.into_iter().filter_map(read).collect::<Result<Vec<_>, _>>()
        });
        let mut listed = Vec::new();
        for bytes in found.map_err(|error| explain(SERVICE, error))? {
            // A process died that was trying how much fits.
            if !bytes.is_empty() && bytes.iter().all(|byte| *byte == PROBE) {
                continue;
            }
            match text(&bytes).and_then(|text| parse_record(&text)) {
                Ok((key, tokens)) => {
                    let location = self.location(&key);
                    listed.push(Listed::new(key, location, &tokens));
                }
                Err(error) => log::warn!("left out of the list: {error}"),
            }
        }
        Ok(listed)
    }

    fn location(&self, key: &RecordKey) -> String {
        shown(&self.name(key))
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A lock whose file goes with it.
struct Held(LockFile);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.remove();
    }
}

type Text = Zeroizing<String>;

fn text(bytes: &[u8]) -> Result<Text, RecordError> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(Text::new(text.to_owned())),
        Err(_) => Err(RecordError::Damaged("it is not UTF-8".into())),
    }
}

/// Does this with an entry.
fn with<T>(name: &str, work: impl Fn(&Entry) -> Result<T, Error>) -> Result<T, Error> {
    connected(|| work(&Entry::new(SERVICE, name)?))
}

/// The library connects to the keyring once; a daemon that was started anew since then knows nothing of that.
fn connected<T>(work: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    match work() {
        Err(Error::PlatformFailure(_)) if is_connected_anew() => work(),
        outcome => outcome,
    }
}

#[cfg(all(unix, not(any(target_os = "macos", target_os = "ios", target_os = "android"))))]
fn is_connected_anew() -> bool {
    let store = zbus_secret_service_keyring_store::Store::new();
    store.map(|store| keyring_core::set_default_store(store)).is_ok()
}

#[cfg(not(all(unix, not(any(target_os = "macos", target_os = "ios", target_os = "android")))))]
const fn is_connected_anew() -> bool {
    false
}

/// The errors with bytes in them say nothing of those.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library may know more of them")]
fn explain(name: &str, error: Error) -> StoreError {
    match error {
        Error::NoDefaultStore => StoreError::NoKeyring { why: error.to_string() },
        Error::TooLong(..) => StoreError::CannotHold {
            path: Path::new(&shown(name)).into(),
            why: "it is more than this keyring takes for one entry",
        },
        // Its daemon may be starting.
        Error::PlatformFailure(why) => {
            StoreError::Unavailable { place: shown(name), why: why.to_string() }
        }
        error => StoreError::Other(format!("cannot use {}: {error}", shown(name))),
    }
}

fn shown(name: &str) -> String {
    format!("keyring {SERVICE}/{name}")
}

const SERVICE: &str = "aiod-auth";
const PROBE: u8 = b'0';
/// Keycloak's three tokens and what is around them.
const ROOM_BYTES: usize = 4096;
const BYTES_MAX: usize = if cfg!(windows) { 2560 } else { 1 << 20 };
