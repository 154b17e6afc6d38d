//! From an address to a connection: through the proxy, and through TLS.

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
    time::Instant,
};

use ::ureq::{
    ProxyProtocol,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, NextTimeout, Transport, TransportAdapter, time},
    },
};
use aiod_auth_core::{
    NoResponse, ProxyFailure, ProxyProblem, TlsFailure, Url,
    proxy::{Proxies, Proxy, ProxyKind},
};
use aiod_auth_tls::{Tls, TlsOptions};

use super::{
    answers::Answers,
    connect::{Names, Unconnected, connect},
    stream::{AbsoluteForm, Plain, Secure},
    tunnel,
};

/// How an address is reached.
pub(super) struct Route<'a> {
    url: &'a Url,
    proxy: Option<&'a Proxy>,
}

impl<'a> Route<'a> {
    pub(super) fn of(proxies: &'a Proxies, url: &'a Url) -> Result<Self, Box<ProxyFailure>> {
        Ok(Self { url, proxy: proxies.of(url)? })
    }

    pub(super) const fn proxy(&self) -> Option<&'a Proxy> {
        self.proxy
    }

    /// The one that is asked in absolute form (RFC 9112 §3.2.2): it asks for us, on any port; a tunnel it may have
    /// for 443 alone.
    pub(super) fn proxy_that_answers(&self) -> Option<&'a Proxy> {
        self.proxy.filter(|proxy| !self.is_https() && proxy.kind() != ProxyKind::Socks5)
    }

    fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    fn host(&self) -> &'a str {
        self.url.host_str().unwrap_or_default()
    }

    fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }
}

/// There was no connection, so nothing was sent. Only a connector of our own can tell: ureq reports
/// a failed handshake and a connection that broke in the middle of an answer in the same way.
#[derive(Debug)]
pub(super) struct NotConnected(pub(super) NoResponse);

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there was no connection")
    }
}

impl std::error::Error for NotConnected {}

impl From<NotConnected> for ::ureq::Error {
    fn from(error: NotConnected) -> Self {
        Self::Other(Box::new(error))
    }
}

#[derive(Debug)]
pub(super) struct Connecting {
    proxies: Arc<Proxies>,
    options: TlsOptions,
    /// Made when it is first needed: the platform's certificates are read for it.
    tls: OnceLock<Result<Arc<Tls>, TlsFailure>>,
    user_agent: String,
    names: Names,
}

type Connection = Box<dyn Transport>;

impl Connecting {
    pub(super) fn new(
        proxies: Arc<Proxies>,
        options: TlsOptions,
        user_agent: &str,
        names: Names,
    ) -> Self {
        Self { proxies, options, tls: OnceLock::new(), user_agent: user_agent.into(), names }
    }

    fn tls(&self) -> Result<&Arc<Tls>, NoResponse> {
        let tls = self.tls.get_or_init(|| Tls::new(&self.options).map(Arc::new));
        tls.as_ref().map_err(|failure| NoResponse::Tls(failure.clone()))
    }

    fn connected(
        &self,
        route: &Route<'_>,
        limits: &Limits<'_, '_>,
    ) -> Result<Connection, NoResponse> {
        // What can't be trusted in any case needs no connection.
        let tls = if route.is_https() { Some(self.tls()?) } else { None };
        let connection = match route.proxy {
            Some(proxy) => self.through(proxy, route, limits)?,
            None => {
                let stream = connect(&self.names, route.host(), route.port(), limits.deadline);
                let stream = stream.map_err(|why| unconnected(&why, route.host()))?;
                Box::new(Plain::new(stream, limits.details.config))
            }
        };
        let connection = match tls {
            Some(tls) => secure(tls, route.host(), connection, limits)
                .map_err(|no_response| in_tunnel(no_response, route.proxy))?,
            None => connection,
        };
        Ok(Box::new(Answers::new(connection)))
    }

    fn through(
        &self,
        proxy: &Proxy,
        route: &Route<'_>,
        limits: &Limits<'_, '_>,
    ) -> Result<Connection, NoResponse> {
        let failed = |problem| NoResponse::Proxy(proxy.failure(problem));
        let stream = connect(&self.names, proxy.host(), proxy.port(), limits.deadline)
            .map_err(|why| failed(proxy_unconnected(&why)))?;
        let mut connection: Connection = Box::new(Plain::new(stream, limits.details.config));
        if proxy.kind() == ProxyKind::Https {
            connection = secure(self.tls()?, proxy.host(), connection, limits)
                .map_err(|no_response| failed(of_proxy(&no_response)))?;
        }
        if route.proxy_that_answers().is_some() {
            return Ok(Box::new(AbsoluteForm::new(connection, route.url, proxy)));
        }
        let mut adapter = limits.adapter(connection);
        let (host, port) = (route.host(), route.port());
        let open = if proxy.kind() == ProxyKind::Socks5 {
            tunnel::socks5(&mut adapter, proxy, host, port)
        } else {
            tunnel::http(&mut adapter, proxy, host, port, &self.user_agent)
        };
        open.map_err(failed)?;
        Ok(adapter.into_inner())
    }
}

impl Connector for Connecting {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, ::ureq::Error> {
        let bad = || NotConnected(NoResponse::NotSent("such an address can't be asked"));
        let url = Url::parse(&details.uri.to_string()).map_err(|_| bad())?;
        let route = Route::of(&self.proxies, &url)
            .map_err(|failure| NotConnected(NoResponse::Proxy(failure)))?;
        let limits = Limits::new(details);
        self.connected(&route, &limits).map(Some).map_err(|why| NotConnected(why).into())
    }
}

/// Looks nothing up: the connector does, all addresses of the host, or of the proxy.
#[derive(Debug)]
pub(super) struct Resolving;

impl Resolver for Resolving {
    fn resolve(
        &self,
        _: &Uri,
        _: &::ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ::ureq::Error> {
        Ok(self.empty())
    }
}

/// How long connecting may take, from here to the end of the TLS handshake.
struct Limits<'d, 'u> {
    details: &'d ConnectionDetails<'u>,
    deadline: Instant,
}

impl<'d, 'u> Limits<'d, 'u> {
    fn new(details: &'d ConnectionDetails<'u>) -> Self {
        let now = Instant::now();
        let deadline = details.timeout.not_zero().and_then(|limit| now.checked_add(*limit));
        Self { details, deadline: deadline.unwrap_or(now + super::TIMEOUT) }
    }

    fn left(&self) -> NextTimeout {
        let left = self.deadline.saturating_duration_since(Instant::now());
        NextTimeout { after: time::Duration::Exact(left), ..self.details.timeout }
    }

    fn adapter(&self, connection: Connection) -> TransportAdapter {
        let mut adapter = TransportAdapter::new(connection, Arc::clone(&self.details.current_time));
        adapter.set_timeout(self.left());
        adapter
    }
}

fn secure(
    tls: &Arc<Tls>,
    host: &str,
    connection: Connection,
    limits: &Limits<'_, '_>,
) -> Result<Connection, NoResponse> {
    let stream = tls.connect(host, limits.adapter(connection)).map_err(|error| {
        match tls.explain(&error) {
            Some(failure) => NoResponse::Tls(failure),
            None => NoResponse::NotSent(reason(&error)),
        }
    })?;
    Ok(Box::new(Secure::new(stream, Arc::clone(tls), limits.details.config)))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is no TLS failure is one of connecting")]
const fn of_proxy(no_response: &NoResponse) -> ProxyProblem {
    match no_response {
        NoResponse::Tls(failure) => failure.of_proxy(),
        NoResponse::NotSent(why) => ProxyProblem::NotReached(why),
        _ => ProxyProblem::NotReached("no TLS connection"),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the core's enum may grow by kinds of HTTP proxies"
)]
pub(super) const fn protocol(kind: ProxyKind) -> ProxyProtocol {
    match kind {
        ProxyKind::Https => ProxyProtocol::Https,
        ProxyKind::Socks5 => ProxyProtocol::Socks5h,
        _ => ProxyProtocol::Http,
    }
}

/// What is no matter of certificates may be the proxy's: it passes on what it likes.
fn in_tunnel(no_response: NoResponse, proxy: Option<&Proxy>) -> NoResponse {
    match (no_response, proxy) {
        (NoResponse::NotSent(why), Some(proxy)) => {
            NoResponse::Proxy(proxy.failure(ProxyProblem::TunnelBroke(why)))
        }
        (no_response, _) => no_response,
    }
}

fn unconnected(why: &Unconnected, host: &str) -> NoResponse {
    match why {
        Unconnected::NotFound(error) => NoResponse::of_lookup(host, &error.to_string()),
        Unconnected::NoAddress => NoResponse::HostNotFound(host.into()),
        Unconnected::LookupTimedOut | Unconnected::TimedOut | Unconnected::Failed(_) => {
            NoResponse::NotSent(words(why))
        }
    }
}

fn proxy_unconnected(why: &Unconnected) -> ProxyProblem {
    match why {
        Unconnected::NotFound(error) => ProxyProblem::of_lookup(&error.to_string()),
        Unconnected::NoAddress
        | Unconnected::LookupTimedOut
        | Unconnected::TimedOut
        | Unconnected::Failed(_) => ProxyProblem::NotReached(words(why)),
    }
}

fn words(why: &Unconnected) -> &'static str {
    match why {
        Unconnected::NotFound(_) | Unconnected::NoAddress => "the host name was not found",
        Unconnected::LookupTimedOut => "timed out while looking up the host name",
        Unconnected::TimedOut => "timed out while connecting",
        Unconnected::Failed(error) => reason(error),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, which grows")]
pub(super) fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset",
        io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => "connection closed",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::TimedOut => "timed out",
        _ => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(::ureq::Error::Timeout(_)) => "timed out while connecting",
            Some(::ureq::Error::Io(error)) => reason(error),
            Some(_) => "the connection failed",
            None => "network error",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Rust makes of getaddrinfo's `EAI_AGAIN` and `EAI_NONAME`.
    #[test]
    fn a_lookup_that_may_pass_is_no_host_that_is_not_found() {
        let failed = |why| {
            let text = format!("failed to lookup address information: {why}");
            Unconnected::NotFound(io::Error::other(text))
        };
        for why in [
            "Temporary failure in name resolution",
            "Non-recoverable failure in name resolution",
            // musl's
            "Try again",
            // Windows'
            "Das ist ein vorübergehender Fehler. (os error 11002)",
        ] {
            let away = failed(why);
            assert_eq!(unconnected(&away, "as"), NoResponse::LookupFailed("as".into()), "{why}");
            assert!(proxy_unconnected(&away).to_string().contains("can't be looked up now"));
        }
        let unknown = failed("Name or service not known");
        assert_eq!(unconnected(&unknown, "as"), NoResponse::HostNotFound("as".into()));
        assert!(proxy_unconnected(&unknown).to_string().contains("was not found"));
    }
}
