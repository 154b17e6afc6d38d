//! One request out, one answer in: the only place that knows ureq.

#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::{error::Error as _, io, mem, time::Duration};

use aiod_auth_core::{BODY_BYTES_MAX, NoResponse, Request, Response, is_loopback};
use ureq::{
    Agent, Body,
    http::{self, HeaderMap},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout},
    },
};
use zeroize::Zeroizing;

/// Sends requests: no redirects, no cookies, time limits on everything, a limit on the body, the
/// platform's certificates, the environment's proxies, and no proxy for loopback.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    agent: Agent,
    timeout: Duration,
}

/// What came back, owned.
pub(crate) struct Received {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Received {
    /// A value that is no text can't be one that a flow reads.
    pub(crate) fn into_response(mut self) -> Response {
        let text = |(name, value)| {
            Some((http::HeaderName::as_str(name), http::HeaderValue::to_str(value).ok()?))
        };
        let headers = self.headers.iter().filter_map(text);
        Response::new(self.status, headers, mem::take(&mut *self.body))
    }
}

impl Http {
    /// `timeout` is for a request and its answer together.
    pub(crate) fn new(timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .user_agent(concat!("aiod-auth/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_idle_age(IDLE_MAX);
        #[cfg(feature = "rustls")]
        let config = config.tls_config(tls());
        let config = config.build();
        Self {
            agent: Agent::with_parts(config, Connecting::default(), Resolving::default()),
            timeout,
        }
    }

    pub(crate) fn send(&self, request: &Request) -> Result<Received, NoResponse> {
        let receive = |response: http::Response<Body>| {
            let (parts, mut body) = response.into_parts();
            let body =
                Zeroizing::new(body.with_config().limit(BODY_BYTES_MAX as u64).read_to_vec()?);
            Ok(Received { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        self.exchange(request).and_then(receive).map_err(|error| no_response(&error))
    }

    fn exchange(&self, request: &Request) -> Result<http::Response<Body>, ureq::Error> {
        let mut outgoing =
            http::Request::builder().method(request.method().as_str()).uri(request.url().as_str());
        for (name, value) in request.headers() {
            outgoing = outgoing.header(name, value);
        }
        let timeout = request.timeout().map_or(self.timeout, |limit| limit.min(self.timeout));
        let to_loopback = is_loopback(request.url());
        // ureq sends a body with every method that is given one, an empty one, too.
        if request.body().is_empty() {
            self.run(outgoing.body(()).map_err(ureq::Error::Http)?, timeout, to_loopback)
        } else {
            self.run(
                outgoing.body(request.body()).map_err(ureq::Error::Http)?,
                timeout,
                to_loopback,
            )
        }
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        request: http::Request<B>,
        timeout: Duration,
        to_loopback: bool,
    ) -> Result<http::Response<Body>, ureq::Error> {
        let config = self.agent.configure_request(request).timeout_global(Some(timeout));
        let config = if to_loopback { config.proxy(None) } else { config };
        self.agent.run(config.build())
    }
}

/// What the platform trusts, as the async adapter does. The provider is named, so that nothing depends
/// on what else is in the program.
#[cfg(feature = "rustls")]
fn tls() -> ureq::tls::TlsConfig {
    ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}

/// Whatever did not fail before there was a connection may have reached the server.
#[expect(clippy::wildcard_enum_match_arm, reason = "somebody else's enum, which grows")]
fn no_response(error: &ureq::Error) -> NoResponse {
    match error {
        ureq::Error::Other(other) => match other.downcast_ref::<NotConnected>() {
            Some(NotConnected::Because(why)) => NoResponse::NotSent(why),
            Some(NotConnected::Untrusted) => NoResponse::Untrusted,
            None => NoResponse::Unknown("the connection failed"),
        },
        ureq::Error::BodyExceedsLimit(_) => NoResponse::TooLarge,
        ureq::Error::Timeout(_) => NoResponse::Unknown("timed out"),
        ureq::Error::Io(error) => NoResponse::Unknown(reason(error)),
        _ => NoResponse::Unknown("the connection failed"),
    }
}

/// There was no connection, so nothing was sent. Only a connector of our own can tell: ureq reports
/// a failed handshake and a connection that broke in the middle of an answer in the same way.
#[derive(Debug)]
enum NotConnected {
    Because(&'static str),
    /// The certificate doesn't hold.
    Untrusted,
}

impl std::fmt::Display for NotConnected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Because(why) => why,
            Self::Untrusted => "the certificate can't be trusted",
        })
    }
}

impl std::error::Error for NotConnected {}

impl NotConnected {
    #[expect(clippy::wildcard_enum_match_arm, reason = "somebody else's enum, which grows")]
    fn wrap(error: &ureq::Error) -> ureq::Error {
        ureq::Error::Other(Box::new(match error {
            ureq::Error::Timeout(_) => Self::Because("timed out while connecting"),
            ureq::Error::HostNotFound => Self::Because(NOT_FOUND),
            ureq::Error::Io(error) if is_certificate(error) => Self::Untrusted,
            ureq::Error::Io(error) => Self::Because(reason(error)),
            _ => Self::Because("the connection failed"),
        }))
    }
}

#[cfg(feature = "rustls")]
fn is_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(not(feature = "rustls"))]
const fn is_certificate(_: &io::Error) -> bool {
    false
}

#[expect(clippy::wildcard_enum_match_arm, reason = "somebody else's enum, which grows")]
fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset",
        io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => "connection closed",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::TimedOut => "timed out",
        _ if error.source().is_some() => "the connection failed",
        _ => "network error",
    }
}

#[derive(Debug, Default)]
struct Connecting(DefaultConnector);

impl Connector for Connecting {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0.connect(details, chained).map_err(|error| NotConnected::wrap(&error))
    }
}

#[derive(Debug, Default)]
struct Resolving(DefaultResolver);

impl Resolver for Resolving {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0.resolve(uri, config, timeout).map_err(|error| {
            let why = if matches!(error, ureq::Error::Timeout(_)) { TIMED_OUT } else { NOT_FOUND };
            ureq::Error::Other(Box::new(NotConnected::Because(why)))
        })
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that the server has closed meanwhile loses the request that is sent on it, and a
/// refresh must not be lost. Most servers keep an idle connection for five seconds or more.
const IDLE_MAX: Duration = Duration::from_secs(3);

const NOT_FOUND: &str = "the host name was not found";
const TIMED_OUT: &str = "timed out while looking up the host name";
