use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Error, Issuer, Profile, Prompt, RetryPolicy, Tokens,
    session::{Demand, Session, SessionTokens},
};
use aiod_auth_store::Store;
use aiod_auth_tests::{
    sim::{Answer, Fault, Settings},
    world::{Event, ISSUER, World},
};
use serde_json::{Value, json};

mod client_credentials;
mod clients;
mod device;
mod discovery;
mod regressions;
mod regressions_of_logins;
mod regressions_of_threads;
mod secrets_of_logs;
mod secrets_of_types;
mod session;
mod who_am_i;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn world() -> World {
    World::new(Settings::default())
}

/// A public client, as whom a person logs in.
fn profile() -> Arc<Profile> {
    Arc::new(Profile::new(ISSUER, "demo").unwrap().with_scope("openid profile".parse().unwrap()))
}

/// A client with a secret, which logs in as itself.
fn bot(id: &str, secret: &str) -> Arc<Profile> {
    let client =
        ClientIdentity::public(id).unwrap().with_secret(ClientSecret::new(secret)).unwrap();
    Arc::new(Profile::with_client(Issuer::new(ISSUER).unwrap(), client))
}

fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

/// Alice logs in, and approves at once.
fn log_in(world: &mut World) -> SessionTokens {
    world.after(Duration::ZERO, Event::Approve);
    world.after(seconds(1), Event::Approve);
    let tokens = world.run(Session::login(profile(), seconds(300), policy())).unwrap();
    world.transcript();
    tokens
}

/// What `Client::token` asks for.
fn get_token(world: &mut World) -> Result<SessionTokens, Error> {
    world.run(Session::token(profile(), Demand::new(), policy()))
}

fn stored(world: &World) -> Option<Tokens> {
    world.store.load(&profile().key()).unwrap()
}

fn refresh_token(tokens: &Tokens) -> &str {
    tokens.refresh_token.as_ref().map_or("", |token| token.expose())
}

/// The server answers this in place of its own answer.
fn instead(status: u16, body: &Value) -> Fault {
    Fault::Instead(Answer::json(status, body))
}

fn bad_gateway() -> Fault {
    Fault::Instead(Answer::html(502, "<html>Bad Gateway</html>"))
}

fn oauth_error(code: &str) -> Value {
    json!({ "error": code })
}

/// At what second each request to this path arrived, counted from the first one of all.
fn seconds_of(world: &World, path: &str) -> Vec<u64> {
    let log = world.server.log();
    let start = log.first().map_or(0, |handled| handled.at_ms);
    let to_path = log.iter().filter(|handled| handled.request.path() == path);
    to_path.map(|handled| (handled.at_ms - start) / 1000).collect()
}
