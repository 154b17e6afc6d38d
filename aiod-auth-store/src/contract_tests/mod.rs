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

use aiod_auth_core::{AccessToken, IdToken, RecordKey, RefreshToken, Scope, Timestamp, Tokens};

use crate::Store;

pub use blocked::Blocked;

mod blocked;
mod records;
mod together;

/// Tries everything that the methods of [`Store`] promise.
///
/// Each call of `new_store` gives another handle to **the same place**, as another process would
/// have it. Records of the issuer `https://contract.test` may be there from an earlier run.
///
/// # Panics
/// With the first promise that is broken.
pub fn run(new_store: &dyn Fn() -> Box<dyn Store>) {
    run_within(&Limits::default(), new_store);
}

/// As [`run`], for a store that can't keep just anything: another program's file, for example.
///
/// # Panics
/// With the first promise that is broken.
pub fn run_within(limits: &Limits, new_store: &dyn Fn() -> Box<dyn Store>) {
    let (store, other) = (new_store(), new_store());
    let place = Place { limits, store: &*store, other: &*other };

    records::a_record_comes_back_whole(&place);
    records::what_is_absent_stays_absent(&place);
    records::any_text_comes_back(&place);
    records::a_save_replaces_all_of_the_record(&place);
    records::what_was_removed_is_gone(&place);
    records::a_refresh_replaces_only_what_was_seen(&place);
    records::a_logout_removes_only_what_was_seen(&place);
    records::a_list_says_what_there_is_and_no_secret(&place);
    match &limits.only {
        None => records::keys_that_differ_in_one_member_do_not_mix(&place),
        Some(only) => records::another_key_is_refused(&place, only),
    }

    together::a_lock_excludes_all_other_callers(&place);
    if limits.only.is_none() {
        together::a_lock_is_for_one_key(&place);
    }
    together::a_lock_moves_to_another_thread(&place);
    together::one_thread_at_a_time_has_the_lock(&place, new_store);
    together::readers_see_whole_records(&place, new_store);
}

/// What a store can't keep, because of what it is.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    only: Option<RecordKey>,
}

impl Limits {
    /// It has one record, of this key, and refuses all others. What is there is removed.
    #[must_use]
    pub fn one_record(mut self, key: RecordKey) -> Self {
        self.only = Some(key);
        self
    }
}

/// Two handles to one place.
struct Place<'a> {
    limits: &'a Limits,
    store: &'a dyn Store,
    other: &'a dyn Store,
}

impl Place<'_> {
    /// Nothing is kept for it.
    fn fresh_key(&self, client_id: &str) -> RecordKey {
        let key = self.limits.only.clone().unwrap_or_else(|| RecordKey {
            issuer: "https://contract.test".into(),
            client_id: client_id.into(),
            account: None,
            scope: Scope::default(),
            resource: Vec::new(),
        });
        self.store.remove(&key).unwrap();
        key
    }
}

/// Every member is there.
fn full(text: &str) -> Tokens {
    let mut tokens = minimal(text);
    if tokens.access_token.is_some() {
        tokens.expires_at = Some(Timestamp::from_unix_millis(1_795_456_435_999));
    }
    tokens.refresh_token = Some(RefreshToken::new(text));
    tokens.refresh_expires_at = Some(Timestamp::from_unix_millis(-1));
    tokens.scope = scope("openid");
    tokens.session_scope = Some(scope("openid offline_access"));
    tokens.id_token = Some(IdToken::new(text));
    tokens.session_ended_at = Some(Timestamp::from_unix_millis(i64::MAX));
    tokens
}

/// Only what is always there.
fn minimal(text: &str) -> Tokens {
    let mut tokens = Tokens::empty(Timestamp::UNIX_EPOCH);
    tokens.access_token = AccessToken::new(text).ok();
    tokens
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn same(found: &Tokens, saved: &Tokens) {
    let secrets = |tokens: &Tokens| {
        [
            tokens.access_token.as_ref().map(|token| token.expose().to_owned()),
            tokens.refresh_token.as_ref().map(|token| token.expose().to_owned()),
            tokens.id_token.as_ref().map(|token| token.expose().to_owned()),
        ]
    };
    // No `assert_eq`: what a store keeps in a test may still be a real token.
    assert!(secrets(found) == secrets(saved), "the secrets are not those that were saved");
    assert_eq!(found.scope, saved.scope);
    assert_eq!(found.session_scope, saved.session_scope);
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
