//! HTTP as the machines see it: a request, a response, and why there was no response.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{fmt, ops::Range, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use url::Url;

pub use crate::wire::www_authenticate::Challenge;
use crate::{
    error::{ProxyFailure, ProxyProblem, TlsFailure},
    repeated::{clean_without, is_surely_not_in},
    secret::Wiped,
    text::clean,
    wire::{
        body::unescape,
        form::{Encoded, escape},
        scan, www_authenticate,
    },
};

/// A request to send exactly as it is: no redirect is followed, no cookie kept, nothing cached.
///
/// `Debug` shows method, origin and path: no query, no header, no body.
///
/// ```
/// use aiod_auth_core::{Issuer, Machine, RetryPolicy, Step, Timestamp, flow::Discovery};
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let mut discovery = Discovery::new(Issuer::new("https://as.example")?, RetryPolicy::default());
/// let Step::Send(exchange) = discovery.poll(now)? else { panic!() };
/// let request = exchange.request();
/// // For your HTTP client.
/// assert_eq!(request.method().as_str(), "GET");
/// assert_eq!(request.url().host_str(), Some("as.example"));
/// for (name, value) in request.headers() {
///     println!("{name}: {value}");
/// }
/// assert!(request.body().is_empty());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Request {
    method: Method,
    /// An endpoint's, mostly, which is the same for all of its requests.
    url: Arc<Url>,
    /// In addition to the headers that each request of its method has.
    headers: Vec<(&'static str, Wiped<String>)>,
    body: Encoded,
    kind: BodyKind,
    timeout: Option<Duration>,
    basic_is_escaped: bool,
}

/// The methods that OAuth needs.
///
/// ```
/// use aiod_auth_core::Method;
///
/// assert_eq!(Method::Post.as_str(), "POST");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// DELETE
    Delete,
}

/// The format of a body, for its `Content-Type`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyKind {
    None,
    Form,
    Json,
}

impl Method {
    /// The method's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    /// The headers of each request with this method and body. A form's `Content-Type` has no charset (RFC 6749
    /// appendix B). `Accept` is needed for GitHub, which answers with a form otherwise.
    const fn headers(self, kind: BodyKind) -> &'static [(&'static str, &'static str)] {
        match (self, kind) {
            (Self::Get, _) => &[("Accept", "application/json")],
            (Self::Post | Self::Delete, BodyKind::Form) => &[
                ("Accept", "application/json"),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Cache-Control", "no-store"),
            ],
            (Self::Post | Self::Delete, BodyKind::Json) => &[
                ("Accept", "application/json"),
                ("Content-Type", "application/json"),
                ("Cache-Control", "no-store"),
            ],
            (Self::Post | Self::Delete, BodyKind::None) => {
                &[("Accept", "application/json"), ("Cache-Control", "no-store")]
            }
        }
    }
}

impl Request {
    pub(crate) fn get(url: impl Into<Arc<Url>>) -> Self {
        Self::new(Method::Get, url.into(), Encoded::default(), BodyKind::None)
    }

    /// A DELETE without a body.
    pub(crate) fn delete(url: impl Into<Arc<Url>>) -> Self {
        Self::new(Method::Delete, url.into(), Encoded::default(), BodyKind::None)
    }

    /// A POST without a body.
    pub(crate) fn post_nothing(url: impl Into<Arc<Url>>) -> Self {
        Self::new(Method::Post, url.into(), Encoded::default(), BodyKind::None)
    }

    /// A POST of JSON.
    pub(crate) fn post_json(url: impl Into<Arc<Url>>, json: Encoded) -> Self {
        Self::new(Method::Post, url.into(), json, BodyKind::Json)
    }

    /// A POST of a form: RFC 6749 appendix B.
    pub(crate) fn post_form(url: impl Into<Arc<Url>>, form: Encoded) -> Self {
        Self::new(Method::Post, url.into(), form, BodyKind::Form)
    }

    const fn new(method: Method, url: Arc<Url>, body: Encoded, kind: BodyKind) -> Self {
        let headers = Vec::new();
        Self { method, url, headers, body, kind, timeout: None, basic_is_escaped: false }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Wiped::new(value.into())));
        self
    }

    /// A server's text, safe to print and without this request's secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        if self.is_silent_of_secrets(text) {
            clean(text)
        } else {
            clean_without(text, &self.secrets())
        }
    }

    /// At first sight, and without a copy of a secret. Most texts say back nothing.
    fn is_silent_of_secrets(&self, text: &str) -> bool {
        let sent = |place: &Range<usize>| self.body.body.get(place.clone()).unwrap_or_default();
        !self.has_authorization()
            && self.body.secrets.iter().all(|place| is_surely_not_in(text, sent(place)))
    }

    /// Whether this text is one of the secrets in this request.
    pub(crate) fn has_secret(&self, text: &str) -> bool {
        self.secrets().iter().any(|secret| **secret == *text)
    }

    /// Each secret as it was sent, and as it was before it was escaped.
    fn secrets(&self) -> Vec<Wiped<String>> {
        let mut secrets = Vec::new();
        for place in &self.body.secrets {
            let sent = self.body.body.get(place.clone()).unwrap_or_default();
            if self.kind == BodyKind::Json {
                let sent = text(sent);
                secrets.extend(scan::unescape(&sent));
                secrets.push(sent);
            } else {
                secrets.extend([text(&unescape(sent)), text(sent)]);
            }
        }
        for (name, value) in &self.headers {
            if *name != "Authorization" {
                continue;
            }
            let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
            secrets.push(text(credentials.as_bytes()));
            // RFC 6749 §2.3.1: both parts were escaped as a form's.
            if scheme == "Basic"
                && let Ok(decoded) = BASE64_STANDARD.decode(credentials).map(Wiped::new)
                && let Some(colon) = decoded.iter().position(|byte| *byte == b':')
            {
                let (_, secret) = decoded.split_at_checked(colon).unwrap_or_default();
                let secret = secret.strip_prefix(b":").unwrap_or(secret);
                secrets.extend([text(&unescape(secret)), text(secret)]);
            }
        }
        secrets.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        secrets.dedup_by(|a, b| a.as_str() == b.as_str());
        secrets
    }

    /// Notes whether a character of the client's credentials was escaped in the `Authorization` header.
    pub(crate) const fn with_escaped_basic(mut self, is_escaped: bool) -> Self {
        self.basic_is_escaped = is_escaped;
        self
    }

    pub(crate) const fn basic_is_escaped(&self) -> bool {
        self.basic_is_escaped
    }

    pub(crate) fn has_authorization(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == "Authorization")
    }

    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        let name = escape(name);
        self.body.body.split(|byte| *byte == b'&').any(|pair| {
            pair.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
        })
    }

    /// Adds to a form, in a new buffer of the right size: one that grows would leave a copy that is not wiped.
    pub(crate) fn add_to_form(&mut self, more: &Encoded) {
        if more.body.is_empty() {
            return;
        }
        let separator: &[u8] = if self.body.body.is_empty() { b"" } else { b"&" };
        let before = self.body.body.len().saturating_add(separator.len());
        let body = Wiped::new([self.body.body.as_slice(), separator, &more.body].concat());
        self.body.body = body;
        let moved = |place: &Range<usize>| {
            place.start.saturating_add(before)..place.end.saturating_add(before)
        };
        self.body.secrets.extend(more.secrets.iter().map(moved));
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Where to. An `http` address is on loopback, or the configuration allows it by name.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Names and values. A value may be a secret.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        self.method.headers(self.kind).iter().copied().chain(own)
    }

    /// The body, to be sent in one piece with a `Content-Length`; empty for a GET. It may have secrets in it.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body.body
    }

    /// The same request with a timeout of no more than this.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let timeout = self.timeout.map_or(limit, |timeout| timeout.min(limit));
        Self { timeout: Some(timeout), ..self.clone() }
    }

    /// How long to wait for the whole answer. Your own limit may be shorter, never longer.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

fn text(bytes: &[u8]) -> Wiped<String> {
    Wiped::new(core::str::from_utf8(bytes).unwrap_or_default().into())
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, url) = (self.method.as_str(), &self.url);
        write!(f, "Request({method} {}{})", url.origin().ascii_serialization(), url.path())
    }
}

/// An answer. `Debug` shows the status alone; the body is wiped when it is dropped.
///
/// ```
/// use aiod_auth_core::Response;
///
/// let response = Response::new(401, [("WWW-Authenticate", "Bearer error=\"invalid_token\"")], b"");
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.challenges()[0].param("error"), Some("invalid_token"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Wiped<Vec<u8>>,
    /// Who was asked in the server's place, and may have answered.
    proxy: Option<Box<str>>,
}

impl Response {
    /// From a final status (not 1xx), the header fields, and the whole body, without a content coding. The body
    /// is moved in. Header fields that no flow reads are dropped.
    ///
    /// ```
    /// use aiod_auth_core::Response;
    ///
    /// let response = Response::new(200, [("content-type", "application/json")], "{}");
    /// assert_eq!(response.header("Content-Type"), Some("application/json"));
    /// ```
    #[must_use]
    pub fn new<'h>(
        status: u16,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let read = |(name, value): (&str, &str)| {
            let name = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(name))?;
            Some((*name, String::from(value)))
        };
        let headers = headers.into_iter().filter_map(read).collect();
        Self { status, headers, body: Wiped::new(body.into()), proxy: None }
    }

    pub(crate) fn through(mut self, proxy: &str) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// The proxy that may have answered in the server's place: `Proxy::in_between`.
    pub(crate) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The first field of this name, in any case (RFC 9110 §5.1), if a flow reads fields of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All fields of this name, in any case.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The challenges of the first 16 `WWW-Authenticate` fields, in order (RFC 9110 §11.6.1). A malformed
    /// challenge is left out, as is a field of more than 8 KiB.
    #[must_use]
    pub fn challenges(&self) -> Vec<Challenge> {
        self.headers("www-authenticate").take(16).flat_map(www_authenticate::parse).collect()
    }

    /// Whether an API refuses the token that it was shown, so that another one may help: a 401, unless its
    /// challenge says that something else is wrong (RFC 6750 §3.1: `insufficient_scope`, `invalid_request`).
    ///
    /// ```
    /// use aiod_auth_core::Response;
    ///
    /// let answer = |challenge| Response::new(401, [("WWW-Authenticate", challenge)], b"");
    /// assert!(answer("Bearer error=\"invalid_token\"").rejects_token());
    /// assert!(!answer("Bearer error=\"insufficient_scope\"").rejects_token());
    /// ```
    #[must_use]
    pub fn rejects_token(&self) -> bool {
        crate::flow::resource::is_token_rejected(self.status, &self.challenges())
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether it can be told from the body alone where a value in it ends. A form is none.
    pub(crate) fn is_json_object(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"{")
    }

    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether the body is a web page, whatever its label says.
    pub(crate) fn is_page(&self) -> bool {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        body.trim_ascii_start().starts_with(b"<")
    }
}

/// The header fields that flows read.
const HEADERS: [&str; 6] =
    ["content-type", "date", "location", "retry-after", "set-cookie", "www-authenticate"];

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.status)
    }
}

/// Why there was no response. It decides whether sending again is safe.
///
/// The text is for a user, in a few words of the adapter's own: `connection refused`.
///
/// ```
/// use aiod_auth_core::NoResponse;
/// use std::io::{Error, ErrorKind};
///
/// // In a transport of your own: only what has certainly not been sent is `NotSent`.
/// fn no_response(error: &Error) -> NoResponse {
///     match error.kind() {
///         ErrorKind::ConnectionRefused => NoResponse::NotSent("connection refused"),
///         ErrorKind::TimedOut => NoResponse::Unknown("timed out"),
///         _ => NoResponse::Unknown("the connection broke"),
///     }
/// }
/// # let _ = no_response(&Error::from(ErrorKind::TimedOut));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoResponse {
    /// The request never left: name resolution or connecting failed.
    NotSent(&'static str),
    /// The request never left: this host name was not found.
    HostNotFound(Box<str>),
    /// The request never left: the name servers could not be asked for this host, or can't answer now.
    LookupFailed(Box<str>),
    /// The server may have seen it: a timeout, or a reset after writing.
    Unknown(&'static str),
    /// An answer began and broke off, and why. It is none; but a new refresh token in what there is of its body
    /// is kept.
    Cut {
        /// With the body as far as it came.
        response: Box<Response>,
        /// As in [`Unknown`](Self::Unknown).
        why: &'static str,
    },
    /// The proxy failed or refused the connection. Nothing was sent to the server, unless the problem is that the
    /// proxy was asked in its place ([`Proxy::in_between`](crate::proxy::Proxy::in_between)).
    Proxy(Box<ProxyFailure>),
    /// There was no TLS connection. Nothing was sent.
    Tls(TlsFailure),
    /// An answer came whose body is larger than the limit. It is of no use; but a new refresh token in what was
    /// read of its body is kept.
    TooLarge(Box<Response>),
    /// Something came, and can't be read as an answer: it is no HTTP, or its header is too large.
    NotHttp,
}

impl NoResponse {
    /// The system's lookup of a host name failed, with these words: [`LookupFailed`](Self::LookupFailed) if they say
    /// that it may pass, else [`HostNotFound`](Self::HostNotFound). The words are all that Rust hands on of
    /// getaddrinfo's `EAI_AGAIN`.
    ///
    /// ```
    /// use aiod_auth_core::NoResponse;
    ///
    /// let words = "failed to lookup address information: Temporary failure in name resolution";
    /// let host = "as.example";
    /// assert_eq!(NoResponse::of_lookup(host, words), NoResponse::LookupFailed(host.into()));
    /// ```
    #[must_use]
    pub fn of_lookup(host: &str, words: &str) -> Self {
        if lookup_may_pass(words) {
            return Self::LookupFailed(host.into());
        }
        Self::HostNotFound(host.into())
    }

    /// For a transport whose reading of an answer's body failed so: [`Cut`](Self::Cut), with the body as far as it
    /// came, where the connection failed or the body is malformed; [`TooLarge`](Self::TooLarge) with it; else as
    /// it is.
    #[must_use]
    pub fn of_body(self, response: Response) -> Self {
        let why = match self {
            Self::Unknown(why) => why,
            // A chunk without its length.
            Self::NotHttp => "the body can't be read",
            Self::TooLarge(_) => return Self::TooLarge(Box::new(response)),
            Self::NotSent(_)
            | Self::HostNotFound(_)
            | Self::LookupFailed(_)
            | Self::Cut { .. }
            | Self::Proxy(_)
            | Self::Tls(_) => return self,
        };
        Self::Cut { response: Box::new(response), why }
    }

    /// Whether the server may have seen the request.
    pub(crate) const fn may_have_arrived(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Cut { .. } | Self::TooLarge(_) | Self::NotHttp => true,
            Self::Proxy(failure) => failure.problem.comes_after_request(),
            Self::NotSent(_) | Self::HostNotFound(_) | Self::LookupFailed(_) | Self::Tls(_) => {
                false
            }
        }
    }

    /// Whether it ends the polling for a device code, as a failure that can't pass by itself does. A TLS alert,
    /// plain HTTP on the TLS port, a captive portal's certificate, and a proxy that is unavailable or refuses
    /// may pass: the code's lifetime ends the waiting (RFC 8628 §3.5). A proxy that wants credentials ends it at once: a wrong
    /// password that is sent again and again locks accounts.
    pub(crate) const fn ends_polling(&self) -> bool {
        match self {
            Self::NotSent(_)
            | Self::HostNotFound(_)
            | Self::LookupFailed(_)
            | Self::Unknown(_)
            | Self::Cut { .. }
            | Self::TooLarge(_)
            | Self::NotHttp => false,
            Self::Proxy(failure) => matches!(
                failure.problem,
                ProxyProblem::CredentialsWanted
                    | ProxyProblem::SchemeNotSpoken(_)
                    | ProxyProblem::SocksCredentialsWanted
                    | ProxyProblem::SocksCredentialsUnanswered
                    | ProxyProblem::Unusable(_)
            ),
            Self::Tls(failure) => {
                matches!(
                    failure,
                    TlsFailure::NoRoots(_)
                        | TlsFailure::UnusableRoots(_)
                        | TlsFailure::ClientCertificateUnusable
                        | TlsFailure::Unavailable(_)
                )
            }
        }
    }
}

/// Whether a lookup failed because the name servers were away or in trouble, as the system says it: glibc and macOS,
/// glibc's `EAI_FAIL` (SERVFAIL, where it asks no further), musl's two, Windows' `WSATRY_AGAIN` and `WSANO_RECOVERY`.
/// Rust leaves the language alone, so these words are in English; Windows' are not.
pub(crate) fn lookup_may_pass(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["temporary failure", "non-recoverable", "try again", "os error 11002)", "os error 11003)"]
        .iter()
        .any(|sign| words.contains(sign))
}

/// A body larger than this is not read to its end: [`NoResponse::TooLarge`].
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
