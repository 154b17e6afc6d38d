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
    let limits = Limits::default().one_record(key.clone());
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_the_python_clients_file_is_given_it_gives_back(
        key in keys(),
        mut tokens in all_tokens(),
        secret in ".+",
    ) {
        // What has expired before 1970 has expired.
        tokens.expires_at = tokens.expires_at.map(|at| at.max(Timestamp::UNIX_EPOCH));
        let folder = tempfile::tempdir().unwrap();
        let file = AiodFile::new(folder.path().join("token.toml"), key.clone());
        let store = file.with_client_secret(ClientSecret::new(secret.as_str()));
        for _ in 0..2 {
            store.save(&key, &tokens).unwrap();
            let found = store.load(&key).unwrap();
            if tokens.refresh_token.is_none() {
                let kept = store.client_secret().unwrap().unwrap();
                prop_assert_eq!(kept.expose(), secret.as_str());
            }
            match found {
                Some(found) => prop_assert_eq!(plain(&found), plain(&tokens)),
                None => prop_assert!(
                    tokens.refresh_token.is_none() && tokens.access_token.is_none()
                ),
            }
        }
    }

    #[test]
    fn whatever_stands_in_the_python_clients_file_is_left_as_it_is(
        lines in proptest::collection::vec(LINES, 0..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.toml");
        let key = support::key("my-tool");
        let store = AiodFile::new(&path, key.clone());
        let text = lines.join("\n");
        std::fs::write(&path, &text).unwrap();
        let old = std::fs::File::options().write(true).open(&path).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        if let Ok(Some(tokens)) = store.load(&key) {
            prop_assert!(tokens.refresh_token.is_some() || text.contains("client_secret"));
        }
        prop_assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
}

const LINES: &str = "((refresh_token|client_secret|access_token|expiration_date|issued_at|scope) = \
    (\"\"|\"a\"|1|\"2999-01-01T00:00:00\\+00:00\"|'b)|\\[aiod_auth\\]|\\PC{0,8})";

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

/// An empty text is no token.
fn all_tokens() -> impl Strategy<Value = Tokens> {
    let texts = (
        prop_oneof!["[ -~]{0,40}", any::<String>()],
        any::<Option<String>>(),
        any::<Option<String>>(),
    );
    let times = (any::<i64>(), any::<[Option<i64>; 3]>());
    (texts, times, scopes(), proptest::option::of(scopes())).prop_map(
        |((access, refresh, id), (issued, times), scope, session_scope)| {
            let [expires, refresh_expires, ended] =
                times.map(|time| time.map(Timestamp::from_unix_millis));
            let mut tokens = Tokens::empty(Timestamp::from_unix_millis(issued));
            tokens.access_token = AccessToken::new(access).ok();
            tokens.expires_at = expires.filter(|_| tokens.access_token.is_some());
            let some = |text: &String| !text.is_empty();
            tokens.refresh_token = refresh.filter(some).map(RefreshToken::new);
            if tokens.access_token.is_none() && tokens.refresh_token.is_none() {
                tokens.access_token = AccessToken::new("a").ok();
            }
            tokens.refresh_expires_at = refresh_expires;
            tokens.id_token = id.filter(some).map(IdToken::new);
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
        tokens.access_token.as_ref().map(|token| token.expose().into()),
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
