use std::{fs, time::Duration};

use aiod_auth_core::Timestamp;
use aiod_auth_tests::sim::{Answer, Fault};
use serde_json::json;

use crate::world::World;

#[test]
fn the_server_says_who_it_is() {
    let world = World::new();
    world.log_in();
    let who = world.run("whoami --json").ended(0).json();
    let roles = json!(["edit_aiod_resources", "crawler_example"]);
    assert_eq!(who["subject"], "sub-alice");
    assert_eq!(who["roles"], roles);
    let ran = world.run("whoami");
    assert!(ran.ended(0).stdout.ends_with("subject: sub-alice\n"), "{ran:?}");
}

#[test]
fn absent_parts_are_left_out_and_controls_too() {
    let world = World::new();
    world.log_in();
    let nasty = Answer::json(200, &json!({"sub": "s\u{1b}[2J\u{202e}1"}));
    world.server.simulator().fault_at("/userinfo", 2, Fault::Instead(nasty));
    assert_eq!(world.run("whoami").ended(0).stdout, "subject: s1\n");
    assert_eq!(world.run("whoami --json").ended(0).json(), json!({"subject": "s1"}));
}

#[test]
fn a_token_that_is_dead_is_refreshed_once() {
    let world = World::new();
    world.log_in();
    world.server.simulator().end_sessions();
    let refreshes = || world.token_requests("refresh_token").len();
    let before = refreshes();
    world.run("whoami --json").failed_as(3, "session_ended");
    assert_eq!(refreshes(), before + 1);
}

/// It would be refreshed beside the answer, and what could not be saved would be said to no one.
#[test]
fn a_token_that_is_good_is_not_refreshed() {
    let world = World::new();
    world.log_in();
    // It has lived for 260 s of its 300.
    let record = fs::read_to_string(world.record()).unwrap();
    let lines = record.lines().map(|line| match line.split_once("_at = \"") {
        Some((name, then)) => {
            let then: Timestamp = then.trim_end_matches('"').parse().unwrap();
            format!("{name}_at = \"{}\"\n", then.saturating_sub(Duration::from_secs(260)))
        }
        None => format!("{line}\n"),
    });
    fs::write(world.record(), lines.collect::<String>()).unwrap();
    let before = world.refreshes();
    world.run("whoami").ended(0);
    world.run_for_token("token").ended(0);
    assert_eq!(world.refreshes(), before);
}

#[test]
fn a_bot_that_is_refused_is_not_told_to_log_in() {
    let world = World::new();
    let refused = Answer::json(401, &json!({"error": "invalid_token"}));
    world.server.simulator().fault_at("/userinfo", 3, Fault::Instead(refused));
    let ran = world.run("whoami --profile bot");
    ran.failed(3, "the access token is not accepted");
    assert!(ran.stderr.contains("next: a new login is no help"), "{ran:?}");
}
