//! Jetraw, as it is used: by the command, and through `LoginTo::jetraw` by both clients.

use std::{sync::Arc, thread};

use aiod_auth_core::{Prompt, RefreshToken};
use aiod_auth_store::LoginTo;
use aiod_auth_tests::user::ALICE;
use serde_json::Value;

use crate::support::{
    chromium::{Chromium, assert_it_worked},
    jetraw::Jetraw,
    keycloak, provider,
    user::alice_approves,
};

#[test]
fn an_organisation_is_told_to_the_server_and_its_login_kept_apart() {
    let place = Jetraw::new();
    let log_in = |arguments: &str, organisation: &str| {
        let login = place.start(arguments).prompts_for_browser(|page| {
            assert!(page.contains(&format!("&organisation={organisation}")), "{page}");
            provider::visit(ALICE.authorize(page)?.as_str());
            Ok(())
        });
        login.finish().json();
    };
    // The browser without being asked for, as the platform has it.
    log_in("login --json", "lab");
    assert_eq!(place.run("status --json").json()["account"], "lab");
    assert_eq!(place.run("--profile factory status").exit_code, 3);
    log_in("--profile factory login --json", "factory");
    assert_eq!(place.run("--profile factory status --json").json()["account"], "factory");
    let (lab, factory) = (place.run("token"), place.run("--profile factory token"));
    assert_ne!(lab.answer(), factory.answer());
    assert!(keycloak::is_active(lab.answer()) && keycloak::is_active(factory.answer()));
    place.run("--profile factory logout").answer();
    assert!(!keycloak::is_active(factory.answer()) && keycloak::is_active(lab.answer()));
}

/// Where there is no browser: with a client that the server lets do so.
#[test]
fn the_device_flow_is_taken_where_it_is_asked_for() {
    let place = Jetraw::with_client("aiod-sdk");
    let login = place.start("login --flow device --json").prompts(alice_approves);
    login.finish().json();
    assert_eq!(place.run("status --json").json()["account"], "lab");
    assert!(keycloak::is_active(place.run("token").answer()));
}

/// A session from a refresh token, which Jetraw calls an API key.
#[test]
fn an_api_key_logs_in_without_a_browser_and_a_dead_one_does_not() {
    let elsewhere = Jetraw::new();
    elsewhere.log_in(&Chromium::says_yes()).0.json();
    let key = elsewhere.refresh_token();

    let place = Jetraw::new();
    place.start("login --refresh-token-stdin --json").reads(&key).finish().json();
    assert!(keycloak::is_active(place.run("token").answer()));
    let client = aiod_auth_ureq::Client::of(LoginTo::in_memory(place.login_to().profile));
    client.login_with_refresh_token(RefreshToken::new(&key)).unwrap();
    assert!(keycloak::is_active(client.token().unwrap().access_token().unwrap().expose()));

    keycloak::end_session("jetraw-desktop", &key);
    let place = Jetraw::new();
    let dead = place.start("login --refresh-token-stdin --json").reads(&key).finish();
    dead.error(3, "session_ended");
    assert_eq!(place.run("status").exit_code, 3);
}

/// A program's prompt: it opens the page as it likes.
fn chromium_comes(prompt: &Prompt) -> thread::JoinHandle<Value> {
    let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
    let page = prompt.authorization_url().to_string();
    thread::spawn(move || Chromium::says_yes().opens(&page))
}

#[test]
fn the_blocking_client_logs_in_and_the_command_goes_on() {
    let place = Jetraw::new();
    let client = aiod_auth_ureq::Client::of(place.login_to());
    let mut browser = None;
    client.login(|prompt| browser = Some(chromium_comes(prompt))).unwrap();
    assert_it_worked(&browser.unwrap().join().unwrap());
    let token = client.token().unwrap().access_token().unwrap().expose().to_owned();
    assert_eq!(place.run("token").answer(), token);
    client.log_out().unwrap();
    assert!(!keycloak::is_active(&token));
    assert_eq!(place.run("status").exit_code, 3);
}

#[tokio::test]
async fn the_async_client_logs_in_and_the_command_goes_on() {
    let place = Jetraw::new();
    let client = aiod_auth_reqwest::Client::of(place.login_to());
    let mut browser = None;
    client.login(|prompt| browser = Some(chromium_comes(prompt))).await.unwrap();
    assert_it_worked(&browser.unwrap().join().unwrap());
    let cached = client.token().await.unwrap();
    let token = cached.access_token().unwrap().expose();
    assert_eq!(place.run("token").answer(), token);
    assert!(keycloak::is_active(token));
}

/// `set_default_client(client)`; the `client=` of a call wins over it.
#[test]
fn a_call_has_a_client_of_its_own_or_the_default_one() {
    use aiod_auth_ureq::{Client, default_client, set_default_client};

    fn token_of(client: Option<Arc<Client>>) -> String {
        let client = client.or_else(default_client).unwrap();
        client.token().unwrap().access_token().unwrap().expose().to_owned()
    }
    let logged_in = || {
        let place = Jetraw::new();
        let client = Client::of(place.login_to());
        let login = client.login(|prompt| {
            let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
            let page = prompt.authorization_url().clone();
            thread::spawn(move || {
                provider::visit(ALICE.authorize(page.as_str()).unwrap().as_str())
            });
        });
        login.unwrap();
        Arc::new(client)
    };
    let (default, own) = (logged_in(), logged_in());
    set_default_client(Arc::clone(&default));
    assert_eq!(token_of(None), token_of(Some(default)));
    assert_ne!(token_of(None), token_of(Some(own)));
    set_default_client(None);
}
