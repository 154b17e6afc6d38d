//! Ctrl-C leaves at once, and never between a refresh and its record.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aiod_auth_tests::sim::{Fault, wall_clock_ms};

use crate::world::World;

fn interrupt(child: &Child) {
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
}

#[test]
fn a_login_is_left_at_once() {
    let world = World::new();
    let login = world.start_login("");
    let started = Instant::now();
    interrupt(&login.child);
    login.end().failed_as(4, "cancelled");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(world.records().len(), 0);
}

#[test]
fn a_refresh_under_way_is_saved_first() {
    let world = World::new();
    world.log_in();
    let delay = Fault::Delay(Duration::from_secs(1));
    world.server.simulator().fault_at("/token", 1, delay);
    let before = world.refreshes();
    let mut command = world.command("token --force-refresh --json");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while world.refreshes() == before {
        thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");

    let record = fs::read_to_string(world.record()).unwrap();
    let line = record.lines().find_map(|line| line.strip_prefix("refresh_token = \""));
    let refresh_token = line.unwrap().trim_end_matches('"');
    assert!(world.server.simulator().refresh_token_is_alive(wall_clock_ms(), refresh_token));
    world.run("refresh").ended(0);
}
