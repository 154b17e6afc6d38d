use std::{
    fs,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use aiod_auth_tests::sim::{Answer, CLIENT_CREDENTIALS, Fault};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::world::{Ran, World, end_of, wait_until};

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

/// As a server's that gives an ID token with every answer, good for so many seconds.
fn with_id_token(world: &World, lifetime: i64) -> Answer {
    let now = i64::try_from(aiod_auth_tests::sim::wall_clock_ms() / 1000).unwrap();
    let claims = json!({"iss": world.server.base_url, "sub": "sub-alice", "aud": "demo", "iat": now, "exp": now + lifetime});
    let id_token = format!("e30.{}.{lifetime}", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tokens = json!({
        "access_token": format!("access-of-{lifetime}"), "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": format!("refresh-{lifetime}"), "scope": "openid roles", "id_token": id_token,
    });
    Answer::json(200, &tokens)
}

#[test]
fn an_id_token_is_refreshed_by_its_own_end() {
    let world = World::new();
    let answer = |lifetime| {
        let answer = with_id_token(&world, lifetime);
        world.server.simulator().fault_at("/token", 1, Fault::Instead(answer));
    };
    let id_token = |line: &str| world.run_for_token(&format!("token --id-token {line}"));
    answer(100);
    world.run_with_input("login --refresh-token-stdin", "refresh-x").ended(0);
    let requests = world.requests();
    let first = id_token("").ended(0).stdout.clone();
    assert!(first.trim_end().ends_with(".100"), "{first}");
    assert_eq!(id_token("--min-valid 90").ended(0).stdout, first);
    assert_eq!(world.requests(), requests);
    let json = id_token("--json").ended(0).json();
    assert_eq!(
        (json["id_token"].as_str(), json.get("access_token")),
        (Some(first.trim_end()), None)
    );
    let credential = id_token("--format exec-credential").ended(0).json();
    assert_eq!(credential["status"]["token"], first.trim_end());
    assert_eq!(credential["status"]["expirationTimestamp"], json["expires_at"]);
    assert!(id_token("--format header").stdout.starts_with("Authorization: Bearer e30."));

    // The access token is good for an hour.
    answer(200);
    let second = id_token("--min-valid 150").ended(0).stdout.clone();
    assert!(second.trim_end().ends_with(".200"), "{second}");
    answer(300);
    let ran = id_token("--min-valid 1h");
    assert!(
        ran.ended(0).stderr.starts_with("warning: the freshest token there is lasts"),
        "{ran:?}"
    );
    answer(-1);
    id_token("--force-refresh").ended(0);
    answer(-2);
    let error = id_token("--json").failed_as(1, "server");
    assert!(error["message"].as_str().unwrap().contains("by this machine's clock"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("clock"), "{error}");
    // One that has expired is not handed out, and a server may give none with a refresh.
    let without = json!({"access_token": "access-new", "token_type": "Bearer", "refresh_token": "refresh-new"});
    world.server.simulator().fault_at("/token", 1, Fault::Instead(Answer::json(200, &without)));
    let error = id_token("--json").failed_as(1, "server");
    assert!(error["message"].as_str().unwrap().contains("gave no new one"), "{error}");
}

#[test]
fn without_a_refresh_token_there_is_nothing_to_refresh_with() {
    let world = World::new();
    world.log_in();
    world.run("export --format json login.json").ended(0);
    let text = fs::read_to_string(world.path("login.json")).unwrap();
    let mut login: Value = serde_json::from_str(&text).unwrap();
    login["tokens"].as_object_mut().unwrap().remove("refresh_token").unwrap();
    world.write("login.json", &login.to_string());
    fs::remove_dir_all(world.path("tokens")).unwrap();
    world.run("import login.json").ended(0);
    world.run("status").ended(0);
    world.run_for_token("token").ended(0);
    for line in ["refresh", "token --force-refresh"] {
        world.run(line).failed(3, "there is no refresh token to get another access token with");
    }
    world.run_for_token("token").ended(0);
}

#[test]
fn without_an_id_token_the_scope_is_named() {
    let world = World::new();
    world.log_in();
    let error = world.run("token --id-token --json").failed_as(1, "server");
    assert!(error["hint"].as_str().unwrap().contains("--scope openid"), "{error}");
}

#[test]
fn a_parameter_of_the_servers_own_is_sent_and_makes_a_login_of_its_own() {
    let world = World::new();
    let bot =
        format!("--issuer {} --client-id bot --client-secret-file bot.toml", world.server.base_url);
    let token = |line: &str| world.run_for_token(line).ended(0).stdout.clone();
    let one = token(&format!("token {bot} --parameter audience=https://a.example"));
    let other = token(&format!("token {bot} --parameter organization=o"));
    assert_ne!(one, other);
    assert_eq!(token(&format!("token {bot} --parameter organization=o")), other);
    let asked = world.token_requests(CLIENT_CREDENTIALS);
    assert!(asked[0].contains("&audience=https%3A%2F%2Fa.example"), "{asked:?}");
    assert!(asked[1].contains("&organization=o"), "{asked:?}");
    assert_eq!(asked.len(), 2);
}

/// What can't be stored is printed all the same; whether that is a failure depends on what is lost.
#[test]
fn a_login_that_may_be_lost_is_a_failure() {
    for (line, code) in [
        ("token --force-refresh --profile lab", 6),
        ("refresh --profile lab", 6),
        ("token --force-refresh --profile bot", 0),
    ] {
        let world = World::new();
        world.log_in();
        world.run("login --profile bot").ended(0);
        let output = run_without_a_place_to_save(&world, line, Stdio::piped());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        let is_handed_out = line.starts_with("token");
        assert_eq!(output.stdout.starts_with(b"access-"), is_handed_out, "{said}");
        let failed = match is_handed_out {
            true => "error: this token was not saved: ",
            false => "error: refreshed, but not saved: ",
        };
        let is_lost = said.contains(failed)
            && said.contains("the login may be lost")
            && said.contains(", then log in again");
        assert_eq!(is_lost, code == 6, "{said}");
        assert_eq!(said.starts_with("warning: this token was not saved"), code == 0, "{said}");
    }
}

/// Another failure is said, too. Its exit code would have a script do something else, and the login would stay lost.
#[cfg(target_os = "linux")]
#[test]
fn however_a_command_ends_it_says_that_a_login_may_be_lost() {
    for (line, is_full, other) in [
        ("token --force-refresh --profile lab", true, "warning: cannot write to stdout"),
        ("whoami --profile lab", false, "warning: HTTP 404 from the API"),
    ] {
        let world = World::with(|settings| settings.access_token_lifetime = Duration::from_secs(1));
        world.log_in();
        let config = fs::read_to_string(world.path("config.toml")).unwrap();
        let api = format!("[profiles.lab]\napi = \"{}/gone\"\n", world.server.base_url);
        world.write("config.toml", &config.replace("[profiles.lab]\n", &api));
        std::thread::sleep(Duration::from_secs(1));
        let full = || fs::File::options().write(true).open("/dev/full").unwrap().into();
        let stdout = if is_full { full() } else { Stdio::piped() };
        let output = run_without_a_place_to_save(&world, line, stdout);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(6), "{said}");
        assert!(said.starts_with(other), "{said}");
        assert_eq!(said.matches("error: this token was not saved: ").count(), 1, "{said}");
        assert!(said.contains("tokens") && said.contains("the login may be lost"), "{said}");
    }
}

/// While it waits for a token, the store goes away.
fn run_without_a_place_to_save(world: &World, line: &str, stdout: Stdio) -> Output {
    run_then(world, line, stdout, |_| ())
}

/// While it waits for a token, the store goes away, and then this happens.
fn run_then(world: &World, line: &str, stdout: Stdio, then: impl FnOnce(&Child)) -> Output {
    let slow = Fault::Delay(Duration::from_millis(800));
    world.server.simulator().fault_at("/token", 1, slow);
    let asked = || {
        let simulator = world.server.simulator();
        simulator.log().iter().filter(|handled| handled.request.path() == "/token").count()
    };
    let before = asked();
    let mut command = world.command(line);
    let child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("a request for a token", || asked() != before);
    fs::remove_dir_all(world.path("tokens")).unwrap();
    world.write("tokens", "in the way");
    then(&child);
    end_of(child)
}

/// A signal takes none of that away.
#[cfg(unix)]
#[test]
fn a_command_that_is_cancelled_says_that_a_login_may_be_lost() {
    for (line, code) in [
        ("token --force-refresh --profile lab", 6),
        ("exec --min-valid 100h --profile lab -- false", 6),
        ("token --force-refresh --profile bot", 4),
    ] {
        let world = World::new();
        world.log_in();
        world.run("login --profile bot").ended(0);
        let output = run_then(&world, line, Stdio::piped(), |child| {
            let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            assert!(kill.unwrap().success());
        });
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(output.stdout.is_empty(), "{said}");
        assert_eq!(said.matches("this token was not saved: ").count(), 1, "{said}");
        assert_eq!(
            said.contains("next: ") && said.contains("then log in again"),
            code == 6,
            "{said}"
        );
        assert_eq!(said.contains("error: cancelled"), code == 4, "{said}");
    }
}

/// The other program has a token all the same, and its status is passed on.
#[cfg(unix)]
#[test]
fn exec_says_that_a_login_may_be_lost() {
    let world = World::new();
    world.log_in();
    let line = "exec --min-valid 100h --profile lab -- false";
    let output = run_without_a_place_to_save(&world, line, Stdio::piped());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("this token was not saved: "), "{said}");
    assert!(said.contains("the login may be lost; "), "{said}");
    assert!(said.contains(", then log in again"), "{said}");
}

#[test]
fn an_expired_token_is_refreshed() {
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
fn without_a_login_the_hint_is_how_to_log_in() {
    let world = World::new();
    world.run("token").failed(3, "not logged in");
    let error = world.run("token --json").failed_as(3, "not_authenticated");
    assert_eq!(error["hint"], "run `aiod-auth login`");
    let base = &world.server.base_url;
    let mut ad_hoc = world.command(&format!("token --issuer {base} --client-id demo"));
    let ran = Ran::of(ad_hoc.env("AIOD_AUTH_PROFILE", "not this one"), "");
    assert!(ran.failed(3, "").stderr.contains("aiod-auth login --issuer"), "{ran:?}");
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

/// In the minute after it, too, in which nothing is sent: the word is in the record.
#[test]
fn a_verdict_is_shown_in_the_servers_own_word() {
    let world = World::new();
    world.log_in();
    let dead = Answer::json(401, &json!({ "error": "invalid_token" }));
    world.server.simulator().fault_at("/token", 1, Fault::Instead(dead));
    for _ in 0..2 {
        let error = world.run("token --force-refresh --json").failed_as(3, "session_ended");
        assert_eq!(error["oauth_error"], "invalid_token");
    }
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
fn a_malformed_answer_ends_the_command() {
    let world = World::new();
    let page = Answer::html(200, "<h1>Welcome to the hotel</h1>");
    world.server.simulator().fault_anywhere(2, Fault::Instead(page));
    let error = world.run("login --profile bot --json").failed_as(1, "protocol");
    assert_eq!(error["http_status"], 200);
}

#[test]
fn a_reader_that_stops_is_no_bug() {
    let world = World::new();
    world.log_in();
    let mut command = world.command("token");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = end_of(child);
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
