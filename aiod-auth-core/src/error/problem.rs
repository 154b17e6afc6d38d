//! What exactly is wrong: with the configuration, an answer, the network, the store.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{fmt, time::Duration};

use super::{
    Endpoint, ErrorCode,
    unreachable::{MAY_BE_THE_PROXY, Through},
};

/// What is wrong with the configuration.
///
/// ```
/// use aiod_auth_core::{ClientIdentity, ClientSecret, ConfigProblem, Error};
///
/// let client = ClientIdentity::public("report")?;
/// let error = client.with_secret(ClientSecret::new("s3cr3t\n")).unwrap_err();
/// let Error::Config(problem) = &error else { panic!() };
/// assert_eq!(*problem, ConfigProblem::ControlCharacter("client secret"));
/// assert_eq!(error.hint().unwrap(), "is there a line break at its end?");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// An address that is no absolute http(s) URL, or has a user, a password or a fragment in it.
    #[error("{member} is not a usable web address")]
    InvalidUrl {
        /// Which address.
        member: &'static str,
    },
    /// `http` beyond loopback.
    #[error("{member} is not https")]
    InsecureUrl {
        /// Which address.
        member: &'static str,
    },
    /// The issuer has a query or a fragment: RFC 8414 §2.
    #[error("the issuer must have no query and no fragment")]
    InvalidIssuer,
    /// The server doesn't have this endpoint, or no setting says where it is.
    #[error("the server names no {}", .0.metadata_name())]
    MissingEndpoint(Endpoint),
    /// The server has neither of the endpoints at which a user logs in without giving a password to the client.
    #[error("the server names no device_authorization_endpoint and no authorization_endpoint")]
    NoEndpointForUsers,
    /// Client credentials without a secret: RFC 6749 §4.4.
    #[error("this way to authenticate needs a client secret")]
    MissingClientSecret,
    /// A client's secret can't be read where it should be.
    #[error("cannot read the client secret in {place}: {why}")]
    UnreadableClientSecret {
        /// The file, or the environment variable.
        place: String,
        /// Why not; nothing of what is there.
        why: String,
    },
    /// A client id or secret with control characters: RFC 6749 appendix A.
    #[error("the {0} has a control character in it")]
    ControlCharacter(&'static str),
    /// A name that is empty, or has a character in it that it can't have.
    #[error("the {0} is empty, or has a character in it that is not allowed")]
    InvalidName(&'static str),
    /// A client id that is empty.
    #[error("the client id is empty")]
    EmptyClientId,
    /// The server takes none of the authentication methods that the client can use.
    #[error("the server accepts none of this client's ways to authenticate at the {0}")]
    NoCommonAuthenticationMethod(Endpoint),
    /// Two settings that come together, and only the first is there.
    #[error("{0} is set, and {1} is not")]
    OneWithoutTheOther(&'static str, &'static str),
    /// Two settings that can't be used together.
    #[error("{0} can't be used with {1}")]
    OneTooMany(&'static str, &'static str),
    /// A setting names a file that the refresh token is in for another one: saved, it would take its place.
    #[error("{setting} names {file}, where the refresh token is")]
    RefreshTokensFile {
        /// The variable or member.
        setting: &'static str,
        /// The file.
        file: String,
    },
    /// The server says which code challenge methods it takes, and `S256` is none of them: RFC 7636 §7.2
    /// forbids to fall back to `plain`.
    #[error("the server does not accept the code challenge method S256")]
    NoS256,
    /// There are several ways to log in, and none was chosen.
    #[error("there are several ways to log in here, and none was chosen: {}", .names.join(", "))]
    SeveralProviders {
        /// Their names, made safe to print.
        names: Vec<String>,
    },
    /// No way to log in has the name that was chosen.
    #[error("there is no such way to log in here; there is: {}", .names.join(", "))]
    NoSuchProvider {
        /// Their names, made safe to print.
        names: Vec<String>,
    },
    /// No way to log in is by the flow that was chosen.
    #[error("no way to log in here is by the {flow} flow; there is: {}", .names.join(", "))]
    NoProviderWithFlow {
        /// That flow's name.
        flow: &'static str,
        /// Those that there are, each with its flow; made safe to print.
        names: Vec<String>,
    },
    /// The authorization endpoint's own query has a parameter that only the flow may set.
    #[error("the query of authorization_endpoint has a parameter that is the flow's own")]
    ReservedParameter,
    /// Another program has this port of the redirect address, and the browser could go to that one.
    #[error("the port {0} of the redirect address is taken by another program")]
    PortTaken(u16),
}

impl ConfigProblem {
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InvalidIssuer => Some("leave out what begins with `?` or `#`"),
            Self::EmptyClientId => Some("give the id that the client is registered with"),
            Self::MissingClientSecret => {
                Some("give the client its secret, in a file or a variable, or choose another flow")
            }
            Self::UnreadableClientSecret { place, .. } if place.starts_with(VARIABLE) => {
                Some("set it to the secret, for this program")
            }
            Self::UnreadableClientSecret { why, .. } if why.contains("another user") => {
                Some("run this as that user, or name a file of your own")
            }
            Self::UnreadableClientSecret { .. } => Some(
                "put the secret into a file that this user can read, alone or as TOML with `client_secret`",
            ),
            Self::OneTooMany(..) => Some("leave one of them out"),
            Self::NoS256 => Some("choose another flow, such as device"),
            Self::ReservedParameter => Some("leave that parameter out of the address"),
            Self::InsecureUrl { .. } => Some(
                "use https; only loopback may be plain http, unless allow_insecure_http is set",
            ),
            Self::MissingEndpoint(Endpoint::DeviceAuthorization) => {
                Some("this server may not offer the device flow; choose another flow")
            }
            Self::MissingEndpoint(Endpoint::Authorization) => {
                Some("this server may not offer the browser flow; choose another flow")
            }
            Self::MissingEndpoint(_) => {
                Some("check the issuer, or give the address in the profile")
            }
            Self::NoEndpointForUsers => Some(
                "check the issuer, or give one of the addresses in the profile; a client with a secret needs neither",
            ),
            Self::InvalidUrl { member: "redirect_uri" } => {
                Some("write it as the server has it, at loopback: http://127.0.0.1/callback")
            }
            Self::InvalidUrl { .. } => Some(
                "write it whole, as https://host/path, without a user, a password or a fragment in it",
            ),
            Self::InvalidName(_) => Some("set another one, or unset it"),
            Self::OneWithoutTheOther(..) => Some("set both, or neither"),
            Self::RefreshTokensFile { .. } => Some("name another file, such as cloud_access_token"),
            Self::SeveralProviders { .. } | Self::NoSuchProvider { .. } => Some("name one of them"),
            Self::NoProviderWithFlow { .. } => Some("leave the flow to the server"),
            Self::PortTaken(_) => Some("end that program, or register another port"),
            Self::ControlCharacter(_) => Some("is there a line break at its end?"),
            Self::NoCommonAuthenticationMethod(_) => Some(
                "it takes none of the ways in which a secret is sent here: say which it takes all the same (`client_authentication`), or leave the secret out",
            ),
        }
    }
}

/// How the place of a secret in the environment begins.
const VARIABLE: &str = "the environment variable ";

/// What is wrong with an answer. Fields are named, values never shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not the JSON it has to be, at this place.
    #[error("not valid JSON at line {line}, column {column}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A web page: a proxy, a captive portal, or a wrong address.
    #[error("a web page")]
    Html,
    /// Nothing at all.
    #[error("the body is empty")]
    Empty,
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// Nested too deeply.
    #[error("nested too deeply")]
    TooDeep,
    /// More members than have a use.
    #[error("too many members")]
    TooManyMembers,
    /// Larger than the limit.
    #[error("the body is too large")]
    TooLarge,
    /// It broke off.
    #[error("it broke off")]
    Cut,
    /// Something came, and it is no HTTP, or its header is too large.
    #[error("what came can't be read as HTTP")]
    NotHttp,
    /// A required member is missing, null or empty.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The same, and the server says something to people.
    #[error("`{name}` is missing, and it says {said:?}")]
    MissingBut {
        /// The member.
        name: &'static str,
        /// As answered, cleaned.
        said: String,
    },
    /// A member of the wrong type or format.
    #[error("`{0}` has the wrong type or format")]
    Invalid(&'static str),
    /// An address that no secret and no user is sent to.
    #[error("`{0}` is plain http, or a link-local address")]
    InsecureAddress(&'static str),
    /// A member that is there twice.
    #[error("`{0}` is there twice")]
    Duplicate(&'static str),
    /// A token type that this client cannot use: RFC 6749 §7.1.
    #[error("an unknown token type")]
    UnknownTokenType,
    /// A redirect, which is never followed.
    #[error("a redirect{}", To(.to.as_deref()))]
    Redirect {
        /// The origin that it points to.
        to: Option<String>,
    },
    /// The status has no meaning here.
    #[error("an unexpected status")]
    UnexpectedStatus,
    /// Tokens, and beside them an error that may pass.
    #[error("it says {0}, and has tokens beside that")]
    ErrorToo(ErrorCode),
    /// The metadata is another issuer's: RFC 8414 §3.3.
    #[error("its issuer is {found:?}, not {expected:?}")]
    IssuerMismatch {
        /// As configured.
        expected: String,
        /// As answered, cleaned.
        found: String,
    },
    /// It is about another user than the one who logged in: OpenID Connect Core §5.3.2, §12.2.
    #[error("it is about another user than the one who logged in")]
    OtherSubject,
    /// An address at another host than the server's own, which gets no secret.
    #[error("`{member}` is at another host: {host}")]
    OtherHost {
        /// The member.
        member: &'static str,
        /// Where it is: scheme, host and port.
        host: String,
    },
    /// A way to log in that is not known: Tiled's `mode`.
    #[error("the mode {0:?} is not known")]
    UnknownMode(String),
    /// The same of one of several ways to log in.
    #[error("the provider {name:?}: {problem}")]
    OfProvider {
        /// Its name, made safe to print.
        name: String,
        /// What is wrong with it.
        problem: Box<Self>,
    },
    /// There is no metadata at any of the places where it could be.
    #[error("no metadata was found")]
    NoMetadata,
    /// The same of an answer that may be a proxy's, which was asked in the server's place (at plain http).
    #[error("{problem}{}", Through(Some(.proxy)))]
    OfProxy {
        /// Host and port.
        proxy: String,
        /// What is wrong with it.
        problem: Box<Self>,
    },
}

impl Problem {
    /// Names the proxy that may have answered, if there is one.
    pub(crate) fn through(self, proxy: Option<&str>) -> Self {
        match proxy {
            Some(proxy) => Self::OfProxy { proxy: proxy.into(), problem: Box::new(self) },
            None => self,
        }
    }

    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Html => {
                Some("a proxy, a firewall or a login page of the network may have answered")
            }
            Self::Redirect { .. } => {
                Some("redirects are not followed: configure the address it points to")
            }
            // Entra's `common` and `organizations`.
            Self::IssuerMismatch { found, .. } if found.contains('{') => {
                Some("its issuer is a template: use the tenant's own address")
            }
            Self::IssuerMismatch { found, expected } if found == expected => Some(
                "the server's has blanks or characters in it that aren't shown: it has to be mended there",
            ),
            Self::IssuerMismatch { .. } => {
                Some("configure the issuer exactly as the server writes it")
            }
            Self::NoMetadata => Some("check the issuer"),
            Self::InsecureAddress(_) => Some(
                "the server has to name an https address; plain http is taken only if the issuer is at \
                 http as well",
            ),
            Self::OtherSubject => Some("log out and log in again"),
            Self::OtherHost { .. } => {
                Some("give the server's address as its own description names it")
            }
            Self::OfProvider { problem, .. } => problem.hint(),
            Self::OfProxy { problem, .. } if matches!(**problem, Self::Redirect { .. }) => {
                problem.hint()
            }
            Self::OfProxy { .. } => Some(MAY_BE_THE_PROXY),
            Self::NotJson { .. }
            | Self::Empty
            | Self::ErrorToo(_)
            | Self::NotAnObject
            | Self::TooDeep
            | Self::TooManyMembers
            | Self::TooLarge
            | Self::Cut
            | Self::NotHttp
            | Self::Missing(_)
            | Self::MissingBut { .. }
            | Self::Invalid(_)
            | Self::Duplicate(_)
            | Self::UnknownTokenType
            | Self::UnknownMode(_)
            | Self::UnexpectedStatus => None,
        }
    }
}

/// Why the token store failed, in the store's words: which file, and what about it.
///
/// ```
/// use aiod_auth_core::{Error, Kind, StoreFailure};
///
/// // What a store of your own fails with.
/// let failure = StoreFailure::new("the vault at vault.example is sealed").with_hint("unseal it");
/// let error = Error::Store(failure);
/// assert_eq!(error.kind(), Kind::Store);
/// assert_eq!(error.hint().unwrap(), "unseal it");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFailure {
    message: String,
    hint: Option<&'static str>,
    why: Why,
}

/// Why a store has failed, as far as that matters to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Unknown,
    Away,
    Busy,
    AnotherLogin,
}

impl StoreFailure {
    /// Says what failed, naming the place and no token.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, why: Why::Unknown }
    }

    /// Another process has the lock of this place, for a lease of which this is left at most, or for as long as it
    /// runs.
    #[must_use]
    pub fn busy(place: &str, lease_left: Option<Duration>) -> Self {
        let failure = match lease_left {
            Some(left) => {
                let seconds = left.as_secs().saturating_add(1);
                Self::new(format!(
                    "the lock of {place} is leased to another process, which may have died: it is free in \
                     {seconds} s at the latest"
                ))
                .with_hint("try again then")
            }
            None => Self::new(format!("another process holds the lock of {place}"))
                .with_hint("wait for it, or end it"),
        };
        Self { why: Why::Busy, ..failure }
    }

    /// Another process had it for so long that no time is left.
    pub(crate) fn came_too_late(place: &str, waited: Duration) -> Self {
        let seconds = waited.as_secs();
        Self::new(format!(
            "another process held the lock of {place} for {seconds} s, which left no time to ask the server"
        ))
        .with_hint("try again; if it stays so, end that process, or give this one more time")
    }

    /// Says what to do about it.
    #[must_use]
    pub const fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Says that the store is on another machine and doesn't answer, for now: new tokens are saved as soon as it
    /// is back, if that is in time.
    #[must_use]
    pub const fn while_away(mut self) -> Self {
        self.why = Why::Away;
        self
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    /// Whether the same may work in a moment.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self.why, Why::Away)
    }

    /// Another process has the lock. If not, it can't be had at all.
    pub(crate) const fn is_busy(&self) -> bool {
        matches!(self.why, Why::Busy)
    }

    /// What a login that failed has brought is not saved in place of the login that is stored.
    pub(crate) fn another_login() -> Self {
        let failure = Self::new("another login is stored, and stays");
        Self { why: Why::AnotherLogin, ..failure }
    }

    pub(crate) const fn is_another_login(&self) -> bool {
        matches!(self.why, Why::AnotherLogin)
    }
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

struct To<'a>(Option<&'a str>);

impl fmt::Display for To<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(origin) => write!(f, " to {origin}"),
            None => Ok(()),
        }
    }
}
