//! The Python client's `config.toml`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use aiod_auth_core::{Error, Profile, clean, provider::aiod::Settings};
use toml_edit::{Item, Value};

use crate::{
    AiodFile, LoginTo, StoreError,
    document::{self, Unreadable},
    file::{place, reading::read_text, system::Os},
};

/// The settings of AI-on-Demand's Python client, from `~/.aiod/config.toml` (`aiod.config` and
/// `load_configuration` there).
///
/// The keys are `api_server`, `version`, `auth_server`, `realm`, `client_id` and
/// `request_timeout_seconds`; what is not set is as in [`Settings::default`]. No environment variable
/// changes any of them, as with the Python client.
///
/// ```
/// use aiod_auth_store::AiodConfig;
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("config.toml");
/// # std::fs::write(&file, "realm = \"test\"\nreelm = \"x\"\n")?;
/// let config = AiodConfig::read(&file)?; // or `AiodConfig::in_home`
/// assert_eq!(config.settings.realm, "test");
/// assert_eq!(config.passed_over, ["reelm"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "load_configuration")]
pub struct AiodConfig {
    /// What is set.
    pub settings: Settings,
    /// Keys that have no meaning, or a `version` that is no text. The Python client passes over them, so
    /// they are no error; but one may be a slip of the pen, which the user should hear of.
    pub passed_over: Vec<String>,
}

impl LoginTo {
    /// The login to AI-on-Demand that its Python client has, too: its settings from `~/.aiod/config.toml`, its
    /// tokens in `~/.aiod/token.toml`. With a bot's secret in that file, it is the bot's.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Store`] if one of the two can't be used.
    #[doc(alias = "aiondemand")]
    pub fn aiod() -> Result<Self, Error> {
        AiodConfig::in_home()?.login_to(AiodFile::path_in_home()?)
    }
}

impl AiodConfig {
    /// Reads a file; none is an empty one.
    ///
    /// # Errors
    /// [`StoreError::Settings`] names the file and the key; [`StoreError::Refused`] if the file is
    /// another user's; [`StoreError::Io`].
    pub fn read(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = place::resolve(&Os, file.as_ref())?;
        let text = match read_text(&Os, &path) {
            Ok(Some((text, _))) => text,
            Ok(None) => return Ok(Self::default()),
            Err(StoreError::Damaged { path, what }) => {
                return Err(StoreError::Settings { path, what });
            }
            Err(error) => return Err(error),
        };
        Self::parse(&text).map_err(|what| StoreError::Settings { path, what })
    }

    /// Reads `~/.aiod/config.toml`.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and [`StoreError::NoHome`].
    pub fn in_home() -> Result<Self, StoreError> {
        Self::read(Self::path_in_home()?)
    }

    /// `~/.aiod/config.toml`.
    ///
    /// # Errors
    /// [`StoreError::NoHome`].
    pub fn path_in_home() -> Result<PathBuf, StoreError> {
        Ok(super::folder()?.join("config.toml"))
    }

    /// The login whose tokens are in this file: a user's, or a bot's if the file has a
    /// `client_secret`. It logs keys that have no meaning.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that can't be used; [`Error::Store`] if the file can't be read. One
    /// that is damaged is a user's: the next login moves it aside.
    pub fn login(&self, token_file: impl Into<PathBuf>) -> Result<(Profile, AiodFile), Error> {
        for key in &self.passed_over {
            log::warn!("passed over `{}` in AI-on-Demand's settings", clean(key));
        }
        let user = self.settings.profile()?;
        let file = AiodFile::new(token_file, user.key());
        let profile = match file.client_secret() {
            Ok(Some(secret)) => self.settings.bot_profile(secret)?,
            Ok(None) | Err(StoreError::Damaged { .. }) => user,
            Err(error) => return Err(error.into()),
        };
        Ok((profile, file))
    }

    /// As [`login`](Self::login), for a client.
    ///
    /// # Errors
    /// The same.
    pub fn login_to(&self, token_file: impl Into<PathBuf>) -> Result<LoginTo, Error> {
        let (profile, file) = self.login(token_file)?;
        Ok(LoginTo::new(profile, file).with_request_timeout(self.settings.request_timeout))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document = document::parse(text).map_err(|error| match error {
            Unreadable::Damaged(what) => what,
            Unreadable::Newer(_) => "it is too new".into(),
        })?;
        let mut config = Self::default();
        let settings = &mut config.settings;
        for (key, item) in document.iter() {
            match key {
                "api_server" => settings.api_server = string(key, item)?,
                // Nothing here uses it, so a wrong one is no reason to stop.
                "version" => match string(key, item) {
                    Ok(version) => settings.version = version,
                    Err(_) => config.passed_over.push(key.into()),
                },
                "auth_server" => settings.auth_server = string(key, item)?,
                "realm" => settings.realm = string(key, item)?,
                "client_id" => settings.client_id = string(key, item)?,
                "request_timeout_seconds" => settings.request_timeout = seconds(key, item)?,
                _ => config.passed_over.push(key.into()),
            }
        }
        Ok(config)
    }
}

/// Without a file.
impl From<Settings> for AiodConfig {
    fn from(settings: Settings) -> Self {
        Self { settings, passed_over: Vec::new() }
    }
}

fn string(key: &str, item: &Item) -> Result<String, String> {
    item.as_str().map(Into::into).ok_or_else(|| format!("`{key}` is no string"))
}

fn seconds(key: &str, item: &Item) -> Result<Duration, String> {
    let seconds = match item.as_value() {
        Some(Value::Integer(seconds)) => {
            u64::try_from(*seconds.value()).ok().map(Duration::from_secs)
        }
        Some(Value::Float(seconds)) => Duration::try_from_secs_f64(*seconds.value()).ok(),
        _ => None,
    };
    seconds
        .filter(|seconds| !seconds.is_zero())
        .ok_or_else(|| format!("`{key}` is no number of seconds that is more than 0"))
}
