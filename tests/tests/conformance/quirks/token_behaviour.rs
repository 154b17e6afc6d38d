//! What takes more than one answer: tokens and refusals.

use aiod_auth_core::{Error, RetryPolicy};
use aiod_auth_tests::{sim::Settings, verdict::Asked};

use super::around::*;

pub(super) fn an_unknown_lifetime_ends_with_a_401() {
    let (mut world, _) = logged_in(Settings::default());
    let salesforce = |token: &str| {
        instead(&format!(
            r#"200 {{"access_token":"{token}","refresh_token":"r","token_type":"Bearer","issued_at":"1278448101416"}}"#
        ))
    };
    world.pass(seconds(300));
    world.server.fault_at("/token", 1, salesforce("00D!first"));
    assert_eq!(token(&mut world).unwrap().tokens.access_token().unwrap().expose(), "00D!first");
    world.transcript();
    world.pass(seconds(30 * 24 * 3600));
    assert_eq!(token(&mut world).unwrap().tokens.access_token().unwrap().expose(), "00D!first");
    assert_eq!(world.transcript(), "");

    world.server.fault_at("/userinfo", 1, instead("401\nWWW-Authenticate: Bearer\n\n"));
    world.server.fault_at("/userinfo", 1, instead(r#"200 {"sub":"005"}"#));
    world.server.fault_at("/token", 1, salesforce("00D!second"));
    let who = world.who_am_i(&profile(), None, RetryPolicy::default()).unwrap();
    assert_eq!(who.session.tokens.access_token().unwrap().expose(), "00D!second");
    let transcript = world.transcript();
    assert_eq!(transcript.matches("POST /token").count(), 1, "{transcript}");
}

pub(super) fn zero_is_no_limit_of_a_refresh_token() {
    for zero in ["0", "\"0\""] {
        let offline = format!(
            r#"200 {{"access_token":"a","expires_in":60,"refresh_expires_in":{zero},"refresh_token":"r","token_type":"Bearer","not-before-policy":{zero},"session_state":"x851Ix1gKdTpBkFf6_1bF3gu","scope":"openid offline_access"}}"#
        );
        assert!(found(Asked::Poll, &offline).is("ok; expires in 60 s; refresh token r"));
        lacks(Asked::Poll, &offline, "refresh token expires");
    }
}

pub(super) fn intuits_name_is_not_read() {
    let intuit = r#"200 {"access_token":"a","expires_in":3600,"refresh_token":"r","x_refresh_token_expires_in":8726400,"token_type":"bearer"}"#;
    lacks(Asked::Poll, intuit, "refresh token expires");
}

pub(super) fn a_second_factor_takes_another_flow() {
    let error = refused(
        r#"403 {"error":"mfa_required","error_description":"Multifactor authentication required","mfa_token":"Fe26.2*SECRET"}"#,
    );
    assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("browser") && hint.contains("device flow"), "{hint}");
}

pub(super) fn a_wrong_secret_is_hinted_at_under_both_codes() {
    for code in ["invalid_client", "unauthorized_client"] {
        let error = refused(&format!(
            r#"401 {{"error":"{code}","error_description":"Invalid client or Invalid client credentials"}}"#
        ));
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains("client id") && hint.contains("secret"), "{code}: {hint}");
    }
}

fn refused(answer: &str) -> Error {
    run(&mut refresh(&server(), &confidential()), &[answer]).unwrap_err()
}
