use std::time::Duration;

use serde_json::json;

use crate::world::World;

#[test]
fn status_uses_no_network_and_shows_no_token() {
    let world = World::new();
    let mut expected = json!({
        "profile": "lab", "account": "lab", "issuer": world.server.base_url, "client_id": "demo",
        "authenticated": false, "reason": "no_record",
        "access_token_expires_at": null, "refresh_token_expires_at": null,
        "scope": [],
    });
    let mut status = world.run("status --json").ended(3).json();
    let store = status.as_object_mut().unwrap().remove("store").unwrap();
    assert_eq!(status, expected);

    world.log_in();
    assert_eq!(store, world.record().to_str().unwrap());
    let requests = world.requests();
    let mut status = world.run("status --json").ended(0).json();
    assert!(status["access_token_expires_at"].take().as_str().unwrap().ends_with('Z'));
    status.as_object_mut().unwrap().remove("store");
    let object = expected.as_object_mut().unwrap();
    object.remove("reason");
    object.insert("authenticated".into(), true.into());
    object.insert("scope".into(), json!(["openid", "roles"]));
    assert_eq!(status, expected);

    let ran = world.run("status");
    assert!(ran.ended(0).stdout.starts_with("logged in\nprofile: lab\n"), "{ran:?}");
    assert_eq!((world.requests(), ran.stderr.as_str()), (requests, ""));
}

#[test]
fn status_without_a_record_says_what_to_do() {
    let world = World::new();
    world.write(
        "config.toml",
        "[profiles.other]\nissuer = \"https://as.example\"\nclient_id = \"x\"\n",
    );
    let ran = world.run("status --profile other");
    assert!(ran.ended(3).stdout.starts_with("not logged in\nprofile: other\n"), "{ran:?}");
    assert_eq!(ran.stderr, "next: run `aiod-auth login --profile other`\n");
}

#[test]
fn a_bot_needs_no_record() {
    let world = World::new();
    let status = world.run("status --profile bot --json").ended(0).json();
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["access_token_expires_at"], serde_json::Value::Null);
    let ran = world.run("status --profile bot");
    assert!(
        ran.ended(0).stdout.starts_with("needs no login: the client has a secret\n"),
        "{ran:?}"
    );
}

#[test]
fn nothing_is_left_to_refresh_with() {
    let world = World::with(|settings| {
        settings.access_token_lifetime = Duration::from_secs(1);
        settings.refresh_token_lifetime = Duration::from_secs(1);
        settings.send_refresh_expires_in = true;
    });
    world.log_in();
    world.run("login --profile bot").ended(0);
    std::thread::sleep(Duration::from_secs(1));
    let status = world.run("status --json").ended(3).json();
    assert_eq!(status["reason"], "expired");
    // A bot gets a new token by itself.
    world.run("status --profile bot").ended(0);
}

#[test]
fn a_record_is_shown_without_what_only_requests_need() {
    let world = World::new();
    world.run("login --profile bot").ended(0);
    std::fs::remove_file(world.path("bot.toml")).unwrap();
    world.run("status --profile bot").ended(0);
    world.run("token --profile bot --force-refresh").failed(2, "cannot read the client secret");
    let issuer = &world.server.base_url;
    world.write(
        "config.toml",
        &format!("[profiles.a]\nissuer = \"{issuer}\"\nclient_id = \"a\"\nflow = \"browser\""),
    );
    world.run("status --profile a").ended(3);
    world.run("login --profile a").failed(2, "authorization_endpoint");
    let error =
        world.run("login --profile a --flow client-credentials --json").ended(2).stderr.clone();
    assert!(error.contains("a client secret"), "{error}");
}
