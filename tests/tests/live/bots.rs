//! Clients that log in as themselves, with the command: client credentials, and where the secret is.

use aiod_auth_core::Tokens;

use crate::support::{Workplace, keycloak};

/// A secret that must be form-encoded before it goes into a Basic header: RFC 6749 §2.3.1.
pub(crate) const ODD_SECRET: &str = "p:a+s%20s/w&o=rd é";

fn bot() -> Workplace {
    Workplace::new("aiod", "aiod-bot").with_secret("aiod-bot-secret")
}

/// Logs in, and has a token that Keycloak takes and nothing that outlives it.
#[track_caller]
fn log_in(bot: &Workplace) -> Tokens {
    assert_eq!(bot.json("login")["event"], "authenticated");
    assert!(keycloak::is_active(bot.run("token").answer()));
    let record = bot.record().unwrap();
    assert!(record.refresh_token.is_none());
    record
}

#[test]
fn a_bot_logs_in_with_a_file_that_holds_its_secret_alone() {
    log_in(&bot());
}

#[test]
fn a_bot_logs_in_with_a_secret_in_toml() {
    let bot = bot();
    bot.write("secret", "# a comment\nclient_secret = \"aiod-bot-secret\"\n");
    log_in(&bot);
}

#[test]
fn a_bot_logs_in_with_a_secret_that_must_be_encoded() {
    log_in(&Workplace::new("aiod", "aiod-bot-odd").with_secret(ODD_SECRET));
}

#[test]
fn a_bots_profile_in_config_toml_logs_in_with_the_secret_in_the_body() {
    let lines = "client_secret_file = \"secret\"\nclient_authentication = \"client_secret_post\"";
    log_in(&bot().with_profile(lines));
    let odd = Workplace::new("aiod", "aiod-bot-odd").with_secret(ODD_SECRET);
    log_in(&odd.with_profile(lines));
}

#[test]
fn a_wrong_secret_is_refused_with_a_hint() {
    let bot = Workplace::new("aiod", "aiod-bot").with_secret("wrong");
    let error = bot.fails("login", 1, "server");
    // Not `invalid_client`, which the standard asks for.
    assert_eq!(error["oauth_error"], "unauthorized_client");
    assert_eq!(error["http_status"], 401);
    assert!(error["hint"].as_str().unwrap().contains("secret"), "{error}");
    assert!(bot.record().is_none());
}

#[test]
fn a_bot_needs_no_login_before_its_first_token() {
    let bot = bot();
    assert!(keycloak::is_active(bot.run("token").answer()));
    bot.json("status");
}

#[test]
fn a_bot_gets_another_token_with_its_secret() {
    let bot = bot();
    let first = log_in(&bot);
    let second = bot.run("token --force-refresh").answer().to_owned();
    assert_ne!(second, first.access_token().unwrap().expose());
    assert!(keycloak::is_active(&second));
}

#[test]
fn a_bot_has_userinfo() {
    let bot = bot().with_scope("openid");
    bot.json("login");
    assert_eq!(bot.json("whoami")["name"], "service-account-aiod-bot");
}

#[test]
fn a_bots_token_is_dead_after_its_logout() {
    let bot = bot();
    let record = log_in(&bot);
    assert_eq!(bot.json("logout")["outcome"], "ended");
    assert!(!keycloak::is_active(record.access_token().unwrap().expose()));
    assert!(bot.record().is_none());
}

#[test]
fn a_refresh_token_that_a_bot_gets_is_not_kept() {
    let bot = Workplace::new("aiod", "aiod-bot-refresh").with_secret("aiod-bot-refresh-secret");
    let record = log_in(&bot);
    bot.json("refresh");
    let newest = bot.run("token").answer().to_owned();
    assert_ne!(newest, record.access_token().unwrap().expose());
    assert_eq!(bot.json("logout")["outcome"], "ended");
    assert!(!keycloak::is_active(&newest));
}
