//! Debian's Glewlwyd: one that takes one redirect address only, and has words of its own for errors.

use serde_json::{Value, json};

use crate::support::{
    Provider,
    glewlwyd::alice_grants,
    provider::{self, issuer},
};

fn here() -> String {
    issuer("AIOD_AUTH_LIVE_GLEWLWYD")
}

fn desktop() -> Provider {
    Provider::new(&here(), "desktop", "--scope openid --scope read")
}

/// By the device flow.
#[track_caller]
fn log_in(provider: &Provider) {
    let login = provider.start("login --flow device --json");
    login.prompts(|page| alice_grants(page).map(drop)).finish().json();
}

fn introspect(token: &str) -> Value {
    introspect_as(("bot", "bot-secret"), token)
}

fn introspect_as(client: (&str, &str), token: &str) -> Value {
    provider::post(&format!("{}/introspect", here()), client, &[("token", token)]).1
}

#[test]
fn a_device_code_is_approved() {
    let provider = desktop();
    log_in(&provider);
    assert!(provider.json("whoami")["subject"].is_string());
    let token = provider.token();
    let status = provider.json("status");
    assert_eq!(status["scope"], json!(["openid", "read"]));
    assert_eq!(token.split('.').count(), 3);
}

/// Its one address has one port. With `openid`, it would want a `nonce`.
#[test]
fn a_browser_comes_back_to_the_registered_address() {
    let registered = "--scope read --redirect-uri http://127.0.0.1:18381/callback";
    let provider = Provider::new(&here(), "desktop", registered);
    let (login, page) = provider.browser_login("--flow browser", alice_grants);
    login.json();
    assert!(page.contains("It worked"), "{page}");
    let first = provider.token();
    provider.json("refresh");
    assert_ne!(provider.token(), first);
}

#[test]
fn refresh_tokens_rotate_and_one_that_was_used_ends_the_session() {
    let provider = desktop();
    log_in(&provider);
    let first = provider.refresh_token();
    provider.json("refresh");
    let second = provider.refresh_token();
    assert_ne!(first, second);
    let form =
        [("grant_type", "refresh_token"), ("client_id", "desktop"), ("refresh_token", &*first)];
    let used = provider::agent().post(format!("{}/token", here())).send_form(form).unwrap();
    assert_eq!(used.status(), 400);
    // The server answers with a status alone, which doesn't end the session (RFC 6749 §5.2).
    provider.run("refresh --json").error(1, "server");
}

/// It revokes for clients with a secret alone.
#[test]
fn a_logout_revokes() {
    let provider = Provider::bot(&here(), "web", "web-secret", "--scope read --flow device");
    log_in(&provider);
    let refresh_token = provider.refresh_token();
    assert_eq!(introspect_as(("web", "web-secret"), &refresh_token)["active"], true);
    assert_eq!(provider.json("logout")["outcome"], "ended");
    assert_eq!(introspect_as(("web", "web-secret"), &refresh_token)["active"], false);
    provider.fails("token", 3, "not_authenticated");

    let provider = desktop();
    log_in(&provider);
    let error = provider.fails("logout", 1, "server");
    assert!(error["hint"].as_str().unwrap().contains("--ignore-errors"), "{error}");
    assert_eq!(provider.run("status").exit_code, 0);
    assert_eq!(provider.json("logout --ignore-errors")["outcome"], "unconfirmed");
}

#[test]
fn a_bot_has_tokens_that_are_worth_something() {
    let bot = Provider::bot(&here(), "bot", "bot-secret", "--scope read");
    let said = introspect(&bot.token());
    assert_eq!((&said["active"], &said["client_id"]), (&json!(true), &json!("bot")));
    assert_eq!(introspect("garbage")["active"], false);
    let wrong = Provider::bot(&here(), "bot", "wrong", "--scope read");
    wrong.fails("token", 1, "server");
}
