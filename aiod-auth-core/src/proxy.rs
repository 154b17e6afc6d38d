//! The proxy for an address: a pure function of the environment.
//!
//! No standard says what these variables mean. The rules are curl's, and Go's where curl has none: lower
//! case wins; `ALL_PROXY` comes last; loopback has no proxy.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::{
    environment::Environment,
    error::{ProxyFailure, ProxyProblem},
    http::{NoResponse, Response},
    server::is_loopback,
};

/// The proxies that a program uses, and the hosts that need none.
///
/// ```
/// use aiod_auth_core::{Environment, Url, proxy::Proxies};
///
/// let environment: Environment =
///     [("https_proxy", "http://proxy.example:3128"), ("no_proxy", "example.org, 10.0.0.0/8")]
///         .into_iter()
///         .collect();
/// let proxies = Proxies::from_environment(&environment);
/// let proxy = |address: &str| proxies.of(&Url::parse(address).unwrap()).unwrap().map(ToString::to_string);
/// assert_eq!(proxy("https://as.example").as_deref(), Some("proxy.example:3128"));
/// assert_eq!(proxy("https://auth.example.org"), None);
/// assert_eq!(proxy("https://10.1.2.3"), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Choice>,
    https: Option<Choice>,
    no_proxy: NoProxy,
}

type Choice = Result<Proxy, Box<ProxyFailure>>;

impl Proxies {
    /// The environment variables that are read.
    pub const VARIABLES: [&str; 9] = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
        "REQUEST_METHOD",
    ];

    /// No proxy for any address.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// This proxy for all addresses but loopback.
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Self { http: Some(Ok(proxy.clone())), https: Some(Ok(proxy)), no_proxy: NoProxy::default() }
    }

    /// The proxies in the environment. A malformed value is an error for the addresses that need it, and for
    /// no others.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Self {
        // In a CGI program `HTTP_PROXY` is the request's header `Proxy`, which the HTTP client chooses.
        let in_cgi = environment.get("REQUEST_METHOD").is_some();
        let first = |names: &[&'static str]| {
            let mut names = names.iter().filter(|name| !(in_cgi && **name == "HTTP_PROXY"));
            names.find_map(|name| {
                let proxy = Proxy::new(environment.get(name)?);
                Some(proxy.map_err(|why| Box::new(ProxyFailure::new(format!("in {name}"), why))))
            })
        };
        let no_proxy = environment.get("no_proxy").or_else(|| environment.get("NO_PROXY"));
        Self {
            http: first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy: NoProxy::parse(no_proxy.unwrap_or_default()),
        }
    }

    /// The proxy for this address; none for loopback.
    ///
    /// # Errors
    /// [`ProxyProblem::Unusable`] if the variable for this address has a value that names no usable proxy.
    pub fn of(&self, url: &Url) -> Result<Option<&Proxy>, Box<ProxyFailure>> {
        if is_loopback(url) || self.no_proxy.has(url) {
            return Ok(None);
        }
        let choice = if url.scheme() == "https" { &self.https } else { &self.http };
        choice.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone)
    }
}

/// A proxy's address and credentials. Both `Debug` and `Display` show host and port alone.
///
/// ```
/// use aiod_auth_core::proxy::{Proxy, ProxyKind};
///
/// let proxy = Proxy::new("socks5://me:hunter2@proxy.example:1080").unwrap();
/// assert_eq!((proxy.kind(), proxy.host(), proxy.port()), (ProxyKind::Socks5, "proxy.example", 1080));
/// assert!(!format!("{proxy:?} {proxy}").contains("hunter2"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: ProxyKind,
    host: String,
    port: u16,
    credentials: Option<(String, Zeroizing<String>)>,
}

/// The protocol of a proxy.
///
/// ```
/// use aiod_auth_core::proxy::{Proxy, ProxyKind};
///
/// assert_eq!(Proxy::new("proxy.example:3128").unwrap().kind(), ProxyKind::Http);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyKind {
    /// HTTP: RFC 9112 §3.2.2 for plain http, RFC 9110 §9.3.6 (CONNECT) for https.
    Http,
    /// The same, through TLS.
    Https,
    /// RFC 1928. Host names are resolved by the proxy.
    Socks5,
}

impl Proxy {
    /// For a transport whose request this proxy was asked in place of the server (a server at plain http): names
    /// the proxy in what may be its own answer, or its silence. Whether it is can't be told, so what an answer
    /// amounts to stays the same.
    ///
    /// ```
    /// use aiod_auth_core::{NoResponse, proxy::Proxy};
    ///
    /// let proxy = Proxy::new("http://me:hunter2@proxy.example:3128").unwrap();
    /// let outcome = proxy.in_between(Err(NoResponse::Unknown("connection closed")));
    /// let Err(NoResponse::Proxy(failure)) = outcome else { panic!() };
    /// let said = "the proxy proxy.example:3128 gave no answer: connection closed";
    /// assert_eq!(failure.to_string(), said);
    /// ```
    ///
    /// # Errors
    /// Those that are given.
    pub fn in_between(
        &self,
        outcome: Result<Response, NoResponse>,
    ) -> Result<Response, NoResponse> {
        let named = |response: Response| {
            let may_be_its_own = response.is_page() || matches!(response.status(), 403 | 502..=504);
            if may_be_its_own { response.through(&self.to_string()) } else { response }
        };
        outcome.map(named).map_err(|no_response| match no_response {
            NoResponse::Unknown(why) => {
                NoResponse::Proxy(self.failure(ProxyProblem::Unanswered(why)))
            }
            NoResponse::Cut { response, why } => {
                let response = Box::new(response.through(&self.to_string()));
                NoResponse::Cut { response, why }
            }
            NoResponse::TooLarge(response) => NoResponse::TooLarge(Box::new(named(*response))),
            NoResponse::NotHttp => NoResponse::Proxy(self.failure(ProxyProblem::NotHttp)),
            // They name it already, or have not been sent to it.
            NoResponse::NotSent(_)
            | NoResponse::HostNotFound(_)
            | NoResponse::LookupFailed(_)
            | NoResponse::Proxy(_)
            | NoResponse::Tls(_) => no_response,
        })
    }

    /// From `http://user:password@host:port`, with `https`, `socks5` or `socks5h` in place of `http`,
    /// or without a scheme for `http`.
    ///
    /// # Errors
    /// [`ProxyProblem::Unusable`].
    pub fn new(address: &str) -> Result<Self, ProxyProblem> {
        let address = address.trim();
        if address.contains(char::REPLACEMENT_CHARACTER) {
            return Err(NO_TEXT);
        }
        let (_, after_scheme) = address.split_once("://").unwrap_or(("", address));
        // An `@` behind the end of the authority (RFC 3986 §3.2): what stands before it would be taken for the host,
        // looked up, and shown.
        let behind = after_scheme.split_once(['/', '\\', '?', '#']);
        if behind.is_some_and(|(_, behind)| behind.contains('@')) {
            return Err(NOT_ENCODED);
        }
        let parsed = match address.contains("://") {
            true => Url::parse(address),
            false => Url::parse(&format!("http://{address}")),
        };
        let url = parsed.map_err(|_| NO_ADDRESS)?;
        let (kind, port) = match url.scheme() {
            // Without a port, the scheme's default counts, not curl's 1080 or Squid's 3128.
            "http" => (ProxyKind::Http, url.port().unwrap_or(80)),
            "https" => (ProxyKind::Https, url.port().unwrap_or(443)),
            "socks5" | "socks5h" | "socks" => (ProxyKind::Socks5, url.port().unwrap_or(1080)),
            "socks4" | "socks4a" => return Err(NO_SOCKS4),
            _ => return Err(NO_KIND),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(NO_ADDRESS)?.to_owned();
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let credentials = has_credentials.then(|| {
            let password = percent_decoded(url.password().unwrap_or_default());
            (percent_decoded(url.username()), Zeroizing::new(password))
        });
        Ok(Self { kind, host, port, credentials })
    }

    /// Its protocol.
    #[must_use]
    pub const fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its host; an IPv6 address has brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// User name and password.
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// The value of `Proxy-Authorization` (RFC 7617), if there are credentials.
    #[must_use]
    pub fn authorization(&self) -> Option<Zeroizing<String>> {
        let (user, password) = self.credentials()?;
        let pair = Zeroizing::new(format!("{user}:{password}"));
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
        Some(Zeroizing::new(format!("Basic {}", *encoded)))
    }

    /// A failure at this proxy, which the error names.
    #[must_use]
    pub fn failure(&self, problem: ProxyProblem) -> Box<ProxyFailure> {
        Box::new(ProxyFailure::new(self.to_string(), problem))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({:?} {self})", self.kind)
    }
}

/// `NO_PROXY`: entries separated by commas or blanks.
#[derive(Clone, Debug, Default)]
struct NoProxy(Vec<Exception>);

#[derive(Clone, Debug)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// This domain and all of its subdomains.
    Domain(String),
    /// Addresses whose first bits are these.
    Range(IpAddr, u32),
}

impl NoProxy {
    fn parse(text: &str) -> Self {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace());
        Self(entries.filter_map(Exception::parse).collect())
    }

    fn has(&self, url: &Url) -> bool {
        self.0.iter().any(|exception| exception.has(url))
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self { hosts: Hosts::All, port: None });
        }
        if let Some(hosts) = range(entry) {
            return Some(Self { hosts, port: None });
        }
        // The host before the last colon, if a port follows it. (A bare IPv6 address is a range of one
        // address, above.)
        let split = entry.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        let (host, port) = match split {
            Some((host, Ok(port))) => (host, Some(port)),
            _ => (entry, None),
        };
        if let Some(hosts) = range(host) {
            return Some(Self { hosts, port });
        }
        if host == "*" {
            return Some(Self { hosts: Hosts::All, port });
        }
        let domain = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
        // As a URL has it: in lower case and in punycode.
        let Ok(Host::Domain(domain)) = Host::parse(domain) else { return None };
        Some(Self { hosts: Hosts::Domain(domain), port })
    }

    fn has(&self, url: &Url) -> bool {
        let port_fits = self.port.is_none_or(|port| url.port_or_known_default() == Some(port));
        port_fits && url.host().is_some_and(|host| self.hosts.has(&host))
    }
}

impl Hosts {
    fn has(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                let above = name.strip_suffix(domain.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            (Self::Range(first, bits), Host::Ipv4(address)) => {
                shares_bits(*first, IpAddr::V4(*address), *bits)
            }
            (Self::Range(first, bits), Host::Ipv6(address)) => {
                shares_bits(*first, IpAddr::V6(*address).to_canonical(), *bits)
            }
            (Self::Domain(_), Host::Ipv4(_) | Host::Ipv6(_))
            | (Self::Range(..), Host::Domain(_)) => false,
        }
    }
}

/// `10.0.0.0/8`, `fd00::/8`, or one address, which may have brackets.
fn range(text: &str) -> Option<Hosts> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(address).parse::<IpAddr>().ok()?.to_canonical();
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(all);
    (bits <= all).then_some(Hosts::Range(address, bits))
}

fn shares_bits(first: IpAddr, address: IpAddr, bits: u32) -> bool {
    match (first, address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => {
            let rest = 32_u32.saturating_sub(bits);
            (first.to_bits() ^ address.to_bits()).checked_shr(rest).unwrap_or(0) == 0
        }
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            let rest = 128_u32.saturating_sub(bits);
            let differs = Ipv6Addr::to_bits(first) ^ Ipv6Addr::to_bits(address);
            differs.checked_shr(rest).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// RFC 3986 §2.1. What is no escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| after.split_at_checked(2)).flatten();
        let byte = escaped.and_then(|(digits, after)| {
            let digits = core::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = byte.unwrap_or((first, after));
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

const NO_ADDRESS: ProxyProblem = ProxyProblem::Unusable("is not a usable address");
const NO_TEXT: ProxyProblem = ProxyProblem::Unusable("is not a text in UTF-8");
const NOT_ENCODED: ProxyProblem = ProxyProblem::Unusable(
    "has a user name or a password with characters that have to be percent-encoded (%23 for #, %2F for /, %3F for ?, %5C for \\)",
);
const NO_SOCKS4: ProxyProblem =
    ProxyProblem::Unusable("is a SOCKS4 proxy, which is not supported (SOCKS5 is)");
const NO_KIND: ProxyProblem =
    ProxyProblem::Unusable("is of a kind that is not supported (http, https and socks5 are)");

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxy that an address takes: `-` for none, else host and port.
    fn taken(variables: &[(&str, &str)], address: &str) -> String {
        let environment = variables.iter().copied().collect();
        let proxies = Proxies::from_environment(&environment);
        match proxies.of(&Url::parse(address).unwrap()) {
            Ok(None) => "-".into(),
            Ok(Some(proxy)) => proxy.to_string(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn which_variable_counts() {
        let (http, https) = ("http://as.example/token", "https://as.example/token");
        let lower_and_upper = [("https_proxy", "http://low:1"), ("HTTPS_PROXY", "http://up:2")];
        let only_http = [("http_proxy", "low:1"), ("HTTP_PROXY", "up:2")];
        let cgi = [("HTTP_PROXY", "up:2"), ("REQUEST_METHOD", "GET")];
        let cgi_lower = [("http_proxy", "low:1"), ("REQUEST_METHOD", "GET")];
        let all = [("all_proxy", "all:3"), ("HTTPS_PROXY", "up:2")];
        let cgi_all = [("HTTP_PROXY", "up:2"), ("ALL_PROXY", "all:3"), ("REQUEST_METHOD", "GET")];
        let rows: &[(&[(&str, &str)], &str, &str)] = &[
            (&[], https, "-"),
            (&lower_and_upper, https, "low:1"),
            (&lower_and_upper[1..], https, "up:2"),
            (&lower_and_upper, http, "-"),
            // An empty one is not set.
            (&[("https_proxy", ""), ("HTTPS_PROXY", "up:2")], https, "up:2"),
            (&only_http, http, "low:1"),
            (&only_http, https, "-"),
            (&cgi, http, "-"),
            (&cgi_lower, http, "low:1"),
            (&cgi_all, http, "all:3"),
            (&all, https, "up:2"),
            (&all, http, "all:3"),
            (&[("ALL_PROXY", "up:2"), ("all_proxy", "all:3")], https, "all:3"),
            // Never for loopback.
            (&all, "http://127.0.0.1:8080/", "-"),
            (&all, "https://[::1]/", "-"),
            (&all, "https://localhost/", "-"),
        ];
        for (variables, address, expected) in rows {
            assert_eq!(taken(variables, address), *expected, "{variables:?} {address}");
        }
    }

    #[test]
    fn which_hosts_need_none() {
        for (no_proxy, address, is_direct) in [
            ("as.example", "https://as.example", true),
            ("AS.Example", "https://as.example", true),
            ("as.example", "https://as.example.", true),
            ("example", "https://as.example", true),
            (".example", "https://as.example", true),
            ("*.example", "https://as.example", true),
            ("s.example", "https://as.example", false),
            ("as.example.org", "https://as.example", false),
            ("other.test, as.example", "https://as.example", true),
            ("other.test as.example", "https://as.example", true),
            ("other.test\tas.example,", "https://as.example", true),
            (",, ,", "https://as.example", false),
            ("*", "https://as.example", true),
            ("as.example:443", "https://as.example", true),
            ("as.example:8443", "https://as.example", false),
            ("as.example:8443", "https://as.example:8443", true),
            ("as.example:80", "http://as.example", true),
            ("*:8443", "https://as.example:8443", true),
            ("bücher.example", "https://xn--bcher-kva.example", true),
            ("10.1.2.3", "https://10.1.2.3", true),
            ("10.1.2.3:443", "https://10.1.2.3", true),
            ("10.1.2.3:444", "https://10.1.2.3", false),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.1.2.0/23", "https://10.1.3.4", true),
            ("10.1.2.0/24", "https://10.1.3.4", false),
            ("0.0.0.0/0", "https://10.1.2.3", true),
            ("10.0.0.0/33", "https://10.1.2.3", false),
            ("10.0.0.0/8", "https://as.example", false),
            ("10.0.0.0/8", "https://[::ffff:10.1.2.3]", true),
            ("fd00::/8", "https://[fd12::1]", true),
            ("fd00::/8", "https://[fe80::1]", false),
            ("fd12::1", "https://[fd12::1]", true),
            ("[fd12::1]", "https://[fd12::1]", true),
            ("[fd12::1]:443", "https://[fd12::1]", true),
            ("[fd12::1]:444", "https://[fd12::1]", false),
            ("::/0", "https://[fd12::1]", true),
        ] {
            for name in ["no_proxy", "NO_PROXY"] {
                let variables = [("all_proxy", "p:1"), (name, no_proxy)];
                let expected = if is_direct { "-" } else { "p:1" };
                assert_eq!(taken(&variables, address), expected, "{no_proxy:?} {address}");
            }
        }
        let both = [("all_proxy", "p:1"), ("no_proxy", "x.test"), ("NO_PROXY", "as.example")];
        assert_eq!(taken(&both, "https://as.example"), "p:1");
    }

    #[test]
    fn which_proxies_can_be_used() {
        for (address, expected) in [
            ("proxy.example:3128", Ok((ProxyKind::Http, "proxy.example:3128", None))),
            ("http://proxy.example", Ok((ProxyKind::Http, "proxy.example:80", None))),
            (" https://proxy.example/ ", Ok((ProxyKind::Https, "proxy.example:443", None))),
            ("socks5://10.0.0.1", Ok((ProxyKind::Socks5, "10.0.0.1:1080", None))),
            ("socks5h://[fd00::1]:9", Ok((ProxyKind::Socks5, "[fd00::1]:9", None))),
            (
                "http://me%40corp:p%3Aw%25+d@proxy.example:8080",
                Ok((ProxyKind::Http, "proxy.example:8080", Some(("me@corp", "p:w%+d")))),
            ),
            ("http://me@proxy", Ok((ProxyKind::Http, "proxy:80", Some(("me", ""))))),
            ("socks4://proxy", Err(NO_SOCKS4)),
            ("ftp://proxy", Err(NO_KIND)),
            ("http://jane:12%233#x@127.0.0.1:3128", Err(NOT_ENCODED)),
            ("jane:1234/x@127.0.0.1:3128", Err(NOT_ENCODED)),
            ("socks5://jane:1234?x@127.0.0.1", Err(NOT_ENCODED)),
            ("http://jane:1234\\x@127.0.0.1", Err(NOT_ENCODED)),
            ("http://jane:\u{fffd}@127.0.0.1", Err(NO_TEXT)),
            ("http://proxy:8080/path", Ok((ProxyKind::Http, "proxy:8080", None))),
            ("http://j@ne:p@ss@proxy:1", Ok((ProxyKind::Http, "proxy:1", Some(("j@ne", "p@ss"))))),
            ("http://", Err(NO_ADDRESS)),
            ("http://proxy:99999", Err(NO_ADDRESS)),
            ("two words", Err(NO_ADDRESS)),
        ] {
            let proxy = Proxy::new(address);
            let found =
                proxy.as_ref().map(|proxy| (proxy.kind(), proxy.to_string(), proxy.credentials()));
            let expected =
                expected.map(|(kind, name, credentials)| (kind, name.to_owned(), credentials));
            assert_eq!(found.map_err(|problem| *problem), expected, "{address}");
        }
    }

    #[test]
    fn an_unusable_value_is_said_with_its_variable_and_never_shown() {
        let variables = [("HTTPS_PROXY", "gopher://me:hunter2@proxy")];
        let said = taken(&variables, "https://as.example");
        assert!(said.contains("in HTTPS_PROXY is of a kind that is not supported"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(taken(&variables, "http://as.example"), "-");

        let proxy = Proxy::new("http://me:hunter2@proxy:1").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "proxy:1 Proxy(Http proxy:1)");
        assert_eq!(proxy.authorization().unwrap().as_str(), "Basic bWU6aHVudGVyMg==");
        let environment: Environment = variables.into_iter().collect();
        assert_eq!(format!("{environment:?}"), r#"{"HTTPS_PROXY"}"#);
    }
}
