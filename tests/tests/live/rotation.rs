//! The realm Polars, where a refresh token may be used once, with the command.

use std::{collections::HashSet, thread, time::Duration};

use crate::support::{CountingProxy, Workplace, keycloak, together};

fn logged_in() -> Workplace {
    Workplace::new("Polars", "PolarsCloud").with_scope("openid").logged_in()
}

/// Keycloak compares whole seconds: within one second, an older refresh token still works.
fn a_second_later() {
    thread::sleep(Duration::from_millis(1100));
}

#[track_caller]
fn assert_alive(access_token: &str) {
    assert_eq!(keycloak::userinfo_status("Polars", access_token), 200);
}

#[test]
fn every_refresh_changes_the_stored_refresh_token() {
    let place = logged_in();
    let mut seen = HashSet::from([place.refresh_token()]);
    for _ in 0..5 {
        assert_alive(place.run("token --force-refresh").answer());
        assert!(seen.insert(place.refresh_token()), "it did not change");
    }
}

#[test]
fn an_access_token_that_has_expired_is_refreshed() {
    let place = logged_in();
    let first = place.record().unwrap();
    // It lives 10 s, and Keycloak counts whole seconds.
    thread::sleep(Duration::from_secs(11));
    let old = first.access_token().unwrap().expose();
    assert_eq!(keycloak::userinfo_status("Polars", old), 401);
    assert_alive(place.run("token").answer());
    assert_ne!(place.refresh_token(), first.refresh_token.unwrap().expose());
}

#[test]
fn a_refresh_token_that_was_used_before_ends_the_session() {
    let place = logged_in();
    let first = place.record().unwrap();
    a_second_later();
    place.json("refresh");
    a_second_later();
    place.json("refresh");
    let newest = place.record().unwrap();

    // As from a backup.
    place.replace_record(&first);
    let error = place.fails("refresh", 3, "session_ended");
    assert_eq!(error["oauth_error"], "invalid_grant");
    place.replace_record(&newest);
    place.fails("refresh", 3, "session_ended");
}

#[test]
fn two_processes_that_refresh_at_the_same_moment_keep_the_session() {
    let place = logged_in();
    for round in 0..10 {
        let before = place.refresh_token();
        let both = [(); 2].map(|()| place.start("token --force-refresh"));
        for process in both {
            assert_alive(process.finish().answer());
        }
        assert_ne!(place.refresh_token(), before, "round {round}");
    }
    a_second_later();
    place.json("refresh");
    assert_alive(place.run("token").answer());
}

/// As of one session: `AIOD_AUTH_EXPIRIES=1000` for more.
#[test]
fn fifty_processes_at_each_expiry_make_one_refresh() {
    let expiries = std::env::var("AIOD_AUTH_EXPIRIES");
    let expiries = expiries.map_or(5, |count| count.parse().unwrap());
    let proxy = CountingProxy::start();
    let token = format!("{}/realms/Polars/protocol/openid-connect/token", proxy.base);
    let place = Workplace::new("Polars", "aiod-rotating").with_scope("openid");
    let place = place.with_profile(&format!("token_endpoint = \"{token}\"")).logged_in();
    for expiry in 1..=expiries {
        place.expire();
        let finished = together(50, || place.run("token"));
        let tokens: HashSet<_> = finished.iter().map(|process| process.answer()).collect();
        assert_eq!(tokens.len(), 1, "expiry {expiry}");
        assert_eq!(proxy.refreshes(), expiry, "expiry {expiry}");
    }
    a_second_later();
    place.json("refresh");
    assert_alive(place.run("token").answer());
    println!("{expiries} expiries with 50 processes: {expiries} refreshes, one session");
}
