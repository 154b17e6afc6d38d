//! Where most tests begin: alice, a demo client, and a server that has nothing against them.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests begin here")]

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Error, Issuer, Machine, Profile, RetryPolicy, Step, Tokens,
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

/// A server as it usually is, and nobody has logged in.
#[must_use]
pub fn world() -> World {
    World::new(Settings::default())
}

/// A public client, as whom a person logs in.
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

/// Alice logs in, and approves at once.
pub fn log_in(world: &mut World) -> SessionTokens {
    world.after(Duration::ZERO, Event::Approve);
    world.after(seconds(1), Event::Approve);
    let tokens = world.run(Session::login(profile(), seconds(300), policy())).unwrap();
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

/// Runs a machine to its end. `or_else` sees each step first: what it completes itself, it keeps.
///
/// # Errors
/// The machine's.
pub fn run_with<M: Machine>(
    world: &mut World,
    machine: &mut M,
    mut or_else: impl for<'step> FnMut(
        &mut World,
        Step<'step, M::Output>,
    ) -> Option<Step<'step, M::Output>>,
) -> Result<M::Output, Error> {
    loop {
        let step = machine.poll(world.now())?;
        if let Some(step) = or_else(world, step)
            && let Some(output) = world.perform(step)
        {
            return Ok(output);
        }
    }
}

/// What `Client::token` asks for.
///
/// # Errors
/// As for any session.
pub fn get_token(world: &mut World) -> Result<SessionTokens, Error> {
    world.run(Session::token(profile(), Demand::new(), policy()))
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

/// At what second each request to this path arrived, counted from the first one of all.
#[must_use]
pub fn seconds_of(world: &World, path: &str) -> Vec<u64> {
    let log = world.server.log();
    let start = log.first().map_or(0, |handled| handled.at_ms);
    let to_path = log.iter().filter(|handled| handled.request.path() == path);
    to_path.map(|handled| (handled.at_ms - start) / 1000).collect()
}
