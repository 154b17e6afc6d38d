//! Tiled's tokens as a store.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use aiod_auth_core::{
    AccessToken, Environment, Error, RecordKey, Timestamp, Tokens,
    provider::tiled::{API_KEY, Api, Settings, api_key},
    session::Version,
};

use crate::{
    Listed, Lock, LoginTo, MemoryStore, Store, StoreError,
    file::files::Files,
    format::tiled::{FILES, folder},
    token_files::TokenFiles,
};

/// Keeps one login where Tiled's own client keeps its: one file for each token, in a folder that is named
/// after the server. Each reads what the other writes.
///
/// It is bound to one server and one [`RecordKey`]; asked for another, it refuses.
///
/// The files have room for the tokens alone: those of a session that has ended are deleted. The access token's own `exp` claim says when it expires: other
/// than that client, which finds out by a refusal, nothing here sends one that has expired.
#[derive(Clone, Debug)]
pub struct TiledStore {
    key: RecordKey,
    folder: PathBuf,
    files: Files,
}

impl TiledStore {
    /// The login of this key, in `TILED_CACHE_DIR` or the user's cache folder.
    ///
    /// # Errors
    /// [`StoreError::NoHome`].
    pub fn of(key: RecordKey, api: &Api, environment: &Environment) -> Result<Self, StoreError> {
        match environment.get(CACHE_DIR) {
            Some(cache) => Ok(Self::in_folder(key, api, cache)),
            None => Ok(Self::in_folder(key, api, default_cache()?)),
        }
    }

    /// The login of this key, in this cache folder.
    pub fn in_folder(key: RecordKey, api: &Api, cache: impl AsRef<Path>) -> Self {
        let folder = folder(cache.as_ref(), api.as_str());
        // So that it stays the same folder when the program changes its working directory.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Self { key, folder, files: Files::default() }
    }

    #[cfg(test)]
    pub(crate) fn on(files: Files, cache: &str, api: &Api, key: RecordKey) -> Self {
        Self { files, ..Self::in_folder(key, api, cache) }
    }

    /// What the store reads from the environment.
    pub const VARIABLES: [&str; 1] = [CACHE_DIR];

    fn check(&self, key: &RecordKey) -> Result<(), StoreError> {
        if *key == self.key {
            return Ok(());
        }
        Err(StoreError::OtherKey { path: self.folder.clone() })
    }

    fn token_files(&self) -> TokenFiles {
        let [refresh_token, access_token, id_token] = FILES.map(|name| self.folder.join(name));
        TokenFiles { refresh_token, access_token, id_token: Some(id_token) }
    }
}

impl Store for TiledStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.check(key)?;
        self.token_files().load(&self.files)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.check(key)?;
        self.token_files().save(&self.files, tokens, None).map(drop)
    }

    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.check(key)?;
        if tokens.session_ended_at.is_some() {
            // There is no room for that. Tiled's own client deletes what was refused, and so is it known.
            return self.remove_if_unchanged(key, version);
        }
        self.token_files().save(&self.files, tokens, Some(version))
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.check(key)?;
        self.token_files().remove(&self.files)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.check(key)?;
        self.token_files().try_lock(&self.files)
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.check(key)?;
        self.token_files().prepare(&self.files)
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let tokens = self.load(&self.key)?;
        let listed =
            tokens.map(|tokens| Listed::new(self.key.clone(), self.location(&self.key), &tokens));
        Ok(listed.into_iter().collect())
    }

    fn location(&self, _key: &RecordKey) -> String {
        self.folder.display().to_string()
    }
}

impl LoginTo {
    /// A Tiled server as its own client finds it: the API key of `TILED_API_KEY`, which is used as it is, or
    /// else a user's login in that client's files. Of the environment,
    /// [`VARIABLES`](aiod_auth_core::provider::tiled::VARIABLES) and [`TiledStore::VARIABLES`] are read.
    ///
    /// # Errors
    /// [`Error::Config`] for an API key that can't be sent, or one beside tokens that are stored;
    /// [`Error::Store`] without a home, if there is no key.
    #[doc(alias = "from_uri")]
    #[doc(alias = "remember_me")]
    pub fn tiled(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let profile = settings.profile()?;
        let store = TiledStore::of(profile.key(), &settings.api, environment);
        match given_key(store.as_ref().ok(), environment)? {
            Some(tokens) => {
                let store = MemoryStore::default();
                store.save(&profile.key(), &tokens)?;
                Ok(Self::new(profile, store))
            }
            None => Ok(Self::new(profile, store?)),
        }
    }

    /// The same for `remember_me=False`: a login lives in memory alone, and takes away the one that was
    /// kept in that client's files before.
    ///
    /// # Errors
    /// As for [`tiled`](Self::tiled).
    pub fn tiled_in_memory(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let mut login = Self::tiled(settings, environment)?;
        if environment.get(API_KEY).is_none() {
            let kept = TiledStore::of(login.profile.key(), &settings.api, environment)?;
            let store = Forgetting { memory: MemoryStore::default(), kept };
            login = Self::new(login.profile, store);
        }
        Ok(login)
    }
}

/// The API key of the environment, as what is shown in a token's place. Files that can't be read are no login, and
/// nothing to it.
fn given_key(
    store: Option<&TiledStore>,
    environment: &Environment,
) -> Result<Option<Tokens>, Error> {
    if environment.get(API_KEY).is_none() {
        return Ok(None);
    }
    let has_tokens = store.is_some_and(|store| matches!(store.load(&store.key), Ok(Some(_))));
    let Some(key) = api_key(environment, has_tokens)? else { return Ok(None) };
    let token = AccessToken::from_api_key(&key)?;
    Ok(Some(Tokens::new(token, Timestamp::UNIX_EPOCH)))
}

/// In memory. What was kept before goes with a login, as in Tiled's own client; a refresh leaves alone what other
/// programs keep by then.
#[derive(Debug)]
struct Forgetting {
    memory: MemoryStore,
    kept: TiledStore,
}

impl Store for Forgetting {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.memory.load(key)
    }

    /// A login.
    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.memory.save(key, tokens)?;
        self.forget(key)
    }

    /// A refresh.
    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.memory.save_if_unchanged(key, tokens, version)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.memory.remove(key)
    }

    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.memory.remove_if_unchanged(key, version)
    }

    /// Before a login, whether what is kept can go.
    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        match self.memory.load(key)?.is_none() && self.is_kept(key)? {
            true => self.kept.prepare(key),
            false => Ok(()),
        }
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.memory.try_lock(key)
    }

    fn location(&self, key: &RecordKey) -> String {
        self.memory.location(key)
    }
}

impl Forgetting {
    /// What is damaged was kept, too.
    fn is_kept(&self, key: &RecordKey) -> Result<bool, StoreError> {
        match self.kept.load(key) {
            Err(StoreError::Damaged { .. }) => Ok(true),
            kept => kept.map(|tokens| tokens.is_some()),
        }
    }

    /// Under the lock: a process that refreshes what is kept would else put it back.
    fn forget(&self, key: &RecordKey) -> Result<(), StoreError> {
        if !self.is_kept(key)? {
            // Not even the folder is made.
            return Ok(());
        }
        let began = Instant::now();
        loop {
            if let Some(_lock) = self.kept.try_lock(key)? {
                return match self.kept.remove(key) {
                    // As at any login.
                    Err(StoreError::Damaged { path, .. }) => self.kept.files.set_aside(&path),
                    outcome => outcome,
                };
            }
            if began.elapsed() >= LOCK_WAIT_MAX {
                let place = self.kept.location(key);
                log::warn!("another process uses the login in {place}, which stays");
                return Ok(());
            }
            thread::sleep(LOCK_TURN);
        }
    }
}

/// How long a login waits for a refresh in another process.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
const LOCK_TURN: Duration = Duration::from_millis(50);

/// As `platformdirs.user_cache_dir("tiled")` has it.
fn default_cache() -> Result<PathBuf, StoreError> {
    let folders = etcetera::choose_base_strategy().map_err(|_| StoreError::NoHome)?;
    let cache = etcetera::BaseStrategy::cache_dir(&folders);
    let cache = match () {
        () if cfg!(windows) => cache.join("tiled").join("tiled").join("Cache"),
        () if cfg!(target_os = "macos") => {
            let home = etcetera::home_dir().map_err(|_| StoreError::NoHome)?;
            home.join("Library").join("Caches").join("tiled")
        }
        () => cache.join("tiled"),
    };
    // An empty HOME would be wherever the program was started.
    if cache.is_absolute() { Ok(cache) } else { Err(StoreError::NoHome) }
}

const CACHE_DIR: &str = "TILED_CACHE_DIR";

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(refresh_token: &str) -> Tokens {
        let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        tokens.refresh_token = Some(aiod_auth_core::RefreshToken::new(refresh_token));
        tokens
    }

    #[test]
    fn what_is_kept_goes_with_a_login_and_stays_at_a_refresh() {
        let cache = tempfile::tempdir().unwrap();
        let api = Api::new("http://127.0.0.1:8480").unwrap();
        let key = Settings::new(api.clone()).profile().unwrap().key();
        let kept = TiledStore::in_folder(key.clone(), &api, cache.path());
        let store = Forgetting { memory: MemoryStore::default(), kept: kept.clone() };
        kept.save(&key, &tokens("kept")).unwrap();
        store.prepare(&key).unwrap();
        store.save(&key, &tokens("first")).unwrap();
        assert!(kept.load(&key).unwrap().is_none());

        // Another program's login, made meanwhile.
        kept.save(&key, &tokens("theirs")).unwrap();
        let version = Version::of(Some(&tokens("first")));
        assert!(store.save_if_unchanged(&key, &tokens("second"), &version).unwrap().is_none());
        assert!(kept.load(&key).unwrap().is_some());
        assert!(
            store
                .remove_if_unchanged(&key, &Version::of(Some(&tokens("second"))))
                .unwrap()
                .is_none()
        );
        assert!(store.load(&key).unwrap().is_none());

        // It refreshes that one: the next login waits for it.
        let lock = kept.try_lock(&key).unwrap().unwrap();
        thread::scope(|scope| {
            let login = scope.spawn(|| store.save(&key, &tokens("third")));
            thread::sleep(LOCK_TURN.saturating_mul(3));
            assert!(kept.load(&key).unwrap().is_some());
            drop(lock);
            login.join().unwrap().unwrap();
        });
        assert!(kept.load(&key).unwrap().is_none());
    }

    #[test]
    fn where_nothing_is_kept_nothing_is_made_and_what_is_damaged_is_set_aside() {
        let cache = tempfile::tempdir().unwrap();
        let api = Api::new("http://127.0.0.1:8480").unwrap();
        let key = Settings::new(api.clone()).profile().unwrap().key();
        let kept = TiledStore::in_folder(key.clone(), &api, cache.path());
        let store = Forgetting { memory: MemoryStore::default(), kept: kept.clone() };
        store.prepare(&key).unwrap();
        store.save(&key, &tokens("first")).unwrap();
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);

        let store = Forgetting { memory: MemoryStore::default(), kept: kept.clone() };
        kept.save(&key, &tokens("kept")).unwrap();
        let refresh_token = kept.token_files().refresh_token;
        std::fs::write(&refresh_token, "two\nlines").unwrap();
        assert!(matches!(kept.load(&key), Err(StoreError::Damaged { .. })));
        store.prepare(&key).unwrap();
        store.save(&key, &tokens("second")).unwrap();
        assert!(kept.load(&key).unwrap().is_none());
        let names = std::fs::read_dir(refresh_token.parent().unwrap()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().any(|name| name.to_string_lossy().contains("corrupt")), "{names:?}");
    }
}
