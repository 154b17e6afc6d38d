//! A login that is taken from one machine to another.

use std::{fs, path::Path, process::Stdio, thread, time::Duration};

use aiod_auth_core::Profile;
use aiod_auth_store::{FileStore, Store};
use serde_json::{Value, json};

use crate::world::{Ran, World, end_of, mode};

/// A world whose login stands in `login.json`, and whose store is empty: the other machine.
fn carried() -> World {
    let world = World::new();
    world.log_in();
    world.run("export --format json login.json").ended(0);
    fs::remove_dir_all(world.path("tokens")).unwrap();
    world.run("status").ended(3);
    world
}

/// Changes the file.
fn edit(world: &World, pointer: &str, value: Value) {
    let mut document = read(&world.path("login.json"));
    *document.pointer_mut(pointer).unwrap() = value;
    world.write("login.json", &document.to_string());
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_login_is_carried_to_another_machine() {
    let world = World::new();
    world.log_in();
    let (token, record) =
        (world.run_for_token("token").stdout, fs::read_to_string(world.record()).unwrap());
    let ran = world.run("export --format json login.json");
    assert_eq!(ran.ended(0).stdout, "");
    assert!(ran.stderr.starts_with("Wrote the login to login.json"), "{ran:?}");
    assert_eq!(mode(&world.path("login.json")), 0o600);
    let document = read(&world.path("login.json"));
    assert_eq!((&document["format"], &document["version"]), (&json!("aiod-auth login"), &json!(1)));
    assert_eq!(document["issuer"], json!(world.server.base_url));
    assert_eq!((&document["client_id"], &document["resource"]), (&json!("demo"), &json!([])));
    assert_eq!(document["scope"], json!(["openid", "roles"]));
    assert_eq!(document["tokens"]["access_token"], json!(token.trim_end()));

    fs::remove_dir_all(world.path("tokens")).unwrap();
    let requests = world.requests();
    let ran = world.run("import login.json");
    assert_eq!(ran.ended(0).stdout, "");
    assert!(ran.stderr.starts_with("Took over the login at http://"), "{ran:?}");
    world.run("status").ended(0);
    assert_eq!(world.requests(), requests);
    assert_eq!(fs::read_to_string(world.record()).unwrap(), record);
    assert_eq!(world.run_for_token("token").stdout, token);
    world.run("refresh").ended(0);
    world.run("whoami").ended(0);
}

#[test]
fn programs_hear_of_it_in_json() {
    let world = World::new();
    world.log_in();
    let exported = world.run("export --json --format json login.json").ended(0).json();
    assert_eq!(exported, json!({"event": "exported", "profile": "lab", "format": "json"}));
    let mut imported = world.run("import --json login.json").ended(0).json();
    assert!(imported["expires_at"].take().as_str().unwrap().ends_with('Z'));
    assert_eq!(
        imported,
        json!({"event": "imported", "profile": "lab", "format": "json", "expires_at": null, "scope": ["openid", "roles"]})
    );
    world.run("export login.json --json").failed_as(2, "usage");
}

#[test]
fn a_pipe_needs_no_file() {
    let world = World::new();
    world.log_in();
    let ran = Ran::of(&mut world.command("export --format json -"), "");
    assert_eq!(ran.ended(0).stderr, "");
    fs::remove_dir_all(world.path("tokens")).unwrap();
    world.run_with_input("import -", &ran.stdout).ended(0);
    world.run("whoami").ended(0);
    assert!(!world.path("-").exists());
    let too_big = format!("{{{}", " ".repeat(1 << 20));
    world.run_with_input("import -", &too_big).failed(2, "too big");
    world.run_with_input("import -", "canary").failed(2, "what stdin brought is no login");
}

#[test]
fn no_file_is_replaced_by_chance() {
    let world = World::new();
    world.log_in();
    world.write("mine.txt", "mine");
    let ran = world.run("export --format json mine.txt");
    assert!(ran.failed(2, "mine.txt is there already").stderr.contains("--force"), "{ran:?}");
    assert_eq!(fs::read_to_string(world.path("mine.txt")).unwrap(), "mine");
    #[cfg(unix)]
    crate::world::set_mode(&world.path("mine.txt"), 0o644);
    world.run("export --force --format json mine.txt").ended(0);
    assert_eq!(mode(&world.path("mine.txt")), 0o600);
    assert_eq!(read(&world.path("mine.txt"))["client_id"], "demo");

    world.run("export --format json tokens").failed(2, "tokens is there already");
    world.run("export --force --format json tokens").failed(2, "cannot write tokens");
    world.run("export --format json gone/login.json").failed(2, "cannot write gone/login.json");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("mine.txt", world.path("link")).unwrap();
        world.run("export --force --format json link").failed(2, "it is not a regular file");
        world.run("export --force --format json /dev/null").failed(2, "it is not a regular file");
    }
    let names = fs::read_dir(world.path("")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.starts_with('.')), "something was left behind");
}

#[test]
fn there_is_nothing_to_export() {
    let world = World::new();
    let error = world.run("export --json --format json a.json").failed_as(3, "not_authenticated");
    assert_eq!(error["hint"], "run `aiod-auth login`");
    world.log_in();
    world.server.simulator().end_sessions();
    world.run("refresh").ended(3);
    world.run("export --format json a.json").failed(3, "ended the session");
    assert!(!world.path("a.json").exists());
    world.run("export --format yaml a.yaml").failed(2, "yaml");
    fs::write(world.record(), "damaged").unwrap();
    world.run("export --format json a.json").failed(6, "damaged");
}

#[test]
fn a_bot_has_a_login_too() {
    let world = World::new();
    world.run("login --profile bot").ended(0);
    world.run("export --profile bot --format json bot.json").ended(0);
    let document = fs::read_to_string(world.path("bot.json")).unwrap();
    assert!(!document.contains("bot-secret"), "the client's secret stays where it is");
    world.run("import --profile bot bot.json").ended(0);
    world.run("import bot.json").failed(2, "another client_id: `bot`, not `demo`");
}

#[test]
fn a_login_is_for_its_own_profile() {
    let world = carried();
    let base = world.server.base_url.clone();
    for (pointer, value, message) in [
        ("/issuer", json!("https://evil.example"), format!("`https://evil.example`, not `{base}")),
        (
            "/issuer",
            json!("https://u:canary@evil.example"),
            "another issuer: `https://evil.example`, not".into(),
        ),
        ("/client_id", json!("\u{1b}[2Jx"), "another client_id: `".into()),
        ("/scope", json!(["openid"]), "another scope: `openid`, not `openid roles`".into()),
        ("/resource", json!(["urn:a"]), "another resource: `urn:a`, not ``".into()),
        ("/resource", json!(["audience canary"]), "a login with other parameters".into()),
    ] {
        let before = read(&world.path("login.json"));
        edit(&world, pointer, value);
        let ran = world.run("import login.json");
        ran.failed(2, &message);
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
        world.run("import --json login.json").failed_as(2, "config");
        world.write("login.json", &before.to_string());
    }
    assert!(world.records().is_empty());
    world.run("import login.json").ended(0);
}

#[test]
fn a_newer_login_is_kept() {
    let world = World::new();
    world.log_in();
    world.run("export --format json login.json").ended(0);
    edit(&world, "/tokens/issued_at", json!("2020-01-01T00:00:00Z"));
    edit(&world, "/tokens/access_token", json!("older"));
    let record = fs::read_to_string(world.record()).unwrap();
    let ran = world.run("import login.json");
    assert!(ran.failed(2, "there is a newer login").stderr.contains("--force"), "{ran:?}");
    world.run("import --json login.json").failed_as(2, "usage");
    assert_eq!(fs::read_to_string(world.record()).unwrap(), record);
    world.run("import --force login.json").ended(0);
    assert_ne!(fs::read_to_string(world.record()).unwrap(), record);

    // One of the same second, whose refresh token may have taken the place of this one's.
    world.log_in();
    world.run("export --force --format json login.json").ended(0);
    world.run("import login.json").ended(0);
    world.run("refresh").ended(0);
    world.run("import login.json").failed(2, "there is a newer login");

    // One that has ended is no loss.
    world.log_in();
    world.server.simulator().end_sessions();
    world.run("refresh").ended(3);
    world.run("import login.json").ended(0);
    // Nor is one that can't be read; it is moved aside.
    fs::write(world.record(), "damaged").unwrap();
    let ran = world.run("import login.json");
    assert!(ran.ended(0).stderr.contains("warning: a damaged token record is kept"), "{ran:?}");
    world.run("status").ended(0);
}

#[test]
fn a_refresh_that_is_under_way_is_waited_for_and_that_is_said() {
    let world = World::new();
    world.log_in();
    let profile = Profile::new(&world.server.base_url, "demo").unwrap().with_account("lab");
    let key = profile.with_scope("openid roles".parse().unwrap()).key();
    let store = FileStore::new(world.path("tokens"));
    for line in [
        "export --format json login.json",
        "import login.json",
        "token --force-refresh",
        "refresh --json",
        "logout",
    ] {
        let lock = store.try_lock(&key).unwrap().unwrap();
        let mut command = world.command(line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_millis(1700));
        assert!(child.try_wait().unwrap().is_none(), "{line}");
        drop(lock);
        let output = end_of(child);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}: {said}");
        let times = said.matches("waiting for another process that uses ").count();
        assert_eq!(times, 1, "{line}: {said}");
    }
}

#[test]
fn a_login_that_has_ended_is_not_taken_over() {
    let world = carried();
    edit(&world, "/tokens/expires_at", json!("2020-01-01T00:05:00Z"));
    let mut document = read(&world.path("login.json"));
    let tokens = document["tokens"].as_object_mut().unwrap();
    tokens.insert("session_ended_at".into(), json!("2020-01-01T00:10:00Z"));
    world.write("ended.json", &document.to_string());
    let error = world.run("import --json ended.json").failed_as(3, "session_ended");
    assert_eq!(error["hint"], "run `aiod-auth login`");
    // An access token alone that has expired.
    let tokens = document["tokens"].as_object_mut().unwrap();
    tokens.remove("session_ended_at");
    tokens.remove("refresh_token");
    world.write("expired.json", &document.to_string());
    world.run("import expired.json").failed(3, "the login in expired.json has ended");
    assert!(world.records().is_empty());
    // With a refresh token it is worth something still.
    world.run("import login.json").ended(0);
    world.run("whoami").ended(0);
}

#[test]
fn a_bad_file_is_a_clear_error() {
    let world = carried();
    world.write("config-like.toml", "issuer = \"canary\"\n");
    world.write("empty", "");
    world.write("big.json", &format!("{{{}", " ".repeat(1 << 20)));
    world.write("token.json", "{\"access_token\": \"canary\"}");
    fs::write(world.path("latin1.json"), b"{\"a\": \"\xe9\"}").unwrap();
    for (file, message) in [
        ("gone.json", "cannot read gone.json: "),
        (".", "cannot read .: it is not a regular file"),
        ("/dev/null", "it is not a regular file"),
        ("latin1.json", "latin1.json: it is not UTF-8"),
        ("big.json", "big.json: it is too big"),
        ("empty", "empty is no login that this version can read"),
        ("config-like.toml", "is no login that this version can read"),
        ("token.json", "not what `aiod-auth export` writes"),
    ] {
        world.run(&format!("import {file}")).failed(2, message);
        world.run(&format!("import --json {file}")).failed_as(2, "config");
    }
    for (pointer, value, message) in [
        ("/version", json!(2), "has format 2, which is too new: update aiod-auth"),
        ("/tokens/issued_at", json!(null), "tokens.issued_at is missing"),
        ("/tokens/access_token", json!("canary\r\nX: y"), "tokens.access_token is no token"),
        ("/tokens/expires_at", json!("canary"), "tokens.expires_at is no date and time"),
    ] {
        let before = read(&world.path("login.json"));
        edit(&world, pointer, value);
        world.run("import login.json").failed(2, message);
        world.write("login.json", &before.to_string());
    }
    assert!(world.records().is_empty());
    #[cfg(unix)]
    {
        crate::world::set_mode(&world.path("login.json"), 0o644);
        let ran = world.run("import login.json");
        assert!(ran.ended(0).stderr.starts_with("warning: every user"), "{ran:?}");
    }
}
