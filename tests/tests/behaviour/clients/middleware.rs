//! The token of a client in the requests of another one, over real sockets: reqwest's and ureq's.

use aiod_auth_core::Origins;
use aiod_auth_tests::sim::{Answer, Fault, Running};
use reqwest::StatusCode;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::runtime::{Builder, Runtime};
use ureq::{Agent, http};

use super::*;

/// An API that gets the token, another one that must not, and the headers that each has seen.
struct Apis {
    ours: Running,
    other: Running,
}

impl Apis {
    fn new() -> Self {
        Self { ours: server_over_sockets(seconds(300)), other: server_over_sockets(seconds(300)) }
    }

    fn origins(&self) -> Origins {
        Origins::new([self.ours.issuer()]).unwrap()
    }

    fn url(server: &Running) -> String {
        format!("{}/userinfo?a=b", server.issuer())
    }

    /// The `Authorization` headers of the requests to an API, and their bodies.
    fn seen(server: &Running) -> Vec<(Option<String>, String)> {
        let simulator = server.simulator();
        let log = simulator.log().iter().map(|handled| &handled.request);
        let asked = log.filter(|request| request.path() == "/userinfo");
        let seen = asked.map(|request| {
            let header = request.header("Authorization").map(Into::into);
            (header, String::from_utf8_lossy(&request.body).into_owned())
        });
        seen.collect()
    }

    /// What each test of these two libraries ends with.
    fn check(&self, first: &str, second: &str) {
        let bearer = |token: &str| Some(format!("Bearer {token}"));
        let (first, second) = (bearer(first), bearer(second));
        let expected = [
            // One that is good.
            (first.clone(), ""),
            // One that was revoked meanwhile, with a body that is sent again.
            (first, "body"),
            (second, "body"),
        ];
        let seen = Self::seen(&self.ours);
        let seen: Vec<_> = seen.iter().map(|(header, body)| (header.clone(), &**body)).collect();
        assert_eq!(seen, expected);
        assert_eq!(Self::seen(&self.other), [(None, String::new())]);
        assert_eq!(refreshes(&self.ours), 1);
    }
}

#[test]
fn reqwest_adds_a_token_for_its_origins_and_tries_once_more_after_401() {
    let (apis, runtime) = (Apis::new(), runtime());
    let client = aiod_auth_reqwest::Client::new(profile_at(&apis.ours), MemoryStore::default());
    runtime.block_on(async {
        client.login(approve(&apis.ours)).await.unwrap();
        let api = api(&client, &apis);
        let first = access_token(&client.cached().unwrap().tokens);
        let answer = api.get(Apis::url(&apis.ours)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer = api.get(Apis::url(&apis.other)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        kill_access_token(&apis.ours, client.cached());
        let answer = api.post(Apis::url(&apis.ours)).body("body").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        apis.check(&first, &access_token(&client.cached().unwrap().tokens));
    });
}

/// Each at an end of its own: a session that has ended, a body that can't be sent again, a header that is there.
#[test]
fn reqwest_leaves_the_answer_as_it_is_where_there_is_nothing_better() {
    let (apis, runtime) = (Apis::new(), runtime());
    let client = aiod_auth_reqwest::Client::new(profile_at(&apis.ours), MemoryStore::default());
    runtime.block_on(async {
        client.login(approve(&apis.ours)).await.unwrap();
        let api = api(&client, &apis);
        let own = api.get(Apis::url(&apis.ours)).header("Authorization", "Bearer mine");
        assert_eq!(own.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(Apis::seen(&apis.ours), [(Some("Bearer mine".into()), String::new())]);

        kill_access_token(&apis.ours, client.cached());
        let body = reqwest::Body::wrap(http_body_util::Empty::<hyper::body::Bytes>::new());
        let once = api.post(Apis::url(&apis.ours)).body(body).send().await.unwrap();
        assert_eq!(once.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(Apis::seen(&apis.ours).len(), 2);

        apis.ours.simulator().end_sessions();
        let ended = api.get(Apis::url(&apis.ours)).send().await.unwrap();
        assert_eq!(ended.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(Apis::seen(&apis.ours).len(), 3);
        // Now it is known, and an error of this client's.
        let error = api.get(Apis::url(&apis.ours)).send().await.unwrap_err();
        let reqwest_middleware::Error::Middleware(error) = error else { panic!("{error:?}") };
        assert!(error.to_string().contains("session"), "{error}");
        assert_eq!(Apis::seen(&apis.ours).len(), 3);
    });
}

#[test]
fn ureq_runs_a_request_with_a_token_for_its_origins_and_once_more_after_401() {
    for errors in [true, false] {
        let apis = Apis::new();
        let client = aiod_auth_ureq::Client::new(profile_at(&apis.ours), MemoryStore::default());
        client.login(approve(&apis.ours)).unwrap();
        let token = aiod_auth_ureq::BearerToken::new(client.clone(), apis.origins());
        let agent: Agent = Agent::config_builder().http_status_as_error(errors).build().into();
        let first = access_token(&client.cached().unwrap().tokens);
        let get = |url: String| http::Request::get(url).body(()).unwrap();
        token.run(&agent, &get(Apis::url(&apis.ours))).unwrap();
        let refused = token.run(&agent, &get(Apis::url(&apis.other)));
        assert_eq!(refused.is_err(), errors);
        kill_access_token(&apis.ours, client.cached());
        let post = http::Request::post(Apis::url(&apis.ours)).body("body").unwrap();
        assert_eq!(token.run(&agent, &post).unwrap().status(), 200);
        apis.check(&first, &access_token(&client.cached().unwrap().tokens));
    }
}

/// RFC 6750 §3.1: another token would be refused as well.
#[test]
fn what_the_challenge_says_of_something_else_costs_no_refresh() {
    let apis = Apis::new();
    let blocking = aiod_auth_ureq::Client::new(profile_at(&apis.ours), MemoryStore::default());
    blocking.login(approve(&apis.ours)).unwrap();
    let token = aiod_auth_ureq::BearerToken::new(blocking, apis.origins());
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let client = aiod_auth_reqwest::Client::new(profile_at(&apis.ours), MemoryStore::default());
    let runtime = runtime();
    runtime.block_on(client.login(approve(&apis.ours))).unwrap();
    let api = api(&client, &apis);
    for (error, requests) in
        [("insufficient_scope", 1), ("invalid_request", 1), ("invalid_token", 2)]
    {
        let refused = || {
            let challenge = format!("Bearer error=\"{error}\"");
            let answer = Answer::empty(401).with_header("WWW-Authenticate", &challenge);
            let before = (Apis::seen(&apis.ours).len(), refreshes(&apis.ours));
            apis.ours.simulator().fault_at("/userinfo", 1, Fault::Instead(answer));
            before
        };
        let check = |status: u16, before: (usize, usize)| {
            assert_eq!(status, if requests == 1 { 401 } else { 200 }, "{error}");
            assert_eq!(Apis::seen(&apis.ours).len(), before.0 + requests, "{error}");
            assert_eq!(refreshes(&apis.ours), before.1 + requests - 1, "{error}");
        };
        let before = refused();
        let get = http::Request::get(Apis::url(&apis.ours)).body(()).unwrap();
        check(token.run(&agent, &get).unwrap().status().as_u16(), before);
        let before = refused();
        let answer = runtime.block_on(api.get(Apis::url(&apis.ours)).send()).unwrap();
        check(answer.status().as_u16(), before);
    }
}

#[test]
fn an_agent_of_ureqs_adds_a_token_for_its_origins_by_its_middleware() {
    let apis = Apis::new();
    let client = aiod_auth_ureq::Client::new(profile_at(&apis.ours), MemoryStore::default());
    client.login(approve(&apis.ours)).unwrap();
    let token = aiod_auth_ureq::BearerToken::new(client.clone(), apis.origins());
    let agent: Agent = Agent::config_builder().middleware(token).build().into();
    agent.get(Apis::url(&apis.ours)).call().unwrap();
    agent.get(Apis::url(&apis.other)).call().unwrap_err();
    let header = format!("Bearer {}", access_token(&client.cached().unwrap().tokens));
    assert_eq!(Apis::seen(&apis.ours), [(Some(header), String::new())]);
    assert_eq!(Apis::seen(&apis.other), [(None, String::new())]);
    // No login: an error of this client's, and no request.
    client.log_out().unwrap();
    let error = agent.get(Apis::url(&apis.ours)).call().unwrap_err();
    assert!(error.to_string().contains("not logged in"), "{error}");
    assert_eq!(Apis::seen(&apis.ours).len(), 1);
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn api(client: &aiod_auth_reqwest::Client, apis: &Apis) -> ClientWithMiddleware {
    let token = aiod_auth_reqwest::BearerToken::new(client.clone(), apis.origins());
    // Without this it looks for a provider of TLS that a program has to install.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider);
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let plain = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls);
    let plain = plain.build().unwrap();
    ClientBuilder::new(plain).with(token).build()
}
