//! What the behaviours of these rows have in common.

use std::time::Duration;

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, ClientSecret, Error, Issuer, Machine, RefreshToken,
    Request, RetryPolicy, Scope, Tokens,
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorization,
        DeviceAuthorizationRequest, Discovery,
    },
    session::SessionTokens,
};
use aiod_auth_tests::{
    drive::{self, Answering, Failure},
    scene, sim,
    verdict::{self, Answer, Asked, Verdict},
    world::World,
};

pub(super) use aiod_auth_tests::scene::{NOW, get_token as token, profile, seconds};

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
    /// What was noted.
    pub(super) notes: Vec<String>,
}

/// Runs a machine to its end. Who answers is told the time that has gone, and the request.
pub(super) fn run_with<M: Machine<Error: Failure>>(
    machine: &mut M,
    mut answered: impl FnMut(Duration, &Request) -> String,
) -> Ran<M::Output> {
    let mut sent_at = Vec::new();
    let mut around = Answering::new(NOW, |elapsed, request: &Request| {
        sent_at.push(elapsed);
        Ok(Answer::parse(&answered(elapsed, request)).into_response())
    });
    let outcome = drive::run(machine, &mut around).map_err(|failure| failure.into_parts().0);
    let ended_at = around.slept;
    let notes = machine.take_notes().iter().map(ToString::to_string).collect();
    Ran { outcome, sent_at, ended_at, notes }
}

/// The same with answers in this order; the last one is repeated.
pub(super) fn run<M: Machine<Error: Failure>>(
    machine: &mut M,
    answers: &[&str],
) -> Result<M::Output, Error> {
    let mut sent = 0;
    run_with(machine, |_, _| {
        sent += 1;
        (*answers.get(sent - 1).or_else(|| answers.last()).unwrap()).to_owned()
    })
    .outcome
}

/// What the machine sends next, after its waits.
pub(super) fn sent<M: Machine>(machine: &mut M) -> Request {
    drive::next_request(machine, NOW).unwrap()
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

/// A world in which Alice has logged in.
pub(super) fn logged_in(settings: sim::Settings) -> (World, SessionTokens) {
    let mut world = World::new(settings);
    let tokens = scene::log_in(&mut world);
    (world, tokens)
}

/// The simulator answers this in place of its own answer.
pub(super) fn instead(answer: &str) -> sim::Fault {
    let Answer { status, headers, body } = Answer::parse(answer);
    let answer = sim::Answer::new(status, "application/json", body);
    sim::Fault::Instead(
        headers.iter().fold(answer, |answer, (name, value)| answer.with_header(name, value)),
    )
}
