//! Tiled: a server by its address, and what its own client reads from the environment.

use aiod_auth_core::{
    AccessToken, Error,
    provider::tiled::{API_KEY, Api, Settings, VARIABLES, api_key},
};

use super::{Known, Said, environment};
use crate::failure::Failure;

pub(super) fn known(said: &Said<'_>) -> Result<Known, Failure> {
    let address = said.api.ok_or_else(|| {
        Failure::config("there is no api, which is the Tiled server's address")
            .with_hint("say --api URL, or `aiod-auth profile set NAME --api URL`")
    })?;
    if said.issuer.is_some() || said.client_id.is_some() || said.has_secret {
        return Err(Failure::config("a Tiled server needs api alone: no issuer and no client"));
    }
    let api = match said.allow_insecure_http {
        true => Api::allowing_insecure_http(address)?,
        false => Api::new(address)?,
    };
    let settings = Settings::new(api);
    let key = settings.profile()?.key();
    let has_key = environment(VARIABLES).get(API_KEY).is_some();
    Ok(Known {
        issuer: Some(key.issuer),
        client_id: key.client_id,
        store: said.is_the_platforms().then_some("tiled"),
        given: (has_key && !said.is_for_user).then_some(API_KEY),
        tiled: Some(settings),
        ..Known::default()
    })
}

/// A login can't be used together with an API key: the real client refuses one, too.
pub(super) fn check_login() -> Result<(), Failure> {
    match environment(VARIABLES).get(API_KEY) {
        None => Ok(()),
        Some(_) => Err(Failure::config(format!(
            "{API_KEY} is set, and can't be used together with a login"
        ))
        .with_hint("unset it")),
    }
}

/// The API key in the environment, which can't be used together with a login that is stored.
pub(super) fn given(has_tokens: bool) -> Result<AccessToken, Failure> {
    match api_key(&environment(VARIABLES), has_tokens) {
        Ok(Some(key)) => Ok(AccessToken::from_api_key(&key)?),
        Ok(None) => Err(Failure::config(format!("{API_KEY} is empty"))),
        Err(error) if has_tokens => {
            Err(Failure::from(error).with_hint(format!("unset {API_KEY}, or log out")))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn explain_given(error: Error) -> Failure {
    let is_refusal = matches!(error, Error::TokenRejected(_));
    let mut failure = Failure::from(error);
    failure.message = match is_refusal {
        true => format!("the API key in {API_KEY} is not accepted"),
        false => format!("there is nothing but the API key in {API_KEY}, which is never refreshed"),
    };
    failure.with_hint("set another one, or unset it and log in")
}
