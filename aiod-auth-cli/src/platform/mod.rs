//! Platforms: what a profile needn't say because its platform does. One file for each.

use std::{env, time::Duration};

use aiod_auth_core::{
    AccessToken, Deviations, Endpoint, Environment, Error, NotLoggedIn,
    provider::{polars as polars_core, tiled as tiled_core},
};

use crate::{args::Flow, failure::Failure, secret::SecretSource};

mod aiod;
mod jetraw;
mod polars;
mod tiled;

/// A platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// AI-on-Demand.
    Aiod,
    /// Polars Cloud.
    Polars,
    /// Jetraw.
    Jetraw,
    /// Tiled.
    Tiled,
}

/// What a profile of a platform says itself, and what it is for.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    pub(crate) issuer: Option<&'a str>,
    pub(crate) client_id: Option<&'a str>,
    /// Whether there is a client's secret.
    pub(crate) has_secret: bool,
    /// Whether a new token needs no user.
    pub(crate) logs_in_by_itself: bool,
    pub(crate) account: Option<&'a str>,
    /// The address of the platform's API.
    pub(crate) api: Option<&'a str>,
    pub(crate) organisation: Option<&'a str>,
    pub(crate) allow_insecure_http: bool,
    /// It is a user's login that counts, and nothing else that the environment has.
    pub(crate) is_for_user: bool,
}

impl Said<'_> {
    /// Whether this is the login that the platform's own client keeps. It keeps one, and doesn't say whose it is:
    /// so it is for that client's own server and client alone, and another account's is elsewhere.
    fn is_the_platforms(&self) -> bool {
        let has_account = self.account.is_some_and(|account| !account.is_empty());
        self.issuer.is_none() && self.client_id.is_none() && !self.has_secret && !has_account
    }
}

/// What the platform adds to that. What the profile says itself counts, `api` excepted.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<SecretSource>,
    pub(crate) endpoints: Vec<(Endpoint, String)>,
    pub(crate) parameters: Vec<(String, String)>,
    /// Where the profile says nothing of it.
    pub(crate) deviations: Deviations,
    pub(crate) account: Option<String>,
    pub(crate) flow: Option<Flow>,
    /// Where the API says who is logged in.
    pub(crate) current_user: Option<String>,
    pub(crate) store: Option<&'static str>,
    /// The environment variable with an access token from outside, which is used as it is.
    pub(crate) given: Option<&'static str>,
    pub(crate) request_timeout: Option<Duration>,
    /// The Tiled server.
    pub(crate) tiled: Option<tiled_core::Settings>,
}

impl Platform {
    pub(crate) const ALL: [Self; 4] = [Self::Aiod, Self::Polars, Self::Jetraw, Self::Tiled];

    /// Those that need no configuration: a profile of that name is always there.
    pub(crate) const BUILT_IN: [Self; 2] = [Self::Aiod, Self::Polars];

    /// The environment variables in which their programs look for a secret.
    pub(crate) const SECRET_VARIABLES: [&str; 3] =
        [polars_core::ACCESS_TOKEN, polars::CLIENT_SECRET, tiled_core::API_KEY];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Aiod => "aiod",
            Self::Polars => "polars",
            Self::Jetraw => "jetraw",
            Self::Tiled => "tiled",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }

    pub(crate) fn built_in(name: &str) -> Option<Self> {
        Self::BUILT_IN.into_iter().find(|platform| platform.name() == name)
    }

    /// The environment variable in which programs of the platform look for an access token.
    pub(crate) const fn token_variable(self) -> Option<&'static str> {
        match self {
            Self::Polars => Some(polars_core::ACCESS_TOKEN),
            Self::Aiod | Self::Jetraw | Self::Tiled => None,
        }
    }

    /// What the settings of the platform's own client say, or the platform's own address.
    pub(crate) fn known(self, said: &Said<'_>) -> Result<Known, Failure> {
        match self {
            Self::Aiod => aiod::known(said),
            Self::Polars => polars::known(said),
            Self::Jetraw => jetraw::known(said),
            Self::Tiled => tiled::known(said),
        }
    }

    /// Whether nothing in the environment is in the way of a login.
    pub(crate) fn check_login(self) -> Result<(), Failure> {
        match self {
            Self::Tiled => tiled::check_login(),
            Self::Aiod | Self::Polars | Self::Jetraw => Ok(()),
        }
    }

    /// What came from outside, in this variable, to be used as it is; and whether a login is stored as well.
    pub(crate) fn given(self, variable: &str, has_tokens: bool) -> Result<AccessToken, Failure> {
        match self {
            Self::Tiled => tiled::given(has_tokens),
            Self::Aiod | Self::Polars | Self::Jetraw => {
                Ok(AccessToken::new(env::var(variable).unwrap_or_default().trim())?)
            }
        }
    }

    /// There is nothing but what came from outside, in this variable, and it will not do.
    pub(crate) fn explain_given(self, variable: &'static str, error: Error) -> Failure {
        match self {
            Self::Tiled => tiled::explain_given(error),
            Self::Aiod | Self::Polars | Self::Jetraw => explain_given_token(variable, error),
        }
    }
}

/// A login would not be asked.
fn explain_given_token(variable: &'static str, error: Error) -> Failure {
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

/// These variables, as far as they are set. One that is no text is not taken for unset: it is refused where it is used.
pub(crate) fn environment<'n>(names: impl IntoIterator<Item = &'n str>) -> Environment {
    let value = |name| Some(env::var_os(name)?.to_string_lossy().into_owned());
    names.into_iter().filter_map(|name| Some((name, value(name)?))).collect()
}
