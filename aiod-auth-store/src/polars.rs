//! Polars Cloud's tokens as a store.

use std::path::{Path, PathBuf};

use aiod_auth_core::{
    ConfigProblem, Environment, Error, RecordKey, Timestamp, Tokens,
    provider::polars::{Credentials, ServiceAccount, Settings, given},
    session::Version,
};

use crate::{
    Listed, Lock, LoginTo, MemoryStore, Store, StoreError,
    file::{
        explain,
        files::{Files, Format, Login, Record, Text},
        place::is_same_file,
    },
    format::polars::{self, Folders, Place, Stored, is_refresh_token},
    store::conflict,
    token_files::TokenFiles,
};

/// Keeps one login where Polars Cloud's own client keeps its, in the layout that is there: it reads what
/// that client writes, and that client reads what it writes.
///
/// It is bound to one [`RecordKey`]; asked for another, it refuses, because that client doesn't say whose
/// tokens it wrote. For a key of another server than the platform's own, tokens that say that a third one issued them
/// (`iss`) are refused; and for any key what this store wrote for another server. Nothing is sent then, and they stay.
///
/// - Looked for in this order: the file that `POLARS_CLOUD_ACCESS_TOKEN_PATH` names (with
///   `cloud_refresh_token` beside it), then `config.toml`, then `cloud_access_token` with
///   `cloud_refresh_token`, both in `POLARS_CLOUD_CONFIG_DIR` or the user's configuration folder, then these
///   two in `~/.polars`, as documented.
///   An access token that has expired, without a refresh token, is passed over there.
/// - Removed where it was found, with its copies. Another login in a later place stays, and counts from then on:
///   nobody has ended that one. A logout ends in `LoggedOut::Replaced` then.
/// - Written where it was found. A first login goes to `config.toml`, unless the variable is set or
///   `~/.polars` is there.
/// - Private, atomic and locked, which that client is not. What `config.toml` says besides is kept.
#[derive(Clone, Debug)]
pub struct PolarsStore {
    key: RecordKey,
    folders: Folders,
    /// Whether what the client wrote is this key's, whatever its tokens say.
    takes_unmarked: bool,
    files: Files,
}

impl PolarsStore {
    /// The login of this key, where the environment says. `VARIABLES` are read from it.
    ///
    /// # Errors
    /// [`Error::Store`] without a home; [`Error::Config`] if `POLARS_CLOUD_ACCESS_TOKEN_PATH` names a file that a
    /// refresh token is in: the one beside it, or `config.toml`.
    pub fn of(key: RecordKey, environment: &Environment) -> Result<Self, Error> {
        let folder = |variable| environment.get(variable).map(absolute);
        let folders = etcetera::choose_base_strategy().map_err(|_| StoreError::NoHome);
        let config = match folder(CONFIG_DIR) {
            Some(config) => config,
            None => etcetera::BaseStrategy::config_dir(&folders?).join("polars_cloud"),
        };
        let home = etcetera::home_dir().ok().filter(|home| home.is_absolute());
        let documented = match &home {
            Some(home) => home.join(".polars"),
            // Without a home there is no such folder.
            None => config.join(".polars"),
        };
        if !config.is_absolute() {
            return Err(StoreError::NoHome.into());
        }
        let access_token_path = folder(ACCESS_TOKEN_PATH);
        let folders = Folders { access_token_path, config, documented };
        let is_taken = |path: &Path| {
            let mut places = folders.places().into_iter();
            is_refresh_token(path) || places.any(|place| is_same_file(path, record(&place)))
        };
        if let Some(path) = folders.access_token_path.as_deref().filter(|path| is_taken(path)) {
            let (setting, file) = (ACCESS_TOKEN_PATH, path.display().to_string());
            return Err(Error::Config(ConfigProblem::RefreshTokensFile { setting, file }));
        }
        let takes_unmarked = is_the_platforms(&key, environment);
        Ok(Self { key, folders, takes_unmarked, files: Files::default() })
    }

    /// The login of this key, in this folder: `config.toml`, or the two files.
    pub fn in_folder(key: RecordKey, folder: impl AsRef<Path>) -> Self {
        let config = absolute(folder);
        let documented = config.join(".polars");
        Self {
            takes_unmarked: is_the_platforms(&key, &Environment::default()),
            key,
            folders: Folders { access_token_path: None, config, documented },
            files: Files::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn on(files: Files, folder: &str, key: RecordKey) -> Self {
        Self { files, ..Self::in_folder(key, folder) }
    }

    /// What the store reads from the environment.
    pub const VARIABLES: [&str; 3] = [ACCESS_TOKEN_PATH, CONFIG_DIR, DOMAIN];

    fn check(&self, key: &RecordKey) -> Result<(), StoreError> {
        if *key == self.key {
            return Ok(());
        }
        Err(StoreError::OtherKey { path: self.folders.config.clone() })
    }

    /// Where the login is, or will be. What is damaged is a login: it is not passed over.
    fn place(&self) -> Result<Place, StoreError> {
        let mut failure = None;
        let has_login = |place: &Place| match self.load_from(place) {
            Ok(tokens) => tokens.is_some_and(|tokens| !self.is_over(&tokens)),
            // Of this one nothing is known, so of the next ones neither; or it counts, and is another server's.
            Err(error @ (StoreError::Io { .. } | StoreError::OtherKey { .. })) => {
                failure = Some(error);
                true
            }
            Err(_) => true,
        };
        let place = self.folders.place(has_login, Path::is_dir);
        failure.map_or(Ok(place), Err)
    }

    /// Whether nothing can come of these: they hide no login that lives elsewhere. (`polars_cloud` takes a single
    /// token in `config.toml` for no login.)
    fn is_over(&self, tokens: &Tokens) -> bool {
        tokens.refresh_token.is_none() && tokens.has_expired(self.files.now())
    }

    /// The place that this handle has locked: it was decided then, so that nothing is looked for between an
    /// answer and the disk.
    fn locked_place(&self) -> Option<Place> {
        self.folders.places().into_iter().find(|place| self.files.holds(record(place)))
    }

    fn load_from(&self, place: &Place) -> Result<Option<Tokens>, StoreError> {
        match place {
            Place::Config(file) => {
                let record = self.files.load(file, self)?;
                Ok(record.and_then(|record| record.login.tokens))
            }
            Place::TwoFiles { .. } => {
                let tokens = two_files(place).load(&self.files)?;
                tokens.map(|tokens| self.own(Stored::unmarked(tokens), shown(place))).transpose()
            }
        }
    }

    /// The tokens, unless they are another server's: that one's are sent nowhere else, and stay.
    fn own(&self, stored: Stored, path: &Path) -> Result<Tokens, StoreError> {
        match stored.is_of_another_than(&self.key.issuer, self.takes_unmarked) {
            true => Err(StoreError::OtherKey { path: path.into() }),
            false => Ok(stored.tokens),
        }
    }

    fn remove_from(&self, place: &Place) -> Result<(), StoreError> {
        match place {
            Place::Config(file) => self.files.remove(file, self),
            Place::TwoFiles { .. } => two_files(place).remove(&self.files),
        }
    }

    /// Removes the login that counts. One that lives in another place is a session that nobody has ended: it stays,
    /// counts from then on, and is returned.
    fn remove_counting(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.check(key)?;
        let counts = self.locked_place().map_or_else(|| self.place(), Ok)?;
        let removed = self.load_from(&counts).ok().flatten();
        self.remove_from(&counts)?;
        let mut next = None;
        for place in self.folders.places().into_iter().filter(|place| *place != counts) {
            let path = shown(&place).display();
            match self.load_from(&place) {
                Err(StoreError::OtherKey { .. }) => {
                    log::warn!("the login of another server is in {path}: it stays");
                }
                Err(error) => return Err(error),
                Ok(Some(tokens))
                    if !self.is_over(&tokens) && !is_copy(&tokens, removed.as_ref()) =>
                {
                    log::warn!("another login is in {path}: it stays, and counts from now on");
                    next.get_or_insert(tokens);
                }
                Ok(_) => self.remove_from(&place)?,
            }
        }
        Ok(next)
    }

    fn save_over(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: Option<&Version>,
    ) -> Result<Option<Tokens>, StoreError> {
        self.check(key)?;
        match &self.locked_place().map_or_else(|| self.place(), Ok)? {
            Place::Config(file) => self.files.save(file, self, tokens, version),
            place @ Place::TwoFiles { .. } => two_files(place).save(&self.files, tokens, version),
        }
    }
}

impl Store for PolarsStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.check(key)?;
        self.load_from(&self.place()?)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.save_over(key, tokens, None).map(drop)
    }

    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.save_over(key, tokens, Some(version))
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.remove_counting(key).map(drop)
    }

    /// Returns as well the login in a later place, which counts from then on.
    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        match conflict(self, key, version) {
            Some(another) => Ok(Some(another)),
            None => self.remove_counting(key),
        }
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.check(key)?;
        match &self.place()? {
            Place::Config(file) => self.files.try_lock(file, self),
            place @ Place::TwoFiles { .. } => two_files(place).try_lock(&self.files),
        }
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.check(key)?;
        match &self.locked_place().map_or_else(|| self.place(), Ok)? {
            Place::Config(file) => self.files.prepare(file, self),
            place @ Place::TwoFiles { .. } => two_files(place).prepare(&self.files),
        }
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let tokens = self.load(&self.key)?;
        let listed =
            tokens.map(|tokens| Listed::new(self.key.clone(), self.location(&self.key), &tokens));
        Ok(listed.into_iter().collect())
    }

    fn location(&self, _key: &RecordKey) -> String {
        let place = self.place().unwrap_or_else(|_| self.folders.place(|_| false, Path::is_dir));
        shown(&place).display().to_string()
    }
}

impl LoginTo {
    /// Polars Cloud as `authenticate` of its own client finds it: an access token from outside, a service
    /// account, or a user's login in that client's files, whichever the environment has first. Of it,
    /// [`VARIABLES`](aiod_auth_core::provider::polars::VARIABLES) and
    /// [`PolarsStore::VARIABLES`] are read.
    ///
    /// The tokens of a service account are kept in memory alone, as that client does.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that can't be used, one of two variables that belong together, or one file for
    /// two tokens;
    /// [`Error::NotAuthenticated`] for a token from outside that has expired; [`Error::Store`] without a home.
    #[doc(alias = "authenticate")]
    pub fn polars(environment: &Environment, now: Timestamp) -> Result<Self, Error> {
        let settings = Settings::from_environment(environment);
        match Credentials::find(None, environment)? {
            Some(Credentials::Given(token)) => {
                let tokens = given(token, now)?;
                let (profile, store) = (settings.profile()?, MemoryStore::default());
                store.save(&profile.key(), &tokens)?;
                Ok(Self::new(profile, store))
            }
            Some(Credentials::ServiceAccount(account)) => Self::polars_bot(&settings, account),
            _ => Self::polars_user(&settings, environment),
        }
    }

    /// A service account of Polars Cloud, from anywhere. Its tokens are kept in memory alone.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn polars_bot(settings: &Settings, account: ServiceAccount) -> Result<Self, Error> {
        Ok(Self::in_memory(settings.service_account_profile(account)?))
    }

    /// A user's login at Polars Cloud, whatever else the environment has.
    ///
    /// That client's files don't say whose tokens they hold: `settings` have to be of the server and the client
    /// that it uses. For any other, use [`LoginTo::new`] with a store of its own.
    ///
    /// # Errors
    /// [`Error::Config`], or [`Error::Store`] without a home.
    pub fn polars_user(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let profile = settings.profile()?;
        let store = PolarsStore::of(profile.key(), environment)?;
        Ok(Self::new(profile, store))
    }
}

/// How `config.toml` is read and written.
impl Format for PolarsStore {
    fn read(&self, path: &Path, text: &str, written_at: Timestamp) -> Result<Login, StoreError> {
        let stored = polars::read(text, written_at).map_err(|error| explain(path, error))?;
        let tokens = stored.map(|stored| self.own(stored, path)).transpose()?;
        Ok(Login { tokens, client_secret: None })
    }

    fn write(
        &self,
        path: &Path,
        before: Option<&Record>,
        tokens: &Tokens,
    ) -> Result<Text, StoreError> {
        let before = before.map(|record| record.text.as_str());
        polars::write(before, &self.key.issuer, tokens).map_err(|error| explain(path, error))
    }

    fn without_tokens(&self, path: &Path, record: &Record) -> Result<Option<Text>, StoreError> {
        polars::without_tokens(&record.text).map_err(|error| explain(path, error))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// Whether this is the server that the client itself sends its tokens to.
fn is_the_platforms(key: &RecordKey, environment: &Environment) -> bool {
    let own = Settings::from_environment(environment).issuer();
    own.is_ok_and(|own| own.as_str() == key.issuer)
}

/// Whether these are of the session that another place has, too.
fn is_copy(tokens: &Tokens, of: Option<&Tokens>) -> bool {
    of.is_some_and(|of| match (&tokens.refresh_token, &of.refresh_token) {
        (Some(token), Some(other)) => token.same_as(other),
        (None, None) => tokens.has_same_access_token(of),
        _ => false,
    })
}

fn two_files(place: &Place) -> TokenFiles {
    let (access_token, refresh_token) = match place {
        Place::TwoFiles { access_token, refresh_token } => (access_token, refresh_token),
        Place::Config(file) => (file, file),
    };
    let (access_token, refresh_token) = (access_token.clone(), refresh_token.clone());
    TokenFiles { refresh_token, access_token, id_token: None }
}

/// The file that is locked, and saved first.
fn record(place: &Place) -> &Path {
    match place {
        Place::Config(file) => file,
        Place::TwoFiles { refresh_token, .. } => refresh_token,
    }
}

fn shown(place: &Place) -> &Path {
    match place {
        Place::Config(file) => file,
        Place::TwoFiles { access_token, .. } => access_token,
    }
}

/// So that it stays the same when the program changes its working directory. A slash at the end of a file's name is
/// none of it.
fn absolute(path: impl AsRef<Path>) -> PathBuf {
    let path = std::path::absolute(path.as_ref()).unwrap_or_else(|_| path.as_ref().into());
    path.components().collect()
}

const ACCESS_TOKEN_PATH: &str = "POLARS_CLOUD_ACCESS_TOKEN_PATH";
const CONFIG_DIR: &str = "POLARS_CLOUD_CONFIG_DIR";
const DOMAIN: &str = "POLARS_CLOUD_DOMAIN";
