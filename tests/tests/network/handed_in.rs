//! A program's own agent, or client builder: a redirect with a refresh token in the body goes nowhere.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, Endpoint, Failed, Issuer, RefreshToken, RetryPolicy,
    Scope, flow::AccessTokenRequest,
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

#[tokio::test]
async fn a_client_builder_follows_no_redirect_whatever_it_was_told() {
    let (address, asks) = redirecting();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(5));
    // Its own TLS: the features of this workspace name no provider.
    let tls = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ));
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let builder = builder.tls_backend_preconfigured(tls);
    let runtime = aiod_auth_reqwest::TokioRuntime::from_client_builder(builder).unwrap();
    let driver = aiod_auth_reqwest::Driver::with_runtime(runtime);
    is_refused(driver.run(&mut refresh(&address)).await, &asks);
}

/// A program that has both adapters may use rustls as it likes.
#[test]
fn both_adapters_together_leave_rustls_one_provider() {
    drop(rustls::ClientConfig::builder());
}
