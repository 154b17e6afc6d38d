//! No access token in memory that was given back. A binary of its own: what other tests use is not looked through.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use aiod_auth_core::{
    AccessToken, AuthorizationServer, ClientIdentity, ClientSecret, Machine as _, RefreshToken,
    Response, Tokens,
    flow::{AccessTokenRequest, RevocationRequest, UserinfoRequest},
};
use aiod_auth_store::{FileStore, MemoryStore, Store, TokenRecord as _};
use aiod_auth_tests::{drive, memory::Canary, scene::*, verdict};

/// Copy the text in `Object::text`, or the body where it is searched for `error`, into a plain `String`: this fails.
#[test]
fn an_answer_with_an_error_leaves_no_access_token_behind() {
    let _alone = alone();
    const CANARY: Canary = Canary::new(*b"canary-of-an-error-5d01c98be37a2");
    for (status, start, end) in [
        (200, r#"{"error":"access_denied","access_token":""#, r#"","token_type":"Bearer"}"#),
        (400, r#"{"access_token":""#, r#"","error":"invalid_request"}"#),
        (400, r#"{"a":{"access_token":""#, r#""},"error":"invalid_request"}"#),
        (200, r#"{"token_type":"mac","access_token":""#, r#""}"#),
        (200, "error=access_denied&access_token=", ""),
    ] {
        let response = with_canary(CANARY, status, start, end);
        assert!(CANARY.is_in_memory(true), "{start}");
        let client = ClientIdentity::public("bot").unwrap();
        let client = client.with_secret(ClientSecret::new("bot-secret")).unwrap();
        let mut request =
            AccessTokenRequest::client_credentials(&server(), &client, &scope(), policy()).unwrap();
        drive::answer_once(&mut request, NOW, Ok(response));
        let error = request.poll(NOW).map(drop).unwrap_err();
        assert!(!format!("{error:?} {}", error.error).contains("canary"), "{error:?}");
        assert!(CANARY.is_in_memory(false), "{start}");
    }
}

/// Let `Form::encode` grow its body, or make the secrets of `Request::secrets` plain: this fails.
#[test]
fn a_form_and_an_errors_text_leave_no_access_token_behind() {
    let _alone = alone();
    const CANARY: Canary = Canary::new(*b"canary-of-a-form-e2b9407d8c61f35");
    let token = access_token(CANARY);
    let client = ClientIdentity::public("demo").unwrap();
    let mut request =
        RevocationRequest::access_token(&server(), &client, &token, policy()).unwrap();
    let said = r#"{"error":"invalid_request","error_description":"no token "#;
    let response = with_canary(CANARY, 400, said, r#" %41"}"#);
    drive::answer_once(&mut request, NOW, Ok(response));
    let error = request.poll(NOW).map(drop).unwrap_err();
    let said = error.server_error().and_then(|said| said.description.as_deref()).unwrap();
    assert_eq!(said, "no token … %41");
    assert!(CANARY.is_in_memory(true));
    drop(token);
    assert!(CANARY.is_in_memory(false), "a form");

    let tokens = Tokens::new(access_token(CANARY), NOW);
    let mut request = UserinfoRequest::new(&server(), &tokens, policy()).unwrap();
    let response = with_canary(CANARY, 401, said, r#" %41"}"#);
    drive::answer_once(&mut request, NOW, Ok(response));
    let error = request.poll(NOW).map(drop).unwrap_err();
    assert!(!error.to_string().contains("canary"), "{error}");
    drop(tokens);
    assert!(CANARY.is_in_memory(false), "a header");
}

/// Build the record's text in a plain `String`, or let it grow: this fails.
#[test]
fn a_record_leaves_no_access_token_behind() {
    let _alone = alone();
    const CANARY: Canary = Canary::new(*b"canary-of-a-record-80fa63c5129db");
    let folder = tempfile::tempdir().unwrap();
    let stores: [Box<dyn Store>; 2] =
        [Box::new(FileStore::new(folder.path())), Box::new(MemoryStore::default())];
    for store in stores {
        let (key, place) = (profile().key(), format!("{store:?}"));
        let tokens = Tokens::new(access_token(CANARY), NOW);
        store.save(&key, &tokens).unwrap();
        // Once more, beside what is there.
        let loaded = store.load(&key).unwrap().unwrap();
        assert!(loaded.has_same_access_token(&tokens));
        store.save(&key, &loaded).unwrap();
        drop((tokens, loaded));
        store.remove(&key).unwrap();
        drop(store);
        assert!(CANARY.is_in_memory(false), "{place}");
    }
}

/// Take `AsRef<str>` in `AccessToken::new`, or copy a member's text out of an edited record: this fails.
#[test]
fn an_edited_record_leaves_no_access_token_behind() {
    let _alone = alone();
    const CANARY: Canary = Canary::new(*b"canary-of-an-edit-41c7e90db852f6");
    let key = profile().key();
    let record = {
        let tokens = Tokens::new(AccessToken::new("access-token").unwrap(), NOW);
        tokens.to_record(&key, None).unwrap().expose().replace("[tokens]", "# mine\n[tokens]")
    };
    let (start, end) = record.split_once("access-token").unwrap();
    // It is wiped when it is dropped.
    let text = RefreshToken::new(String::from_utf8(padded(CANARY, start, end)).unwrap());
    let tokens = Tokens::from_record(text.expose(), &key).unwrap();
    drop((text, tokens));
    assert!(CANARY.is_in_memory(false));
}

/// What one test reads of the memory is a copy of what another has there just then.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In the middle, since the allocator writes to both ends of what is freed.
fn padded(canary: Canary, start: &str, end: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    text.extend_from_slice(start.as_bytes());
    text.extend_from_slice(&[b'x'; 64]);
    canary.push_to(&mut text);
    text.extend_from_slice(&[b'y'; 64]);
    text.extend_from_slice(end.as_bytes());
    text
}

fn with_canary(canary: Canary, status: u16, start: &str, end: &str) -> Response {
    Response::new(status, [("Content-Type", "application/json")], padded(canary, start, end))
}

fn access_token(canary: Canary) -> AccessToken {
    AccessToken::new(String::from_utf8(padded(canary, "", "")).unwrap()).unwrap()
}

fn server() -> AuthorizationServer {
    verdict::server().unwrap()
}

fn scope() -> aiod_auth_core::Scope {
    "read".parse().unwrap()
}
