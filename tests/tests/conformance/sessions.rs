//! A server, a store and a person in virtual time, for what takes more than one request.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Error, Issuer, Machine, Profile, Request, RetryPolicy, Step,
    Tokens,
    session::{Demand, Session, SessionTokens},
};
use aiod_auth_store::Store;
use aiod_auth_tests::{
    sim::{Answer, Fault, Settings},
    world::{Event, ISSUER, World},
};
use serde_json::{Value, json};

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

pub(crate) fn world() -> World {
    World::new(Settings::default())
}

/// A public client, as whom a person logs in.
pub(crate) fn profile() -> Arc<Profile> {
    Arc::new(Profile::new(ISSUER, "demo").unwrap().with_scope("openid profile".parse().unwrap()))
}

/// A client with a secret, which logs in as itself.
pub(crate) fn bot(id: &str, secret: &str) -> Arc<Profile> {
    let client =
        ClientIdentity::public(id).unwrap().with_secret(ClientSecret::new(secret)).unwrap();
    Arc::new(Profile::with_client(Issuer::new(ISSUER).unwrap(), client))
}

/// Alice logs in, and approves at once.
pub(crate) fn log_in(world: &mut World) -> SessionTokens {
    log_in_as(world, &profile())
}

pub(crate) fn log_in_as(world: &mut World, profile: &Arc<Profile>) -> SessionTokens {
    world.after(Duration::ZERO, Event::Approve);
    world.after(seconds(1), Event::Approve);
    world.run(Session::login(Arc::clone(profile), seconds(300), policy())).unwrap()
}

/// What `Client::token` asks for.
pub(crate) fn get_token(world: &mut World) -> Result<SessionTokens, Error> {
    get_token_as(world, &profile())
}

pub(crate) fn get_token_as(
    world: &mut World,
    profile: &Arc<Profile>,
) -> Result<SessionTokens, Error> {
    world.run(Session::token(Arc::clone(profile), Demand::new(), policy()))
}

pub(crate) fn stored(world: &World) -> Option<Tokens> {
    world.store.load(&profile().key()).unwrap()
}

pub(crate) fn refresh_token(tokens: &Tokens) -> &str {
    tokens.refresh_token.as_ref().map_or("", |token| token.expose())
}

/// How many requests to this path there were.
pub(crate) fn requests_to(world: &World, path: &str) -> usize {
    world.server.log().iter().filter(|handled| handled.request.path() == path).count()
}

/// Runs a machine to its end, and shows each request to `see` before it goes out.
pub(crate) fn run_seeing<M: Machine>(
    world: &mut World,
    mut machine: M,
    mut see: impl FnMut(&Request),
) -> Result<M::Output, Error> {
    loop {
        let step = machine.poll(world.now())?;
        if let Step::Send(exchange) = &step {
            see(exchange.request());
        }
        if let Some(output) = world.perform(step) {
            return Ok(output);
        }
    }
}

/// The server answers this in place of its own answer.
pub(crate) fn instead(status: u16, body: &Value) -> Fault {
    Fault::Instead(Answer::json(status, body))
}

pub(crate) fn oauth_error(code: &str) -> Value {
    json!({ "error": code })
}
