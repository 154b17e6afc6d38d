//! Where a client's secret is, and how it is read. It is never on a command line.

use std::path::PathBuf;

use aiod_auth_core::ClientSecret;
use aiod_auth_store::ReadClientSecret;

use crate::{failure::Failure, private_file::where_to_look};

/// The variable with the secret of an ad hoc profile.
pub(crate) const CLIENT_SECRET_VARIABLE: &str = "AIOD_AUTH_CLIENT_SECRET";

/// Where a client's secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In this file: TOML with `client_secret`, or the secret alone.
    File(PathBuf),
    /// In this environment variable.
    Variable(String),
}

impl SecretSource {
    pub(crate) fn read(&self) -> Result<ClientSecret, Failure> {
        Ok(match self {
            Self::File(file) => ClientSecret::from_file(file).map_err(|error| {
                let failure = Failure::from(error);
                match file.exists() {
                    true => failure,
                    false => failure.with_hint(where_to_look(file)),
                }
            })?,
            Self::Variable(name) => ClientSecret::from_env(name)?,
        })
    }
}
