//! Where most tests begin: alice, a demo client, and a server that has nothing against them.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests begin here")]

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, DeviceCode, Error, Issuer, Profile, RetryPolicy, Timestamp,
    Tokens,
    flow::{DeviceAuthorization, DeviceAuthorizationParts, DevicePrompt},
    session::{Demand, Session, SessionTokens},
};
use aiod_auth_store::Store as _;
use serde_json::{Value, json};

use crate::{
    sim::{Answer, Fault, Settings},
    world::{Event, ISSUER, World},
};

/// So many.
#[must_use]
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A server with its default settings, and an empty store.
#[must_use]
pub fn world() -> World {
    World::new(Settings::default())
}

/// When the flows that are tested without a world take place: 2026-01-01T00:00:00Z.
pub const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

/// A login that a user may approve, polled for with the interval that RFC 8628 has by itself.
#[must_use]
pub fn authorization(device_code: &str, expires_in: Option<Duration>) -> DeviceAuthorization {
    DeviceAuthorization::from_parts(DeviceAuthorizationParts {
        device_code: DeviceCode::new(device_code),
        prompt: DevicePrompt {
            user_code: "ABCD-EFGH".to_owned(),
            verification_uri: "https://as.example/device".parse().unwrap(),
            verification_uri_complete: None,
            expires_in,
            interval: seconds(5),
        },
    })
}

/// A public client, as whom a user logs in.
#[must_use]
pub fn profile() -> Arc<Profile> {
    Arc::new(Profile::new(ISSUER, "demo").unwrap().with_scope("openid profile".parse().unwrap()))
}

/// A client with a secret, which logs in as itself.
#[must_use]
pub fn bot(id: &str, secret: &str) -> Arc<Profile> {
    let client =
        ClientIdentity::public(id).unwrap().with_secret(ClientSecret::new(secret)).unwrap();
    Arc::new(Profile::with_client(Issuer::new(ISSUER).unwrap(), client))
}

/// As a caller has it who says nothing.
#[must_use]
pub fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

/// Alice logs in, and approves while the first poll is waited for.
pub fn log_in(world: &mut World) -> SessionTokens {
    log_in_as(world, &profile())
}

/// The same with another profile.
pub fn log_in_as(world: &mut World, profile: &Arc<Profile>) -> SessionTokens {
    world.after(seconds(1), Event::Approve);
    let tokens = world.run(Session::login(Arc::clone(profile), seconds(300), policy())).unwrap();
    world.transcript();
    tokens
}

/// Alice has logged in, and her access token is past its lifetime.
#[must_use]
pub fn with_an_old_token() -> (World, SessionTokens) {
    let mut world = world();
    let tokens = log_in(&mut world);
    world.pass(seconds(300));
    (world, tokens)
}

/// What `Client::token` asks for.
///
/// # Errors
/// As for any session.
pub fn get_token(world: &mut World) -> Result<SessionTokens, Error> {
    get_token_as(world, &profile())
}

/// The same with another profile.
///
/// # Errors
/// As for any session.
pub fn get_token_as(world: &mut World, profile: &Arc<Profile>) -> Result<SessionTokens, Error> {
    world.run(Session::token(Arc::clone(profile), Demand::new(), policy()))
}

/// A new token, however good the old one is.
///
/// # Errors
/// As for any session.
pub fn force_refresh(world: &mut World) -> Result<SessionTokens, Error> {
    world.run(Session::token(profile(), Demand::new().forced(), policy()))
}

/// What the store has of this login.
#[must_use]
pub fn stored(world: &World) -> Option<Tokens> {
    world.store.load(&profile().key()).unwrap()
}

/// As text; empty if there is none.
#[must_use]
pub fn refresh_token(tokens: &Tokens) -> &str {
    tokens.refresh_token.as_ref().map_or("", |token| token.expose())
}

/// The server answers this in place of its own answer.
#[must_use]
pub fn instead(status: u16, body: &Value) -> Fault {
    Fault::Instead(Answer::json(status, body))
}

/// What a proxy says when the server is away.
#[must_use]
pub fn bad_gateway() -> Fault {
    Fault::Instead(Answer::html(502, "<html>Bad Gateway</html>"))
}

/// RFC 6749 §5.2.
#[must_use]
pub fn oauth_error(code: &str) -> Value {
    json!({ "error": code })
}

/// How many requests to this path there were.
#[must_use]
pub fn requests_to(world: &World, path: &str) -> usize {
    world.server.log().iter().filter(|handled| handled.request.path() == path).count()
}

/// At what second each request to this path arrived, counted from the first one of all.
#[must_use]
pub fn seconds_of(world: &World, path: &str) -> Vec<u64> {
    let log = world.server.log();
    let start = log.first().map_or(0, |handled| handled.at_ms);
    let to_path = log.iter().filter(|handled| handled.request.path() == path);
    to_path.map(|handled| (handled.at_ms - start) / 1000).collect()
}
