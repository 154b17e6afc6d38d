//! No secret in what the adapters and the stores log, at any level.

use std::sync::{Mutex, Once};

use aiod_auth_core::{Timestamp, session::Logout};
use aiod_auth_store::{FileStore, MemoryStore};
use aiod_auth_tests::sim::{Running, serve};
use log::{Level, LevelFilter, Log, Metadata, Record};
use url::form_urlencoded;

use super::*;

#[test]
fn the_blocking_adapter_logs_none() {
    let running = running();
    let store = Arc::new(MemoryStore::default());
    let driver = aiod_auth_ureq::Driver::new().with_store(store);
    let mut approve = |prompt: &Prompt| approve(&running, prompt);
    for mut session in jobs(&running) {
        let _outcome = driver.run_with(&mut session, &mut approve, &mut drop);
    }
    let _outcome = driver.run(&mut Logout::new(profile_at(&running), None, once()));
    nothing_was_told(&running);
}

#[test]
fn the_async_adapter_logs_none() {
    let running = running();
    let store = Arc::new(MemoryStore::default());
    let driver = aiod_auth_reqwest::Driver::new().with_store(store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut approve = |prompt: &Prompt| approve(&running, prompt);
    for mut session in jobs(&running) {
        let _outcome = runtime.block_on(driver.run_with(&mut session, &mut approve));
    }
    let mut logout = Logout::new(profile_at(&running), None, once());
    let _outcome = runtime.block_on(driver.run(&mut logout));
    nothing_was_told(&running);
}

#[test]
fn a_store_that_moves_a_damaged_record_aside_logs_its_place_alone() {
    install();
    let folder = tempfile::tempdir().unwrap();
    let (store, key) = (FileStore::new(folder.path()), profile().key());
    let path = store.location(&key);
    std::fs::write(&path, "access_token = \"canary").unwrap();
    let token = aiod_auth_core::AccessToken::new("canary").unwrap();
    store.save(&key, &Tokens::new(token, Timestamp::UNIX_EPOCH)).unwrap();
    let lines = lines();
    assert!(lines.iter().any(|line| line.contains(&path)), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("canary")), "{lines:?}");
}

/// A login, forced refreshes, and a client whose secret is wrong.
fn jobs(running: &Running) -> Vec<Session> {
    let forced = || Session::token(profile_at(running), Demand::new().forced(), once());
    let issuer = Issuer::new(&running.base_url).unwrap();
    let secret = ClientSecret::new("canary-of-a-wrong-secret");
    let client = ClientIdentity::public("bot").unwrap().with_secret(secret).unwrap();
    let bot = Arc::new(Profile::with_client(issuer, client));
    vec![
        Session::login(profile_at(running), seconds(20), once()),
        forced(),
        Session::token(bot, Demand::new(), once()),
        forced(),
    ]
}

fn running() -> Running {
    install();
    serve(Settings { interval: seconds(1), ..Settings::default() }).unwrap()
}

fn profile_at(running: &Running) -> Arc<Profile> {
    let profile = Profile::new(&running.base_url, "demo").unwrap();
    Arc::new(profile.with_scope("openid".parse().unwrap()))
}

/// Without waiting for a second try.
fn once() -> RetryPolicy {
    let mut policy = policy();
    policy.attempts = 1;
    policy
}

fn approve(running: &Running, prompt: &Prompt) {
    if let Prompt::DeviceCode(prompt) = prompt {
        running.simulator().approve(&prompt.user_code, "alice");
    }
}

/// Whatever a client has sent in a form or a header, no line has it.
fn nothing_was_told(running: &Running) {
    let mut secrets = Vec::new();
    for handled in running.simulator().log() {
        let fields = form_urlencoded::parse(&handled.request.body);
        let fields = fields.filter(|(name, _)| {
            ["device_code", "refresh_token", "token", "client_secret"].contains(&&**name)
        });
        secrets.extend(fields.map(|(_, value)| value.into_owned()));
        let headers = handled.request.headers.iter();
        let headers = headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        secrets.extend(headers.filter_map(|(_, value)| Some(value.split_once(' ')?.1.to_owned())));
    }
    assert!(secrets.len() > 4, "{secrets:?}");
    let lines = lines();
    assert!(lines.iter().any(|line| line.contains(&running.base_url)), "{lines:?}");
    for line in lines {
        let told = secrets.iter().find(|secret| line.contains(secret.as_str()));
        assert!(told.is_none() && !line.contains("canary"), "{line}");
    }
}

struct Listener;

static LINES: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("aiod_auth")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{}: {}", record.target(), record.args());
            LINES.lock().unwrap().push((record.level(), line));
        }
    }

    fn flush(&self) {}
}

/// Writes down what is logged from now on.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Listener).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// What was logged: where, and what.
pub(super) fn lines() -> Vec<String> {
    LINES.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
}

/// The same, of one level.
pub(super) fn lines_at(level: Level) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|(at, _)| *at == level).map(|(_, line)| line.clone()).collect()
}
