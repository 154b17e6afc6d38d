use aiod_auth_tests::sim::{Fault, REFRESH_TOKEN, wall_clock_ms};
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn the_session_ends_at_the_server_and_here() {
    let world = World::new();
    world.log_in();
    let token = world.run_for_token("token").stdout;
    let ended = world.run("logout --json").ended(0).json();
    assert_eq!(ended, json!({"event": "logged_out", "profile": "lab", "outcome": "ended"}));
    assert!(!world.server.simulator().access_token_is_alive(wall_clock_ms(), token.trim_end()));
    assert_eq!(world.records().len(), 0);
    let again = world.run("logout --json").ended(0).json();
    assert_eq!(again["outcome"], "nobody_there");
}

#[test]
fn without_proof_nothing_is_removed_unless_it_is_wanted() {
    let world = World::new();
    world.log_in();
    world.server.simulator().fault_anywhere(usize::MAX, Fault::DropBefore);
    world.run("logout").failed(5, "");
    assert_eq!(world.records().len(), 1);

    let ran = world.run("logout --ignore-errors");
    assert!(ran.ended(0).stderr.starts_with("warning: the session may live on"), "{ran:?}");
    assert_eq!(world.records().len(), 0);
    assert_eq!(world.server.simulator().grants(REFRESH_TOKEN), 1);
}

#[test]
fn all_profiles_that_have_a_record() {
    let world = World::new();
    world.log_in();
    world.run("login --profile bot").ended(0);
    let ran = world.run("logout --all --json");
    let events: Vec<Value> =
        ran.ended(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let profiles: Vec<_> = events.iter().map(|event| event["profile"].as_str().unwrap()).collect();
    assert_eq!(profiles, ["bot", "lab"]);
    assert_eq!(world.records().len(), 0);
    assert_eq!(world.run("logout --all").ended(0).stderr, "");
    world.run("logout --all --profile lab").failed(2, "");
}

#[test]
fn one_that_fails_does_not_keep_the_others() {
    let world = World::new();
    world.log_in();
    world.run("login --profile bot").ended(0);
    std::fs::remove_file(world.path("bot.toml")).unwrap();
    world.run("logout --all").ended(2);
    assert_eq!(world.records().len(), 1);
}

#[test]
fn a_secret_that_is_gone_keeps_nobody_logged_in_here() {
    let world = World::new();
    world.run("login --profile bot").ended(0);
    std::fs::remove_file(world.path("bot.toml")).unwrap();
    world.run("logout --profile bot").failed(2, "cannot read the client secret");
    let ran = world.run("logout --profile bot --ignore-errors");
    assert!(ran.ended(0).stderr.starts_with("warning: "), "{ran:?}");
    assert_eq!(world.records().len(), 0);
    assert_eq!(world.run("logout --all").ended(0).stderr, "");
}
