//! Tiled: a data server that logs its users in itself, by password or a device flow of its own, or by an
//! OpenID provider. The server's description says which.
//!
//! The protocol is documented by the code of `tiled` 0.2.20 (`tiled.client.context`, `tiled.client.auth`,
//! `tiled.server.authentication`) and by the answers of such servers.

use alloc::string::String;

pub use address::Api;
pub use api_key::{ApiKey, NewApiKey, parse_lifetime};
pub use description::{Description, Provider, ProviderLogin};
pub(crate) use login::{Confirmation, log_in};
pub(crate) use server::Server;
pub use server::{DescriptionRequest, are_of_one_user};
pub(crate) use session::{log_out, redeem};
pub(crate) use user::who_am_i;
pub use user::{CreateApiKey, ListApiKeys, RevokeApiKey, WhichApiKey};

use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    environment::Environment,
    error::{ConfigProblem, Error},
    profile::Profile,
    secret::ApiKeySecret,
    server::{Issuer, Transport},
};

mod address;
mod api_key;
mod description;
mod json;
mod login;
mod server;
mod session;
mod user;

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

/// The API key from the environment, which takes the place of a login. A key and stored tokens together are
/// an error, as for Tiled's own client.
///
/// # Errors
/// [`Error::Config`] for a key that can't be sent, or if there are stored tokens as well.
pub fn api_key(environment: &Environment, has_tokens: bool) -> Result<Option<ApiKeySecret>, Error> {
    let Some(key) = environment.get(API_KEY) else { return Ok(None) };
    let key = key.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Config(ConfigProblem::InvalidName(API_KEY)));
    }
    match has_tokens {
        true => Err(Error::Config(ConfigProblem::OneTooMany(API_KEY, "stored tokens"))),
        false => Ok(Some(ApiKeySecret::new(key))),
    }
}

/// Whether to ask for a password or a code though there is no terminal: `TILED_FORCE_PROMPT=1`. Tiled's own
/// client reads it as a number, of which 0 means no.
#[must_use]
pub fn forces_prompt(environment: &Environment) -> bool {
    environment.get(FORCE_PROMPT).is_some_and(|value| !matches!(value.trim().parse(), Ok(0_i64)))
}

/// Errors of Tiled's device flow are nested: `{"detail":{"error":"authorization_pending"}}`.
#[must_use]
pub fn deviations() -> Deviations {
    Deviations::default().with_error_at("/detail/error")
}

/// The platform's environment variables, besides those for the places of its files.
pub const VARIABLES: [&str; 2] = [API_KEY, FORCE_PROMPT];

/// The variable with an API key.
pub const API_KEY: &str = "TILED_API_KEY";
const FORCE_PROMPT: &str = "TILED_FORCE_PROMPT";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_and_tokens_are_one_too_many() {
        let environment = |value| Environment::from_iter([("TILED_API_KEY", value)]);
        assert!(api_key(&environment("canary"), false).unwrap().is_some());
        assert!(api_key(&environment(""), true).unwrap().is_none());
        for (value, has_tokens) in [("canary", true), ("two words", false), ("two\nlines", false)] {
            let error = api_key(&environment(value), has_tokens).unwrap_err();
            let text = alloc::format!("{error} {error:?}");
            assert!(text.contains("TILED_API_KEY") && !text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn a_prompt_may_be_forced() {
        for (value, forced) in
            [("1", true), ("0", false), ("", false), ("yes", true), (" 0 ", false)]
        {
            let environment = Environment::from_iter([("TILED_FORCE_PROMPT", value)]);
            assert_eq!(forces_prompt(&environment), forced, "{value:?}");
        }
    }
}
