//! Tiled: a server by its address, and what its own client reads from the environment.

use std::{path::PathBuf, time::SystemTime};

pub(super) use aiod_auth_core::provider::tiled::API_KEY;
use aiod_auth_core::{
    AccessToken, Error, NotLoggedIn, RecordKey, Tokens,
    provider::tiled::{self, Api, Settings, VARIABLES, api_key},
};
use aiod_auth_store::TiledStore;

use super::{Given, Known, OwnStore, Said, environment};
use crate::failure::Failure;

pub(super) fn known(said: &Said<'_>) -> Result<Known, Failure> {
    let address = said.api.ok_or_else(|| {
        Failure::config("there is no api, which is the Tiled server's address")
            .with_hint("say --api URL, or `aiod-auth profile set NAME --api URL`")
    })?;
    if said.issuer.is_some() || said.client_id.is_some() || said.has_secret {
        return Err(Failure::config("a Tiled server needs api alone: no issuer and no client")
            .with_hint("take them out of the profile"));
    }
    let api = match said.allow_insecure_http {
        true => Api::allowing_insecure_http(address),
        false => Api::new(address),
    };
    let api = api.map_err(|error| match address.contains("api_key=") {
        // As its own client takes one. An address is in logs and in the list of processes.
        true => Failure::from(error).with_hint(format!("leave the key out, and set {API_KEY}")),
        false => error.into(),
    })?;
    let has_key = environment(VARIABLES).get(API_KEY).is_some();
    Ok(Known {
        store: said.is_the_platforms().then_some("tiled"),
        given: (has_key && !said.is_for_user).then_some(Given::Key(API_KEY)),
        ..Known::of(Settings::new(api).profile()?)
    })
}

/// The folder of its own client, or this one; in it, the one that is named after this login's server.
pub(super) fn open_store(key: &RecordKey, cache: Option<PathBuf>) -> Result<OwnStore, Failure> {
    let api = Api::allowing_insecure_http(&key.issuer)?;
    if api.as_str() != key.issuer {
        return Err(Failure::config("the store `tiled` is for Tiled servers alone")
            .with_hint("leave `store` out, or name another one"));
    }
    let key = key.clone();
    Ok(OwnStore::Folder(Box::new(match cache {
        Some(cache) => TiledStore::in_folder(key, &api, cache),
        None => TiledStore::of(key, &api, &environment(TiledStore::VARIABLES))?,
    })))
}

/// Its own client has a variable for terminals that don't look like one.
pub(super) fn forces_prompt() -> bool {
    tiled::forces_prompt(&environment(VARIABLES))
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
pub(super) fn given(is_logged_in: bool) -> Result<Tokens, Failure> {
    match api_key(&environment(VARIABLES), is_logged_in) {
        Ok(Some(key)) => {
            let key = AccessToken::from_api_key(&key)?;
            Ok(Tokens::new(key, SystemTime::now().into()))
        }
        Ok(None) => Err(Failure::config(format!("{API_KEY} is empty"))
            .with_hint("unset it, or set it to a key")),
        Err(error) if is_logged_in => {
            Err(Failure::from(error).with_hint(format!("unset {API_KEY}, or log out")))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn explain_given(error: Error) -> Failure {
    // Its answer was `null`.
    let is_nobodys = matches!(error, Error::NotAuthenticated(NotLoggedIn::NoRecord));
    let message = if matches!(error, Error::TokenRejected(_)) {
        format!("the API key in {API_KEY} is not accepted")
    } else if is_nobodys {
        format!("the server knows no user of the API key in {API_KEY}")
    } else {
        format!("there is nothing but the API key in {API_KEY}, which is never refreshed")
    };
    let mut failure = Failure::from(error);
    failure.message = message;
    failure.with_hint("set another one, or unset it and log in")
}

pub(super) const WITHOUT_TERMINAL: &str =
    "run it in a terminal, without --json; a program takes an API key, in TILED_API_KEY";
