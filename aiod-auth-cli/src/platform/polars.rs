//! Polars Cloud: what `authenticate` of its own client looks for, in that order.

use aiod_auth_core::provider::polars::{ACCESS_TOKEN, Credentials, Settings, VARIABLES};

use super::{Known, Said, environment};
use crate::{failure::Failure, secret::SecretSource};

pub(super) fn known(said: &Said<'_>) -> Result<Known, Failure> {
    let environment = environment(VARIABLES);
    let mut settings = Settings::from_environment(&environment);
    settings.issuer = said.issuer.map(Into::into);
    settings.allow_insecure_http = said.allow_insecure_http;
    let mut known = Known {
        issuer: Some(settings.issuer()?.as_str().into()),
        client_id: settings.client_id.clone(),
        endpoints: settings.endpoints()?,
        deviations: settings.deviations(),
        store: match said.logs_in_by_itself {
            true => Some(OF_BOTS),
            false => said.is_the_platforms().then_some("polars"),
        },
        ..Known::default()
    };
    let credentials = match said.has_secret || said.is_for_user {
        true => None,
        false => Credentials::find(None, &environment)?,
    };
    match credentials {
        Some(Credentials::Given(_)) => known.given = Some(ACCESS_TOKEN),
        Some(Credentials::ServiceAccount(account)) => {
            known.client_id = account.client_id;
            known.client_secret = Some(SecretSource::Variable(CLIENT_SECRET.into()));
            known.store = Some(OF_BOTS);
        }
        _ => {
            if said.is_for_user && environment.get(ACCESS_TOKEN).is_some() {
                log::warn!("{ACCESS_TOKEN} is set, and counts before the login that is stored");
            }
        }
    }
    Ok(known)
}

pub(super) const CLIENT_SECRET: &str = "POLARS_CLOUD_CLIENT_SECRET";

/// Its own client keeps the tokens of a service account in memory alone.
const OF_BOTS: &str = "memory";
