//! Platforms: what a profile needn't say because its platform does.

use std::time::Duration;

use aiod_auth_core::{ConfigProblem, Error, Kind, StoreFailure, provider::aiod};
use aiod_auth_store::{AiodConfig, StoreError};

use crate::{config::ProfileConfig, failure::Failure};

/// A platform, whose name is that of a profile which is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// AI-on-Demand.
    Aiod,
}

impl Platform {
    pub(crate) const ALL: [Self; 1] = [Self::Aiod];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Aiod => "aiod",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }

    /// Adds what the profile leaves open, from the settings of the platform's own client.
    pub(crate) fn complete(self, profile: &mut ProfileConfig) -> Result<(), Failure> {
        match self {
            Self::Aiod => complete_aiod(profile),
        }
    }
}

fn complete_aiod(profile: &mut ProfileConfig) -> Result<(), Failure> {
    // What the platform's own client keeps is for its own server and client.
    let is_its_own = profile.issuer.is_none() && profile.client_id.is_none();
    let mut settings = read_aiod_settings()?;
    settings.allow_insecure_http = profile.allow_insecure_http;
    let api = match profile.api.take() {
        Some(api) => {
            settings.api_server = api;
            settings.authorization_test()?
        }
        None => settings.authorization_test().map_err(in_settings)?,
    };
    profile.api = Some(api.into());
    if profile.issuer.is_none() {
        profile.issuer = Some(settings.issuer().map_err(in_settings)?.as_str().into());
    }
    profile.client_id.get_or_insert(settings.client_id);
    if is_its_own {
        profile.store.get_or_insert_with(|| "aiod".into());
    }
    profile.request_timeout = Some(settings.request_timeout.min(REQUEST_TIMEOUT_MAX));
    Ok(())
}

fn read_aiod_settings() -> Result<aiod::Settings, Failure> {
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
