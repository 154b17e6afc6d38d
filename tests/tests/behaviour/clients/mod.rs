//! Both clients: one suite, written once, in virtual time through the public `Client`; and once more over
//! real sockets, on the default stacks. What only the async one can do wrong is in `dropped` and `runtimes`.

use std::{
    sync::{Barrier, MutexGuard},
    thread,
};

use aiod_auth_core::{Kind, cache::Cancel};
use aiod_auth_store::MemoryStore;
use aiod_auth_tests::{
    drive::{in_time, within},
    sim::{REFRESH_TOKEN, Request, Running, Simulator, serve, wall_clock_ms},
};

pub(super) use any_client::AnyClient;
use any_client::OnTokio;
use network::Network;

use super::*;

/// Runs each case of `check` with both. None takes longer than a minute.
macro_rules! both {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn blocking() {
                super::in_time(stringify!($name), super::check::$name::<aiod_auth_ureq::Client>);
            }

            #[test]
            fn on_tokio() {
                super::in_time(stringify!($name), super::check::$name::<super::OnTokio>);
            }
        }
    )*};
}

mod aiod;
mod alone;
mod any_client;
mod async_stores;
mod before_load;
mod clones;
mod dropped;
mod elsewhere;
mod ends;
mod headless;
mod jetraw;
mod middleware;
mod network;
mod promises;
mod promises_of_time;
mod races;
mod runtimes;
mod sockets;
mod stores;
mod tiled;
mod together;

/// A server, in virtual time or over sockets.
pub(super) trait Server {
    fn simulator(&self) -> MutexGuard<'_, Simulator>;
    fn issuer(&self) -> &str;
    /// The server's clock.
    fn now_ms(&self) -> u64;
}

impl Server for Network {
    fn simulator(&self) -> MutexGuard<'_, Simulator> {
        self.simulator()
    }

    fn issuer(&self) -> &str {
        self.base_url
    }

    fn now_ms(&self) -> u64 {
        self.now_ms()
    }
}

impl<S: Server> Server for Arc<S> {
    fn simulator(&self) -> MutexGuard<'_, Simulator> {
        (**self).simulator()
    }

    fn issuer(&self) -> &str {
        (**self).issuer()
    }

    fn now_ms(&self) -> u64 {
        (**self).now_ms()
    }
}

impl Server for Running {
    fn simulator(&self) -> MutexGuard<'_, Simulator> {
        self.simulator()
    }

    fn issuer(&self) -> &str {
        &self.base_url
    }

    fn now_ms(&self) -> u64 {
        wall_clock_ms()
    }
}

fn settings(access_token_lifetime: Duration) -> Settings {
    Settings { interval: seconds(1), access_token_lifetime, ..Settings::default() }
}

/// A server in virtual time whose access tokens live this long.
fn server(access_token_lifetime: Duration) -> Arc<Network> {
    Network::new(settings(access_token_lifetime))
}

/// One over real sockets. It is started on a thread of its own: it has a runtime, and none starts inside
/// another.
pub(super) fn server_over_sockets(access_token_lifetime: Duration) -> Running {
    thread::spawn(move || serve(settings(access_token_lifetime)).unwrap()).join().unwrap()
}

pub(super) fn profile_at(server: &impl Server) -> Profile {
    let profile = Profile::new(server.issuer(), "demo").unwrap();
    profile.with_scope("openid".parse().unwrap())
}

/// A client that alice has just logged in with, and its server.
fn logged_in<C: AnyClient>(access_token_lifetime: Duration) -> (Arc<Network>, C) {
    let running = server(access_token_lifetime);
    let client = C::new(&running, profile_at(&running), MemoryStore::default());
    log_in_at(&running, &client);
    (running, client)
}

/// The same, and nothing keeps its tokens but the client.
fn logged_in_without_store<C: AnyClient>(access_token_lifetime: Duration) -> (Arc<Network>, C) {
    let running = server(access_token_lifetime);
    let client = C::without_store(&running, profile_at(&running));
    log_in_at(&running, &client);
    (running, client)
}

/// Alice logs in.
#[track_caller]
fn log_in_at(server: &(impl Server + Sync), client: &impl AnyClient) {
    client.login(approve(server)).unwrap();
}

/// A user who has seen the prompt and approves it at once.
fn approve(server: &(impl Server + Sync)) -> impl Fn(&Prompt) + Copy + Send {
    |prompt| assert!(server.simulator().approve(user_code(prompt), "alice"))
}

fn user_code(prompt: &Prompt) -> &str {
    let Prompt::DeviceCode(prompt) = prompt else { panic!("{prompt:?}") };
    &prompt.user_code
}

fn no_prompt(_: &Prompt) {
    panic!("the user is asked");
}

/// A session of alice's that no client has made, so that nothing waits between two polls.
pub(super) fn session_at(server: &impl Server) -> Tokens {
    let now_ms = server.now_ms();
    let granted = server.simulator().session_of("alice", "openid", now_ms);
    let text = |name: &str| granted[name].as_str().unwrap().to_owned();
    let now = aiod_auth_core::Timestamp::from_unix_millis(now_ms.cast_signed());
    let access_token = aiod_auth_core::AccessToken::new(text("access_token")).unwrap();
    let mut tokens = Tokens::new(access_token, now);
    tokens.expires_at = Some(now.saturating_add(seconds(granted["expires_in"].as_u64().unwrap())));
    tokens.refresh_token = Some(aiod_auth_core::RefreshToken::new(text("refresh_token")));
    tokens.scope = "openid".parse().unwrap();
    tokens
}

/// How many requests the server got.
fn requests(server: &impl Server) -> usize {
    server.simulator().log().len()
}

/// How many of them to this path.
fn count(server: &impl Server, path: &str) -> usize {
    server.simulator().log().iter().filter(|handled| handled.request.path() == path).count()
}

/// The token that a client has is dead from now on, and nothing has told it.
fn kill_access_token(server: &impl Server, cached: Option<SessionTokens>) {
    let dead = access_token(&cached.unwrap().tokens);
    let form = [("client_id", "demo"), ("token", &dead)];
    server.simulator().handle(server.now_ms(), &Request::post("/revoke", &form));
}

/// How many tokens it gave out for a refresh token.
fn refreshes(server: &impl Server) -> usize {
    server.simulator().grants(REFRESH_TOKEN)
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

/// In real time: for another thread, to get into a line.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Waits for what another thread does, in real time, up to ten seconds.
#[track_caller]
fn until(condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it never came to that");
}
