//! A store of a program's own, as docs/stores.md explains it: `SQLite`. It keeps the contract, and what a session
//! leaves in it is found by the next one.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    thread,
    time::{Duration, Instant},
};

use aiod_auth_core::{AccessToken, Profile, RecordKey, RefreshToken, Timestamp, Tokens};
use aiod_auth_store::{LOCK_HELD_MAX, SealingKey, Store, StoreError, contract_tests};
use sqlite::SqliteStore;

#[path = "../../examples/sqlite/store.rs"]
mod sqlite;

#[test]
fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.sqlite");
    contract_tests::run(&|| Box::new(SqliteStore::open(&file).unwrap()));
}

#[test]
fn sealed_it_keeps_the_contract_and_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.sqlite");
    let store = |byte| SqliteStore::open(&file).unwrap().sealed_with(SealingKey::new([byte; 32]));
    contract_tests::run(&|| Box::new(store(1)));
    store(1).save(&key(), &tokens("canary")).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"canary"));
    assert!(store(2).load(&key()).is_err());
    assert!(store(2).save(&key(), &tokens("b")).is_err());
    assert!(store(1).load(&key()).unwrap().is_some());
}

#[test]
fn a_newer_versions_record_is_refused_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.sqlite");
    let store = SqliteStore::open(&file).unwrap();
    store.save(&key(), &tokens("a")).unwrap();
    let database = rusqlite::Connection::open(&file).unwrap();
    let newer = "UPDATE records SET record = CAST(replace(CAST(record AS TEXT), 'version = 1', \
        'version = 2') AS BLOB)";
    assert_eq!(database.execute(newer, ()).unwrap(), 1);
    let is_newer = |error| matches!(error, StoreError::NewerVersion { version: 2, .. });
    assert!(is_newer(store.load(&key()).unwrap_err()));
    assert!(is_newer(store.save(&key(), &tokens("b")).unwrap_err()));
}

#[test]
fn what_is_left_of_anothers_lease_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.sqlite");
    let [one, other] = [(); 2].map(|()| SqliteStore::open(&file).unwrap());
    assert_eq!(other.lease_left(&key()).unwrap(), None);
    let lock = one.try_lock(&key()).unwrap();
    let left = other.lease_left(&key()).unwrap().unwrap();
    assert!(left <= LOCK_HELD_MAX && left > LOCK_HELD_MAX / 2, "{left:?}");
    drop(lock);
    assert_eq!(other.lease_left(&key()).unwrap(), None);
}

#[test]
fn many_threads_lose_no_update() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.sqlite");
    SqliteStore::open(&file).unwrap().save(&key(), &tokens("0")).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = SqliteStore::open(&file).unwrap();
                for _ in 0..10 {
                    let began = Instant::now();
                    let _lock = loop {
                        match store.try_lock(&key()).unwrap() {
                            Some(lock) => break lock,
                            None => thread::yield_now(),
                        }
                        assert!(began.elapsed() < Duration::from_secs(60), "no lock");
                    };
                    let found = store.load(&key()).unwrap().unwrap();
                    let count: u32 = found.access_token().unwrap().expose().parse().unwrap();
                    store.save(&key(), &tokens(&(count + 1).to_string())).unwrap();
                }
            });
        }
    });
    let found = SqliteStore::open(&file).unwrap().load(&key()).unwrap().unwrap();
    assert_eq!(found.access_token().unwrap().expose(), "80");
}

fn key() -> RecordKey {
    Profile::new("https://as.example", "me").unwrap().key()
}

fn tokens(text: &str) -> Tokens {
    let mut tokens = Tokens::new(AccessToken::new(text).unwrap(), Timestamp::UNIX_EPOCH);
    tokens.refresh_token = Some(RefreshToken::new(text));
    tokens
}
