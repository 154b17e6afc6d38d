//! Why a request failed for now: the network, a proxy, TLS, or a server that is unavailable.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{fmt, time::Duration};

use super::{Kind, Problem, ServerError};
use crate::{
    http::{NoResponse, lookup_may_pass},
    time::in_words,
    wire::www_authenticate,
};

/// Why the last attempt at a request failed.
///
/// ```
/// use aiod_auth_core::{Endpoint, Error, Unreachable};
/// use core::time::Duration;
///
/// /// When the server wants to be asked again.
/// fn asks_for(error: &Error) -> Option<Duration> {
///     match error {
///         Error::Unreachable { cause: Unreachable::RetryAfter { after, .. }, .. } => Some(*after),
///         _ => None,
///     }
/// }
/// let after = Duration::from_secs(120);
/// let cause = Unreachable::RetryAfter { status: 503, after, said: None };
/// let error = Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause };
/// assert!(error.is_retryable());
/// assert_eq!(asks_for(&error), Some(Duration::from_secs(120)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreachable {
    /// Nothing was sent.
    #[error("{0}")]
    NotSent(&'static str),
    /// Nothing was sent: this host name was not found.
    #[error("the host name {0} was not found")]
    HostNotFound(Box<str>),
    /// Nothing was sent: the name servers could not be asked for this host, or can't answer now.
    #[error("the host name {0} can't be looked up now (DNS)")]
    LookupFailed(Box<str>),
    /// It may have been sent.
    #[error("{0}")]
    NoAnswer(&'static str),
    /// The proxy on the way there failed or refused. Nothing was sent to the server, unless the proxy was asked in
    /// its place ([`ProxyProblem::Unanswered`]).
    #[error("{0}")]
    Proxy(Box<ProxyFailure>),
    /// There was no TLS connection. Nothing was sent.
    #[error("{0}")]
    Tls(TlsFailure),
    /// It was sent, and no answer came in time.
    #[error("timed out")]
    TimedOut,
    /// It was sent, and what came can't be read at all.
    #[error("{0}")]
    Unreadable(Box<Problem>),
    /// It answered that it can't answer.
    #[error("HTTP {0}")]
    Status(u16),
    /// The same, and it said why.
    #[error("{}", status_and_code(.0))]
    Unavailable(Box<ServerError>),
    /// The same, and it asks for more time than the caller has (RFC 9110 §10.2.3).
    #[error("HTTP {status}{}, try again in {}", Through(.said.as_ref().and_then(|said| said.proxy.as_deref())), in_words(*.after))]
    RetryAfter {
        /// The status.
        status: u16,
        /// How long it wants to be left alone.
        after: Duration,
        /// What else it said.
        said: Option<Box<ServerError>>,
    },
}

impl Unreachable {
    /// `None` for an answer that came and can't be read.
    pub(crate) fn from_no_response(no_response: NoResponse) -> Option<Self> {
        match no_response {
            NoResponse::NotSent(why) => Some(Self::NotSent(why)),
            NoResponse::HostNotFound(host) => Some(Self::HostNotFound(host)),
            NoResponse::LookupFailed(host) => Some(Self::LookupFailed(host)),
            NoResponse::Unknown(why) | NoResponse::Cut { why, .. } => Some(Self::NoAnswer(why)),
            NoResponse::Proxy(failure) => Some(Self::Proxy(failure)),
            NoResponse::Tls(failure) => Some(Self::Tls(failure)),
            NoResponse::TooLarge(_) | NoResponse::NotHttp => None,
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::NotSent(_)
            | Self::HostNotFound(_)
            | Self::LookupFailed(_)
            | Self::NoAnswer(_)
            | Self::TimedOut
            | Self::Unreadable(_)
            | Self::Status(_)
            | Self::Unavailable(_)
            | Self::RetryAfter { .. } => Kind::Unavailable,
            Self::Proxy(failure) => failure.problem.kind(),
            Self::Tls(failure) => failure.kind(),
        }
    }

    /// The same where the time that the request had went by.
    pub(crate) fn timed_out(self) -> Self {
        let Self::Proxy(failure) = self else { return Self::TimedOut };
        Self::Proxy(Box::new(ProxyFailure { problem: ProxyProblem::TimedOut, ..*failure }))
    }

    /// Whether what spends something is not sent again: an answer came, or may still be on its way.
    pub(crate) fn forbids_resend(&self) -> bool {
        let is_of_proxy =
            matches!(self, Self::Proxy(failure) if failure.problem == ProxyProblem::TimedOut);
        is_of_proxy || matches!(self, Self::TimedOut | Self::Unreadable(_))
    }

    /// What the server said.
    pub(super) fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Unavailable(said) => Some(said),
            Self::RetryAfter { said, .. } => said.as_deref(),
            Self::NotSent(_)
            | Self::HostNotFound(_)
            | Self::LookupFailed(_)
            | Self::NoAnswer(_)
            | Self::Proxy(_)
            | Self::Tls(_)
            | Self::TimedOut
            | Self::Unreadable(_)
            | Self::Status(_) => None,
        }
    }

    /// Whether another attempt may end otherwise.
    pub(crate) fn is_transient(&self) -> bool {
        self.kind() == Kind::Unavailable
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::NotSent(_)
            | Self::HostNotFound(_)
            | Self::LookupFailed(_)
            | Self::NoAnswer(_)
            | Self::TimedOut
            | Self::Unreadable(_)
            | Self::Status(_) => TRY_LATER,
            Self::Unavailable(said) | Self::RetryAfter { said: Some(said), .. }
                if said.proxy.is_some() =>
            {
                "it may be the proxy's answer: check the proxy, or try again later"
            }
            Self::Unavailable(_) | Self::RetryAfter { .. } => "try again later",
            Self::Proxy(failure) => failure.problem.hint(),
            Self::Tls(failure) => failure.hint(),
        }
    }
}

/// What is wrong with which proxy.
///
/// ```
/// use aiod_auth_core::{NoResponse, ProxyFailure, ProxyProblem, proxy::Proxy};
///
/// // A transport of your own tells what the proxy answered; its password is in no text.
/// let proxy = Proxy::new("http://me:hunter2@proxy.example:3128").unwrap();
/// let failure = proxy.failure(ProxyProblem::CredentialsWanted);
/// assert!(failure.to_string().starts_with("the proxy proxy.example:3128 wants"));
/// let outcome = NoResponse::Proxy(failure);
/// # let _ = outcome;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("the proxy {proxy} {problem}")]
pub struct ProxyFailure {
    /// Host and port, or the variable whose value can't be used. Never its password.
    pub proxy: String,
    /// What is wrong with it.
    pub problem: ProxyProblem,
}

impl ProxyFailure {
    /// `proxy` is the host and port, or the variable that names the proxy.
    pub fn new(proxy: impl Into<String>, problem: ProxyProblem) -> Self {
        Self { proxy: proxy.into(), problem }
    }
}

/// What is wrong with a proxy.
///
/// ```
/// use aiod_auth_core::{ProxyProblem, proxy::Proxy};
///
/// let problem: ProxyProblem = Proxy::new("ftp://proxy.example").unwrap_err();
/// println!("the proxy in http_proxy {problem}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyProblem {
    /// Its address or its kind can't be used.
    Unusable(&'static str),
    /// There is no connection to it, or it broke before the tunnel stood.
    NotReached(&'static str),
    /// It opened a tunnel, which broke before there was a TLS connection through it. The proxy may have closed it, or
    /// the server behind it.
    TunnelBroke(&'static str),
    /// It wants credentials, or other ones: RFC 9110 §15.5.8.
    CredentialsWanted,
    /// It wants a login of a kind that is not spoken here, and offers no other: `NTLM`, `Negotiate`.
    SchemeNotSpoken(&'static str),
    /// It is a SOCKS5 proxy, and wants credentials, or other ones: RFC 1928 §3, RFC 1929.
    SocksCredentialsWanted,
    /// It is a SOCKS5 proxy, and closed the connection when it had the credentials: they are not right, or it
    /// doesn't say what else is wrong.
    SocksCredentialsUnanswered,
    /// It answered this HTTP status instead of opening a tunnel: RFC 9110 §9.3.6.
    Status(u16),
    /// It was asked in place of a server at plain http (RFC 9112 §3.2.2), and no answer came. Whether the server has
    /// seen the request is not known.
    Unanswered(&'static str),
    /// The same, and all the time that the request had went by.
    TimedOut,
    /// It was asked in place of a server, and what came can't be read as HTTP.
    NotHttp,
    /// It gave this reply code instead of a connection: RFC 1928 §6.
    SocksReply(u8),
}

impl ProxyProblem {
    /// What a 407 means, by its `Proxy-Authenticate` fields (RFC 9110 §11.7.1): one that names a scheme and not
    /// `Basic` can't be met. One without any may be met by credentials.
    ///
    /// ```
    /// use aiod_auth_core::ProxyProblem;
    ///
    /// assert_eq!(ProxyProblem::of_407(["Negotiate", "NTLM"]).to_string(),
    ///     "wants a login by Negotiate or NTLM, which is not spoken here (HTTP 407)");
    /// assert_eq!(ProxyProblem::of_407(["NTLM", "Basic realm=\"x\""]), ProxyProblem::CredentialsWanted);
    /// ```
    #[must_use]
    pub fn of_407<'a>(fields: impl IntoIterator<Item = &'a str>) -> Self {
        let challenges: Vec<_> = fields.into_iter().flat_map(www_authenticate::parse).collect();
        let has = |scheme: &str| challenges.iter().any(|challenge| challenge.scheme() == scheme);
        if challenges.is_empty() || has("basic") {
            return Self::CredentialsWanted;
        }
        let known = SCHEMES.iter().find(|(schemes, _)| schemes.iter().all(|scheme| has(scheme)));
        Self::SchemeNotSpoken(known.map_or("another scheme than Basic", |(_, name)| name))
    }

    /// The same, by the head of the answer as it came.
    #[must_use]
    pub fn of_407_head(head: &str) -> Self {
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        Self::of_407(
            fields
                .filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authenticate"))
                .map(|(_, value)| value.trim()),
        )
    }

    /// A proxy whose host name the system's lookup failed for, with these words.
    ///
    /// ```
    /// use aiod_auth_core::ProxyProblem;
    ///
    /// let problem = ProxyProblem::of_lookup("Name or service not known");
    /// assert_eq!(problem.to_string(), "can't be reached: the host name was not found");
    /// ```
    #[must_use]
    pub fn of_lookup(words: &str) -> Self {
        Self::NotReached(match lookup_may_pass(words) {
            true => "the host name can't be looked up now (DNS)",
            false => "the host name was not found",
        })
    }

    /// A refusal is a matter of configuration; a proxy that is away, or that can't reach the server
    /// now, may be better later.
    const fn kind(self) -> Kind {
        match self {
            Self::Unusable(_)
            | Self::CredentialsWanted
            | Self::SchemeNotSpoken(_)
            | Self::SocksCredentialsWanted
            | Self::SocksCredentialsUnanswered => Kind::Config,
            Self::NotReached(_) | Self::TunnelBroke(_) | Self::Unanswered(_) | Self::TimedOut => {
                Kind::Unavailable
            }
            Self::NotHttp => Kind::Protocol,
            Self::Status(408 | 425 | 429) => Kind::Unavailable,
            // RFC 9110 §15.6.2: it knows no such method.
            Self::Status(501) => Kind::Config,
            Self::Status(status) if status >= 500 => Kind::Unavailable,
            Self::Status(_) => Kind::Config,
            // Not allowed; an address or a command that it doesn't know.
            Self::SocksReply(2 | 7 | 8) => Kind::Config,
            Self::SocksReply(_) => Kind::Unavailable,
        }
    }

    /// Whether it was asked in the server's place, which may have seen the request.
    pub(crate) const fn comes_after_request(self) -> bool {
        matches!(self, Self::Unanswered(_) | Self::TimedOut | Self::NotHttp)
    }

    const fn is_transient(self) -> bool {
        matches!(self.kind(), Kind::Unavailable)
    }

    fn hint(self) -> &'static str {
        match self {
            Self::CredentialsWanted => {
                "the proxy's address has to have the right user name and password: http://user:password@host:port"
            }
            Self::SchemeNotSpoken(_) => {
                "let the proxy take Basic, or go by a program on this machine that speaks it for others (px, cntlm); NO_PROXY names the hosts that need no proxy"
            }
            Self::SocksCredentialsWanted | Self::SocksCredentialsUnanswered => {
                "the proxy's address has to have the right user name and password: socks5h://user:password@host:port"
            }
            Self::Unusable(why) if why.contains("SOCKS") => {
                "give the address of a SOCKS5 proxy, socks5h://host:port, or of an HTTP one, http://host:port"
            }
            Self::Unusable(_) => "correct the proxy's address: http://host:port",
            Self::NotReached(_) => {
                "check the proxy's address; NO_PROXY names the hosts that need no proxy"
            }
            Self::TunnelBroke(_) | Self::Unanswered(_) | Self::TimedOut | Self::NotHttp => {
                MAY_BE_THE_PROXY
            }
            Self::Status(501) => {
                "give the address of a proxy that opens tunnels (CONNECT); NO_PROXY names the hosts that need no proxy"
            }
            Self::Status(_) | Self::SocksReply(_) if self.is_transient() => TRY_LATER,
            Self::Status(_) | Self::SocksReply(_) => {
                "let the proxy allow this server, or name it in NO_PROXY"
            }
        }
    }
}

impl fmt::Display for ProxyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) => f.write_str(why),
            Self::NotReached(why) => write!(f, "can't be reached: {why}"),
            Self::TunnelBroke(why) => {
                write!(f, "opened a tunnel that broke before there was TLS: {why}")
            }
            Self::CredentialsWanted => f.write_str("wants a user name and password (HTTP 407)"),
            Self::SchemeNotSpoken(scheme) => {
                write!(f, "wants a login by {scheme}, which is not spoken here (HTTP 407)")
            }
            Self::SocksCredentialsWanted => f.write_str("wants a user name and password (SOCKS5)"),
            Self::SocksCredentialsUnanswered => {
                f.write_str("closed the connection after the user name and password (SOCKS5)")
            }
            Self::Unanswered(why) => write!(f, "gave no answer: {why}"),
            Self::TimedOut => f.write_str("gave no answer in time"),
            Self::NotHttp => f.write_str("gave an answer that can't be read as HTTP"),
            Self::Status(501) => f.write_str("opens no tunnels (HTTP 501)"),
            Self::Status(status) if self.is_transient() => {
                write!(f, "can't reach the server (HTTP {status})")
            }
            Self::Status(status) => write!(f, "refuses the connection (HTTP {status})"),
            Self::SocksReply(code) => {
                f.write_str(match code {
                    2 => "refuses the connection",
                    3 => "can't reach the server's network",
                    4 => "can't find the server",
                    5 => "can't connect to the server",
                    6 => "timed out on the way to the server",
                    7 | 8 => "doesn't know how to connect to this server",
                    _ => "failed",
                })?;
                write!(f, " (SOCKS reply {code})")
            }
        }
    }
}

impl core::error::Error for ProxyProblem {}

/// The schemes that proxies are known to want, in lower case, and how they are called.
const SCHEMES: [(&[&str], &str); 5] = [
    (&["negotiate", "ntlm"], "Negotiate or NTLM"),
    (&["ntlm"], "NTLM"),
    (&["negotiate"], "Negotiate (Kerberos)"),
    (&["kerberos"], "Kerberos"),
    (&["digest"], "Digest"),
];

/// Why there was no TLS connection. Nothing was sent.
///
/// ```
/// use aiod_auth_core::{CertificateProblem, Endpoint, Error, Kind, TlsFailure, Unreachable};
///
/// let cause = Unreachable::Tls(TlsFailure::Certificate(CertificateProblem::Expired));
/// let error = Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause };
/// // It doesn't pass by itself, so nothing is tried again.
/// assert_eq!(error.kind(), Kind::Server);
/// assert!(error.hint().is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server's certificate doesn't hold.
    Certificate(CertificateProblem),
    /// There is no certificate to trust; where they were looked for.
    NoRoots(Box<str>),
    /// A file with certificates to trust that the environment names can't be used: which, and why.
    UnusableRoots(Box<str>),
    /// The server wants a client certificate, and none is configured.
    ClientCertificateWanted,
    /// The server doesn't accept the client certificate.
    ClientCertificateRefused,
    /// The client certificate and its key can't be used, or not together.
    ClientCertificateUnusable,
    /// The client and the server have no TLS version in common.
    Version,
    /// The server refused what the client offers (an alert's name, RFC 8446 §6).
    Refused(&'static str),
    /// The server gave up for a reason of its own (an alert's name).
    Alert(&'static str),
    /// What answered on this port doesn't speak TLS.
    NotTls,
    /// This program was built without TLS, or has not set it up.
    Unavailable(&'static str),
}

impl TlsFailure {
    /// The same of a proxy that is reached through TLS.
    ///
    /// ```
    /// use aiod_auth_core::{TlsFailure, proxy::Proxy};
    ///
    /// let proxy = Proxy::new("https://proxy.example").unwrap();
    /// let failure = proxy.failure(TlsFailure::NotTls.of_proxy());
    /// assert_eq!(failure.to_string(), "the proxy proxy.example:443 doesn't speak TLS");
    /// ```
    #[must_use]
    pub const fn of_proxy(&self) -> ProxyProblem {
        match self {
            Self::Certificate(CertificateProblem::Expired) => {
                ProxyProblem::Unusable("has a certificate that has expired (TLS)")
            }
            Self::Certificate(_) => {
                ProxyProblem::Unusable("has a certificate that can't be trusted (TLS)")
            }
            Self::NotTls => ProxyProblem::Unusable("doesn't speak TLS"),
            Self::NoRoots(_)
            | Self::UnusableRoots(_)
            | Self::ClientCertificateWanted
            | Self::ClientCertificateRefused
            | Self::ClientCertificateUnusable
            | Self::Version
            | Self::Refused(_)
            | Self::Alert(_)
            | Self::Unavailable(_) => ProxyProblem::NotReached("no TLS connection"),
        }
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Certificate(_) | Self::Version | Self::Refused(_) | Self::NotTls => Kind::Server,
            Self::NoRoots(_)
            | Self::UnusableRoots(_)
            | Self::ClientCertificateWanted
            | Self::ClientCertificateRefused
            | Self::ClientCertificateUnusable
            | Self::Unavailable(_) => Kind::Config,
            Self::Alert(_) => Kind::Unavailable,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Certificate(problem) => problem.hint(),
            Self::NoRoots(_) => {
                "install the platform's certificates (ca-certificates), correct SSL_CERT_FILE or SSL_CERT_DIR, or give a CA file"
            }
            Self::UnusableRoots(_) => {
                "let it name a file with certificates in PEM form, or unset it"
            }
            Self::ClientCertificateWanted => "give a client certificate with its key",
            Self::ClientCertificateRefused => {
                "give a client certificate that this server accepts, with its key"
            }
            Self::ClientCertificateUnusable => {
                "give a client certificate with the key that belongs to it"
            }
            Self::Refused("unrecognized_name") => {
                "check the address: the server knows no host of this name"
            }
            Self::Version | Self::Refused(_) => {
                "the server has to offer TLS 1.2 or 1.3 with a cipher that is not outdated"
            }
            Self::NotTls => "check the address: is its port one for plain HTTP?",
            Self::Alert(_) => TRY_LATER,
            Self::Unavailable(_) => "build the program with TLS: feature `ring`, for example",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(problem) => write!(f, "its certificate {problem} (TLS)"),
            Self::NoRoots(places) => write!(f, "there are no certificates to trust in {places}"),
            Self::UnusableRoots(which_and_why) => {
                write!(f, "the certificates to trust can't be read: {which_and_why}")
            }
            Self::ClientCertificateWanted => f.write_str("it wants a client certificate (TLS)"),
            Self::ClientCertificateRefused => {
                f.write_str("it doesn't accept the client certificate (TLS)")
            }
            Self::ClientCertificateUnusable => {
                f.write_str("the client certificate and its key can't be used together")
            }
            Self::Version => f.write_str("it has no TLS version in common with this client"),
            Self::Refused(alert) | Self::Alert(alert) => {
                write!(f, "it broke off the TLS handshake ({alert})")
            }
            Self::NotTls => f.write_str("what answered there doesn't speak TLS"),
            Self::Unavailable(why) => f.write_str(why),
        }
    }
}

/// Why a server's certificate doesn't hold.
///
/// ```
/// use aiod_auth_core::{CertificateProblem, TlsFailure};
///
/// let failure = TlsFailure::Certificate(CertificateProblem::UnknownIssuer);
/// assert!(failure.to_string().contains("its issuer is unknown"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// No certificate that is trusted has signed it.
    UnknownIssuer,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for another host.
    OtherName,
    /// It is for no host: it has no subject alternative name, and a common name doesn't count (RFC 9525 §6.3).
    NoName,
    /// It is a certificate authority's own, and not trusted as a server's.
    CaUsedAsServer,
    /// Its issuer has withdrawn it.
    Revoked,
    /// It is not meant for servers (RFC 5280 §4.2.1.12).
    OtherPurpose,
    /// It is of X.509's version 1 or 2, which says too little.
    OldVersion,
    /// It can't be read, or is signed in a way that isn't accepted.
    Unacceptable,
}

impl CertificateProblem {
    const fn hint(self) -> &'static str {
        match self {
            Self::UnknownIssuer | Self::CaUsedAsServer => {
                "if this server is the right one, trust its issuer, or a self-signed certificate itself: a CA file, or SSL_CERT_FILE"
            }
            Self::Expired | Self::NotYetValid => {
                "check this machine's clock; else the server needs a new certificate"
            }
            Self::OtherName => "check the address: it has to be one that the certificate names",
            Self::NoName => {
                "the server needs a certificate with a subject alternative name (`subjectAltName`) for its host"
            }
            Self::Revoked | Self::OtherPurpose | Self::OldVersion | Self::Unacceptable => {
                "the server needs another certificate"
            }
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownIssuer => "can't be trusted: its issuer is unknown",
            Self::Expired => "has expired",
            Self::NotYetValid => "is not valid yet",
            Self::OtherName => "is for another name",
            Self::NoName => {
                "is for no host: it has no subject alternative name, and its common name doesn't count"
            }
            Self::CaUsedAsServer => {
                "can't be trusted: it is a certificate authority's, used as a server's"
            }
            Self::Revoked => "has been revoked",
            Self::OtherPurpose => "can't be accepted: it is not meant for a server",
            Self::OldVersion => "can't be accepted: it is not of version 3",
            Self::Unacceptable => "can't be accepted",
        })
    }
}

/// The rest of it, as of any error of a server, is said apart.
fn status_and_code(said: &ServerError) -> String {
    let through = Through(said.proxy.as_deref());
    match (said.status, &said.code) {
        (Some(status), Some(code)) => format!("HTTP {status}, {code}{through}"),
        (Some(status), None) => format!("HTTP {status}{through}"),
        (None, Some(code)) => format!("{code}{through}"),
        (None, None) => String::new(),
    }
}

/// The proxy that was asked in the server's place. Which of the two has answered can't be told.
pub(super) struct Through<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Through<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(proxy) => write!(f, ", through the proxy {proxy}"),
            None => Ok(()),
        }
    }
}

pub(super) const MAY_BE_THE_PROXY: &str =
    "it may be the proxy's answer: let the proxy allow this server, or name it in NO_PROXY";

const TRY_LATER: &str = "check the network and the address, or try again later";

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_passes_by_itself_is_unavailable_and_the_rest_says_whose_matter_it_is() {
        let proxy = |problem| Unreachable::Proxy(Box::new(ProxyFailure::new("p:1", problem)));
        for (cause, kind, says) in [
            (proxy(ProxyProblem::CredentialsWanted), Kind::Config, "the proxy p:1 wants"),
            (
                proxy(ProxyProblem::of_407(["NTLM"])),
                Kind::Config,
                "the proxy p:1 wants a login by NTLM",
            ),
            (proxy(ProxyProblem::SocksCredentialsWanted), Kind::Config, "password (SOCKS5)"),
            (
                proxy(ProxyProblem::SocksCredentialsUnanswered),
                Kind::Config,
                "the proxy p:1 closed the connection after",
            ),
            (proxy(ProxyProblem::Status(403)), Kind::Config, "the proxy p:1 refuses"),
            (proxy(ProxyProblem::Status(503)), Kind::Unavailable, "the proxy p:1 can't reach"),
            (proxy(ProxyProblem::SocksReply(2)), Kind::Config, "the proxy p:1 refuses"),
            (proxy(ProxyProblem::SocksReply(5)), Kind::Unavailable, "the proxy p:1 can't"),
            (proxy(ProxyProblem::NotReached("x")), Kind::Unavailable, "can't be reached: x"),
            (proxy(ProxyProblem::Unusable("is odd")), Kind::Config, "the proxy p:1 is odd"),
            (
                Unreachable::Tls(TlsFailure::Certificate(CertificateProblem::Expired)),
                Kind::Server,
                "has expired",
            ),
            (Unreachable::Tls(TlsFailure::NoRoots("/x".into())), Kind::Config, "in /x"),
            (Unreachable::Tls(TlsFailure::UnusableRoots("/x".into())), Kind::Config, "read: /x"),
            (Unreachable::Tls(TlsFailure::ClientCertificateWanted), Kind::Config, "client cert"),
            (Unreachable::Tls(TlsFailure::Version), Kind::Server, "version"),
            (Unreachable::Tls(TlsFailure::NotTls), Kind::Server, "doesn't speak TLS"),
            (
                Unreachable::Tls(TlsFailure::Alert("internal_error")),
                Kind::Unavailable,
                "internal_error",
            ),
        ] {
            assert_eq!(cause.kind(), kind, "{cause}");
            assert!(cause.to_string().contains(says), "{cause}");
        }
    }

    #[test]
    fn what_to_do_is_about_what_is_wrong() {
        let name = TlsFailure::Refused("unrecognized_name");
        assert!(name.hint().starts_with("check the address"), "{}", name.hint());
        let socks4 = crate::proxy::Proxy::new("socks4://p:1").unwrap_err();
        assert!(socks4.hint().contains("socks5h://"), "{}", socks4.hint());
        let user = crate::proxy::Proxy::new("http://DOM\\me:pw@p:1").unwrap_err();
        assert!(user.to_string().contains("%5C for \\"), "{user}");
    }

    #[test]
    fn what_a_407_asks_for() {
        let not_spoken = ProxyProblem::SchemeNotSpoken;
        for (fields, expected) in [
            (&[][..], ProxyProblem::CredentialsWanted),
            (&["Basic realm=\"a, NTLM\""], ProxyProblem::CredentialsWanted),
            (&["Negotiate", "NTLM", "Basic realm=\"a\""], ProxyProblem::CredentialsWanted),
            (
                &["Digest realm=\"a\", nonce=\"b\", Basic realm=\"a\""],
                ProxyProblem::CredentialsWanted,
            ),
            (&["NTLM"], not_spoken("NTLM")),
            (&["negotiate, NTLM"], not_spoken("Negotiate or NTLM")),
            (&["Negotiate"], not_spoken("Negotiate (Kerberos)")),
            (&["Digest realm=\"a\", nonce=\"b\""], not_spoken("Digest")),
            (&["Owl x=\"y\""], not_spoken("another scheme than Basic")),
        ] {
            assert_eq!(ProxyProblem::of_407(fields.iter().copied()), expected, "{fields:?}");
        }
        let head = "HTTP/1.1 407 Who\r\nVia: x\r\nproxy-Authenticate: NTLM \r\n\r\n";
        assert_eq!(ProxyProblem::of_407_head(head), not_spoken("NTLM"));
        assert_eq!(ProxyProblem::of_407_head("HTTP/1.1 407 Who"), ProxyProblem::CredentialsWanted);
    }
}
