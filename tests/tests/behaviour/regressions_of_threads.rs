//! What went wrong once between the threads of a blocking client, over real HTTP.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, ThreadId},
    time::SystemTime,
};

use aiod_auth_core::{AccessToken, Kind, Prompt, RecordKey, RefreshToken, Reply, session::Kept};
use aiod_auth_store::{Lock, MemoryStore, StoreError};
use aiod_auth_tests::sim::{REFRESH_TOKEN, Running, serve, wall_clock_ms};
use aiod_auth_ureq::{Client, Driver};

use super::*;

/// A server whose access tokens live this long.
fn server(access_token_lifetime: Duration) -> Running {
    let interval = seconds(1);
    serve(Settings { interval, access_token_lifetime, ..Settings::default() }).unwrap()
}

fn profile_at(running: &Running) -> Profile {
    let profile = Profile::new(&running.base_url, "demo").unwrap();
    profile.with_scope("openid".parse().unwrap())
}

#[test]
fn without_a_store_a_token_and_a_name_share_one_refresh() {
    let running = server(seconds(2));
    let client = Client::with_driver(profile_at(&running), Driver::new());
    log_in_at(&running, &client);
    thread::sleep(seconds(2));
    running.simulator().settings.access_token_lifetime = seconds(20);
    running.simulator().fault_at("/token", 2, Fault::Delay(Duration::from_millis(500)));
    thread::scope(|scope| {
        scope.spawn(|| client.token().unwrap());
        scope.spawn(|| client.who_am_i().unwrap());
    });
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), 1);
    client.token_for(Demand::new().forced()).unwrap();
}

#[test]
fn a_name_that_comes_late_does_not_bring_back_who_logged_out() {
    let running = server(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    log_in_at(&running, &client);
    running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(1)));
    thread::scope(|scope| {
        scope.spawn(|| drop(client.who_am_i()));
        thread::sleep(Duration::from_millis(400));
        client.log_out().unwrap();
    });
    assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
}

#[test]
fn without_a_store_a_name_that_comes_late_does_not_bring_back_an_old_token() {
    let running = server(seconds(20));
    let client = Client::with_driver(profile_at(&running), Driver::new());
    log_in_at(&running, &client);
    running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(1)));
    thread::scope(|scope| {
        scope.spawn(|| drop(client.who_am_i()));
        thread::sleep(Duration::from_millis(400));
        client.token_for(Demand::new().forced()).unwrap();
    });
    client.token_for(Demand::new().forced()).unwrap();
}

/// A store that takes its time to read.
#[derive(Debug, Default)]
struct Slow {
    store: MemoryStore,
    delay: Mutex<Duration>,
}

impl Store for Slow {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        let delay = *self.delay.lock().unwrap();
        thread::sleep(delay);
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.store.save(key, tokens)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.remove(key)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.store.try_lock(key)
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}

#[test]
fn a_forced_refresh_is_made_though_another_thread_has_just_looked() {
    let running = server(seconds(20));
    let store = Arc::new(Slow::default());
    let first = Client::new(profile_at(&running), Arc::clone(&store));
    log_in_at(&running, &first);
    let old = first.held().unwrap().tokens.access_token.clone();
    let second = Client::new(profile_at(&running), Arc::clone(&store));
    *store.delay.lock().unwrap() = Duration::from_millis(500);
    let new = thread::scope(|scope| {
        scope.spawn(|| second.token().unwrap());
        thread::sleep(Duration::from_millis(100));
        second.token_for(Demand::new().forced()).unwrap()
    });
    assert!(!new.tokens.access_token.same_as(&old));
}

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
        let mut tokens = Tokens::new(AccessToken::new("a"), SystemTime::now().into());
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
        Ok(token) => token.access_token.expose() == "a",
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
fn who_is_asked_to_log_in_may_ask_for_a_token() {
    let running = server(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let ask = |_: &Prompt| {
            sender.send(client.token().map(|_| ())).unwrap();
            Reply::Cancelled
        };
        drop(client.token_or_login(ask));
    });
    // If it waited for the login, it would wait for ever.
    receiver.recv_timeout(seconds(5)).unwrap().unwrap_err();
}

#[test]
fn a_refresh_with_too_little_time_for_its_answer_is_not_sent() {
    let running = server(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    log_in_at(&running, &client);
    let mut held = client.held().unwrap();
    held.kept = Kept::NoStore;
    let tokens = Arc::clone(&held.tokens);
    let mut policy = policy();
    policy.time_limit = Duration::from_millis(200);
    let forced = Session::token(profile_at(&running).into(), Demand::new().forced(), policy);
    let error = Driver::new().run(&mut forced.with_held(Some(held))).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), 0);
    let refresh_token = refresh_token(&tokens);
    assert!(running.simulator().refresh_token_is_alive(wall_clock_ms(), refresh_token));
}
