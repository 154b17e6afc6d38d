//! Logging out, with the command.

use crate::support::{Workplace, keycloak, user::alice_approves};

fn logged_in() -> Workplace {
    Workplace::new("aiod", "aiod-sdk").with_scope("openid").logged_in()
}

#[test]
fn after_a_logout_the_tokens_are_dead() {
    let place = logged_in();
    let record = place.record().unwrap();
    let token = record.access_token().unwrap().expose();
    assert_eq!(keycloak::userinfo_status("aiod", token), 200);
    assert!(keycloak::is_active(token));

    assert_eq!(place.json("logout")["outcome"], "ended");
    assert_eq!(keycloak::userinfo_status("aiod", token), 401);
    assert!(!keycloak::is_active(token));
    assert!(place.record().is_none());
    place.fails("token", 3, "not_authenticated");
    // Nor does the refresh token bring new ones.
    place.replace_record(&record);
    place.fails("refresh", 3, "session_ended");
}

#[test]
fn a_second_logout_finds_no_login() {
    let place = logged_in();
    place.json("logout");
    assert_eq!(place.json("logout")["outcome"], "not_logged_in");
}

#[test]
fn a_session_that_was_ended_elsewhere_counts_as_logged_out() {
    let place = logged_in();
    keycloak::end_session("aiod-sdk", &place.refresh_token());
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert!(place.record().is_none());
}

#[test]
fn an_offline_session_is_ended_too() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid offline_access").logged_in();
    let record = place.record().unwrap();
    assert_eq!(place.json("logout")["outcome"], "ended");
    place.replace_record(&record);
    place.fails("refresh", 3, "session_ended");
}

#[test]
fn one_logout_is_for_all_profiles() {
    let issuer = keycloak::issuer("Polars");
    let other = format!("[profiles.other]\nissuer = \"{issuer}\"\nclient_id = \"aiod-rotating\"");
    let place = Workplace::new("aiod", "aiod-sdk").with_profile(&other).logged_in();
    let login = place.start("login --json --profile other");
    login.prompts(alice_approves).finish().json();
    place.json("status");
    place.json("status --profile other");

    let token = place.run("token").answer().to_owned();
    place.run("logout --all").answer();
    assert!(!keycloak::is_active(&token));
    assert_eq!(place.run("status").exit_code, 3);
    assert_eq!(place.run("status --profile other").exit_code, 3);
}
