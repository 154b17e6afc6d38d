//! Logins that don't happen, with the command. None of them leaves anything behind.

use std::time::{Duration, Instant};

use aiod_auth_tests::user::UserError;
use serde_json::Value;

use crate::support::{
    Workplace,
    user::{bob_refuses, no_visit},
};

/// The error of a login, at whose page this user did this.
#[track_caller]
fn refused(client_id: &str, user: impl FnOnce(&str) -> Result<(), UserError>, kind: &str) -> Value {
    let place = Workplace::new("aiod", client_id);
    let error = place.log_in(user).error(4, kind);
    assert!(place.record().is_none());
    error
}

/// The error of a login that got no code to show.
#[track_caller]
fn no_code(realm: &str, client_id: &str, kind: &str) -> Value {
    Workplace::new(realm, client_id).fails("login", 1, kind)
}

#[test]
fn a_user_who_refuses_is_not_logged_in() {
    let error = refused("aiod-sdk", bob_refuses, "access_denied");
    assert_eq!(error["oauth_error"], "access_denied");
}

#[test]
fn a_code_that_is_not_approved_expires() {
    refused("aiod-short", no_visit, "expired");
}

#[test]
fn the_callers_time_limit_ends_a_login() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let started = Instant::now();
    place.fails("login --timeout 2", 4, "timed_out");
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert!(place.record().is_none());
}

#[test]
fn what_a_user_has_to_do_goes_to_stderr() {
    let login = Workplace::new("aiod", "aiod-sdk").run("login --timeout 1");
    assert_eq!((login.exit_code, login.stdout.as_str()), (4, ""));
    assert!(login.stderr.contains("/realms/aiod/device?user_code="), "{login:?}");
}

#[test]
fn a_client_without_the_device_flow_is_refused() {
    let error = no_code("aiod", "aiod-nodevice", "server");
    assert_eq!(error["oauth_error"], "unauthorized_client");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("The flow is disabled for the client"), "{message}");
}

#[test]
fn a_disabled_client_is_refused() {
    let error = no_code("aiod", "aiod-disabled", "server");
    assert_eq!(error["oauth_error"], "invalid_client");
}

#[test]
fn an_unknown_client_is_refused() {
    let error = no_code("aiod", "nobody", "server");
    assert_eq!(error["oauth_error"], "invalid_client");
}

#[test]
fn an_unknown_realm_is_no_authorization_server() {
    let error = no_code("nowhere", "aiod-sdk", "protocol");
    assert_eq!(error["http_status"], 404);
}
