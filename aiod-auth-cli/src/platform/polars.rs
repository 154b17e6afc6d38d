//! Polars Cloud: what `authenticate` of its own client looks for, in that order.

use std::{env, path::PathBuf, time::SystemTime};

pub(super) use aiod_auth_core::provider::polars::ACCESS_TOKEN;
use aiod_auth_core::{
    AccessToken, ClientIdentity, Error, NotLoggedIn, RecordKey, Tokens,
    provider::polars::{Credentials, Settings, VARIABLES, as_tokens},
};
use aiod_auth_store::PolarsStore;

use super::{Given, Known, OwnStore, Platform, Said, environment};
use crate::{failure::Failure, secret::SecretSource};

pub(super) fn known(said: &Said<'_>) -> Result<Known, Failure> {
    let environment = environment(VARIABLES);
    let mut settings = Settings::from_environment(&environment);
    settings.issuer = said.issuer.map(Into::into);
    settings.allow_insecure_http = said.allow_insecure_http;
    let of_client = |client_id: &str| settings.profile_of(ClientIdentity::public(client_id)?);
    let mut known = Known::of(of_client(said.client_id.unwrap_or(&settings.client_id))?);
    known.store = match said.logs_in_by_itself {
        true => Some(OF_BOTS),
        false => said.is_the_platforms().then_some("polars"),
    };
    let credentials = match said.has_secret || said.is_for_user {
        true => None,
        false => Credentials::find(None, &environment)?,
    };
    match credentials {
        Some(Credentials::Given(_)) => known.given = Some(Given::Token(ACCESS_TOKEN)),
        Some(Credentials::ServiceAccount(account)) => {
            known.profile = of_client(&account.client_id)?;
            known.client_secret = Some(SecretSource::Variable(CLIENT_SECRET.into()));
            known.store = Some(OF_BOTS);
        }
        _ => {}
    }
    Ok(known)
}

/// A login is always a user's, and what other commands go by may be something else.
pub(super) fn warn_at_login() {
    let set = match Credentials::find(None, &environment(VARIABLES)) {
        Ok(Some(Credentials::Given(_))) => ACCESS_TOKEN,
        Ok(Some(Credentials::ServiceAccount(_))) => CLIENT_SECRET,
        Err(problem) => {
            return log::warn!("{problem}: other commands than `login` are refused for that");
        }
        _ => return,
    };
    log::warn!("{set} is set, and counts before the login that is stored");
}

/// The folder of its own client, or this one. It has no place for the tokens of a service account.
pub(super) fn open_store(
    key: &RecordKey,
    folder: Option<PathBuf>,
    of: Option<Platform>,
    is_for_bots: bool,
) -> Result<OwnStore, Failure> {
    if of != Some(Platform::Polars) {
        return Err(Failure::config("the store `polars` is for Polars Cloud alone")
            .with_hint("leave `store` out, or set platform = \"polars\" in the profile"));
    }
    if is_for_bots {
        return Err(Failure::config(
            "the store `polars` is for a user's login, and this client has a secret",
        )
        .with_hint("leave `store` out, or name another one, or a user's `flow`"));
    }
    let key = key.clone();
    Ok(OwnStore::Folder(Box::new(match folder {
        Some(folder) => PolarsStore::in_folder(key, folder),
        None => PolarsStore::of(key, &environment(PolarsStore::VARIABLES))?,
    })))
}

/// The access token in this variable, for as long as it says.
pub(super) fn given(variable: &str) -> Result<Tokens, Failure> {
    let token = AccessToken::new(env::var(variable).unwrap_or_default().trim())?;
    Ok(as_tokens(token, SystemTime::now().into()))
}

/// A login would not be asked.
pub(super) fn explain_given(variable: &'static str, error: Error) -> Failure {
    let expired = Failure::from(Error::NotAuthenticated(NotLoggedIn::GivenExpired(variable)));
    let message = if matches!(error, Error::TokenRejected(_)) {
        format!("the access token in {variable} is not accepted")
    } else if matches!(error, Error::NotAuthenticated(NotLoggedIn::NoRefreshToken)) {
        format!("there is nothing but the access token in {variable}, which is never refreshed")
    } else {
        return expired;
    };
    let mut failure = Failure::from(error);
    (failure.message, failure.hint) = (message, expired.hint);
    failure
}

pub(super) const CLIENT_SECRET: &str = "POLARS_CLOUD_CLIENT_SECRET";

/// Its own client keeps the tokens of a service account in memory alone.
const OF_BOTS: &str = "memory";
