//! What can be set for a Tiled server.

use alloc::string::String;

use super::address::Api;
use crate::{
    client::ClientIdentity,
    error::Error,
    profile::Profile,
    server::{Issuer, Transport},
};

/// Which server, and how to log in there.
///
/// ```
/// use aiod_auth_core::provider::tiled::{Api, Settings};
///
/// let mut settings = Settings::new(Api::new("https://tiled.example.org")?);
/// settings.provider = Some("orcid".into());
/// let profile = settings.profile()?;
/// assert_eq!(profile.issuer().as_str(), "https://tiled.example.org/api/v1/");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The server.
    pub api: Api,
    /// The provider to log in with, by its name. `None`: the only one there is, else the user is asked.
    pub provider: Option<String>,
}

impl Settings {
    /// This server, and whichever way to log in the user chooses.
    #[must_use]
    pub const fn new(api: Api) -> Self {
        Self { api, provider: None }
    }

    /// A user's login. Nothing is asked for yet: the server says how, when it is used.
    ///
    /// # Errors
    /// [`Error::Config`] if the address can't be an issuer's.
    pub fn profile(&self) -> Result<Profile, Error> {
        let issuer = match self.api.transport() {
            Transport::HttpsOnly => Issuer::new(self.api.as_str())?,
            Transport::HttpAllowed => Issuer::allowing_insecure_http(self.api.as_str())?,
        };
        let client = ClientIdentity::public(CLIENT_ID)?;
        Ok(Profile::with_client(issuer, client).at_tiled(self.clone()))
    }
}

/// What stands for a client in a record's key: the server's own logins know of none.
const CLIENT_ID: &str = "tiled";
