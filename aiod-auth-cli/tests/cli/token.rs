use std::{fs, process::Stdio, time::Duration};

use aiod_auth_tests::sim::{Answer, CLIENT_CREDENTIALS, Fault};
use serde_json::{Value, json};

use crate::world::{Ran, World};

#[test]
fn a_hundred_runs_make_no_refresh() {
    let world = World::new();
    world.log_in();
    let (first, refreshes, requests) =
        (world.run_for_token("token").stdout, world.refreshes(), world.requests());
    for _ in 0..100 {
        assert_eq!(world.run_for_token("token").ended(0).stdout, first);
    }
    assert_eq!((world.refreshes(), world.requests()), (refreshes, requests));
}

#[test]
fn the_formats() {
    let world = World::new();
    world.log_in();
    let raw = world.run_for_token("token").ended(0).stdout.clone();
    let token = raw.trim_end();
    assert_eq!(raw, format!("{token}\n"));
    let ask =
        |format| world.run_for_token(&format!("token --format {format}")).ended(0).stdout.clone();
    assert_eq!(ask("raw"), raw);
    assert_eq!(ask("header"), format!("Authorization: Bearer {token}\n"));
    assert_eq!(ask("curl"), format!("header = \"Authorization: Bearer {token}\"\n"));

    let json: Value = serde_json::from_str(&ask("json")).unwrap();
    let expires_at = json["expires_at"].as_str().unwrap();
    let expected = json!({"access_token": token, "token_type": "Bearer", "expires_at": expires_at, "scope": ["openid", "roles"]});
    assert_eq!(json, expected);
    assert_eq!(world.run_for_token("token --json").json(), expected);

    let credential: Value = serde_json::from_str(&ask("exec-credential")).unwrap();
    let status = json!({"token": token, "expirationTimestamp": expires_at});
    let version = "client.authentication.k8s.io/v1";
    assert_eq!(
        credential,
        json!({"apiVersion": version, "kind": "ExecCredential", "status": status})
    );
    world.run("token --json --format header").failed_as(2, "usage");
}

#[test]
fn a_token_is_refreshed_when_it_is_not_good_for_long_enough() {
    let world = World::new();
    world.log_in();
    let before = world.refreshes();
    world.run_for_token("token --min-valid 4m").ended(0);
    assert_eq!(world.refreshes(), before);
    // The server's tokens live for five minutes.
    let ran = world.run_for_token("token --min-valid 1h");
    assert_eq!(world.refreshes(), before + 1);
    assert!(
        ran.ended(0).stderr.starts_with("warning: the freshest token there is lasts "),
        "{ran:?}"
    );
    let ran = world.run_for_token("token --min-valid 1h --json");
    let warning: Value = serde_json::from_str(&ran.ended(0).stderr).unwrap();
    assert!(warning["warning"]["message"].is_string());

    let old = world.run_for_token("token").stdout;
    assert_ne!(world.run_for_token("token --force-refresh").stdout, old);
    assert_eq!(world.run("refresh").ended(0).stdout, "");
    let refreshed = world.run("refresh --json").ended(0).json();
    assert_eq!((&refreshed["event"], &refreshed["profile"]), (&json!("refreshed"), &json!("lab")));
    assert_eq!(world.refreshes(), before + 5);
}

#[test]
fn an_expired_token_is_renewed() {
    let world = World::with(|settings| settings.access_token_lifetime = Duration::from_secs(1));
    world.log_in();
    let old = world.run_for_token("token").stdout;
    std::thread::sleep(Duration::from_secs(1));
    assert_ne!(world.run_for_token("token").ended(0).stdout, old);
}

#[test]
fn a_bot_needs_no_login() {
    let world = World::new();
    let first = world.run_for_token("token --profile bot").ended(0).stdout.clone();
    assert_eq!(world.run_for_token("token --profile bot").stdout, first);
    assert_eq!(world.server.simulator().grants(CLIENT_CREDENTIALS), 1);
}

#[test]
fn nobody_is_logged_in() {
    let world = World::new();
    world.run("token").failed(3, "not logged in");
    let error = world.run("token --json").failed_as(3, "not_authenticated");
    assert_eq!(error["hint"], "run `aiod-auth login`");
    let base = &world.server.base_url;
    let mut ad_hoc = world.command(&format!("token --issuer {base} --client-id demo"));
    let ran = Ran::of(ad_hoc.env("AIOD_AUTH_PROFILE", "not this one"), "");
    assert!(ran.failed(3, "nobody").stderr.contains("aiod-auth login --issuer"), "{ran:?}");
    for line in ["whoami", "refresh", "exec true"] {
        world.run(line).failed(3, "not logged in");
    }
    assert_eq!(world.requests(), 0);
}

#[test]
fn the_session_has_ended() {
    let world = World::new();
    world.log_in();
    world.server.simulator().end_sessions();
    let ran = world.run("token --force-refresh");
    ran.failed(3, "ended the session");
    assert!(
        ran.stderr.contains("reason: \"session not active\"\nnext: run `aiod-auth login`\n"),
        "{ran:?}"
    );
    let status = world.run("status --json").ended(3).json();
    assert_eq!(status["reason"], "session_ended");
    world.log_in();
    world.run("status").ended(0);
}

#[test]
fn the_server_is_away() {
    let world = World::new();
    world.log_in();
    let record = fs::read_to_string(world.record()).unwrap();
    let busy = Answer::html(503, "<h1>Busy</h1>").with_header("Retry-After", "0");
    world.server.simulator().fault_at("/token", 3, Fault::Instead(busy));
    let error = world.run("refresh --json").failed_as(5, "unavailable");
    assert_eq!(error["http_status"], 503);

    let World { server, .. } = &world;
    server.simulator().clear_faults();
    assert_eq!(fs::read_to_string(world.record()).unwrap(), record);
    let elsewhere = world.run("--issuer http://127.0.0.1:9 --client-id demo login --json");
    let error = elsewhere.failed_as(5, "unavailable");
    assert!(error["message"].as_str().unwrap().contains("tried 3 times"), "{error}");
    world.run("refresh").ended(0);
}

#[test]
fn an_answer_that_makes_no_sense() {
    let world = World::new();
    let page = Answer::html(200, "<h1>Welcome to the hotel</h1>");
    world.server.simulator().fault_anywhere(2, Fault::Instead(page));
    let error = world.run("login --profile bot --json").failed_as(1, "protocol");
    assert_eq!(error["http_status"], 200);
}

#[test]
fn whoever_stops_reading_is_no_bug() {
    let world = World::new();
    world.log_in();
    let mut command = world.command("token");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn verbose_names_requests_and_shows_no_secret() {
    let world = World::new();
    let ran = world.run_for_token("-v token --profile bot");
    assert!(ran.ended(0).stderr.contains("/token"), "{ran:?}");
    let ran =
        world.run_with_input("login --refresh-token-stdin --verbose", &world.new_refresh_token());
    assert!(ran.ended(0).stderr.contains("/token"), "{ran:?}");
}

#[test]
fn a_token_for_an_api_is_a_record_of_its_own() {
    let world = World::new();
    let bot =
        format!("--issuer {} --client-id bot --client-secret-file bot.toml", world.server.base_url);
    let token = |line: &str| world.run_for_token(line).ended(0).stdout.clone();
    let plain = token(&format!("token {bot}"));
    let for_api = token(&format!("token {bot} --resource https://api.example/ --resource urn:b"));
    assert_ne!(plain, for_api);
    let asked: Vec<_> = world.token_requests(CLIENT_CREDENTIALS);
    assert!(!asked[0].contains("resource"), "{asked:?}");
    assert!(
        asked[1].contains("&resource=https%3A%2F%2Fapi.example%2F&resource=urn%3Ab"),
        "{asked:?}"
    );
    let again = format!("token {bot} --resource urn:b --resource https://api.example/");
    assert_eq!(token(&again), for_api);
    world.run(&format!("token {bot} --json --resource /relative")).failed_as(2, "usage");
}
