//! Platforms: what a profile needn't say because its platform does. One file for each.

use std::time::Duration;

use crate::failure::Failure;

mod aiod;

/// A platform, whose name is that of a profile which is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// AI-on-Demand.
    Aiod,
}

/// What a profile of a platform says itself.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    pub(crate) issuer: Option<&'a str>,
    pub(crate) client_id: Option<&'a str>,
    /// The address of the platform's API.
    pub(crate) api: Option<&'a str>,
    pub(crate) allow_insecure_http: bool,
}

/// What the platform adds to that. What the profile says itself counts, `api` excepted.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: String,
    /// Where the API says who is logged in.
    pub(crate) current_user: String,
    pub(crate) store: Option<&'static str>,
    pub(crate) request_timeout: Duration,
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

    /// What the settings of the platform's own client say, or the platform's own address.
    pub(crate) fn known(self, said: &Said<'_>) -> Result<Known, Failure> {
        match self {
            Self::Aiod => aiod::known(said),
        }
    }
}
