//! What can go wrong: typed for programs, in words for people.

use alloc::{borrow::Cow, boxed::Box, format, string::String};
use core::{fmt, time::Duration};

pub use problem::{ConfigProblem, Problem, StoreFailure};
pub(crate) use server_error::{Advice, Says};
pub use server_error::{ErrorCode, ServerError};
pub use unreachable::{CertificateProblem, ProxyFailure, ProxyProblem, TlsFailure, Unreachable};

use crate::time::in_words;

mod problem;
mod server_error;
mod unreachable;

/// Everything that can end a machine without its result.
///
/// Programs match on [`kind`](Self::kind), people read `Display` and [`hint`](Self::hint). No
/// variant holds a token, a secret, a body, or an address with a query.
///
/// ```
/// use aiod_auth_core::{Error, Kind, Profile};
///
/// let error = Profile::new("http://auth.example.org", "my-tool").unwrap_err();
/// // For a program.
/// assert_eq!(error.kind(), Kind::Config);
/// assert!(!error.is_retryable() && !error.asks_for_login());
/// // For a user: what failed, and what to do.
/// assert_eq!(error.to_string(), "issuer is not https");
/// assert!(error.hint().unwrap().starts_with("use https"));
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller asked for something that can't be sent.
    #[error("{0}")]
    Usage(&'static str),
    /// What was configured can't work. Nothing was sent.
    #[error("{0}")]
    Config(ConfigProblem),
    /// The server's answer is malformed.
    #[error("the {endpoint} gave a malformed answer{}: {problem}", Http(*status))]
    InvalidResponse {
        /// Which endpoint answered.
        endpoint: Endpoint,
        /// With which status; `None` where that is not known.
        status: Option<u16>,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The server refused, for a reason that has no variant of its own.
    #[error("{0}")]
    Refused(Box<ServerError>),
    /// The user denied the login: RFC 8628 §3.5, RFC 6749 §4.1.2.1.
    #[error("the login was refused")]
    AccessDenied(Box<ServerError>),
    /// The device code expired before a user approved it: RFC 8628 §3.5.
    #[error("the code expired before the login was approved")]
    Expired,
    /// The caller's time limit for the login ran out.
    #[error("{}", timed_out(*.limit, .cause.as_deref()))]
    TimedOut {
        /// The limit.
        limit: Duration,
        /// Why a user was not even asked, or was not heard of: the server was unavailable.
        cause: Option<Box<Self>>,
    },
    /// The user or the caller gave up on this call. What it had begun may be brought to its end without it.
    #[error("cancelled")]
    Cancelled,
    /// The server said that the session is over: RFC 6749 §5.2, `invalid_grant` to a refresh.
    #[error("the authorization server ended the session ({0})")]
    SessionEnded(Box<ServerError>),
    /// There is no token, and nothing to get one with.
    #[error("{0}")]
    NotAuthenticated(NotLoggedIn),
    /// A token that the server gave is refused by the server.
    #[error("the access token is not accepted ({0})")]
    TokenRejected(Box<ServerError>),
    /// The network or the server is unavailable for now. The stored tokens are untouched.
    #[error("{}", unreachable(*.endpoint, *.attempts, .cause))]
    Unreachable {
        /// Who was asked.
        endpoint: Endpoint,
        /// How often.
        attempts: u32,
        /// What happened the last time.
        cause: Unreachable,
    },
    /// A refresh was sent and no clear answer came: whether the server made a new token is unknown. The
    /// old refresh token stays stored.
    #[error("no clear answer from the {endpoint}, so the outcome is unknown: {cause} ({})", Tries(*.attempts))]
    OutcomeUnknown {
        /// Which endpoint was asked.
        endpoint: Endpoint,
        /// How often.
        attempts: u32,
        /// What happened the last time.
        cause: Unreachable,
    },
    /// The token store failed.
    #[error("{0}")]
    Store(StoreFailure),
    /// The machine has already handed over its outcome.
    #[error("this machine has finished")]
    Finished,
    /// A bug in this library, with its place.
    #[error("internal error in {0}: please report it")]
    Internal(&'static str),
}

impl Error {
    /// The small stable list that programs decide by.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Usage(_) => Kind::Usage,
            Self::Config(_) => Kind::Config,
            Self::InvalidResponse { .. } => Kind::Protocol,
            Self::Refused(_) => Kind::Server,
            Self::AccessDenied(_) => Kind::AccessDenied,
            Self::Expired => Kind::Expired,
            Self::TimedOut { .. } => Kind::TimedOut,
            Self::Cancelled => Kind::Cancelled,
            Self::SessionEnded(_) => Kind::SessionEnded,
            Self::NotAuthenticated(_) | Self::TokenRejected(_) => Kind::NotAuthenticated,
            Self::Unreachable { cause, .. } => cause.kind(),
            Self::OutcomeUnknown { .. } => Kind::Unavailable,
            Self::Store(_) => Kind::Store,
            Self::Finished | Self::Internal(_) => Kind::Internal,
        }
    }

    /// Whether the same call may work later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind() == Kind::Unavailable
    }

    /// Whether a new login is what helps: there is no token, or the session has ended.
    #[must_use]
    pub const fn asks_for_login(&self) -> bool {
        matches!(self, Self::NotAuthenticated(_) | Self::SessionEnded(_))
    }

    /// How often a server was asked, where it can't be said what came of it.
    pub(crate) const fn attempts(&self) -> u32 {
        if let Self::Unreachable { attempts, .. } | Self::OutcomeUnknown { attempts, .. } = self {
            *attempts
        } else {
            0
        }
    }

    /// What an attempt ended in after as many before it, of which an answer was lost.
    pub(crate) fn after_lost(self, before: u32) -> Self {
        if let Self::Unreachable { endpoint, attempts, cause }
        | Self::OutcomeUnknown { endpoint, attempts, cause } = self
        {
            let attempts = attempts.saturating_add(before);
            Self::OutcomeUnknown { endpoint, attempts, cause }
        } else {
            self
        }
    }

    /// Whether callers that wait for the same tokens need not try it, too.
    pub(crate) const fn is_shared(&self) -> bool {
        !self.asks_for_login() && !matches!(self, Self::Unreachable { attempts: 0, .. })
    }

    /// Whether another access token may help: an API rejected this one (RFC 6750 §3.1), and not because it
    /// takes sender-constrained tokens alone.
    #[must_use]
    pub fn asks_for_another_token(&self) -> bool {
        matches!(self, Self::TokenRejected(error) if !error.wants_dpop())
    }

    /// What the server said, where it said something.
    #[must_use]
    pub fn server_error(&self) -> Option<&ServerError> {
        if let Self::Refused(error)
        | Self::AccessDenied(error)
        | Self::SessionEnded(error)
        | Self::TokenRejected(error) = self
        {
            return Some(error);
        }
        if let Self::Unreachable { cause, .. } | Self::OutcomeUnknown { cause, .. } = self {
            return cause.server_error();
        }
        None
    }

    /// What to do next, in words for people.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        if let Some(error) = self.server_error()
            && (matches!(self, Self::Refused(_))
                || error.wants_dpop()
                || error.comes_from_interruption())
        {
            return error.hint();
        }
        self.plain_hint().map(Cow::Borrowed)
    }

    fn plain_hint(&self) -> Option<&str> {
        match self {
            Self::Config(problem) => problem.hint(),
            Self::InvalidResponse { endpoint: Endpoint::Metadata, problem, .. } => {
                problem.hint().or(Some(WRONG_METADATA))
            }
            // RFC 9207 §2.4: what the browser has brought is no reason to trust that server.
            Self::InvalidResponse {
                endpoint: Endpoint::Authorization,
                problem: Problem::IssuerMismatch { .. },
                ..
            } => Some("this answer is of another server: log in again"),
            Self::InvalidResponse { problem, .. } => problem.hint(),
            Self::TimedOut { cause: Some(cause), .. } => cause.plain_hint(),
            Self::Expired => Some("log in again and approve the code in time"),
            Self::TimedOut { cause: None, .. } => Some("log in again and finish it in time"),
            Self::NotAuthenticated(NotLoggedIn::NoRecord) => Some("log in"),
            Self::NotAuthenticated(NotLoggedIn::GivenExpired(_)) => {
                Some("set a new one, or unset it and log in")
            }
            Self::SessionEnded(_) | Self::NotAuthenticated(_) | Self::TokenRejected(_) => {
                Some("log in again")
            }
            Self::Unreachable { cause, .. } => Some(cause.hint()),
            Self::OutcomeUnknown { .. } => {
                Some("try again; if the server says that the session has ended, log in again")
            }
            Self::Store(failure) => failure.hint(),
            Self::Usage(_)
            | Self::Refused(_)
            | Self::AccessDenied(_)
            | Self::Cancelled
            | Self::Finished
            | Self::Internal(_) => None,
        }
    }
}

const WRONG_METADATA: &str =
    "check the issuer; where its metadata is wrong, the endpoints can be given in its place";

fn unreachable(endpoint: Endpoint, attempts: u32, cause: &Unreachable) -> String {
    // The browser has reached it, and brought its word for it (RFC 6749 §4.1.2.1).
    if endpoint == Endpoint::Authorization && matches!(cause, Unreachable::Unavailable(_)) {
        return format!("the {endpoint} can't log a user in for now: {cause}");
    }
    format!("the {endpoint} can't be reached: {cause} ({})", Tries(attempts))
}

fn timed_out(limit: Duration, cause: Option<&Error>) -> String {
    let limit = in_words(limit);
    match cause {
        Some(cause) => format!("the login did not end within {limit}: {cause}"),
        None => format!("the login was not approved within {limit}"),
    }
}

/// Why there is no token. `Display` is a sentence; [`as_str`](Self::as_str) the word that the command's
/// JSON uses.
///
/// ```
/// use aiod_auth_core::{Error, NotLoggedIn};
///
/// fn explain(error: &Error) -> &str {
///     match error {
///         Error::NotAuthenticated(NotLoggedIn::NoRecord) => "log in first",
///         error if error.asks_for_login() => "log in again",
///         _ => "something else went wrong",
///     }
/// }
/// assert_eq!(explain(&Error::NotAuthenticated(NotLoggedIn::NoRecord)), "log in first");
/// assert_eq!(explain(&Error::NotAuthenticated(NotLoggedIn::Expired)), "log in again");
/// assert_eq!(NotLoggedIn::Expired.as_str(), "expired");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotLoggedIn {
    /// No login is stored.
    NoRecord,
    /// The server has ended the session.
    SessionEnded,
    /// The access token has expired, and no refresh token that lives is there to get another.
    Expired,
    /// The access token has not expired, and no refresh token is there to get another.
    NoRefreshToken,
    /// An access token that came from outside, by the variable of this name, has expired.
    GivenExpired(&'static str),
}

impl NotLoggedIn {
    /// The word for it: `no_record`, `session_ended`, `expired`, `no_refresh_token`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::SessionEnded => "session_ended",
            Self::Expired | Self::GivenExpired(_) => "expired",
            Self::NoRefreshToken => "no_refresh_token",
        }
    }
}

impl fmt::Display for NotLoggedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GivenExpired(name) => {
                return write!(f, "the access token in {name} has expired");
            }
            Self::NoRecord => "not logged in",
            Self::SessionEnded => "not logged in: the server ended the session",
            Self::Expired => "not logged in: the tokens have expired",
            Self::NoRefreshToken => "there is no refresh token to get another access token with",
        })
    }
}

/// The stable kinds of error; [`as_str`](Self::as_str) is the word that the command's JSON uses.
///
/// ```
/// use aiod_auth_core::{Error, Kind};
///
/// // As the command does it.
/// fn exit_code(error: &Error) -> u8 {
///     match error.kind() {
///         Kind::Usage | Kind::Config => 2,
///         Kind::NotAuthenticated | Kind::SessionEnded => 3,
///         Kind::AccessDenied | Kind::Expired | Kind::TimedOut | Kind::Cancelled => 4,
///         Kind::Unavailable => 5,
///         Kind::Store => 6,
///         _ => 1,
///     }
/// }
/// assert_eq!(exit_code(&Error::Expired), 4);
/// assert_eq!(Kind::Unavailable.as_str(), "unavailable");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A bug.
    Internal,
    /// The server's answer was malformed.
    Protocol,
    /// The server refused for a reason that is not in this list.
    Server,
    /// The caller asked for something impossible.
    Usage,
    /// The configuration can't work.
    Config,
    /// There is no token, and nothing to get one with.
    NotAuthenticated,
    /// The server ended the session.
    SessionEnded,
    /// The user denied the login.
    AccessDenied,
    /// The device code expired.
    Expired,
    /// The time limit of the login ran out.
    TimedOut,
    /// Given up by the user or the caller.
    Cancelled,
    /// The network or the server is away for now.
    Unavailable,
    /// The token store can't be read or written.
    Store,
}

impl Kind {
    /// The word for it: `access_denied`, `session_ended`, …
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Protocol => "protocol",
            Self::Server => "server",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::NotAuthenticated => "not_authenticated",
            Self::SessionEnded => "session_ended",
            Self::AccessDenied => "access_denied",
            Self::Expired => "expired",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who was asked.
///
/// ```
/// use aiod_auth_core::{Endpoint, Profile};
///
/// // A server without metadata: its endpoints one by one.
/// let profile = Profile::new("https://auth.example.org", "my-tool")?
///     .with_endpoint(Endpoint::Token, "https://auth.example.org/token")?
///     .with_endpoint(Endpoint::DeviceAuthorization, "https://auth.example.org/device")?;
/// assert_eq!(Endpoint::DeviceAuthorization.metadata_name(), "device_authorization_endpoint");
/// # let _ = profile;
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata document: RFC 8414 §3, OpenID Connect Discovery §4.
    Metadata,
    /// RFC 6749 §3.1: where the browser goes, and what its redirect brings back.
    Authorization,
    /// RFC 6749 §3.2.
    Token,
    /// RFC 8628 §3.1.
    DeviceAuthorization,
    /// RFC 7009.
    Revocation,
    /// RP-Initiated Logout, and Keycloak's logout by refresh token.
    EndSession,
    /// OpenID Connect Core §5.3.
    Userinfo,
    /// RFC 7662.
    Introspection,
    /// An API that says who is logged in: AI-on-Demand's `authorization_test`.
    CurrentUser,
}

impl Endpoint {
    /// Those that a server's metadata names, and that can be given by hand.
    pub const NAMED: [Self; 7] = [
        Self::Authorization,
        Self::Token,
        Self::DeviceAuthorization,
        Self::Revocation,
        Self::EndSession,
        Self::Userinfo,
        Self::Introspection,
    ];

    /// Its name in the server's metadata (RFC 8414 §2), or what stands for it where there is none.
    #[must_use]
    pub const fn metadata_name(self) -> &'static str {
        match self {
            Self::Metadata => "issuer",
            Self::Authorization => "authorization_endpoint",
            Self::Token => "token_endpoint",
            Self::DeviceAuthorization => "device_authorization_endpoint",
            Self::Revocation => "revocation_endpoint",
            Self::EndSession => "end_session_endpoint",
            Self::Userinfo => "userinfo_endpoint",
            Self::Introspection => "introspection_endpoint",
            Self::CurrentUser => "current_user",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "server's metadata address",
            Self::Authorization => "authorization endpoint",
            Self::Token => "token endpoint",
            Self::DeviceAuthorization => "device authorization endpoint",
            Self::Revocation => "revocation endpoint",
            Self::EndSession => "end session endpoint",
            Self::Userinfo => "userinfo endpoint",
            Self::Introspection => "introspection endpoint",
            Self::CurrentUser => "API",
        })
    }
}

struct Http(Option<u16>);

impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |status| write!(f, " (HTTP {status})"))
    }
}

struct Tries(u32);

impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("not tried"),
            1 => f.write_str("tried once"),
            n => write!(f, "tried {n} times"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_is_configured_wrongly_is_said_with_what_to_do() {
        let secret = |place: &str, why: &str| {
            let (place, why) = (place.to_string(), why.to_string());
            Error::Config(ConfigProblem::UnreadableClientSecret { place, why })
        };
        let metadata = |problem| {
            let (endpoint, status) = (Endpoint::Metadata, Some(200));
            Error::InvalidResponse { endpoint, status, problem }
        };
        for (error, says) in [
            (secret("/bot.toml", "it is empty"), "put the secret into a file"),
            (secret("/bot.toml", "it belongs to another user (…)"), "run this as that user"),
            (secret("the environment variable BOT", "it is not set, …"), "set it to the secret"),
            (Error::Config(ConfigProblem::InvalidUrl { member: "issuer" }), "write it whole"),
            (
                Error::Config(ConfigProblem::InvalidUrl { member: "redirect_uri" }),
                "http://127.0.0.1/callback",
            ),
            (Error::Config(ConfigProblem::MissingClientSecret), "give the client its secret"),
            (metadata(Problem::Missing("issuer")), "check the issuer; where its metadata is wrong"),
            (metadata(Problem::Html), "a proxy, a firewall or a login page"),
        ] {
            assert!(error.hint().is_some_and(|hint| hint.contains(says)), "{error}");
        }
    }
}
