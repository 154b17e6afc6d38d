//! What the behaviours of these rows have in common.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, ClientSecret, Error, Issuer, Machine, Profile,
    RefreshToken, Request, Response, RetryPolicy, Scope, Step, Timestamp, Tokens,
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorization,
        DeviceAuthorizationRequest, Discovery,
    },
    session::{Demand, Session, SessionTokens},
};
use aiod_auth_tests::{
    sim,
    verdict::{self, Answer, Asked, Verdict},
    world::{Event, ISSUER, World},
};

pub(super) use aiod_auth_tests::scene::seconds;

/// 2026-01-01T00:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

pub(super) fn found(asked: Asked, answer: &str) -> Verdict {
    verdict::verdict(asked, &Answer::parse(answer)).unwrap()
}

/// No detail of the verdict begins with this.
pub(super) fn lacks(asked: Asked, answer: &str, beginning: &str) {
    let found = found(asked, answer);
    assert!(!found.details.iter().any(|detail| detail.starts_with(beginning)), "{found}");
}

/// What came of a machine.
pub(super) struct Ran<T> {
    pub(super) outcome: Result<T, Error>,
    /// When it sent something.
    pub(super) sent_at: Vec<Duration>,
    pub(super) ended_at: Duration,
    /// What was noted, answer by answer.
    pub(super) notes: Vec<String>,
}

/// Runs a machine to its end. Who answers is told the time that has gone, and the request.
pub(super) fn run_with<M: Machine>(
    machine: &mut M,
    mut answered: impl FnMut(Duration, &Request) -> String,
) -> Ran<M::Output> {
    let (mut elapsed, mut sent_at, mut notes) = (Duration::ZERO, Vec::new(), Vec::new());
    loop {
        match machine.poll(NOW) {
            Ok(Step::Send(exchange)) => {
                let in_flight = exchange.begin();
                let answer = Answer::parse(&answered(elapsed, in_flight.request()));
                let headers: Vec<_> =
                    answer.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let response =
                    Response::new(answer.status, headers.iter().copied(), answer.body.clone());
                let noted = in_flight.complete(NOW, Duration::ZERO, Ok(response));
                notes.extend(noted.iter().map(ToString::to_string));
                sent_at.push(elapsed);
            }
            Ok(Step::Wait(pause)) => {
                let delay = pause.delay();
                elapsed += delay;
                pause.complete(delay);
            }
            Ok(Step::Done(output)) => {
                return Ran { outcome: Ok(output), sent_at, ended_at: elapsed, notes };
            }
            Ok(Step::Store(_) | Step::Ask(_)) => panic!("neither a store nor a person here"),
            Err(error) => return Ran { outcome: Err(error), sent_at, ended_at: elapsed, notes },
        }
    }
}

/// The same with answers in this order; the last one is repeated.
pub(super) fn run<M: Machine>(machine: &mut M, answers: &[&str]) -> Result<M::Output, Error> {
    let mut sent = 0;
    run_with(machine, |_, _| {
        sent += 1;
        (*answers.get(sent - 1).or_else(|| answers.last()).unwrap()).to_owned()
    })
    .outcome
}

/// What the machine sends next, after its waits.
pub(super) fn sent<M: Machine>(machine: &mut M) -> Request {
    loop {
        match machine.poll(NOW).map_err(|error| error.to_string()).unwrap() {
            Step::Send(exchange) => return exchange.request().clone(),
            Step::Wait(pause) => {
                let delay = pause.delay();
                pause.complete(delay);
            }
            Step::Store(_) | Step::Ask(_) | Step::Done(_) => panic!("nothing is sent"),
        }
    }
}

pub(super) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(super) fn body(request: &Request) -> String {
    String::from_utf8(request.body().to_vec()).unwrap()
}

pub(super) fn server() -> AuthorizationServer {
    verdict::server().unwrap()
}

pub(super) fn client() -> ClientIdentity {
    ClientIdentity::public("client").unwrap()
}

pub(super) fn confidential() -> ClientIdentity {
    client().with_secret(ClientSecret::new("secret")).unwrap()
}

pub(super) fn scope() -> Scope {
    "read write".parse().unwrap()
}

pub(super) fn refresh(server: &AuthorizationServer, client: &ClientIdentity) -> AccessTokenRequest {
    let old = RefreshToken::new("old");
    AccessTokenRequest::refresh(server, client, &old, &scope(), RetryPolicy::default()).unwrap()
}

/// A login that begins with this answer.
pub(super) fn authorization(answer: &str) -> DeviceAuthorization {
    let request =
        DeviceAuthorizationRequest::new(&server(), &client(), &scope(), RetryPolicy::default());
    run(&mut request.unwrap(), &[answer]).unwrap()
}

/// Polls for a login that begins with this answer, for an hour at most.
pub(super) fn poll_with(
    first: &str,
    mut answered: impl FnMut(Duration) -> &'static str,
) -> Ran<Tokens> {
    run_with(&mut polls_for(&authorization(first), &client()), |elapsed, _| {
        answered(elapsed).to_owned()
    })
}

pub(super) fn polls_for(
    authorization: &DeviceAuthorization,
    client: &ClientIdentity,
) -> DeviceAccessTokenRequest {
    let limit = seconds(3600);
    DeviceAccessTokenRequest::new(&server(), client, authorization, &scope(), limit).unwrap()
}

/// A server with this document at the first place where metadata may be, and none elsewhere.
pub(super) fn discover(issuer: &str, document: &str) -> Result<AuthorizationServer, Error> {
    let mut discovery = Discovery::new(Issuer::new(issuer).unwrap(), RetryPolicy::default());
    run(&mut discovery, &[&format!("200 {document}"), "404"])
}

pub(super) fn profile() -> Arc<Profile> {
    Arc::new(Profile::new(ISSUER, "demo").unwrap().with_scope("openid profile".parse().unwrap()))
}

/// A world in which Alice has logged in.
pub(super) fn logged_in(settings: sim::Settings) -> (World, SessionTokens) {
    let mut world = World::new(settings);
    world.after(Duration::ZERO, Event::Approve);
    world.after(seconds(1), Event::Approve);
    let login = Session::login(profile(), seconds(300), RetryPolicy::default());
    let tokens = world.run(login).unwrap();
    world.transcript();
    (world, tokens)
}

pub(super) fn token(world: &mut World) -> Result<SessionTokens, Error> {
    world.run(Session::token(profile(), Demand::new(), RetryPolicy::default()))
}

/// The simulator answers this in place of its own answer.
pub(super) fn instead(answer: &str) -> sim::Fault {
    let Answer { status, headers, body } = Answer::parse(answer);
    let answer = sim::Answer::new(status, "application/json", body);
    sim::Fault::Instead(
        headers.iter().fold(answer, |answer, (name, value)| answer.with_header(name, value)),
    )
}
