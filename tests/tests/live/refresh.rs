//! Refreshes, with the command, in a realm where a refresh token may be used again.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use aiod_auth_core::Timestamp;
use serde_json::Value;

use crate::support::{Workplace, command::Finished, keycloak};

/// Alice in `aiod-short`, where an access token lives 3 s and the session 10 s. A device code lives
/// 3 s, too short for a user on a busy machine: so she brings a refresh token.
fn in_aiod_short() -> Workplace {
    let place = Workplace::new("aiod", "aiod-short");
    let refresh_token = keycloak::refresh_token_from_elsewhere("aiod-short");
    log_in_with(&place, &refresh_token).json();
    place
}

fn log_in_with(place: &Workplace, refresh_token: &str) -> Finished {
    let login = place.start("login --json --refresh-token-stdin");
    login.reads(refresh_token).finish()
}

fn sleep_until(time: Option<Timestamp>) {
    let left = time.unwrap().saturating_duration_since(SystemTime::now().into());
    thread::sleep(left + Duration::from_millis(50));
}

#[test]
fn a_forced_refresh_brings_another_token() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    let first = place.run("token").answer().to_owned();
    let second = place.run("token --force-refresh").answer().to_owned();
    assert_ne!(first, second);
    assert!(keycloak::is_active(&second));
    assert_eq!(place.run("token").answer(), second);
    assert_eq!(place.json("refresh")["event"], "refreshed");
    assert_ne!(place.run("token").answer(), second);
}

#[test]
fn an_access_token_that_has_expired_is_refreshed() {
    let place = in_aiod_short();
    let first = place.record().unwrap();
    sleep_until(first.expires_at);
    let second = place.run("token");
    assert_ne!(second.answer(), first.access_token().unwrap().expose());
    assert!(keycloak::is_active(second.answer()));
}

#[test]
fn a_session_that_has_expired_has_ended() {
    let place = in_aiod_short();
    sleep_until(place.record().unwrap().refresh_expires_at);
    // Keycloak counts whole seconds.
    thread::sleep(Duration::from_secs(1));
    let status = place.run("status --json");
    assert_eq!(status.exit_code, 3);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["reason"], "expired");

    let error = place.fails("token", 3, "session_ended");
    assert_eq!(error["oauth_error"], "invalid_grant");
    let status: Value = serde_json::from_str(&place.run("status --json").stdout).unwrap();
    assert_eq!(status["reason"], "session_ended");
}

#[test]
fn a_session_that_was_ended_elsewhere_has_ended() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    keycloak::end_session("aiod-sdk", &place.refresh_token());
    place.fails("refresh", 3, "session_ended");
    assert_eq!(place.run("status").exit_code, 3);
}

#[test]
fn a_refresh_token_from_elsewhere_logs_in() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let refresh_token = keycloak::refresh_token_from_elsewhere("aiod-sdk");
    let login = log_in_with(&place, &format!("{refresh_token}\n"));
    assert_eq!(login.json()["event"], "authenticated");
    assert!(keycloak::is_active(place.run("token").answer()));
}

#[test]
fn a_dead_refresh_token_from_elsewhere_does_not_log_in() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let refresh_token = keycloak::refresh_token_from_elsewhere("aiod-sdk");
    keycloak::end_session("aiod-sdk", &refresh_token);
    log_in_with(&place, &refresh_token).error(3, "session_ended");
    assert!(place.record().is_none());
}
