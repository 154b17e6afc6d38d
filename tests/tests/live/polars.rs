//! Polars Cloud, with the command, both clients and its own Python client: the realm `Polars` rotates, and its
//! access tokens live 10 s.

use std::{collections::HashSet, fs, thread, time::Duration};

use aiod_auth_core::{
    Environment, Prompt, Timestamp,
    provider::polars::{ServiceAccount, expires_at},
    session::Demand,
};
use aiod_auth_store::LoginTo;

use crate::support::{
    Polars, front,
    polars::assert_alive,
    user::{alice_approves, bob_refuses, no_visit, page},
};

/// Longer than an access token lives; Keycloak counts whole seconds.
fn until_the_token_has_expired() {
    thread::sleep(Duration::from_secs(11));
}

const CONFIG: &str = ".config/polars_cloud/config.toml";

#[test]
fn a_login_is_there_for_the_own_client_and_each_goes_on_where_the_other_was() {
    let place = Polars::new().logged_in();
    assert!(place.read(CONFIG).starts_with("[auth]\naccess_token = "));
    let mut tokens = HashSet::from([place.token()]);
    for _ in 0..3 {
        let theirs = place.python_token();
        assert_eq!(place.token(), theirs);
        let ours = place.alive("token --force-refresh");
        assert!(tokens.insert(theirs) && tokens.insert(ours), "each was a new one");
    }
    until_the_token_has_expired();
    assert!(tokens.insert(place.token()));
    until_the_token_has_expired();
    assert!(tokens.insert(place.python_token()));
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert!(!place.path(CONFIG).exists());
    assert!(place.python("header").unwrap_err().contains("AuthLoadError"));
    place.run("token --json").error(3, "not_authenticated");
}

#[test]
fn a_login_of_the_own_client_is_ours() {
    let place = Polars::new();
    place.python_logs_in();
    let status = place.json("status");
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["issuer"], format!("https://auth.{}/realms/Polars", front::DOMAIN));
    let theirs = place.token();
    assert!(place.read(CONFIG).contains(&theirs));
    let ours = place.alive("token --force-refresh");
    assert_ne!(ours, theirs);
    assert_eq!(place.python_token(), place.token());
    assert_eq!(place.json("logout")["outcome"], "ended");
    assert!(place.python("header").is_err());
}

/// `config.toml` has what the own client keeps besides.
#[test]
fn what_else_the_own_client_has_written_stays() {
    let place = Polars::new();
    place.write(CONFIG, "# mine\n[default]\nworkspace = \"w\"\n");
    let place = place.logged_in();
    place.json("refresh");
    let config = place.read(CONFIG);
    assert!(config.starts_with("# mine\n[default]\nworkspace = \"w\"\n"), "{config}");
    place.python_token();
}

#[test]
fn the_two_documented_files_rotate_where_they_are() {
    for place in [
        Polars::new().with("POLARS_CLOUD_ACCESS_TOKEN_PATH", "~/tokens/cloud_access_token"),
        Polars::new(),
    ] {
        // Where it is there, it is the second place.
        fs::create_dir_all(place.path(".polars")).unwrap();
        let place = place.logged_in();
        let folder = if place.path("tokens").exists() { "tokens" } else { ".polars" };
        let read = |file: &str| place.read(&format!("{folder}/{file}"));
        let before = (read("cloud_access_token"), read("cloud_refresh_token"));
        assert_eq!(before.0.trim_end(), place.token());
        place.json("refresh");
        let after = (read("cloud_access_token"), read("cloud_refresh_token"));
        assert_alive(after.0.trim_end());
        assert!(before.0 != after.0 && before.1 != after.1);
        assert!(!place.path(CONFIG).exists());
        assert_eq!(place.json("logout")["outcome"], "ended");
        assert!(!place.path(&format!("{folder}/cloud_refresh_token")).exists());
    }
}

/// 0.12.0 takes the two files of its own folder over into `config.toml`.
#[test]
fn a_login_is_found_where_the_own_client_has_moved_it() {
    let place = Polars::new().with("POLARS_CLOUD_CONFIG_DIR", "~/there").logged_in();
    let config = place.read("there/config.toml");
    let value = |name: &str| {
        let line = config.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([' ', '=', '"']).to_owned()
    };
    place.write("there/cloud_access_token", &value("access_token"));
    place.write("there/cloud_refresh_token", &value("refresh_token"));
    fs::remove_file(place.path("there/config.toml")).unwrap();

    let ours = place.alive("token --force-refresh");
    assert_eq!(place.read("there/cloud_access_token").trim_end(), ours);
    let theirs = place.python_token();
    assert!(!place.path("there/cloud_access_token").exists());
    assert_eq!(place.token(), theirs);
    place.alive("token --force-refresh");
    assert_eq!(place.python_token(), place.token());
}

#[test]
fn where_both_layouts_are_there_config_toml_counts() {
    let place = Polars::new().logged_in();
    place.write(".config/polars_cloud/cloud_access_token", "theirs");
    place.write(".config/polars_cloud/cloud_refresh_token", "theirs");
    place.alive("token --force-refresh");
    assert_eq!(place.python_token(), place.token());
    assert_eq!(place.read(".config/polars_cloud/cloud_refresh_token"), "theirs");
    // It is another session, which nobody has ended.
    assert_eq!(place.json("logout")["outcome"], "replaced");
    assert!(!place.path(CONFIG).exists() || !place.read(CONFIG).contains("refresh_token"));
    assert_eq!(place.read(".config/polars_cloud/cloud_refresh_token"), "theirs");
}

/// 0.12.0 keeps a damaged file beside, too.
#[test]
fn what_is_half_written_is_said_and_a_login_keeps_it_beside() {
    let place = Polars::new().logged_in();
    let config = place.read(CONFIG);
    let half = &config[..config.len() / 3];
    place.write(CONFIG, half);
    place.run("token --json").error(6, "store");
    place.run("refresh --json").error(6, "store");
    assert_eq!(place.read(CONFIG), half);
    let place = place.logged_in();
    place.python_token();
    let folder = fs::read_dir(place.path(".config/polars_cloud")).unwrap();
    let mut files = folder.map(|file| file.unwrap().path());
    let beside = files.find(|file| file.to_str().unwrap().contains("corrupt")).unwrap();
    assert_eq!(fs::read_to_string(beside).unwrap(), half);
}

#[test]
fn a_login_that_is_refused_or_not_approved_ends() {
    let place = Polars::new();
    let login = place.start("login --json").prompts(|page| bob_refuses(&front::behind(page)));
    login.finish().error(4, "access_denied");
    let login = place.start("login --json --timeout 2").prompts(no_visit);
    login.finish().error(4, "timed_out");
    assert!(!place.path(CONFIG).exists());
}

/// `login(return_token=True)`.
#[test]
fn a_token_that_is_printed_is_kept_nowhere() {
    let place = Polars::new();
    let token = place.log_in("login --no-save --print-token").json()["access_token"].clone();
    assert_alive(token.as_str().unwrap());
    assert!(!place.path(".config").exists());
    let place = place.with("POLARS_CLOUD_ACCESS_TOKEN", token.as_str().unwrap());
    until_the_token_has_expired();
    let error = place.run("token --json").error(3, "not_authenticated");
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("POLARS_CLOUD_ACCESS_TOKEN has expired"), "{said}");
    let status = place.run("status --json");
    assert_eq!(status.exit_code, 3);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["reason"], "expired");
    let theirs = place.python("header").unwrap_err();
    assert!(theirs.contains("POLARS_CLOUD_ACCESS_TOKEN"), "{theirs}");
}

#[test]
fn a_token_from_outside_is_used_as_it_is_ours_and_theirs() {
    let robot = Polars::new()
        .with("POLARS_CLOUD_CLIENT_ID", "robot")
        .with("POLARS_CLOUD_CLIENT_SECRET", "robot-secret");
    // A machine that is busy may take longer than such a token lives.
    let is_used = (0..5).any(|_| {
        let token = robot.token();
        let place = Polars::new().with("POLARS_CLOUD_ACCESS_TOKEN", &token);
        let ours = place.run("token").stdout.trim_end() == token;
        let theirs = place.python("header");
        ours && theirs.is_ok_and(|header| header == format!("Bearer {token}"))
    });
    assert!(is_used);
}

#[test]
fn a_program_gets_the_variable() {
    let place = Polars::new().logged_in();
    let ran = place.run("exec -- /usr/bin/env");
    let given = |name: &str| {
        let mut lines = ran.answer().lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
    };
    assert_alive(&given("POLARS_CLOUD_ACCESS_TOKEN"));
    assert_eq!(given("POLARS_CLOUD_ACCESS_TOKEN"), given("AIOD_AUTH_ACCESS_TOKEN"));
}

/// As the own client logs one in, and as RFC 6749 §4.4 has it.
#[test]
fn a_service_account_is_a_user_or_a_client_and_its_tokens_are_in_memory_alone() {
    for (id, secret) in [("robot", "robot-secret"), ("polars-bot", "polars-bot-secret")] {
        let place = Polars::new()
            .with("POLARS_CLOUD_CLIENT_ID", id)
            .with("POLARS_CLOUD_CLIENT_SECRET", secret);
        let first = place.token();
        assert_ne!(place.token(), first, "{id}");
        assert_eq!(place.json("status")["store"], "memory");
        let ran = place.run("exec -- /usr/bin/env");
        assert!(!ran.answer().contains(secret), "the program has the token");
        assert!(!place.path(".config").exists());
    }
    let robot = Polars::new()
        .with("POLARS_CLOUD_CLIENT_ID", "robot")
        .with("POLARS_CLOUD_CLIENT_SECRET", "robot-secret");
    robot.python_token();
}

#[test]
fn a_wrong_secret_is_the_servers_refusal() {
    for id in ["robot", "polars-bot"] {
        let place = Polars::new()
            .with("POLARS_CLOUD_CLIENT_ID", id)
            .with("POLARS_CLOUD_CLIENT_SECRET", "wrong");
        let error = place.run("token --json").error(1, "server");
        assert!(error["oauth_error"].is_string(), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("secret"), "{error}");
    }
}

#[test]
fn one_variable_alone_is_an_error() {
    for (one, other) in [
        ("POLARS_CLOUD_CLIENT_ID", "POLARS_CLOUD_CLIENT_SECRET"),
        ("POLARS_CLOUD_CLIENT_SECRET", "POLARS_CLOUD_CLIENT_ID"),
    ] {
        let place = Polars::new().with(one, "alone");
        let error = place.run("token --json").error(2, "config");
        assert!(error["message"].as_str().unwrap().contains(other), "{error}");
        // A user's login is another matter.
        place.log_in("login").json();
    }
}

#[test]
fn a_domain_that_is_none_and_one_that_is_not_there() {
    let error = Polars::new().with("POLARS_CLOUD_DOMAIN", "example.org/x").run("status --json");
    error.error(2, "config");
    let place = Polars::new().with("POLARS_CLOUD_DOMAIN", "elsewhere.test");
    let place = place.with("POLARS_CLOUD_CLIENT_ID", "robot");
    let place = place.with("POLARS_CLOUD_CLIENT_SECRET", "robot-secret");
    // The proxy doesn't lead there, and that doesn't pass by itself.
    place.run("token --json").error(2, "config");
}

#[test]
fn two_logins_and_many_refreshes_at_once_leave_one_living_login() {
    let place = Polars::new().logged_in();
    let many = [(); 6].map(|()| place.start("token --force-refresh"));
    let other = place.log_in("login");
    for process in many {
        process.finish().answer();
    }
    other.json();
    place.json("refresh");
    assert_eq!(place.python_token(), place.token());
}

#[test]
fn the_blocking_client_takes_the_same_login() {
    let place = Polars::new();
    let login = LoginTo::polars_user(&Polars::settings(), &place.home_environment()).unwrap();
    let client = aiod_auth_ureq::Client::of(login);
    let approve = |prompt: &Prompt| alice_approves(page(prompt)).unwrap();
    client.login(approve).unwrap();
    let first = client.token().unwrap().access_token().unwrap().expose().to_owned();
    // Another program is there in between, and nothing is cached for too long.
    let theirs = place.python_token();
    let refreshed = client.token_for(Demand::new().forced()).unwrap();
    let second = refreshed.access_token().unwrap().expose();
    assert!(second != first, "{second} {theirs}");
    place.python_token();
    client.log_out().unwrap();
    assert!(place.python("header").is_err());
}

#[tokio::test]
async fn the_async_client_takes_the_same_login() {
    let place = Polars::new().logged_in();
    let first = place.token();
    let login = LoginTo::polars_user(&Polars::settings(), &place.home_environment()).unwrap();
    let client = aiod_auth_reqwest::Client::of(login);
    let cached = client.token().await.unwrap();
    assert_eq!(cached.access_token().unwrap().expose(), first);
    let refreshed = client.token_for(Demand::new().forced()).await.unwrap();
    // The command knows the realm by its domain, and not by Keycloak's own address, which it was saved for.
    let stored = place.read(".config/polars_cloud/config.toml");
    assert!(stored.contains(refreshed.access_token().unwrap().expose()));
    place.run("token --json").error(6, "store");
    client.log_out().await.unwrap();
    place.run("token --json").error(3, "not_authenticated");
}

#[tokio::test]
async fn both_clients_take_a_service_account_and_a_token_from_outside() {
    let settings = Polars::settings();
    for (id, secret) in [("robot", "robot-secret"), ("polars-bot", "polars-bot-secret")] {
        let account = || ServiceAccount::new(Some(id), Some(secret)).unwrap().unwrap();
        let login = LoginTo::polars_bot(&settings, account()).unwrap();
        let token = aiod_auth_reqwest::Client::of(login).token().await.unwrap();
        assert_alive(token.access_token().unwrap().expose());
        let login = LoginTo::polars_bot(&settings, account()).unwrap();
        tokio::task::spawn_blocking(|| {
            let token = aiod_auth_ureq::Client::of(login).token().unwrap();
            let token = token.access_token().unwrap();
            assert_alive(token.expose());
            // It counts before all else.
            let environment = Environment::from_iter([
                ("POLARS_CLOUD_ACCESS_TOKEN", token.expose()),
                ("POLARS_CLOUD_CLIENT_ID", "robot"),
            ]);
            let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
            let given = LoginTo::polars(&environment, at(0)).unwrap();
            let client = aiod_auth_ureq::Client::of(given);
            assert_eq!(client.token().unwrap().access_token().unwrap().expose(), token.expose());
            let expired = LoginTo::polars(&environment, expires_at(token).unwrap()).unwrap_err();
            assert!(expired.to_string().contains("POLARS_CLOUD_ACCESS_TOKEN"), "{expired}");
        })
        .await
        .unwrap();
    }
}

/// The command's answer to each, in words for a user.
#[test]
fn what_is_shown_has_no_token_in_it() {
    let place = Polars::new().logged_in();
    let tokens: Vec<_> = place.read(CONFIG).lines().map(str::to_owned).collect();
    let secrets = tokens.iter().filter_map(|line| line.split('"').nth(1));
    let secrets: Vec<_> = secrets.filter(|value| value.len() > 100).collect();
    assert_eq!(secrets.len(), 2, "{tokens:?}");
    for arguments in ["status", "status --json", "whoami -v", "refresh -v", "logout -v"] {
        let ran = place.run(arguments);
        for secret in &secrets {
            assert!(!format!("{ran:?}").contains(secret), "{arguments}");
        }
    }
}
