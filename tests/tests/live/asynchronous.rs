//! The async client, with the file store.

use std::{collections::HashSet, time::Duration};

use aiod_auth_core::{
    Error, Kind, Prompt, RefreshToken,
    session::{Demand, LoggedOut, SessionTokens},
};
use aiod_auth_reqwest::Client;
use aiod_auth_tests::user::UserError;
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::sleep,
};

use crate::support::{
    Workplace, keycloak,
    user::{alice_approves, bob_refuses, no_visit, page},
};

const FORCED: Demand = Demand::new().forced();
/// Longer than Keycloak's tolerance for an older refresh token.
const A_SECOND: Duration = Duration::from_millis(1100);

fn sdk() -> Workplace {
    Workplace::new("aiod", "aiod-sdk").with_scope("openid")
}

fn rotating() -> Workplace {
    Workplace::new("Polars", "PolarsCloud").with_scope("openid")
}

/// A login, at whose page this user does this, beside the runtime.
async fn login(
    client: &Client,
    limit_s: u64,
    user: fn(&str) -> Result<(), UserError>,
) -> Result<SessionTokens, Error> {
    let mut visit = None;
    let shown = |prompt: &Prompt| {
        let page = page(prompt).to_owned();
        visit = Some(spawn_blocking(move || user(&page)));
    };
    let outcome = client.login_within(Duration::from_secs(limit_s), shown).await;
    visit.unwrap().await.unwrap().unwrap();
    outcome
}

/// Alice logs in.
pub(crate) async fn log_in(client: &Client) {
    login(client, 60, alice_approves).await.unwrap();
}

/// The access token that the client has now.
async fn token(client: &Client) -> String {
    client.token().await.unwrap().access_token().unwrap().expose().to_owned()
}

/// A new one, however good the present one is.
async fn new_token(client: &Client) -> String {
    let refreshed = client.token_for(FORCED).await.unwrap();
    refreshed.access_token().unwrap().expose().to_owned()
}

#[track_caller]
fn assert_alive(access_token: &str) {
    assert_eq!(keycloak::userinfo_status("Polars", access_token), 200);
}

#[tokio::test]
async fn a_user_logs_in_gets_tokens_and_logs_out() {
    let place = sdk();
    let client = place.async_client();
    log_in(&client).await;
    assert_eq!(client.who_am_i().await.unwrap().name.as_deref(), Some("Alice Example"));
    let first = token(&client).await;
    let second = new_token(&client).await;
    assert_ne!(first, second);
    assert_eq!(token(&client).await, second);
    assert!(keycloak::is_active(&second));

    let record = place.record().unwrap();
    assert!(matches!(client.log_out().await.unwrap(), LoggedOut::Ended));
    assert!(!keycloak::is_active(&second));
    assert_eq!(keycloak::userinfo_status("aiod", &second), 401);
    assert_eq!(client.token().await.unwrap_err().kind(), Kind::NotAuthenticated);
    assert!(place.record().is_none());
    assert!(matches!(client.log_out().await.unwrap(), LoggedOut::NotLoggedIn));
    // Nor does the refresh token bring new ones.
    place.replace_record(&record);
    let error = place.async_client().token_for(FORCED).await.unwrap_err();
    assert_eq!(error.kind(), Kind::SessionEnded);
}

#[tokio::test]
async fn a_login_that_is_not_approved_is_an_error_of_its_kind() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let client = place.async_client();
    let denied = login(&client, 60, bob_refuses).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::AccessDenied);
    let late = login(&client, 2, no_visit).await.unwrap_err();
    assert_eq!(late.kind(), Kind::TimedOut);
    let short = Workplace::new("aiod", "aiod-short");
    let expired = login(&short.async_client(), 60, no_visit).await.unwrap_err();
    assert_eq!(expired.kind(), Kind::Expired);
    assert!(place.record().is_none() && short.record().is_none());
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_has_ended() {
    let place = sdk();
    let client = place.async_client();
    log_in(&client).await;
    keycloak::end_session("aiod-sdk", &place.refresh_token());
    assert_eq!(client.token_for(FORCED).await.unwrap_err().kind(), Kind::SessionEnded);
    log_in(&client).await;
    new_token(&client).await;
}

#[tokio::test]
async fn a_refresh_token_from_elsewhere_logs_in() {
    let place = Workplace::new("aiod", "aiod-sdk");
    let refresh_token = RefreshToken::new(keycloak::refresh_token_from_elsewhere("aiod-sdk"));
    let client = place.async_client();
    client.login_with_refresh_token(refresh_token).await.unwrap();
    assert!(keycloak::is_active(&token(&client).await));
}

#[tokio::test]
async fn a_bot_needs_no_login() {
    let place = Workplace::new("aiod", "aiod-bot").with_secret("aiod-bot-secret");
    let client = place.async_client();
    let first = token(&client).await;
    assert!(keycloak::is_active(&first));
    assert_ne!(new_token(&client).await, first);
    let place = Workplace::new("aiod", "aiod-bot").with_secret("wrong");
    assert_eq!(place.async_client().token().await.unwrap_err().kind(), Kind::Server);
}

#[tokio::test]
async fn every_refresh_changes_the_stored_refresh_token() {
    let place = rotating();
    let client = place.async_client();
    log_in(&client).await;
    let mut seen = HashSet::from([place.refresh_token()]);
    for _ in 0..30 {
        assert_alive(&new_token(&client).await);
        assert!(seen.insert(place.refresh_token()), "it did not change");
    }
    sleep(A_SECOND).await;
    new_token(&client).await;
}

#[tokio::test]
async fn twenty_tasks_that_force_a_refresh_at_once_get_one() {
    let place = rotating();
    let client = place.async_client();
    log_in(&client).await;
    for _ in 0..5 {
        sleep(A_SECOND).await;
        let before = place.refresh_token();
        // On one thread: all have begun before the first answer is there.
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let client = client.clone();
            tasks.spawn(async move { new_token(&client).await });
        }
        let tokens: HashSet<_> = tasks.join_all().await.into_iter().collect();
        assert_eq!(tokens.len(), 1);
        tokens.iter().for_each(|token| assert_alive(token));
        assert_ne!(place.refresh_token(), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_token_that_has_expired_is_refreshed_once_for_all_tasks() {
    let place = rotating();
    let client = place.async_client();
    log_in(&client).await;
    let old = token(&client).await;
    // An access token lives 10 s.
    sleep(Duration::from_secs(11)).await;
    assert_eq!(keycloak::userinfo_status("Polars", &old), 401);
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        tasks.spawn(async move { token(&client).await });
    }
    let tokens: HashSet<_> = tasks.join_all().await.into_iter().collect();
    assert_eq!(tokens.len(), 1);
    assert!(!tokens.contains(&old));
    tokens.iter().for_each(|token| assert_alive(token));
}

/// The caller is dropped while the new refresh token is on its way. If it were lost, the next refresh
/// would end the session.
#[tokio::test]
async fn a_refresh_whose_caller_is_dropped_loses_no_token() {
    let place = rotating();
    let client = place.async_client();
    log_in(&client).await;
    let mut dropped = 0;
    for round in 0..20 {
        sleep(A_SECOND).await;
        let before = place.refresh_token();
        let under_way = async {
            while !place.is_locked() {
                sleep(Duration::from_micros(200)).await;
            }
            sleep(Duration::from_millis(round % 5)).await;
        };
        tokio::select! {
            biased;
            () = under_way => dropped += 1,
            in_time = client.token_for(FORCED) => drop(in_time.unwrap()),
        }
        assert!(client.settled(Duration::from_secs(60)).await);
        assert_ne!(place.refresh_token(), before, "round {round}");
    }
    assert!(dropped > 0, "all of them were in time");
    sleep(A_SECOND).await;
    assert_alive(&new_token(&client).await);
}

#[tokio::test]
async fn both_clients_and_the_command_use_one_login_in_turn() {
    let place = rotating().logged_in();
    let (client, blocking) = (place.async_client(), place.client());
    for _ in 0..3 {
        let from_client = new_token(&client).await;
        assert_eq!(place.run("token").answer(), from_client);
        let refreshed = blocking.token_for(FORCED).unwrap();
        assert_eq!(place.run("token").answer(), refreshed.access_token().unwrap().expose());
        place.json("refresh");
        sleep(A_SECOND).await;
    }
    let from_command = place.run("token").answer().to_owned();
    assert_eq!(token(&place.async_client()).await, from_command);
}
