//! Logins that a user approves, with the command.

use serde_json::{Value, json};

use crate::support::{Workplace, keycloak, user::alice_approves};

#[test]
fn a_user_approves_and_is_logged_in() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid");
    let login = place.log_in(alice_approves);
    let (prompt, end) = login.answer().split_once('\n').unwrap();

    let prompt: Value = serde_json::from_str(prompt).unwrap();
    assert_eq!(prompt["event"], "prompt");
    assert_eq!(prompt["expires_in"], 120);
    assert_eq!(prompt["interval"], 1);
    let (page, code) = (&prompt["verification_uri"], &prompt["user_code"]);
    let complete = format!("{}?user_code={}", page.as_str().unwrap(), code.as_str().unwrap());
    assert_eq!(prompt["verification_uri_complete"], complete);

    let end: Value = serde_json::from_str(end).unwrap();
    assert_eq!(end["event"], "authenticated");
    assert_eq!(end["profile"], Value::Null);
    assert_eq!(end["scope"], json!(["email", "openid", "profile"]));
    assert!(end["expires_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(login.stderr, "");
}

#[test]
fn status_is_yes_after_a_login_and_no_before_it() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let before = place.run("status --json");
    assert_eq!(before.exit_code, 3);
    let before: Value = serde_json::from_str(&before.stdout).unwrap();
    assert_eq!(before["authenticated"], false);
    assert_eq!(before["reason"], "no_record");

    let place = place.logged_in();
    let after = place.json("status");
    assert_eq!(after["authenticated"], true);
    assert_eq!(after["issuer"], keycloak::issuer("aiod"));
    assert_eq!(after["client_id"], "aiod-sdk");
    for member in ["access_token_expires_at", "refresh_token_expires_at", "store"] {
        assert!(after[member].is_string(), "{member}");
    }
}

#[test]
fn a_profile_in_config_toml_logs_in() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid");
    let place = place.with_profile("flow = \"device\"");
    let login = place.log_in(alice_approves);
    assert_eq!(login.json()["profile"], "lab");
    assert_eq!(place.json("status")["profile"], "lab");
    assert_eq!(place.json("whoami")["name"], "Alice Example");
}

#[test]
fn a_client_that_asks_for_consent_logs_in() {
    let place = Workplace::new("aiod", "aiod-consent").logged_in();
    assert!(keycloak::is_active(place.run("token").answer()));
}

#[test]
fn a_token_type_in_lower_case_is_a_bearer_token() {
    let place = Workplace::new("aiod", "aiod-lowercase").logged_in();
    assert_eq!(place.json("token")["token_type"], "Bearer");
    place.json("refresh");
}

#[test]
fn a_client_that_gets_no_refresh_token_has_its_access_token_alone() {
    let place = Workplace::new("aiod", "aiod-norefresh").logged_in();
    assert!(keycloak::is_active(place.run("token").answer()));
    assert_eq!(place.json("status")["refresh_token_expires_at"], Value::Null);
    place.fails("refresh", 3, "not_authenticated");
    // A failed refresh takes nothing away.
    let token = place.run("token").answer().to_owned();
    assert!(keycloak::is_active(&token));
    place.json("logout");
    assert!(!keycloak::is_active(&token));
}

#[test]
fn offline_access_never_expires() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid offline_access").logged_in();
    // Keycloak says `refresh_expires_in: 0`, which is no time at all.
    assert_eq!(place.json("status")["refresh_token_expires_at"], Value::Null);
    place.json("refresh");
    place.json("logout");
}

#[test]
fn a_login_that_is_not_saved_hands_out_its_token() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let login = place.start("login --json --no-save --print-token");
    let login = login.prompts(alice_approves).finish();
    assert!(keycloak::is_active(login.json()["access_token"].as_str().unwrap()));
    assert_eq!(place.run("status").exit_code, 3);
    assert!(!place.folder().join("tokens").exists());
}

#[test]
fn a_second_login_replaces_the_first() {
    let place = Workplace::new("aiod", "aiod-sdk").logged_in();
    let first = place.refresh_token();
    let place = place.logged_in();
    assert_ne!(place.refresh_token(), first);
    place.json("refresh");
}
