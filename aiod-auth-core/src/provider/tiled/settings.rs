//! The settings for a Tiled server.

use alloc::string::String;

use super::address::Api;
use crate::{
    client::ClientIdentity,
    error::Error,
    profile::Profile,
    server::{Issuer, Transport},
};

/// A Tiled server, and the provider to log in with.
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
    /// This server, with the provider left to the user.
    #[must_use]
    pub const fn new(api: Api) -> Self {
        Self { api, provider: None }
    }

    /// A user's login. The server's description, which is fetched at the login, says how.
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

/// The client id in a record's key: the server's own logins have no client.
const CLIENT_ID: &str = "tiled";
