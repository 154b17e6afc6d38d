//! The default transport: ureq, with a connector of our own.

use std::{io::Read as _, sync::Arc, time::Duration};

use ::ureq::{
    Agent, Body, Timeout,
    http::{self, HeaderMap},
};
use aiod_auth_core::{
    BODY_BYTES_MAX, NoResponse, ProxyProblem, Request, Response,
    proxy::{Proxies, Proxy},
};
use aiod_auth_tls::TlsOptions;
use zeroize::Zeroizing;

use crate::transport::Transport;
use connector::{Connecting, NotConnected, Resolving, Route, reason};

pub use builder::UreqTransportBuilder;

mod answers;
mod builder;
mod connect;
mod connector;
mod stream;
mod tunnel;

/// Sends requests with ureq: no redirects, no cookies, time limits on everything, a limit on the body,
/// the platform's certificates, the environment's proxies, and no proxy for loopback.
///
/// A server with many addresses is connected to as RFC 8305 §5 has it: an address that swallows packets
/// costs a quarter of a second. Names are resolved by the system, or by the proxy.
///
/// ```
/// use std::time::Duration;
/// use aiod_auth_ureq::{Driver, UreqTransport};
///
/// let transport = UreqTransport::builder().timeout(Duration::from_secs(10)).build();
/// let driver = Driver::with_transport(transport);
/// ```
#[derive(Clone, Debug)]
pub struct UreqTransport {
    agent: Agent,
    proxies: Arc<Proxies>,
    /// The program's own limit.
    timeout: Option<Duration>,
    is_own_agent: bool,
}

impl UreqTransport {
    /// As the environment and the platform say, 30 s for a request and its answer.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// With certificates, a proxy, limits of the program's own.
    #[must_use]
    pub fn builder() -> UreqTransportBuilder {
        UreqTransportBuilder::new()
    }

    /// The program's own agent: its connections, TLS, middleware, User-Agent. Redirects, statuses,
    /// proxies (as the environment says) and time limits (each that ureq has) are set for each request as
    /// they have to be.
    #[must_use]
    pub fn from_agent(agent: Agent) -> Self {
        let proxies = Arc::new(builder::proxies_of_environment());
        Self { agent, proxies, timeout: None, is_own_agent: true }
    }

    fn made(
        proxies: Proxies,
        tls: TlsOptions,
        user_agent: &str,
        limits: builder::Limits,
        names: connect::Names,
    ) -> Self {
        let config = Agent::config_builder()
            .user_agent(user_agent)
            .timeout_connect(Some(limits.connect))
            .max_idle_age(IDLE_MAX)
            .max_response_header_size(HEADER_BYTES_MAX)
            // The connector's matter, here and below.
            .proxy(None)
            .build();
        let proxies = Arc::new(proxies);
        let connector = Connecting::new(Arc::clone(&proxies), tls, user_agent, names);
        let agent = Agent::with_parts(config, connector, Resolving);
        Self { agent, proxies, timeout: limits.whole, is_own_agent: false }
    }

    fn run<B: ::ureq::AsSendBody>(
        &self,
        request: http::Request<B>,
        timeout: Duration,
        proxy: Option<::ureq::Proxy>,
    ) -> Result<http::Response<Body>, ::ureq::Error> {
        let config = self
            .agent
            .configure_request(request)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .timeout_global(Some(timeout));
        // A program's limit for a part of its own requests would give up a refresh whose answer is on its way.
        let config = match self.is_own_agent {
            true => config
                .timeout_per_call(None)
                .timeout_per_read(None)
                .timeout_per_write(None)
                .timeout_resolve(None)
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .timeout_send_request(None)
                .timeout_send_body(None)
                .timeout_recv_response(None)
                .timeout_recv_body(None),
            false => config,
        };
        self.agent.run(config.build())
    }

    fn exchange(
        &self,
        request: &Request,
        through: Option<&Proxy>,
        proxy: Option<::ureq::Proxy>,
    ) -> Result<Response, NoResponse> {
        let mut outgoing =
            http::Request::builder().method(request.method().as_str()).uri(request.url().as_str());
        for (name, value) in request.headers() {
            outgoing = outgoing.header(name, value);
        }
        let limits = request.timeout().into_iter().chain(self.timeout);
        let timeout = limits.min().unwrap_or(TIMEOUT);
        // ureq sends a body with every method that is given one, an empty one, too.
        let response = if request.body().is_empty() {
            let outgoing = outgoing.body(()).map_err(::ureq::Error::Http);
            outgoing.and_then(|outgoing| self.run(outgoing, timeout, proxy))
        } else {
            let outgoing = outgoing.body(request.body()).map_err(::ureq::Error::Http);
            outgoing.and_then(|outgoing| self.run(outgoing, timeout, proxy))
        };
        let response = response.map_err(|error| {
            let host = request.url().host_str().unwrap_or_default();
            failed_lookup(&error, host).unwrap_or_else(|| no_response(&error))
        })?;
        // A request in absolute form is answered by the proxy, which may want credentials, too.
        if let Some(through) = through.filter(|_| response.status() == 407) {
            let wanted = response.headers().get_all(http::header::PROXY_AUTHENTICATE);
            let problem = ProxyProblem::of_407(wanted.iter().filter_map(|it| it.to_str().ok()));
            return Err(NoResponse::Proxy(through.failure(problem)));
        }
        let (parts, mut body) = response.into_parts();
        let mut reader = body.with_config().limit(BODY_BYTES_MAX as u64).reader();
        let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
        let outcome = reader.read_to_end(&mut body);
        let body = std::mem::take(&mut *body);
        let response = Response::new(parts.status.as_u16(), texts(&parts.headers), body);
        let Err(error) = outcome else { return Ok(response) };
        let error = ::ureq::Error::from(error);
        if matches!(error, ::ureq::Error::BodyExceedsLimit(_)) {
            return Err(NoResponse::TooLarge(Box::new(response)));
        }
        Err(no_response(&error).of_body(response))
    }

    /// For an agent of the program's own, whose connector asks ureq's configuration.
    fn proxy_for_agent(&self, route: &Route<'_>) -> Result<Option<::ureq::Proxy>, NoResponse> {
        let Some(proxy) = route.proxy().filter(|_| self.is_own_agent) else { return Ok(None) };
        let unusable = |_| NoResponse::Proxy(proxy.failure(UNUSABLE));
        let mut builder = ::ureq::Proxy::builder(connector::protocol(proxy.kind()))
            .host(proxy.host())
            .port(proxy.port())
            .resolve_target(false);
        if let Some((user, password)) = proxy.credentials() {
            builder = builder.username(user).password(password);
        }
        builder.build().map(Some).map_err(unusable)
    }
}

impl Default for UreqTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for UreqTransport {
    fn send(&self, request: &Request) -> Result<Response, NoResponse> {
        let route = Route::of(&self.proxies, request.url()).map_err(NoResponse::Proxy)?;
        let proxy = self.proxy_for_agent(&route)?;
        let through = route.proxy_that_answers();
        let outcome = self.exchange(request, through, proxy);
        match through {
            Some(through) => through.in_between(outcome),
            None => outcome,
        }
    }
}

/// A value that is no text can't be one that a flow reads.
pub(crate) fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
}

/// Of a program's own agent: ours looks no host up.
fn failed_lookup(error: &::ureq::Error, host: &str) -> Option<NoResponse> {
    if matches!(error, ::ureq::Error::HostNotFound) {
        return Some(NoResponse::HostNotFound(host.into()));
    }
    let ::ureq::Error::Io(error) = error else { return None };
    // Rust's own words, on every Unix.
    let words = error.to_string();
    words.starts_with("failed to lookup address").then(|| NoResponse::of_lookup(host, &words))
}

/// What did not fail before there was a connection may have reached the server.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, which grows")]
fn no_response(error: &::ureq::Error) -> NoResponse {
    match error {
        ::ureq::Error::Other(other) => match other.downcast_ref::<NotConnected>() {
            Some(NotConnected(no_response)) => no_response.clone(),
            None => NoResponse::Unknown("the connection failed"),
        },
        // Its own mistakes in writing a request would be here, too; it makes none of what the core gives.
        ::ureq::Error::Protocol(_) | ::ureq::Error::LargeResponseHeader(..) => NoResponse::NotHttp,
        ::ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            NoResponse::NotSent("no connection in time")
        }
        ::ureq::Error::Timeout(_) => NoResponse::Unknown("timed out"),
        ::ureq::Error::Io(error) => NoResponse::Unknown(reason(error)),
        // Before anything is sent: the address, a header, TLS that an agent doesn't have.
        ::ureq::Error::BadUri(_) | ::ureq::Error::Http(_) => {
            NoResponse::NotSent("such a request can't be sent")
        }
        ::ureq::Error::ConnectionFailed => NoResponse::NotSent("no connection"),
        ::ureq::Error::TlsRequired => NoResponse::Tls(aiod_auth_core::TlsFailure::Unavailable(
            "the program's ureq agent has no TLS",
        )),
        _ => NoResponse::Unknown("the connection failed"),
    }
}

const UNUSABLE: ProxyProblem = ProxyProblem::Unusable("is not a usable address");

/// For a request and its answer together.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of it may go by until there is a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Kerberos tickets and cookies make large headers.
const HEADER_BYTES_MAX: usize = 256 * 1024;

/// A connection that the server has closed meanwhile loses the request that is sent on it, and a
/// refresh must not be lost. Most servers keep an idle connection for five seconds or more.
const IDLE_MAX: Duration = Duration::from_secs(3);
