//! The profile `aiod`, with the command: all it needs to know stands in `~/.aiod`.

use std::{fs, thread, time::Duration};

use aiod_auth_core::session::Demand;
use serde_json::{Value, json};

use crate::support::{
    Workplace, keycloak,
    user::{alice_approves, bob_refuses},
};

fn sdk() -> Workplace {
    Workplace::aiod("aiod", "aiod-sdk")
}

/// The bot, with its secret in this file below the home folder.
fn bot(secret_file: &str) -> Workplace {
    let place = Workplace::aiod("aiod", "aiod-bot");
    place.write(secret_file, "client_secret = \"aiod-bot-secret\"\n");
    place
}

#[track_caller]
fn assert_alice(user: &Value) {
    assert_eq!(user["name"], "alice");
    let roles = user["roles"].as_array().unwrap();
    for role in ["edit_aiod_resources", "crawler_example"] {
        assert!(roles.contains(&json!(role)), "{roles:?}");
    }
}

#[test]
fn a_user_logs_in_gets_tokens_and_logs_out() {
    let place = sdk();
    assert_eq!(place.run("status").exit_code, 3);
    let login = place.log_in(alice_approves);
    assert_eq!(login.json()["profile"], "aiod");
    let status = place.json("status");
    assert_eq!(status["issuer"], keycloak::issuer("aiod"));
    assert_eq!(status["client_id"], "aiod-sdk");
    assert_alice(&place.json("whoami"));

    let first = place.run("token").answer().to_owned();
    place.json("refresh");
    let second = place.run("token").answer().to_owned();
    assert_ne!(first, second);
    assert!(keycloak::is_active(&second));

    assert_eq!(place.json("logout")["outcome"], "ended");
    assert!(!keycloak::is_active(&second));
    assert!(place.record().is_none());
    assert!(!place.folder().join(".aiod/token.toml").exists());
    place.fails("token", 3, "not_authenticated");
    place.fails("whoami", 3, "not_authenticated");
    assert_eq!(place.json("logout")["outcome"], "not_logged_in");
}

/// The API would refuse what the token endpoint granted.
#[test]
fn whoami_refreshes_a_token_that_the_api_refuses() {
    let place = sdk().logged_in();
    let first = place.record().unwrap();
    // Revoked at the server; by its date it is still good.
    let form = [("client_id", "aiod-sdk"), ("token", first.access_token().unwrap().expose())];
    assert_eq!(keycloak::post("aiod", "revoke", &form).0, 200);
    assert!(!keycloak::is_active(first.access_token().unwrap().expose()));
    assert_alice(&place.json("whoami"));
    assert_ne!(place.run("token").answer(), first.access_token().unwrap().expose());
}

#[test]
fn a_user_who_refuses_is_not_logged_in() {
    let place = sdk();
    place.log_in(bob_refuses).error(4, "access_denied");
    assert!(!place.folder().join(".aiod/token.toml").exists());
}

#[test]
fn a_session_that_was_ended_elsewhere_has_ended() {
    let place = sdk().logged_in();
    keycloak::end_session("aiod-sdk", &place.refresh_token());
    place.fails("refresh", 3, "session_ended");
    assert_eq!(place.run("status").exit_code, 3);
    let place = place.logged_in();
    assert_alice(&place.json("whoami"));
}

/// An access token of 3 s, in a session of 10 s.
#[test]
fn an_access_token_that_has_expired_is_refreshed() {
    let place = Workplace::aiod("aiod", "aiod-short");
    let refresh_token = keycloak::refresh_token_from_elsewhere("aiod-short");
    let login = place.start("login --json --refresh-token-stdin").reads(&refresh_token);
    login.finish().json();
    let first = place.record().unwrap();
    thread::sleep(Duration::from_millis(3100));
    let second = place.run("token");
    assert_ne!(second.answer(), first.access_token().unwrap().expose());
}

#[test]
fn an_api_that_is_away_costs_no_session() {
    let place = sdk().logged_in();
    let file = place.folder().join(".aiod/config.toml");
    let config = fs::read_to_string(&file).unwrap();
    let address = crate::support::api::address();
    // Nothing listens there.
    fs::write(&file, config.replace(address, "http://127.0.0.1:9")).unwrap();
    place.fails("whoami", 5, "unavailable");
    fs::write(&file, config).unwrap();
    assert_alice(&place.json("whoami"));
}

/// As `invalidate_token(token)` of the Python client, for a token as text and from any file.
#[test]
fn the_session_of_a_token_from_elsewhere_ends_and_our_own_goes_on() {
    let place = sdk().logged_in();
    let token_file = place.folder().join(".aiod/token.toml");
    let other_file = place.folder().join("other.toml");
    fs::rename(&token_file, &other_file).unwrap();
    let place = place.logged_in();
    let other = keycloak::refresh_token_from_elsewhere("aiod-sdk");
    let text = fs::read_to_string(&other_file).unwrap();

    let of_file = format!("logout --file {}", other_file.display());
    assert_eq!(place.json(&of_file)["outcome"], "ended");
    let of_text = place.start("logout --json --refresh-token-stdin").reads(&other);
    assert_eq!(of_text.finish().json()["outcome"], "ended");
    for dead in [other, text.split('"').nth(1).unwrap().to_owned()] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "aiod-sdk"),
            ("refresh_token", dead.as_str()),
        ];
        let (status, said) = keycloak::post("aiod", "token", &form);
        assert_eq!((status, said["error"].as_str()), (400, Some("invalid_grant")));
    }
    assert_eq!(fs::read_to_string(&other_file).unwrap(), text);
    place.json("refresh");
    assert_alice(&place.json("whoami"));
    // Again: it is over already.
    assert_eq!(place.json(&of_file)["outcome"], "ended");
}

#[test]
fn both_clients_and_the_command_use_one_file_in_turn() {
    let place = sdk().logged_in();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (blocking, on_tokio) = (place.client(), place.async_client());
    let forced = Demand::new().forced();
    for _ in 0..3 {
        let refreshed = blocking.token_for(forced).unwrap();
        assert_eq!(place.run("token").answer(), refreshed.access_token().unwrap().expose());
        let refreshed = runtime.block_on(on_tokio.token_for(forced)).unwrap();
        assert_eq!(place.run("token").answer(), refreshed.access_token().unwrap().expose());
        place.json("refresh");
    }
    for who in [blocking.who_am_i().unwrap(), runtime.block_on(on_tokio.who_am_i()).unwrap()] {
        assert_eq!(who.name.as_deref(), Some("alice"));
        assert!(who.roles.iter().any(|role| role == "crawler_example"));
    }
    runtime.block_on(on_tokio.log_out()).unwrap();
    assert!(place.record().is_none());
    place.fails("refresh", 3, "not_authenticated");
}

#[test]
fn a_bot_has_its_secret_in_the_token_file() {
    let bot = bot(".aiod/token.toml");
    let first = bot.run("token").answer().to_owned();
    assert!(keycloak::is_active(&first));
    assert_eq!(bot.json("whoami")["name"], "service-account-aiod-bot");
    bot.json("refresh");
    let second = bot.run("token").answer().to_owned();
    assert_ne!(first, second);

    bot.json("logout");
    assert!(!keycloak::is_active(&second));
    // It is still the bot.
    let text = fs::read_to_string(bot.folder().join(".aiod/token.toml")).unwrap();
    assert!(text.contains("aiod-bot-secret") && !text.contains("access_token"), "{text}");
    assert!(keycloak::is_active(bot.run("token").answer()));
}

#[test]
fn a_bot_has_its_secret_in_a_file_of_its_own() {
    let bot = bot("secret.toml");
    bot.write("config.toml", "[profiles.aiod]\nclient_secret_file = \"secret.toml\"\n");
    assert_eq!(bot.json("login")["profile"], "aiod");
    assert!(keycloak::is_active(bot.run("token").answer()));
    assert_eq!(bot.json("whoami")["name"], "service-account-aiod-bot");
    // As the Python client's `Token.from_file`.
    let store = format!("--store aiod:{}", bot.folder().join("secret.toml").display());
    let mut python_way = Workplace::aiod("aiod", "aiod-bot");
    python_way.add_options(&store);
    assert!(keycloak::is_active(python_way.run("token").answer()));
}

#[test]
fn a_wrong_secret_is_refused_with_a_hint() {
    let bot = bot(".aiod/token.toml");
    bot.write(".aiod/token.toml", "client_secret = \"wrong\"\n");
    let error = bot.fails("token", 1, "server");
    assert_eq!(error["oauth_error"], "unauthorized_client");
    assert!(error["hint"].as_str().unwrap().contains("secret"), "{error}");
}
