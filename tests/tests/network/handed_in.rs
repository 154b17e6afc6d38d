//! A program's own agent, or client builder: a redirect with a refresh token in the body goes nowhere.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, Endpoint, Error, Failed, Issuer, RefreshToken,
    RetryPolicy, Scope, flow::AccessTokenRequest,
};
use ureq::unversioned::{
    resolver::{ResolvedSocketAddrs, Resolver},
    transport::{DefaultConnector, NextTimeout},
};

/// Answers 307 to somewhere else on the same server, and says what it was asked for.
fn redirecting() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, asks) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            drop(asked.send(text.lines().next().unwrap_or_default().to_owned()));
            drop(stream.write_all(
                b"HTTP/1.1 307 Elsewhere\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n",
            ));
        }
    });
    (address, asks)
}

pub(crate) fn refresh(address: &str) -> AccessTokenRequest {
    let mut policy = RetryPolicy::default();
    policy.attempts = 1;
    refresh_with(address, policy)
}

pub(crate) fn refresh_with(address: &str, policy: RetryPolicy) -> AccessTokenRequest {
    let server = AuthorizationServer::new(Issuer::new(address).unwrap())
        .with_endpoint(Endpoint::Token, &format!("{address}/token"))
        .unwrap();
    let client = ClientIdentity::public("me").unwrap();
    let token = RefreshToken::new("a-refresh-token");
    AccessTokenRequest::refresh(&server, &client, &token, &Scope::default(), policy).unwrap()
}

fn is_refused(outcome: Result<impl Sized, Failed>, asks: &std::sync::mpsc::Receiver<String>) {
    let error = outcome.err().unwrap().error;
    assert!(error.to_string().contains("a redirect"), "{error}");
    assert_eq!(asks.try_iter().collect::<Vec<_>>(), ["POST /token HTTP/1.1"]);
}

#[test]
fn an_agent_follows_no_redirect_whatever_it_was_told() {
    let (address, asks) = redirecting();
    let agent = ureq::Agent::config_builder().max_redirects(5).build().new_agent();
    let transport = aiod_auth_ureq::UreqTransport::from_agent(agent);
    let driver = aiod_auth_ureq::Driver::with_transport(transport);
    is_refused(driver.run(&mut refresh(&address)), &asks);
}

/// Cut any of them in `UreqTransport::run`: this fails. (But for `timeout_connect`: loopback is connected to at
/// once. What looks a name up or is sent is done too soon, too; a limit of no time at all ends it.)
#[test]
fn an_agents_own_time_limits_end_no_request() {
    type Limits = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;
    type Set = fn(Limits, Option<Duration>) -> Limits;
    let (soon, nothing) = (Some(Duration::from_millis(20)), Some(Duration::ZERO));
    let limits: [(&str, Set, _); 9] = [
        ("global", Limits::timeout_global, soon),
        ("per call", Limits::timeout_per_call, soon),
        ("per read", Limits::timeout_per_read, soon),
        ("per write", Limits::timeout_per_write, nothing),
        ("resolve", Limits::timeout_resolve, nothing),
        ("send the request", Limits::timeout_send_request, nothing),
        ("send the body", Limits::timeout_send_body, nothing),
        ("receive the response", Limits::timeout_recv_response, soon),
        ("receive the body", Limits::timeout_recv_body, soon),
    ];
    // A name, for the one that looks it up.
    let address = format!("http://localhost:{}", slow().port());
    for (name, set, limit) in limits {
        let agent = set(ureq::Agent::config_builder(), limit).build().new_agent();
        let transport = aiod_auth_ureq::UreqTransport::from_agent(agent);
        let driver = aiod_auth_ureq::Driver::with_transport(transport);
        let outcome = driver.run(&mut refresh(&address));
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}

/// Cut `read_timeout` in `from_client_builder`, or `timeout` in `exchange`: this fails.
#[tokio::test]
async fn a_client_builders_own_time_limits_end_no_request() {
    let address = format!("http://localhost:{}", slow().port());
    let soon = Duration::from_millis(20);
    let builder = || with_tls(reqwest::Client::builder());
    for (name, builder) in
        [("whole", builder().timeout(soon)), ("per read", builder().read_timeout(soon))]
    {
        let runtime = aiod_auth_reqwest::TokioRuntime::from_client_builder(builder).unwrap();
        let driver = aiod_auth_reqwest::Driver::with_runtime(runtime);
        let outcome = driver.run(&mut refresh(&address)).await;
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}

/// Gives out tokens, and takes its time before the head of the answer, and before its body.
fn slow() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(stream.read(&mut [0; 4096]));
            let body = r#"{"access_token":"a1","token_type":"Bearer"}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            for part in [head.as_str(), body] {
                thread::sleep(Duration::from_millis(60));
                drop(stream.write_all(part.as_bytes()));
            }
        }
    });
    address
}

/// What Rust makes of getaddrinfo's `EAI_AGAIN` (the name servers are away, SERVFAIL) and `EAI_NONAME`.
#[tokio::test]
async fn a_lookup_that_may_pass_is_no_host_that_is_not_found() {
    for (why, says) in [
        (
            "Temporary failure in name resolution",
            "the host name localhost can't be looked up now (DNS)",
        ),
        ("Name or service not known", "the host name localhost was not found"),
    ] {
        let config = ureq::Agent::config_builder().build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), NoNames(why));
        let transport = aiod_auth_ureq::UreqTransport::from_agent(agent);
        let blocking = aiod_auth_ureq::Driver::with_transport(transport);
        let builder = with_tls(reqwest::Client::builder().dns_resolver(NoNames(why)));
        let runtime = aiod_auth_reqwest::TokioRuntime::from_client_builder(builder).unwrap();
        let asynchronous = aiod_auth_reqwest::Driver::with_runtime(runtime);
        for outcome in [
            blocking.run(&mut refresh("http://localhost:1")),
            asynchronous.run(&mut refresh("http://localhost:1")).await,
        ] {
            let error = outcome.err().unwrap().error;
            // Nothing was sent: the outcome of the refresh is known.
            assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}

/// Finds no host, with these words.
#[derive(Clone, Debug)]
struct NoNames(&'static str);

impl NoNames {
    fn error(&self) -> std::io::Error {
        std::io::Error::other(format!("failed to lookup address information: {}", self.0))
    }
}

impl Resolver for NoNames {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Err(self.error().into())
    }
}

impl reqwest::dns::Resolve for NoNames {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let error = self.error();
        Box::pin(async move { Err(error.into()) })
    }
}

#[tokio::test]
async fn a_client_builder_follows_no_redirect_whatever_it_was_told() {
    let (address, asks) = redirecting();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(5));
    let runtime = aiod_auth_reqwest::TokioRuntime::from_client_builder(with_tls(builder)).unwrap();
    let driver = aiod_auth_reqwest::Driver::with_runtime(runtime);
    is_refused(driver.run(&mut refresh(&address)).await, &asks);
}

fn with_tls(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    // Its own TLS: the features of this workspace name no provider.
    let tls = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ));
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    builder.tls_backend_preconfigured(tls)
}

/// A program that has both adapters may use rustls as it likes.
#[test]
fn both_adapters_together_leave_rustls_one_provider() {
    drop(rustls::ClientConfig::builder());
}
