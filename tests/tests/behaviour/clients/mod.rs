//! Both clients, over real HTTP: one suite, written once. What only the async one can do wrong is in
//! `dropped` and `runtimes`.

use std::{sync::Barrier, thread};

use aiod_auth_core::{Kind, Reply};
use aiod_auth_store::MemoryStore;
use aiod_auth_tests::sim::{REFRESH_TOKEN, Request, Running, serve, wall_clock_ms};

pub(super) use any_client::AnyClient;
use any_client::OnTokio;

use super::*;

/// Runs each case of `check` with both.
macro_rules! both {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn blocking() {
                super::check::$name::<aiod_auth_ureq::Client>();
            }

            #[test]
            fn on_tokio() {
                super::check::$name::<super::OnTokio>();
            }
        }
    )*};
}

mod aiod;
mod alone;
mod any_client;
mod clones;
mod dropped;
mod elsewhere;
mod races;
mod runtimes;
mod stores;
mod together;

/// A server whose access tokens live this long.
pub(super) fn server(access_token_lifetime: Duration) -> Running {
    let interval = seconds(1);
    serve(Settings { interval, access_token_lifetime, ..Settings::default() }).unwrap()
}

pub(super) fn profile_at(running: &Running) -> Profile {
    let profile = Profile::new(&running.base_url, "demo").unwrap();
    profile.with_scope("openid".parse().unwrap())
}

/// A client that alice has just logged in with, and its server.
fn logged_in<C: AnyClient>(access_token_lifetime: Duration) -> (Running, C) {
    let running = server(access_token_lifetime);
    let client = C::new(profile_at(&running), MemoryStore::default());
    log_in_at(&running, &client);
    (running, client)
}

/// The same, and nothing keeps its tokens but the client.
fn logged_in_without_store<C: AnyClient>(access_token_lifetime: Duration) -> (Running, C) {
    let running = server(access_token_lifetime);
    let client = C::without_store(profile_at(&running));
    log_in_at(&running, &client);
    (running, client)
}

/// Alice logs in.
#[track_caller]
pub(super) fn log_in_at(running: &Running, client: &impl AnyClient) {
    client.login(approve(running)).unwrap();
}

/// A person who has seen the prompt and approves it at once.
fn approve(running: &Running) -> impl Fn(&Prompt) + Copy + Send {
    |prompt| assert!(running.simulator().approve(user_code(prompt), "alice"))
}

fn user_code(prompt: &Prompt) -> &str {
    let Prompt::DeviceCode(prompt) = prompt else { panic!("{prompt:?}") };
    &prompt.user_code
}

fn nobody_is_asked(_: &Prompt) {
    panic!("nobody is asked");
}

/// How many requests the server got.
fn requests(running: &Running) -> usize {
    running.simulator().log().len()
}

/// How many of them to this path.
fn count(running: &Running, path: &str) -> usize {
    running.simulator().log().iter().filter(|handled| handled.request.path() == path).count()
}

/// The token that a client holds is dead from now on, and nobody has told it.
fn kill_access_token(running: &Running, held: Option<SessionTokens>) {
    let dead = access_token(&held.unwrap().tokens);
    let form = [("client_id", "demo"), ("token", &dead)];
    running.simulator().handle(wall_clock_ms(), &Request::post("/revoke", &form));
}

/// How many tokens it gave out for a refresh token.
fn refreshes(running: &Running) -> usize {
    running.simulator().grants(REFRESH_TOKEN)
}

fn access_token(tokens: &Tokens) -> String {
    tokens.access_token().unwrap().expose().to_owned()
}

/// Runs this on many threads that start together.
fn together<T: Send>(threads: usize, job: impl Fn() -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let spawn = |_| {
            scope.spawn(|| {
                barrier.wait();
                job()
            })
        };
        let handles: Vec<_> = (0..threads).map(spawn).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}
