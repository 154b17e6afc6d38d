//! What went wrong once in the blocking client alone.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, ThreadId},
    time::SystemTime,
};

use aiod_auth_core::{
    AccessToken, Kind, NoResponse, RecordKey, RefreshToken, Request, Response, cache::Cancel,
    session::Persisted,
};
use aiod_auth_store::{Lock, MemoryStore, StoreError};
use aiod_auth_tests::{
    drive::in_time,
    sim::{REFRESH_TOKEN, wall_clock_ms},
};
use aiod_auth_ureq::{Client, Driver, Transport};

use super::{
    clients::{profile_at, server_over_sockets, session_at},
    *,
};

/// A store that is empty for one thread, and for all other threads has a record at every second load.
#[derive(Debug)]
struct Flickering {
    leaving: ThreadId,
    looks: AtomicUsize,
}

impl Store for Flickering {
    fn load(&self, _: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        let leaving = thread::current().id() == self.leaving;
        if leaving || self.looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Ok(None);
        }
        let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), SystemTime::now().into());
        tokens.refresh_token = Some(RefreshToken::new("r"));
        Ok(Some(tokens))
    }

    fn save(&self, _: &RecordKey, _: &Tokens) -> Result<(), StoreError> {
        Ok(())
    }

    fn remove(&self, _: &RecordKey) -> Result<(), StoreError> {
        Ok(())
    }

    fn try_lock(&self, _: &RecordKey) -> Result<Option<Lock>, StoreError> {
        Ok(Some(Lock::new(())))
    }

    fn location(&self, _: &RecordKey) -> String {
        String::new()
    }
}

/// A network that is down, in no time.
#[derive(Debug)]
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: &Request) -> Result<Response, NoResponse> {
        Err(NoResponse::NotSent("no network"))
    }

    fn sleep(&self, _: Duration, _: &Cancel) {}
}

#[test]
fn a_token_is_a_token_though_another_thread_logs_out() {
    in_time("20,000 tokens", twenty_thousand_tokens);
}

fn twenty_thousand_tokens() {
    let store = Flickering { leaving: thread::current().id(), looks: AtomicUsize::new(0) };
    let driver = Driver::with_transport(Nowhere).with_store(Arc::new(store));
    let client = Client::with_driver(Profile::new("https://as.example", "demo").unwrap(), driver);
    let ask = || match client.token_or_login(|_| ()) {
        Ok(token) => token.access_token().unwrap().expose() == "a",
        Err(_) => false,
    };
    thread::scope(|scope| {
        let asking = scope.spawn(|| (0..20_000).filter(|_| ask()).count());
        while !asking.is_finished() {
            client.log_out_ignoring_errors().unwrap();
        }
        assert!(asking.join().unwrap() > 0);
    });
}

#[test]
fn a_refresh_with_too_little_time_for_its_answer_is_not_sent() {
    let running = server_over_sockets(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    let mut cached = client.set_tokens(session_at(&running)).unwrap();
    cached.persisted = Persisted::NoStore;
    let tokens = Arc::clone(&cached.tokens);
    let mut policy = policy();
    policy.time_limit = Duration::from_millis(200);
    let forced = Session::token(profile_at(&running).into(), Demand::new().forced(), policy);
    let error = Driver::new().run(&mut forced.with_cached(Some(cached))).unwrap_err().error;
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), 0);
    let refresh_token = refresh_token(&tokens);
    assert!(running.simulator().refresh_token_is_alive(wall_clock_ms(), refresh_token));
}
