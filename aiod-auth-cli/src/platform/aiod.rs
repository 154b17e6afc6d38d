//! AI-on-Demand: what its own client's `~/.aiod/config.toml` says.

use std::{path::PathBuf, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ConfigProblem, Error, Issuer, Kind, Profile, RecordKey, StoreFailure,
    provider::aiod,
};
use aiod_auth_store::{AiodConfig, AiodFile, StoreError};

use super::{Known, OwnStore, Said};
use crate::failure::Failure;

pub(super) fn known(said: &Said<'_>) -> Result<Known, Failure> {
    let mut settings = read_settings()?;
    settings.allow_insecure_http = said.allow_insecure_http;
    let api = match said.api {
        Some(api) => {
            settings.api_server = api.into();
            settings.authorization_test()?
        }
        None => settings.authorization_test().map_err(in_settings)?,
    };
    let issuer = match said.issuer {
        Some(issuer) if said.allow_insecure_http => Issuer::allowing_insecure_http(issuer)?,
        Some(issuer) => Issuer::new(issuer)?,
        None => settings.issuer().map_err(in_settings)?,
    };
    let client = ClientIdentity::public(said.client_id.unwrap_or(&settings.client_id))?;
    let profile = Profile::with_client(issuer, client).with_current_user_at(api.as_str())?;
    Ok(Known {
        store: said.is_the_platforms().then_some("aiod"),
        request_timeout: Some(settings.request_timeout.min(REQUEST_TIMEOUT_MAX)),
        ..Known::of(profile)
    })
}

/// The token file, or this one.
pub(super) fn open_store(key: &RecordKey, file: Option<PathBuf>) -> Result<OwnStore, Failure> {
    Ok(OwnStore::File(match file {
        Some(file) => AiodFile::at(file, key.clone())?,
        None => AiodFile::in_home(key.clone())?,
    }))
}

fn read_settings() -> Result<aiod::Settings, Failure> {
    let unreadable = |error: StoreError| {
        // With its cause.
        let mut failure = Failure::from(StoreFailure::from(error));
        failure.kind = Kind::Config;
        failure
    };
    let config = AiodConfig::in_home().map_err(unreadable)?;
    for key in &config.passed_over {
        log::warn!("passed over `{}` in ~/.aiod/config.toml", aiod_auth_core::clean(key));
    }
    Ok(config.settings)
}

/// That file has no key for plain http, because its own client takes any address.
fn in_settings(error: Error) -> Failure {
    let is_http = matches!(error, Error::Config(ConfigProblem::InsecureUrl { .. }));
    let failure = Failure::from(error).within("~/.aiod/config.toml");
    if is_http {
        return failure.with_hint(
            "use https, or set allow_insecure_http in this profile, in aiod-auth's own config.toml",
        );
    }
    failure
}

/// A command that isn't `login` has a minute for all.
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(30);
