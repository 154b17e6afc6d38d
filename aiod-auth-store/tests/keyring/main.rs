//! GNOME's keyring, in a session bus of the test's own: this program starts itself again inside of one. Without
//! `dbus-run-session` and `gnome-keyring-daemon` it fails.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy allows it in tests, but not in the functions beside them"
)]

use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aiod_auth_core::{
    AccessToken, Endpoint, Machine as _, Profile, RecordKey, RefreshToken, Response, RetryPolicy,
    Step, Timestamp, Tokens,
    session::{Demand, Persisted, Session},
};
use aiod_auth_store::{KeyringStore, Store, StoreError, contract_tests, perform};

#[test]
fn the_keyring_keeps_the_contract() {
    inside("contract");
}

/// Does nothing unless the test above runs it.
#[test]
fn contract() {
    if let Some(folder) = is_inside() {
        contract_tests::run(&|| Box::new(KeyringStore::new(&folder).unwrap()));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "locks go when they are given back");
    }
}

#[test]
fn what_does_not_fit_is_said_before_a_login() {
    inside("sizes");
}

/// Does nothing unless the test above runs it.
#[test]
fn sizes() {
    let Some(folder) = is_inside() else { return };
    let (small, key) = (KeyringStore::new(&folder).unwrap().with_bytes_max(2560), key("me"));
    let does_not_fit = |error| matches!(error, StoreError::CannotHold { .. });
    assert!(does_not_fit(small.prepare(&key).unwrap_err()));
    small.clone().with_room(2000).prepare(&key).unwrap();
    assert!(does_not_fit(small.save(&key, &tokens(&"a".repeat(2000))).unwrap_err()));
    assert!(small.load(&key).unwrap().is_none());
    small.save(&key, &tokens("a")).unwrap();
    small.prepare(&key).unwrap();
    assert_eq!(small.list().unwrap().len(), 1, "what was tried is gone");
}

#[test]
fn what_is_damaged_or_newer_is_not_overwritten() {
    inside("damage");
}

/// Does nothing unless the test above runs it.
#[test]
fn damage() {
    let Some(folder) = is_inside() else { return };
    let (store, key) = (KeyringStore::new(&folder).unwrap(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let location = store.location(&key);
    let name = location.strip_prefix("keyring aiod-auth/").unwrap();
    let entry = keyring::Entry::new("aiod-auth", name).unwrap();
    let newer = entry.get_password().unwrap().replace("version = 1", "version = 2");
    entry.set_password(&newer).unwrap();
    for refused in [store.save(&key, &tokens("b")), store.prepare(&key), store.remove(&key)] {
        assert!(matches!(refused, Err(StoreError::NewerVersion { version: 2, .. })), "{refused:?}");
    }
    assert_eq!(entry.get_password().unwrap(), newer);

    entry.set_secret(b"\xff").unwrap();
    assert!(matches!(store.load(&key), Err(StoreError::Damaged { .. })));
    assert!(store.list().unwrap().is_empty());
    store.save(&key, &tokens("c")).unwrap();
    assert!(store.load(&key).unwrap().is_some());
    let aside = keyring::Entry::new("aiod-auth", &format!("{name}.corrupt")).unwrap();
    assert_eq!(aside.get_secret().unwrap(), b"\xff");

    // What can't be kept is in no login's way.
    entry.set_secret(&[0xff; 3000]).unwrap();
    store.with_bytes_max(2560).save(&key, &tokens("d")).unwrap();
    assert_eq!(aside.get_secret().unwrap(), b"\xff");
}

#[test]
fn what_a_killed_process_was_trying_is_no_record() {
    inside("probe");
}

/// Does nothing unless the test above runs it.
#[test]
fn probe() {
    let Some(folder) = is_inside() else { return };
    log::set_logger(&Warnings).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let (store, key) = (KeyringStore::new(&folder).unwrap(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    let location = store.location(&key);
    let name = location.strip_prefix("keyring aiod-auth/").unwrap();
    let probe = keyring::Entry::new("aiod-auth", &format!("{name}.probe")).unwrap();
    probe.set_secret(&[b'0'; 100]).unwrap();
    let count = || WARNINGS.load(Ordering::Relaxed);
    let before = count();
    assert_eq!((store.list().unwrap().len(), count() - before), (1, 0));
    // It is seen if there is one.
    probe.set_secret(b"other").unwrap();
    assert_eq!((store.list().unwrap().len(), count() - before), (1, 1));
    store.prepare(&key).unwrap();
    probe.get_secret().unwrap_err();
}

/// How often something was said.
struct Warnings;

static WARNINGS: AtomicUsize = AtomicUsize::new(0);

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("aiod_auth_store")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            WARNINGS.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_daemon_that_is_started_anew_costs_no_tokens() {
    inside("restart");
}

/// Does nothing unless the test above runs it. Leave out `is_connected_anew`, and this fails.
#[test]
fn restart() {
    let Some(folder) = is_inside() else { return };
    let (store, key) = (KeyringStore::new(&folder).unwrap(), key("me"));
    store.save(&key, &tokens("a")).unwrap();
    start_anew();
    assert_eq!(store.list().unwrap().len(), 1);
    start_anew();
    store.save(&key, &tokens("b")).unwrap();
    let loaded = store.load(&key).unwrap().unwrap();
    assert_eq!(loaded.access_token().unwrap().expose(), "b");
}

#[test]
fn a_daemon_that_is_started_anew_during_a_refresh_costs_no_login() {
    inside("restart_in_a_refresh");
}

/// Does nothing unless the test above runs it. Leave out `is_connected_anew`, and this fails.
#[test]
fn restart_in_a_refresh() {
    let Some(folder) = is_inside() else { return };
    let profile = Profile::new("https://as.example", "me")
        .unwrap()
        .with_endpoint(Endpoint::Token, "https://as.example/token")
        .unwrap();
    let (store, key) = (KeyringStore::new(&folder).unwrap(), profile.key());
    let mut expired = tokens("a");
    expired.expires_at = Some(Timestamp::UNIX_EPOCH);
    store.save(&key, &expired).unwrap();
    let mut session = Session::token(Arc::new(profile), Demand::new(), RetryPolicy::default());
    let (mut lock, mut sent) = (None, 0);
    let done = (0..1000).find_map(|_| match session.poll(Timestamp::UNIX_EPOCH).unwrap() {
        Step::Store(access) => {
            let outcome = perform(Some(&store), access.request(), &mut lock);
            access.complete(Duration::ZERO, outcome);
            None
        }
        Step::Send(exchange) => {
            start_anew();
            sent += 1;
            let body = br#"{"access_token":"b","token_type":"Bearer","expires_in":300,"refresh_token":"b"}"#;
            let answer = Response::new(200, [("content-type", "application/json")], body);
            exchange.begin().complete(Timestamp::UNIX_EPOCH, Duration::ZERO, Ok(answer));
            None
        }
        Step::Wait(pause) => {
            let delay = pause.delay();
            pause.complete(delay);
            None
        }
        Step::Show(_) | Step::Ask(_) => unreachable!("the user is asked"),
        Step::Done(done) => Some(done),
    });
    assert_eq!((done.unwrap().persisted, sent), (Persisted::Saved, 1));
    let loaded = store.load(&key).unwrap().unwrap();
    assert_eq!(loaded.refresh_token.unwrap().expose(), "b");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "the lock was given back");
}

fn start_anew() {
    let again = "printf pass | gnome-keyring-daemon --replace --unlock --components=secrets";
    assert!(Command::new("sh").args(["-ec", again]).status().unwrap().success());
}

#[test]
fn without_a_keyring_it_is_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = this("files", folder.path());
    child.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    assert!(child.status().unwrap().success());
    let names = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name.to_string_lossy().ends_with(".toml")), "{names:?}");
}

/// Does nothing unless the test above runs it.
#[test]
fn files() {
    let Some(folder) = is_inside() else { return };
    let error = KeyringStore::new(&folder).unwrap_err();
    assert!(matches!(error, StoreError::NoKeyring { .. }) && error.hint().is_some());
    KeyringStore::or_files(&folder).save(&key("me"), &tokens("a")).unwrap();
}

/// Runs one of the tests above with a keyring that is open.
fn inside(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["locks", "home", "run"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let test = this(test, &folder.path().join("locks"));
    let mut session = Command::new("dbus-run-session");
    session
        .args(["--", "sh", "-ec", OPEN_KEYRING, "sh"])
        .arg(test.get_program())
        .args(test.get_args());
    for (name, value) in test.get_envs() {
        session.env(name, value.unwrap());
    }
    session
        .env("HOME", folder.path().join("home"))
        .env("XDG_RUNTIME_DIR", folder.path().join("run"));
    session.env_remove("XDG_DATA_HOME").env_remove("DISPLAY");
    let output = session.output().expect("dbus-run-session has to be installed: .ci/run tools");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

const OPEN_KEYRING: &str =
    "printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null
    timeout 400 \"$@\"";

fn this(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(FOLDER, folder);
    command
}

fn is_inside() -> Option<String> {
    env::var(FOLDER).ok()
}

const FOLDER: &str = "AIOD_AUTH_KEYRING_TEST_FOLDER";

fn key(client: &str) -> RecordKey {
    Profile::new("https://as.example", client).unwrap().key()
}

fn tokens(text: &str) -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new(text).unwrap(), Timestamp::UNIX_EPOCH);
    tokens.refresh_token = Some(RefreshToken::new(text));
    tokens
}
