//! The blocking client, with the file store.

use std::{collections::HashSet, thread, time::Duration};

use aiod_auth_core::{
    Kind, Prompt, RefreshToken,
    session::{Demand, LoggedOut},
};
use aiod_auth_tests::user::UserError;
use aiod_auth_ureq::Client;

use crate::{
    bots::ODD_SECRET,
    support::{
        Workplace, keycloak, together,
        user::{alice_approves, bob_refuses, no_visit, page},
    },
};

pub(crate) fn sdk() -> Workplace {
    Workplace::new("aiod", "aiod-sdk").with_scope("openid")
}

fn rotating() -> Workplace {
    Workplace::new("Polars", "PolarsCloud").with_scope("openid")
}

/// Alice logs in.
#[track_caller]
pub(crate) fn log_in(client: &Client) {
    let approve = |prompt: &Prompt| alice_approves(page(prompt)).unwrap();
    client.login(approve).unwrap();
}

/// The access token that the client has now.
#[track_caller]
fn token(client: &Client) -> String {
    client.token().unwrap().access_token().unwrap().expose().to_owned()
}

/// A new one, however good the present one is.
#[track_caller]
fn new_token(client: &Client) -> String {
    let refreshed = client.token_for(Demand::new().forced()).unwrap();
    refreshed.access_token().unwrap().expose().to_owned()
}

#[test]
fn a_user_logs_in_gets_tokens_and_logs_out() {
    let place = sdk();
    let client = place.client();
    log_in(&client);
    assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
    let first = token(&client);
    let second = new_token(&client);
    assert_ne!(first, second);
    assert_eq!(token(&client), second);
    assert!(keycloak::is_active(&second));

    assert!(matches!(client.log_out().unwrap(), LoggedOut::Ended));
    assert!(!keycloak::is_active(&second));
    assert_eq!(keycloak::userinfo_status("aiod", &second), 401);
    assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    assert!(place.record().is_none());
    assert!(matches!(client.log_out().unwrap(), LoggedOut::NotLoggedIn));
}

/// How a login ends, at whose page this user did this.
fn refused(client_id: &str, user: fn(&str) -> Result<(), UserError>, limit_s: u64) -> Kind {
    let place = Workplace::new("aiod", client_id);
    let limit = Duration::from_secs(limit_s);
    let shown = |prompt: &Prompt| user(page(prompt)).unwrap();
    let login = place.client().login_within(limit, shown);
    assert!(place.record().is_none());
    login.unwrap_err().kind()
}

#[test]
fn a_login_that_is_not_approved_is_an_error_of_its_kind() {
    assert_eq!(refused("aiod-sdk", bob_refuses, 60), Kind::AccessDenied);
    assert_eq!(refused("aiod-short", no_visit, 60), Kind::Expired);
    assert_eq!(refused("aiod-sdk", no_visit, 2), Kind::TimedOut);
}

#[test]
fn a_session_that_was_ended_elsewhere_has_ended() {
    let place = sdk().logged_in();
    let client = place.client();
    client.token().unwrap();
    keycloak::end_session("aiod-sdk", &place.refresh_token());
    let error = client.token_for(Demand::new().forced()).unwrap_err();
    assert_eq!(error.kind(), Kind::SessionEnded);
    log_in(&client);
    client.token().unwrap();
}

#[test]
fn a_refresh_token_from_elsewhere_logs_in() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let refresh_token = RefreshToken::new(keycloak::refresh_token_from_elsewhere("aiod-sdk"));
    let client = place.client();
    client.login_with_refresh_token(refresh_token).unwrap();
    assert!(keycloak::is_active(&token(&client)));
}

#[test]
fn a_bot_logs_in_with_any_secret_but_a_wrong_one() {
    for (client_id, secret) in [("aiod-bot", "aiod-bot-secret"), ("aiod-bot-odd", ODD_SECRET)] {
        let place = Workplace::new("aiod", client_id).with_secret(secret);
        assert!(keycloak::is_active(&token(&place.client())), "{client_id}");
    }
    let place = Workplace::new("aiod", "aiod-bot").with_secret("wrong");
    assert_eq!(place.client().token().unwrap_err().kind(), Kind::Server);
}

#[test]
fn a_client_and_the_command_use_one_login_in_turn() {
    let place = rotating().logged_in();
    let client = place.client();
    for _ in 0..3 {
        let from_client = new_token(&client);
        assert_eq!(place.run("token").answer(), from_client);
        place.json("refresh");
    }
    let from_command = place.run("token").answer().to_owned();
    assert_eq!(token(&place.client()), from_command);
}

#[test]
fn a_token_that_has_expired_is_refreshed_once_for_all_threads() {
    let place = rotating();
    let client = place.client();
    log_in(&client);
    let old = token(&client);
    // An access token lives 10 s.
    thread::sleep(Duration::from_secs(11));
    assert_eq!(keycloak::userinfo_status("Polars", &old), 401);
    let tokens: HashSet<_> = together(20, || token(&client)).into_iter().collect();
    assert_eq!(tokens.len(), 1);
    assert!(!tokens.contains(&old));
    for token in tokens {
        assert_eq!(keycloak::userinfo_status("Polars", &token), 200);
    }
}

#[test]
fn twenty_threads_that_force_a_refresh_keep_the_session() {
    let place = rotating();
    let client = place.client();
    log_in(&client);
    for _ in 0..5 {
        let before = place.refresh_token();
        let tokens: HashSet<_> = together(20, || new_token(&client)).into_iter().collect();
        assert!(tokens.len() < 10, "{} refreshes for 20 threads", tokens.len());
        for token in tokens {
            assert_eq!(keycloak::userinfo_status("Polars", &token), 200);
        }
        assert_ne!(place.refresh_token(), before);
    }
    // Longer than Keycloak's tolerance for an older refresh token.
    thread::sleep(Duration::from_millis(1100));
    new_token(&client);
}
