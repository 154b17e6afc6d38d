//! Every store does what the contract says.

use std::sync::Arc;

use aiod_auth_core::{
    AccessToken, ClientSecret, IdToken, RecordKey, RefreshToken, Scope, Timestamp, Tokens,
};
use aiod_auth_store::{
    AiodFile, FileStore, Lock, MemoryStore, Store, StoreError,
    contract_tests::{self, Limits},
};
use proptest::prelude::*;

use crate::support;

#[test]
fn memory() {
    let memory = Arc::new(MemoryStore::default());
    contract_tests::run(&|| Box::new(Arc::clone(&memory)));
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    contract_tests::run(&|| Box::new(FileStore::new(folder.path())));
}

#[test]
fn the_python_clients_file() {
    let folder = tempfile::tempdir().unwrap();
    let key = support::key("aiod-sdk");
    let store = || {
        let file = AiodFile::new(folder.path().join("token.toml"), key.clone());
        file.with_client_secret(ClientSecret::new("secret"))
    };
    let limits = Limits::default().one_record(key.clone()).without_empty_tokens();
    contract_tests::run_within(&limits, &|| Box::new(store()));
}

#[test]
fn public_types_go_between_threads() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<FileStore>();
    check::<AiodFile>();
    check::<MemoryStore>();
    check::<Lock>();
    check::<StoreError>();
    check::<Box<dyn Store>>();
}

#[test]
fn no_debug_output_shows_a_secret() {
    let memory = MemoryStore::default();
    let key = support::key("my-tool");
    memory.save(&key, &support::tokens("canary")).unwrap();
    let lock = memory.try_lock(&key).unwrap();
    assert!(!format!("{memory:?} {lock:?}").contains("canary"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_file_is_given_it_gives_back(key in keys(), tokens in all_tokens()) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path());
        // Twice: the second time it edits what is there.
        for _ in 0..2 {
            store.save(&key, &tokens).unwrap();
            let found = store.load(&key).unwrap().unwrap();
            prop_assert_eq!(plain(&found), plain(&tokens));
        }
    }
}

fn keys() -> impl Strategy<Value = RecordKey> {
    let resource = proptest::collection::vec(any::<String>(), 0..3);
    (any::<String>(), any::<String>(), any::<Option<String>>(), scopes(), resource).prop_map(
        |(issuer, client_id, account, scope, resource)| RecordKey {
            issuer,
            client_id,
            account,
            scope,
            resource,
        },
    )
}

fn all_tokens() -> impl Strategy<Value = Tokens> {
    let texts = (any::<String>(), any::<Option<String>>(), any::<Option<String>>());
    let times = (any::<i64>(), any::<[Option<i64>; 3]>());
    (texts, times, scopes(), proptest::option::of(scopes())).prop_map(
        |((access, refresh, id), (issued, times), scope, session_scope)| {
            let [expires, refresh_expires, ended] =
                times.map(|time| time.map(Timestamp::from_unix_millis));
            let mut tokens =
                Tokens::new(AccessToken::new(access), Timestamp::from_unix_millis(issued));
            tokens.expires_at = expires;
            tokens.refresh_token = refresh.map(RefreshToken::new);
            tokens.refresh_expires_at = refresh_expires;
            tokens.id_token = id.map(IdToken::new);
            tokens.session_ended_at = ended;
            tokens.scope = scope;
            tokens.session_scope = session_scope;
            tokens
        },
    )
}

fn scopes() -> impl Strategy<Value = Scope> {
    proptest::collection::vec("[!#-\\[\\]-~]{1,8}", 0..4)
        .prop_map(|tokens| Scope::new(tokens).unwrap())
}

type Plain = (Vec<Option<String>>, Vec<Option<i64>>, Scope, Option<Scope>);

/// Everything, comparable; times in whole seconds.
fn plain(tokens: &Tokens) -> Plain {
    let secrets = vec![
        Some(tokens.access_token.expose().into()),
        tokens.refresh_token.as_ref().map(|token| token.expose().into()),
        tokens.id_token.as_ref().map(|token| token.expose().into()),
    ];
    let times = [
        Some(tokens.issued_at),
        tokens.expires_at,
        tokens.refresh_expires_at,
        tokens.session_ended_at,
    ];
    let seconds = |time: Timestamp| time.as_unix_millis().div_euclid(1000);
    let times = times.into_iter().map(|time| time.map(seconds)).collect();
    (secrets, times, tokens.scope.clone(), tokens.session_scope.clone())
}
