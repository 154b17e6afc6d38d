//! What went wrong once in the blocking client, over real HTTP, and is not the same for both.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, ThreadId},
    time::SystemTime,
};

use aiod_auth_core::{AccessToken, Kind, RecordKey, RefreshToken, Reply, session::Persisted};
use aiod_auth_store::{Lock, MemoryStore, StoreError};
use aiod_auth_tests::sim::{REFRESH_TOKEN, wall_clock_ms};
use aiod_auth_ureq::{Client, Driver};

use super::{
    clients::{log_in_at, profile_at, server},
    *,
};

/// For one thread nobody is logged in; for the others, somebody is at every second look.
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

#[test]
fn a_token_is_a_token_though_another_thread_logs_out() {
    let store = Flickering { leaving: thread::current().id(), looks: AtomicUsize::new(0) };
    let client = Client::new(Profile::new("https://as.example", "demo").unwrap(), store);
    let ask = || match client.token_or_login(|_| Reply::Cancelled) {
        Ok(token) => token.access_token().unwrap().expose() == "a",
        Err(_) => false,
    };
    thread::scope(|scope| {
        let asking = scope.spawn(|| (0..50_000).filter(|_| ask()).count());
        while !asking.is_finished() {
            client.log_out_ignoring_errors().unwrap();
        }
        assert!(asking.join().unwrap() > 0);
    });
}

#[test]
fn a_refresh_with_too_little_time_for_its_answer_is_not_sent() {
    let running = server(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    log_in_at(&running, &client);
    let mut held = client.held().unwrap();
    held.persisted = Persisted::NoStore;
    let tokens = Arc::clone(&held.tokens);
    let mut policy = policy();
    policy.time_limit = Duration::from_millis(200);
    let forced = Session::token(profile_at(&running).into(), Demand::new().forced(), policy);
    let error = Driver::new().run(&mut forced.with_cached(Some(held))).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), 0);
    let refresh_token = refresh_token(&tokens);
    assert!(running.simulator().refresh_token_is_alive(wall_clock_ms(), refresh_token));
}
