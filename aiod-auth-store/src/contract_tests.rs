//! What every store must do, as a test: call [`run`] in a test of yours.
//!
//! ```
//! use std::sync::Arc;
//! use aiod_auth_store::{MemoryStore, contract_tests};
//!
//! let memory = Arc::new(MemoryStore::default());
//! contract_tests::run(&|| Box::new(Arc::clone(&memory)));
//! ```
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::{iter, thread};

use aiod_auth_core::{AccessToken, IdToken, RecordKey, RefreshToken, Scope, Timestamp, Tokens};

use crate::{Lock, Store};

/// Tries everything that the methods of [`Store`] promise.
///
/// Each call of `new_store` gives another handle to **the same place**, as another process would have
/// it. Records of the issuer `https://contract.test` may be there from an earlier run.
///
/// # Panics
/// With the first promise that is broken.
pub fn run(new_store: &dyn Fn() -> Box<dyn Store>) {
    let (store, other) = (new_store(), new_store());

    a_record_comes_back_whole(&*store, &*other);
    what_is_absent_stays_absent(&*store);
    any_text_comes_back(&*store);
    a_save_replaces_all_of_the_record(&*store, &*other);
    what_was_removed_is_gone(&*store, &*other);
    keys_that_differ_in_one_member_do_not_mix(&*store);
    a_lock_excludes_everybody_else(&*store, &*other);
    a_lock_is_for_one_key(&*store);
    a_lock_moves_to_another_thread(&*store, &*other);
    one_thread_at_a_time_has_the_lock(new_store);
    readers_see_whole_records(new_store);
}

fn a_record_comes_back_whole(store: &dyn Store, other: &dyn Store) {
    let key = fresh_key(store, "whole");
    assert!(store.load(&key).unwrap().is_none());
    store.save(&key, &full("a")).unwrap();
    same(&store.load(&key).unwrap().unwrap(), &full("a"));
    same(&other.load(&key).unwrap().unwrap(), &full("a"));
}

fn what_is_absent_stays_absent(store: &dyn Store) {
    let key = fresh_key(store, "absent");
    store.save(&key, &minimal("a")).unwrap();
    same(&store.load(&key).unwrap().unwrap(), &minimal("a"));
}

fn any_text_comes_back(store: &dyn Store) {
    let key = fresh_key(store, "text");
    for text in [
        "",
        " ",
        "\"'\\",
        "'''\"\"\"",
        "a\r\nb\n",
        "\0\u{1b}\u{7f}",
        "é\u{202e}😀",
        "[a]\n#",
    ] {
        store.save(&key, &full(text)).unwrap();
        same(&store.load(&key).unwrap().unwrap(), &full(text));
    }
}

fn a_save_replaces_all_of_the_record(store: &dyn Store, other: &dyn Store) {
    let key = fresh_key(store, "replaced");
    for tokens in [full("a"), minimal("b"), full("c"), full("d"), minimal("e")] {
        store.save(&key, &tokens).unwrap();
        same(&other.load(&key).unwrap().unwrap(), &tokens);
    }
}

fn what_was_removed_is_gone(store: &dyn Store, other: &dyn Store) {
    let key = fresh_key(store, "removed");
    store.save(&key, &full("a")).unwrap();
    store.remove(&key).unwrap();
    assert!(store.load(&key).unwrap().is_none());
    assert!(other.load(&key).unwrap().is_none());
    store.remove(&key).unwrap();
}

fn keys_that_differ_in_one_member_do_not_mix(store: &dyn Store) {
    let key = fresh_key(store, "one");
    let account = |account: &str| Some(account.to_owned());
    let keys = [
        RecordKey {
            issuer: "https://contract.test/realm".into(),
            ..key.clone()
        },
        RecordKey {
            client_id: "onE".into(),
            ..key.clone()
        },
        RecordKey {
            account: account(""),
            ..key.clone()
        },
        RecordKey {
            account: account("a"),
            ..key.clone()
        },
        RecordKey {
            account: account("a\nb"),
            ..key.clone()
        },
        RecordKey {
            scope: scope("a"),
            ..key.clone()
        },
        RecordKey {
            scope: scope("a b"),
            ..key.clone()
        },
        RecordKey {
            resource: vec!["a".into()],
            ..key.clone()
        },
        RecordKey {
            resource: vec!["a".into(), "b".into()],
            ..key.clone()
        },
        RecordKey {
            resource: vec!["a b".into()],
            ..key.clone()
        },
        key,
    ];
    for key in &keys {
        store.remove(key).unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        assert!(store.load(key).unwrap().is_none(), "{key:?}");
        store.save(key, &full(&number.to_string())).unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        same(
            &store.load(key).unwrap().unwrap(),
            &full(&number.to_string()),
        );
        store.remove(key).unwrap();
    }
}

fn a_lock_excludes_everybody_else(store: &dyn Store, other: &dyn Store) {
    let key = fresh_key(store, "locked");
    for _ in 0..3 {
        let lock = store.try_lock(&key).unwrap();
        assert!(lock.is_some(), "a free lock can be had");
        assert!(store.try_lock(&key).unwrap().is_none(), "but once only");
        assert!(other.try_lock(&key).unwrap().is_none(), "by one handle");

        // It keeps nobody from reading, nor its holder from writing.
        store.save(&key, &full("a")).unwrap();
        same(&other.load(&key).unwrap().unwrap(), &full("a"));
        assert!(other.try_lock(&key).unwrap().is_none(), "after a save, too");
        store.remove(&key).unwrap();
        assert!(
            other.try_lock(&key).unwrap().is_none(),
            "after a removal, too"
        );

        drop(lock);
        assert!(other.try_lock(&key).unwrap().is_some(), "free again");
    }
}

fn a_lock_is_for_one_key(store: &dyn Store) {
    let (one, two) = (fresh_key(store, "one"), fresh_key(store, "two"));
    let _one = store.try_lock(&one).unwrap().unwrap();
    let _two = store.try_lock(&two).unwrap().unwrap();
}

fn a_lock_moves_to_another_thread(store: &dyn Store, other: &dyn Store) {
    let key = fresh_key(store, "moved");
    let lock = store.try_lock(&key).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(other.try_lock(&key).unwrap().is_none());
            drop(lock);
            assert!(other.try_lock(&key).unwrap().is_some());
        });
    });
}

fn one_thread_at_a_time_has_the_lock(new_store: &dyn Fn() -> Box<dyn Store>) {
    let store = new_store();
    let key = fresh_key(&*store, "counter");
    store.save(&key, &full("0")).unwrap();

    let handles: Vec<_> = iter::repeat_with(new_store).take(THREADS).collect();
    thread::scope(|scope| {
        for store in &handles {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let _lock = wait_for_lock(&**store, &key);
                    let count = number(&store.load(&key).unwrap().unwrap());
                    store.save(&key, &full(&(count + 1).to_string())).unwrap();
                }
            });
        }
    });
    assert_eq!(
        number(&store.load(&key).unwrap().unwrap()),
        THREADS * ROUNDS
    );
}

fn readers_see_whole_records(new_store: &dyn Fn() -> Box<dyn Store>) {
    let store = new_store();
    let key = fresh_key(&*store, "readers");
    // Long ones and short ones in turn: a half of one would not look like the other.
    let text = |round: usize| round.to_string().repeat(1 + round % 2 * 5000);
    store.save(&key, &full(&text(0))).unwrap();

    let handles: Vec<_> = iter::repeat_with(new_store).take(THREADS).collect();
    thread::scope(|scope| {
        for reader in &handles {
            scope.spawn(|| {
                loop {
                    let tokens = reader.load(&key).unwrap().unwrap();
                    same(&tokens, &full(tokens.access_token.expose()));
                    if tokens.access_token.expose() == text(LAST_ROUND) {
                        break;
                    }
                }
            });
        }
        for round in 1..=LAST_ROUND {
            store.save(&key, &full(&text(round))).unwrap();
        }
    });
}

fn wait_for_lock(store: &dyn Store, key: &RecordKey) -> Lock {
    loop {
        match store.try_lock(key).unwrap() {
            Some(lock) => return lock,
            None => thread::yield_now(),
        }
    }
}

/// Nothing is kept for it.
fn fresh_key(store: &dyn Store, client_id: &str) -> RecordKey {
    let key = RecordKey {
        issuer: "https://contract.test".into(),
        client_id: client_id.into(),
        account: None,
        scope: Scope::default(),
        resource: Vec::new(),
    };
    store.remove(&key).unwrap();
    key
}

/// Every member is there.
fn full(text: &str) -> Tokens {
    let mut tokens = minimal(text);
    tokens.expires_at = Some(Timestamp::from_unix_millis(1_795_456_435_999));
    tokens.refresh_token = Some(RefreshToken::new(text));
    tokens.refresh_expires_at = Some(Timestamp::from_unix_millis(-1));
    tokens.scope = scope("openid offline_access");
    tokens.id_token = Some(IdToken::new(text));
    tokens.session_ended_at = Some(Timestamp::from_unix_millis(i64::MAX));
    tokens
}

/// Only what is always there.
fn minimal(text: &str) -> Tokens {
    Tokens::new(AccessToken::new(text), Timestamp::UNIX_EPOCH)
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn number(tokens: &Tokens) -> usize {
    tokens.access_token.expose().parse().unwrap()
}

fn same(found: &Tokens, saved: &Tokens) {
    let secrets = |tokens: &Tokens| {
        [
            Some(tokens.access_token.expose().to_owned()),
            tokens
                .refresh_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
            tokens
                .id_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
        ]
    };
    // No `assert_eq`: what a store keeps in a test may still be somebody's token.
    assert!(
        secrets(found) == secrets(saved),
        "the secrets are not those that were saved"
    );
    assert_eq!(found.scope, saved.scope);
    same_time(Some(found.issued_at), Some(saved.issued_at));
    same_time(found.expires_at, saved.expires_at);
    same_time(found.refresh_expires_at, saved.refresh_expires_at);
    same_time(found.session_ended_at, saved.session_ended_at);
}

/// To the second, and never later.
fn same_time(found: Option<Timestamp>, saved: Option<Timestamp>) {
    let seconds = |time: Timestamp| time.as_unix_millis().div_euclid(1000);
    assert_eq!(found.map(seconds), saved.map(seconds));
    assert!(found <= saved, "{found:?} is later than {saved:?}");
}

const THREADS: usize = 4;
const ROUNDS: usize = 25;
const LAST_ROUND: usize = 201;
