//! Tiled: a data server that logs its users in itself, by password or a device flow of its own, or by an
//! OpenID provider. The server's description says which.
//!
//! The protocol is documented by the code of `tiled` 0.2.20 (`tiled.client.context`, `tiled.client.auth`,
//! `tiled.server.authentication`) and by the answers of such servers.

pub use address::Api;
pub use api_key::{ApiKey, NewApiKey};
pub use description::{Description, Provider, ProviderLogin};
pub use issuer::are_of_one_user;
pub(crate) use keys::who_am_i;
pub use keys::{CreateApiKey, ListApiKeys, RevokeApiKey, WhichApiKey};
pub use lifetime::parse_lifetime;
pub(crate) use login::log_in;
pub(crate) use logout::log_out;
pub(crate) use refresh::redeem;
pub use server::DescriptionRequest;
pub(crate) use server::Server;
pub use settings::Settings;

mod address;
mod api_key;
mod confirmation;
mod csrf;
mod description;
mod device;
mod issuer;
mod keys;
mod lifetime;
mod login;
mod logout;
mod principal;
mod refresh;
mod server;
mod settings;

pub(crate) use confirmation::Confirmation;

use crate::{
    deviations::Deviations,
    environment::Environment,
    error::{ConfigProblem, Error},
    secret::ApiKeySecret,
};

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
