//! AI-on-Demand, side by side with its Python client.

use std::path::PathBuf;

use aiod_auth_core::Error;
use aiod_auth_store::{AiodConfig, LoginTo};

use crate::{Client, Driver};

impl Client {
    /// The login to AI-on-Demand that its Python client has, too: its settings from
    /// `~/.aiod/config.toml`, its tokens in `~/.aiod/token.toml`. With a bot's secret in that file, it
    /// is the bot's.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Store`] if one of the two can't be used. That a token file is damaged
    /// is said when a token is asked for.
    #[doc(alias = "aiondemand")]
    pub fn aiod() -> Result<Self, Error> {
        Ok(Self::of(LoginTo::aiod()?))
    }

    /// The same with other settings, or with another file: a bot's `secret.toml`, or one for each of
    /// several accounts.
    ///
    /// # Errors
    /// As for [`aiod`](Self::aiod).
    pub fn aiod_with(config: &AiodConfig, token_file: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self::of(config.login_to(token_file)?))
    }

    /// A user's login that is kept in memory alone, as `create_token` of the Python client does if it
    /// isn't told to write: it ends with the program.
    ///
    /// # Errors
    /// [`Error::Config`] if the settings can't be used.
    #[doc(alias = "write_to_file")]
    pub fn aiod_in_memory(config: &AiodConfig) -> Result<Self, Error> {
        let client = Self::with_driver(config.settings.profile()?, Driver::new());
        Ok(client.with_request_timeout(config.settings.request_timeout))
    }
}
