//! `perform` is all that a driver needs to give a session its store.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Endpoint, Error, Issuer, Machine, NoResponse, Profile, Response,
    RetryPolicy, Step, StoreFailure, Timestamp,
    session::{Demand, Logout, Persisted, Session},
};
use aiod_auth_store::{AiodFile, Lock, MemoryStore, Store, StoreError, perform};

use crate::support::{Place, tokens};

#[test]
fn a_session_saves_its_tokens_and_a_logout_removes_them() {
    let store = MemoryStore::default();
    let profile = profile();

    let session = drive(session(&profile), Some(&store)).unwrap();
    assert_eq!(session.persisted, Persisted::Saved);
    let saved = store.load(&profile.key()).unwrap().unwrap();
    assert_eq!(saved.access_token().unwrap().expose(), "new");
    assert!(store.try_lock(&profile.key()).unwrap().is_some(), "it was unlocked");

    let logout = Logout::new(Arc::clone(&profile), None, RetryPolicy::default());
    drive(logout.ignoring_errors(), Some(&store)).unwrap();
    assert!(store.load(&profile.key()).unwrap().is_none());
}

#[test]
fn a_session_of_the_python_client_is_refreshed_and_what_is_rotated_is_kept() {
    let (place, profile) = (Place::aiod().filled(), user());
    let store = AiodFile::new(place.path(), profile.key());
    place.write(
        "refresh_token = \"old\"\naccess_token = \"old\"\nexpiration_date = \"1970-01-01T00:00:00+00:00\"\n",
    );
    let session = drive(session(&profile), Some(&store)).unwrap();
    assert_eq!(session.persisted, Persisted::Saved);
    assert_eq!(session.tokens.access_token().unwrap().expose(), "new");
    let text = place.text();
    assert!(text.starts_with("refresh_token = \"rotated\"\naccess_token = \"new\"\n"), "{text}");
    assert!(text.contains("expiration_date = \"1970-01-01T00:05:00+00:00\"\n"), "{text}");

    // And one that is alone in its file.
    place.write("refresh_token = \"old\"\n");
    drive(self::session(&profile), Some(&store)).unwrap();
    assert!(place.text().starts_with("refresh_token = \"rotated\"\n"));
}

#[test]
fn a_bot_of_the_python_client_gets_a_token_and_keeps_its_secret() {
    let (place, profile) = (Place::aiod().filled(), profile());
    let store = AiodFile::new(place.path(), profile.key());
    place.write("client_secret = \"secret\"\n");
    drive(session(&profile), Some(&store)).unwrap();
    assert!(place.text().starts_with("client_secret = \"secret\"\naccess_token = \"new\"\n"));
    let again = drive(session(&profile), Some(&store)).unwrap();
    assert_eq!(again.tokens.access_token().unwrap().expose(), "new");
}

#[test]
fn without_a_store_nothing_is_kept() {
    let session = drive(session(&profile()), None).unwrap();
    assert_eq!(session.persisted, Persisted::NoStore);
}

#[test]
fn a_lock_that_another_process_holds_is_waited_for() {
    let store = MemoryStore::default();
    let profile = profile();
    let _lock = store.try_lock(&profile.key()).unwrap();
    let error = drive(session(&profile), Some(&store)).unwrap_err();
    assert!(matches!(error.error, Error::Store(_)), "{error:?}");
}

#[test]
fn a_failure_keeps_its_cause_and_its_hint() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("tokens"), "a file").unwrap();
    let error = place.store.save(&place.key, &tokens("new")).unwrap_err();
    let failure = StoreFailure::from(error);
    assert!(failure.to_string().contains("os error"), "{failure}");
    assert!(StoreError::NoHome.hint().is_some());
    assert_eq!(StoreFailure::from(StoreError::Other("no".into())), StoreFailure::new("no"));
}

fn session(profile: &Arc<Profile>) -> Session {
    Session::token(Arc::clone(profile), Demand::new(), RetryPolicy::default())
}

fn profile() -> Arc<Profile> {
    let client = ClientIdentity::public("my-tool").unwrap();
    let client = client.with_secret(ClientSecret::new("secret")).unwrap();
    let issuer = Issuer::new("https://auth.example.org").unwrap();
    let profile = Profile::with_client(issuer, client)
        .with_endpoint(Endpoint::Token, "https://auth.example.org/token")
        .unwrap();
    Arc::new(profile)
}

fn user() -> Arc<Profile> {
    let profile = Profile::new("https://auth.example.org", "my-tool")
        .unwrap()
        .with_endpoint(Endpoint::Token, "https://auth.example.org/token")
        .unwrap();
    Arc::new(profile)
}

/// The loop of an adapter, with a server that gives tokens and does nothing else.
fn drive<M: Machine>(mut machine: M, store: Option<&dyn Store>) -> Result<M::Output, M::Error> {
    let now = Timestamp::UNIX_EPOCH;
    let mut lock: Option<Lock> = None;
    for _ in 0..1000 {
        match machine.poll(now)? {
            Step::Store(access) => {
                let outcome = perform(store, access.request(), &mut lock);
                access.complete(Duration::ZERO, outcome);
            }
            Step::Send(exchange) => {
                let asks_for_tokens = exchange.request().url().path() == "/token";
                let headers = [("content-type", "application/json")];
                let form = String::from_utf8_lossy(exchange.request().body()).into_owned();
                let refreshes = form.contains("refresh_token=");
                let more = if refreshes { r#","refresh_token":"rotated""# } else { "" };
                let body = format!(
                    r#"{{"access_token":"new","token_type":"Bearer","expires_in":300{more}}}"#
                );
                let outcome = if asks_for_tokens {
                    Ok(Response::new(200, headers.iter().copied(), body.as_bytes()))
                } else {
                    Err(NoResponse::NotSent("there is no such server"))
                };
                exchange.begin().complete(now, Duration::ZERO, outcome);
            }
            Step::Wait(pause) => {
                let delay = pause.delay();
                pause.complete(delay);
            }
            Step::Show(_) | Step::Ask(_) => panic!("the user is asked"),
            Step::Done(output) => return Ok(output),
        }
    }
    panic!("it never ends");
}
