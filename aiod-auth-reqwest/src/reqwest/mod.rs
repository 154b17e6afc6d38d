//! The default runtime: tokio, and reqwest on it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use ::reqwest::{Client, ClientBuilder, redirect, retry};
use aiod_auth_core::{
    BODY_BYTES_MAX, Error, Method, NoResponse, ProxyProblem, Request, Response, Url,
    proxy::{Proxies, Proxy, ProxyKind},
};
use aiod_auth_tls::{Tls, TlsFailure, TlsOptions};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::runtime::{BoxFuture, NoRuntime, Runtime};

pub use builder::TokioRuntimeBuilder;

mod builder;
mod explain;
mod tunnel;

/// tokio's tasks and timers, and reqwest for requests: no redirects, no retries, no cookies, time limits
/// on everything, a limit on the body, the platform's certificates, the environment's proxies, and no
/// proxy for loopback.
///
/// It is cheap to clone, and has its clients made when they are first needed. Requests have to be polled
/// on a tokio runtime with IO and time.
///
/// ```
/// use std::time::Duration;
/// use aiod_auth_reqwest::{Driver, TokioRuntime};
///
/// let runtime = TokioRuntime::builder().timeout(Duration::from_secs(10)).build();
/// let driver = Driver::with_runtime(runtime);
/// ```
#[derive(Clone, Debug)]
pub struct TokioRuntime(Arc<Stack>);

#[derive(Debug)]
struct Stack {
    clients: Clients,
    /// The program's own limit.
    timeout: Option<Duration>,
}

#[derive(Debug)]
enum Clients {
    Ours(Box<Ours>),
    /// Made by the program, with what it says about proxies and TLS.
    Given(Client),
}

#[derive(Debug)]
struct Ours {
    proxies: Arc<Proxies>,
    options: TlsOptions,
    user_agent: String,
    connect_timeout: Duration,
    names: BTreeMap<String, Vec<IpAddr>>,
    /// For https: the platform's certificates are read for it.
    secure: OnceLock<Result<(Client, Tls), TlsFailure>>,
    /// For http.
    plain: OnceLock<Result<Client, TlsFailure>>,
}

impl TokioRuntime {
    /// As the environment and the platform say, 30 s for a request and its answer.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// With certificates, a proxy, limits of the program's own.
    #[must_use]
    pub fn builder() -> TokioRuntimeBuilder {
        TokioRuntimeBuilder::new()
    }

    /// The program's own reqwest, before it is built: its proxies, TLS, User-Agent, connections.
    /// Redirects and retries are switched off, and each request has a time limit of its own in place of the builder's
    /// `timeout` and `read_timeout`. (A client that is already built can't be told, and would
    /// follow a 307 with the refresh token in its body.)
    ///
    /// # Errors
    /// [`Error::Usage`] if it can't be built.
    pub fn from_client_builder(builder: ClientBuilder) -> Result<Self, Error> {
        // A program's limit for a part of its own answers would give up a refresh whose answer is on its way.
        let client = sending_once(builder).read_timeout(NO_LIMIT).build();
        let client = client.map_err(|_| Error::Usage("this reqwest client can't be built"))?;
        Ok(Self(Arc::new(Stack { clients: Clients::Given(client), timeout: None })))
    }

    async fn exchange(&self, request: &Request) -> Result<Response, NoResponse> {
        let proxy = self.0.clients.proxy_of(request.url())?;
        let (client, tls) = self.0.clients.client_for(request.url(), proxy)?;
        let method = match request.method() {
            Method::Get => ::reqwest::Method::GET,
            Method::Post => ::reqwest::Method::POST,
            Method::Delete => ::reqwest::Method::DELETE,
            _ => return Err(NoResponse::NotSent("this version can't send such a request")),
        };
        let limits = request.timeout().into_iter().chain(self.0.timeout);
        let timeout = limits.min().unwrap_or(TIMEOUT);
        let mut outgoing = client.request(method, request.url().clone()).timeout(timeout);
        if !request.body().is_empty() {
            outgoing = outgoing.body(request.body().to_vec());
        }
        for (name, value) in request.headers() {
            outgoing = outgoing.header(name, value);
        }
        let answered = match outgoing.send().await {
            Ok(response) => response,
            Err(error) => {
                let lookup = explain::failed_lookup(&error).filter(|_| proxy.is_none());
                if let Some(words) = lookup {
                    let host = request.url().host_str().unwrap_or_default();
                    return Err(NoResponse::of_lookup(host, &words));
                }
                let asked_by_proxy = proxy_that_answers(request.url(), proxy).is_some();
                return Err(match explain::unconnected(&error, tls, proxy, asked_by_proxy) {
                    explain::Unconnected::Told(no_response) => no_response,
                    explain::Unconnected::NoTunnel(proxy) => {
                        let problem = tunnel::ask_again(proxy, tls, request.url()).await;
                        NoResponse::Proxy(proxy.failure(problem))
                    }
                    explain::Unconnected::SocksClosed(proxy) => {
                        let problem = tunnel::why_socks_closed(proxy).await;
                        NoResponse::Proxy(proxy.failure(problem))
                    }
                    explain::Unconnected::CredentialsWanted(proxy) => {
                        let problem = tunnel::ask_for_scheme(proxy, tls, request.url()).await;
                        NoResponse::Proxy(proxy.failure(problem))
                    }
                });
            }
        };
        let (status, headers) = (answered.status().as_u16(), answered.headers().clone());
        // Without a tunnel, it is the proxy that answers, and it may want credentials.
        let answers = proxy_that_answers(request.url(), proxy);
        if let Some(proxy) = answers.filter(|_| status == 407) {
            let wanted = headers.get_all(::reqwest::header::PROXY_AUTHENTICATE);
            let problem = ProxyProblem::of_407(wanted.iter().filter_map(|it| it.to_str().ok()));
            return Err(NoResponse::Proxy(proxy.failure(problem)));
        }
        // A value that is no text can't be one that a flow reads.
        let texts =
            headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
        let outcome = read(answered, &mut body, tls).await;
        let response = Response::new(status, texts, std::mem::take(&mut *body));
        match outcome {
            Ok(Read::Whole) => Ok(response),
            Ok(Read::ToTheLimit) => Err(NoResponse::TooLarge(Box::new(response))),
            Err(no_response) => Err(no_response.of_body(response)),
        }
    }
}

impl Default for TokioRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for TokioRuntime {
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>> {
        Box::pin(async move {
            let outcome = self.exchange(request).await;
            let proxy = self.0.clients.proxy_of(request.url()).ok().flatten();
            match proxy_that_answers(request.url(), proxy) {
                Some(through) => through.in_between(outcome),
                None => outcome,
            }
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration).await })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime> {
        let runtime = Handle::try_current().map_err(|_| NoRuntime)?;
        drop(runtime.spawn(task));
        Ok(())
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn_blocking(work));
        }
    }
}

impl Clients {
    fn proxy_of(&self, url: &Url) -> Result<Option<&Proxy>, NoResponse> {
        match self {
            Self::Ours(ours) => ours.proxies.of(url).map_err(NoResponse::Proxy),
            Self::Given(_) => Ok(None),
        }
    }

    fn client_for(
        &self,
        url: &Url,
        proxy: Option<&Proxy>,
    ) -> Result<(&Client, Option<&Tls>), NoResponse> {
        let ours = match self {
            Self::Given(client) => return Ok((client, None)),
            Self::Ours(ours) => ours,
        };
        let failed = |failure: &TlsFailure| NoResponse::Tls(failure.clone());
        if url.scheme() == "https" || proxy.is_some_and(|proxy| proxy.kind() == ProxyKind::Https) {
            let secure = ours.secure.get_or_init(|| {
                let tls = Tls::new(&ours.options)?;
                Ok((ours.build(Some(&tls))?, tls))
            });
            secure.as_ref().map(|(client, tls)| (client, Some(tls))).map_err(failed)
        } else {
            // A stack that has TLS wants to know how, also where it needs none.
            let plain =
                ours.plain.get_or_init(|| ours.build(Tls::trusting_nothing().ok().as_ref()));
            plain.as_ref().map(|client| (client, None)).map_err(failed)
        }
    }
}

impl Ours {
    fn build(&self, tls: Option<&Tls>) -> Result<Client, TlsFailure> {
        let client = self.builder(tls)?.build();
        client.map_err(|_| TlsFailure::Unavailable("reqwest can't be set up"))
    }

    fn builder(&self, tls: Option<&Tls>) -> Result<ClientBuilder, TlsFailure> {
        let proxies = Arc::clone(&self.proxies);
        let proxy = ::reqwest::Proxy::custom(move |url| {
            // One that can't be used was refused before.
            proxies.of(url).ok().flatten().and_then(address)
        });
        let builder = sending_once(Client::builder())
            .user_agent(self.user_agent.as_str())
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE_MAX)
            .no_proxy()
            .proxy(proxy);
        let builder = self.names.iter().fold(builder, |builder, (host, addresses)| {
            // The port is the address's own.
            let addresses = addresses.iter().map(|address| SocketAddr::new(*address, 0));
            builder.resolve_to_addrs(host, &addresses.collect::<Vec<_>>())
        });
        with_tls(builder, tls)
    }
}

#[cfg(any(
    feature = "ring",
    feature = "aws-lc-rs",
    feature = "native-tls",
    feature = "no-provider"
))]
fn with_tls(builder: ClientBuilder, tls: Option<&Tls>) -> Result<ClientBuilder, TlsFailure> {
    // Without a provider reqwest would panic.
    let tls = tls.ok_or(TlsFailure::Unavailable("TLS is not set up"))?;
    Ok(builder.tls_backend_preconfigured(tls.preconfigured()))
}

#[cfg(not(any(
    feature = "ring",
    feature = "aws-lc-rs",
    feature = "native-tls",
    feature = "no-provider"
)))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS it may be missing")]
fn with_tls(builder: ClientBuilder, _: Option<&Tls>) -> Result<ClientBuilder, TlsFailure> {
    Ok(builder)
}

fn sending_once(builder: ClientBuilder) -> ClientBuilder {
    builder
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        // An answer that could be read must not be lost: a refresh token may be in it.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(1000)
}

/// The one that is asked in absolute form: RFC 9112 §3.2.2.
fn proxy_that_answers<'a>(url: &Url, proxy: Option<&'a Proxy>) -> Option<&'a Proxy> {
    proxy.filter(|proxy| url.scheme() != "https" && proxy.kind() != ProxyKind::Socks5)
}

/// As reqwest takes it. Names are resolved by the proxy.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the core's enum may grow by kinds of HTTP proxies"
)]
fn address(proxy: &Proxy) -> Option<Url> {
    let scheme = match proxy.kind() {
        ProxyKind::Https => "https",
        ProxyKind::Socks5 => "socks5h",
        _ => "http",
    };
    let mut url = Url::parse(&format!("{scheme}://{}:{}", proxy.host(), proxy.port())).ok()?;
    if let Some((user, password)) = proxy.credentials() {
        // Everything else that has to be escaped is, by the URL.
        url.set_username(&user.replace('%', "%25")).ok()?;
        url.set_password(Some(&Zeroizing::new(password.replace('%', "%25")))).ok()?;
    }
    Some(url)
}

/// How much of a body was read.
enum Read {
    Whole,
    ToTheLimit,
}

/// Not past the limit, whatever the server sends.
async fn read(
    mut response: ::reqwest::Response,
    body: &mut Vec<u8>,
    tls: Option<&Tls>,
) -> Result<Read, NoResponse> {
    while let Some(chunk) =
        response.chunk().await.map_err(|error| explain::unanswered(&error, tls))?
    {
        let room = BODY_BYTES_MAX - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            return Ok(Read::ToTheLimit);
        }
    }
    Ok(Read::Whole)
}

/// reqwest's can be set and not taken away. Each request has its limit for the whole.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// For a request and its answer together.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that the server has closed meanwhile loses the request that is sent on it, and a
/// refresh must not be lost. Most servers keep an idle connection for five seconds or more.
const IDLE_MAX: Duration = Duration::from_secs(3);

#[cfg(all(test, feature = "ring"))]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        thread,
        time::Instant,
    };

    use super::*;

    /// RFC 8305 §5: a family that swallows packets costs a quarter of a second, not the login. (A listener whose
    /// backlog is full swallows them.)
    #[tokio::test]
    async fn an_ipv6_address_that_is_dead_costs_no_login() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let good_address = good.local_addr().unwrap();
        let Ok(dead) = TcpListener::bind(("::1", good_address.port())) else {
            // Without IPv6 there is no dead address either.
            return;
        };
        let dead_address = dead.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&dead_address, Duration::from_millis(300)).ok();
        let waiting: Vec<_> = std::iter::from_fn(connect).take(5000).collect();
        assert!(waiting.len() < 5000, "the backlog has no end");
        thread::spawn(move || {
            let (mut stream, _) = good.accept().unwrap();
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(b"HTTP/1.1 204 Here\r\nContent-Length: 0\r\n\r\n"));
        });

        let TokioRuntime(stack) = TokioRuntime::builder().proxies(Proxies::none()).build();
        let Clients::Ours(ours) = &stack.clients else { panic!("{stack:?}") };
        let builder = ours.builder(Some(&Tls::trusting_nothing().unwrap())).unwrap();
        let name = "as.example.test";
        let client = builder.resolve_to_addrs(name, &[dead_address, good_address]).build().unwrap();
        let started = Instant::now();
        let request = client.get(format!("http://{name}:{}", good_address.port()));
        // The dead one alone would take as long as connecting may, 10 s.
        let answer = request.timeout(Duration::from_secs(5)).send().await.unwrap();
        assert_eq!(answer.status(), 204);
        assert!(started.elapsed() >= Duration::from_millis(200), "it was not dead");
    }
}
