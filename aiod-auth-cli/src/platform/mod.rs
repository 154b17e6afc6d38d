//! Platforms: what a profile needn't say because its platform does. One file for each.

use std::{env, path::PathBuf, time::Duration};

use aiod_auth_core::{Environment, Error, Profile, RecordKey, Tokens};
use aiod_auth_store::{AiodFile, Store};

use crate::{failure::Failure, secret::SecretSource};

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

/// What the platform makes of it.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its login, as the platform's own settings make it for any program. What else the profile says is added.
    pub(crate) profile: Profile,
    /// Of a service account, whose login that is then.
    pub(crate) client_secret: Option<SecretSource>,
    /// Where the profile says nothing of it.
    pub(crate) store: Option<&'static str>,
    pub(crate) given: Option<Given>,
    pub(crate) request_timeout: Option<Duration>,
}

impl Known {
    const fn of(profile: Profile) -> Self {
        Self { profile, client_secret: None, store: None, given: None, request_timeout: None }
    }
}

/// What came from outside in place of a login, in this environment variable. It is used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// An access token.
    Token(&'static str),
    /// A key, which is shown with a scheme of its own.
    Key(&'static str),
}

/// Where a platform's own client keeps its tokens.
#[derive(Debug)]
pub(crate) enum OwnStore {
    /// It has a place for a client's secret, too.
    File(AiodFile),
    Folder(Box<dyn Store>),
}

impl Platform {
    pub(crate) const ALL: [Self; 4] = [Self::Aiod, Self::Polars, Self::Jetraw, Self::Tiled];

    /// Those that need no configuration: a profile of that name is always there.
    pub(crate) const BUILT_IN: [Self; 2] = [Self::Aiod, Self::Polars];

    /// The one whose server is known by its `api` alone.
    pub(crate) const BY_API: Self = Self::Tiled;

    /// The one whose logins are an organisation's.
    pub(crate) const OF_ORGANISATIONS: Self = Self::Jetraw;

    /// The environment variables in which their programs look for a secret.
    pub(crate) const SECRET_VARIABLES: [&str; 3] =
        [polars::ACCESS_TOKEN, polars::CLIENT_SECRET, tiled::API_KEY];

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
            Self::Polars => Some(polars::ACCESS_TOKEN),
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

    /// Whether its servers have a protocol of their own, without clients, scopes and endpoints.
    pub(crate) const fn has_its_own_protocol(self) -> bool {
        match self {
            Self::Tiled => true,
            Self::Aiod | Self::Polars | Self::Jetraw => false,
        }
    }

    /// Whether nothing in the environment is in the way of a login.
    pub(crate) fn check_login(self) -> Result<(), Failure> {
        match self {
            Self::Tiled => tiled::check_login(),
            Self::Polars => {
                polars::warn_at_login();
                Ok(())
            }
            Self::Aiod | Self::Jetraw => Ok(()),
        }
    }

    /// Which option names its server, where there is no profile.
    pub(crate) const fn server_option(self) -> &'static str {
        match self {
            Self::Tiled => "--api",
            Self::Aiod | Self::Polars | Self::Jetraw => "--issuer",
        }
    }

    /// The options that its profile can't do without.
    pub(crate) const fn needed_options(self) -> &'static str {
        match self {
            Self::Tiled => " --api URL",
            Self::Jetraw => " --issuer URL --client-id ID",
            Self::Aiod | Self::Polars => "",
        }
    }

    /// What to do where a password is asked for, and there is no terminal.
    pub(crate) const fn without_terminal(self) -> Option<&'static str> {
        match self {
            Self::Tiled => Some(tiled::WITHOUT_TERMINAL),
            Self::Aiod | Self::Polars | Self::Jetraw => None,
        }
    }

    /// Whether answers are taken from whatever standard input is.
    pub(crate) fn forces_prompt(self) -> bool {
        match self {
            Self::Tiled => tiled::forces_prompt(),
            Self::Aiod | Self::Polars | Self::Jetraw => false,
        }
    }

    /// Whether its own client has a place for tokens.
    pub(crate) const fn has_store(self) -> bool {
        match self {
            Self::Aiod | Self::Polars | Self::Tiled => true,
            Self::Jetraw => false,
        }
    }

    /// That place: where the client looks for it, or this one; for a login at that platform, or at another server.
    pub(crate) fn open_store(
        self,
        key: &RecordKey,
        place: Option<PathBuf>,
        of: Option<Self>,
        logs_in_by_itself: bool,
    ) -> Result<OwnStore, Failure> {
        match self {
            Self::Aiod => aiod::open_store(key, place),
            Self::Polars => polars::open_store(key, place, of, logs_in_by_itself),
            Self::Tiled => tiled::open_store(key, place),
            Self::Jetraw => Err(Failure::config("Jetraw's client publishes no file's format")),
        }
    }
}

impl Given {
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Token(variable) | Self::Key(variable) => variable,
        }
    }

    /// As tokens; a login that is stored as well may be one too many.
    pub(crate) fn tokens(
        self,
        is_logged_in: impl FnOnce() -> Result<bool, Failure>,
    ) -> Result<Tokens, Failure> {
        match self {
            Self::Token(variable) => polars::given(variable),
            Self::Key(_) => tiled::given(is_logged_in()?),
        }
    }

    /// There is nothing else, and it will not do.
    pub(crate) fn explain(self, error: Error) -> Failure {
        match self {
            Self::Token(variable) => polars::explain_given(variable, error),
            Self::Key(_) => tiled::explain_given(error),
        }
    }
}

/// These variables, as far as they are set. One that is no text is not taken for unset: it is refused where it is used.
pub(crate) fn environment<'n>(names: impl IntoIterator<Item = &'n str>) -> Environment {
    let value = |name| Some(env::var_os(name)?.to_string_lossy().into_owned());
    names.into_iter().filter_map(|name| Some((name, value(name)?))).collect()
}
