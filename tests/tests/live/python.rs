//! AI-on-Demand's real Python client on the same file, `~/.aiod/token.toml`.
//!
//! It writes the file only when told to, and drops the new refresh token of every refresh, because it
//! counts on a server that doesn't rotate them. Where one does, it ends the session; see the last cases.

use std::{collections::HashSet, thread, time::Duration};

use aiod_auth_core::session::Demand;
use serde_json::json;

use crate::support::{
    Python, Workplace, keycloak,
    user::{alice_approves, bob_refuses},
};

fn sdk() -> Workplace {
    Workplace::aiod("aiod", "aiod-sdk")
}

/// Where a refresh token may be used once. Our API takes no token of that realm.
fn rotating() -> Workplace {
    Workplace::aiod("Polars", "PolarsCloud")
}

/// Longer than Keycloak's tolerance for an older refresh token.
fn a_second_later() {
    thread::sleep(Duration::from_millis(1100));
}

#[track_caller]
fn assert_alice(python: &mut Python) {
    let user = python.does("get_current_user");
    assert_eq!(user["name"], "alice");
    assert!(user["roles"].as_array().unwrap().contains(&json!("crawler_example")), "{user}");
}

#[test]
fn a_login_of_the_command_is_there_for_get_current_user() {
    let place = sdk().logged_in();
    let mut python = place.python();
    assert_alice(&mut python);
    assert_eq!(python.token(), place.run("token").answer());
    let refreshed = python.does("refresh");
    assert!(keycloak::is_active(refreshed.as_str().unwrap()));
    assert_alice(&mut python);
}

#[test]
fn a_login_of_each_client_is_there_for_get_current_user() {
    let place = sdk();
    crate::blocking::log_in(&place.client());
    assert_alice(&mut place.python());

    let place = sdk();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(crate::asynchronous::log_in(&place.async_client()));
    assert_alice(&mut place.python());
}

#[test]
fn create_token_is_a_login_for_the_command_and_both_clients() {
    let place = sdk();
    let mut python = place.python();
    assert_eq!(python.asks("get_current_user").unwrap_err(), "NotAuthenticatedError");
    python.asks_for_a_user("create_token", alice_approves).unwrap();
    let token = python.token();
    assert_eq!(place.run("token").answer(), token);
    assert_eq!(place.json("status")["authenticated"], true);
    assert_eq!(place.json("whoami")["name"], "alice");
    assert_eq!(place.client().who_am_i().unwrap().name.as_deref(), Some("alice"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let who = runtime.block_on(async { place.async_client().who_am_i().await.unwrap() });
    assert_eq!(who.name.as_deref(), Some("alice"));
    place.json("refresh");
    assert_ne!(place.run("token").answer(), token);
    assert_alice(&mut python);
}

#[test]
fn a_login_that_python_is_refused_changes_nothing() {
    let place = sdk().logged_in();
    let before = place.record();
    let outcome = place.python().asks_for_a_user("create_token", bob_refuses);
    assert_eq!(outcome.unwrap_err(), "AuthenticationError");
    assert_eq!(format!("{before:?}"), format!("{:?}", place.record()));
    place.json("refresh");
}

/// Each refreshes with what the other has written, and writes what came of it.
#[test]
fn both_refresh_one_file_in_turn() {
    let place = sdk().logged_in();
    let (mut python, client, on_tokio) = (place.python(), place.client(), place.async_client());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(on_tokio.token()).unwrap();
    let new_token_of = |round| {
        // The first brings what stands in the file, which this client hasn't had.
        let forced = Demand::new().forced();
        let [found, refreshed] = [(), ()].map(|()| {
            let session = match round % 3 {
                1 => client.token_for(forced),
                _ => runtime.block_on(on_tokio.token_for(forced)),
            };
            session.unwrap().access_token().unwrap().expose().to_owned()
        });
        (found, refreshed)
    };
    let first = client.token().unwrap().access_token().unwrap().expose().to_owned();
    let mut seen = HashSet::from([first]);
    for round in 0..30 {
        python.does("from_file");
        let theirs = python.does("refresh").as_str().unwrap().to_owned();
        python.does("to_file");
        assert_eq!(place.run("token").answer(), theirs, "round {round}");
        let ours = if round % 3 == 0 {
            place.run("token --force-refresh").answer().to_owned()
        } else {
            let (found, refreshed) = new_token_of(round);
            assert_eq!(found, theirs, "round {round}");
            refreshed
        };
        python.does("from_file");
        assert_eq!(python.token(), ours, "round {round}");
        for token in [theirs, ours] {
            assert!(keycloak::is_active(&token), "round {round}");
            assert!(seen.insert(token), "round {round}");
        }
        assert_alice(&mut python);
    }
    assert_eq!(place.json("logout")["outcome"], "ended");
}

/// It holds on to the refresh token that it was imported with, and writes nothing.
#[test]
fn python_goes_on_with_its_own_token_while_we_refresh() {
    let place = sdk().logged_in();
    let mut python = place.python();
    for _ in 0..10 {
        place.json("refresh");
        python.does("refresh");
        assert_alice(&mut python);
        assert_eq!(place.json("whoami")["name"], "alice");
    }
}

/// Tokens of 3 s and a session of 10 s: both refresh as long as there is one, and then both say so.
#[test]
fn a_session_ends_for_both() {
    let place = Workplace::aiod("aiod", "aiod-short");
    let mut python = {
        // Imported first, which takes its time.
        place.write(".aiod/token.toml", "refresh_token = \"none\"\n");
        place.python()
    };
    let refresh_token = keycloak::refresh_token_from_elsewhere("aiod-short");
    let login = place.start("login --json --refresh-token-stdin").reads(&refresh_token);
    login.finish().json();
    python.does("from_file");
    thread::sleep(Duration::from_millis(3100));
    assert!(keycloak::is_active(&python.token()));
    assert!(keycloak::is_active(place.run("token").answer()));
    thread::sleep(Duration::from_secs(10));
    assert_eq!(python.asks("token").unwrap_err(), "AuthenticationError");
    let error = place.fails("token", 3, "session_ended");
    assert_eq!(error["oauth_error"], "invalid_grant");
}

#[test]
fn a_logout_of_one_is_a_logout_for_the_other() {
    let place = sdk().logged_in();
    let mut python = place.python();
    assert_alice(&mut python);
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert_eq!(python.asks("get_current_user").unwrap_err(), "NotAuthenticatedError");
    assert_eq!(python.asks("refresh").unwrap_err(), "AuthenticationError");
    let mut imported_later = place.python();
    assert_eq!(imported_later.asks("token").unwrap_err(), "NotAuthenticatedError");

    let place = place.logged_in();
    let mut python = place.python();
    python.does("invalidate_token");
    // It leaves its file as it is.
    let error = place.fails("refresh", 3, "session_ended");
    assert_eq!(error["oauth_error"], "invalid_grant");
    assert_eq!(place.run("status").exit_code, 3);
}

#[test]
fn a_bots_file_is_for_both() {
    let place = Workplace::aiod("aiod", "aiod-bot");
    place.write(".aiod/token.toml", "client_secret = \"aiod-bot-secret\"\n");
    let mut python = place.python();
    for _ in 0..5 {
        place.json("refresh");
        python.does("from_file");
        assert_eq!(python.token(), place.run("token").answer());
        let theirs = python.does("refresh");
        python.does("to_file");
        assert_eq!(place.run("token").answer(), theirs);
        assert_eq!(python.does("get_current_user")["name"], "service-account-aiod-bot");
    }
}

#[test]
fn where_refresh_tokens_rotate_python_may_use_what_we_refresh() {
    let place = rotating().logged_in();
    let mut python = place.python();
    for _ in 0..5 {
        a_second_later();
        let ours = place.run("token --force-refresh").answer().to_owned();
        python.does("from_file");
        assert_eq!(python.token(), ours);
    }
}

/// It keeps the refresh token that it has just used up: its own second refresh ends the session.
#[test]
fn where_refresh_tokens_rotate_python_ends_its_own_session() {
    let place = rotating();
    let mut python = place.python();
    python.asks_for_a_user("create_token", alice_approves).unwrap();
    a_second_later();
    python.does("refresh");
    python.does("to_file");
    a_second_later();
    assert_eq!(python.asks("refresh").unwrap_err(), "AuthenticationError");
    let error = place.fails("refresh", 3, "session_ended");
    assert_eq!(error["oauth_error"], "invalid_grant");
}

#[test]
fn where_refresh_tokens_rotate_a_refresh_of_python_ends_our_session() {
    let place = rotating().logged_in();
    a_second_later();
    place.python().does("refresh");
    a_second_later();
    let error = place.fails("refresh", 3, "session_ended");
    assert_eq!(error["oauth_error"], "invalid_grant");
    assert_eq!(place.run("status").exit_code, 3);
    place.fails("token", 3, "session_ended");
    // Logged in again, all is well.
    let place = place.logged_in();
    place.json("refresh");
}
