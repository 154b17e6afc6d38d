//! How fast it polls.

use std::{thread, time::Duration};

use aiod_auth_core::{Kind, Login, Step};
use aiod_auth_tests::{
    sim::{Fault, Settings, serve},
    world::{Event, World},
};
use serde_json::json;

use super::super::scene::*;

/// Logs in within an hour, and says what came of it.
fn log_in(world: &mut World) -> Option<Kind> {
    let login = Login::new(profile(), seconds(3600), policy());
    world.run(login).err().map(|error| error.kind())
}

/// The times between the polls, in seconds.
fn gaps(world: &World) -> Vec<f64> {
    let polls = millis_of(world.server.log(), "/token");
    #[expect(clippy::cast_precision_loss, reason = "a few thousand milliseconds")]
    let seconds = |pair: &[u64]| (pair[1] - pair[0]) as f64 / 1000.0;
    polls.windows(2).map(seconds).collect()
}

/// At least what is owed, and at most a quarter more: a margin against clocks that differ.
#[track_caller]
fn assert_paced(found: &[f64], owed: &[f64]) {
    assert_eq!(found.len(), owed.len(), "{found:?} for {owed:?}");
    for (found, owed) in found.iter().zip(owed) {
        assert!((*owed..=owed * 1.25).contains(found), "{found} s where {owed} s are owed");
    }
}

fn first_poll(world: &World) -> u64 {
    millis_of(world.server.log(), "/token")[0]
}

pub(super) fn a_missing_interval_is_five_seconds() {
    let mut world = world();
    world.server.settings.send_interval = false;
    world.after(seconds(11), Event::Approve);
    assert_eq!(log_in(&mut world), None);
    assert_eq!(
        world.transcript(),
        "0 s GET /.well-known/openid-configuration -> 200\n\
         0 s POST /device_authorization -> 200\n\
         5 s POST /token -> 400 authorization_pending\n\
         10 s POST /token -> 400 authorization_pending\n\
         15 s POST /token -> 200"
    );
}

pub(super) fn a_large_interval_is_honoured() {
    let settings = Settings {
        interval: seconds(600),
        device_code_lifetime: seconds(1900),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.after(seconds(700), Event::Approve);
    assert_eq!(log_in(&mut world), None);
    assert_eq!(millis_of(world.server.log(), "/token"), [600_000, 1_200_000]);

    // Longer than the code lives: one poll before its end, which comes by expiry.
    let mut world =
        World::new(Settings { interval: seconds(1_000_000_000), ..Settings::default() });
    assert_eq!(log_in(&mut world), Some(Kind::Expired));
    assert_eq!(count(&world, "/token"), 1);
}

pub(super) fn the_wait_begins_when_the_answer_is_there() {
    let mut world = world();
    world.latency = seconds(2);
    world.server.fault_at("/token", 1, Fault::Delay(seconds(7)));
    world.after(seconds(27), Event::Approve);
    assert_eq!(log_in(&mut world), None);
    assert_eq!(
        world.transcript(),
        "0 s GET /.well-known/openid-configuration -> 200\n\
         2 s POST /device_authorization -> 200\n\
         9 s POST /token -> 400 authorization_pending, after 7s\n\
         23 s POST /token -> 400 authorization_pending\n\
         30 s POST /token -> 200"
    );
}

/// A laptop that wakes up early, or a signal.
pub(super) fn a_sleep_that_is_cut_short_is_slept_to_its_end() {
    let mut world = world();
    world.server.fault_at("/token", 3, refusal("authorization_pending"));
    world.after(seconds(1), Event::Approve);
    let mut login = Login::new(profile(), seconds(300), policy());
    world
        .run_with(&mut login, |world, step| {
            let Step::Wait(pause) = step else { return Some(step) };
            let slept = pause.delay().min(Duration::from_millis(700));
            world.pass(slept);
            pause.complete(slept);
            None
        })
        .unwrap();
    assert_eq!(millis_of(world.server.log(), "/token"), [5000, 10_000, 15_000, 20_000]);
}

pub(super) fn both_loops_keep_it_and_survive_a_dropped_connection() {
    thread::scope(|scope| {
        let threads = Loop::both().map(|real| scope.spawn(move || a_loop_keeps_the_pace(&real)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

fn a_loop_keeps_the_pace(real: &Loop) {
    let running = serve(Settings { interval: seconds(1), ..Settings::default() }).unwrap();
    running.simulator().fault_at("/token", 1, Fault::DropBefore);
    running.simulator().fault_at("/token", 1, refusal("authorization_pending"));
    let profile = profile_at(&running.base_url).into();
    let mut login = Login::new(profile, seconds(60), policy());
    real.run_with(&mut login, &mut alice(&running)).unwrap();
    let simulator = running.simulator();
    let polls = millis_of(simulator.log(), "/token");
    let authorized = millis_of(simulator.log(), "/device_authorization")[0];
    assert_eq!(polls.len(), 3);
    assert!(polls[0] - authorized >= 1000, "{polls:?}");
    assert!(polls[1] - polls[0] >= 2000, "doubled after a dropped connection: {polls:?}");
    assert!(polls[2] - polls[1] >= 1000, "{polls:?}");
}

pub(super) fn the_first_poll_is_not_at_once() {
    for interval in [1, 5, 7, 90] {
        let mut world = World::new(Settings { interval: seconds(interval), ..Settings::default() });
        world.after(Duration::from_millis(1), Event::Approve);
        assert_eq!(log_in(&mut world), None);
        assert_eq!(first_poll(&world), interval * 1000);
    }
}

pub(super) fn slow_down_adds_five_seconds_for_good() {
    for status in [200, 400, 429] {
        let mut world = world();
        for code in ["slow_down", "authorization_pending", "slow_down"] {
            world.server.fault_at("/token", 1, instead(status, &json!({ "error": code })));
        }
        for _ in 0..3 {
            world.server.fault_at("/token", 1, refusal("authorization_pending"));
        }
        world.after(seconds(1), Event::Approve);
        assert_eq!(log_in(&mut world), None);
        assert_eq!(first_poll(&world), 5000);
        assert_paced(&gaps(&world), &[10.0, 10.0, 15.0, 15.0, 15.0, 15.0]);
    }
}

/// The server wants 8 s, doesn't say so, and adds 5 s of its own for each poll that is too early.
pub(super) fn a_server_that_wants_more_gets_it_in_the_end() {
    let settings = Settings {
        interval: seconds(8),
        send_interval: false,
        device_code_lifetime: seconds(3600),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.after(seconds(300), Event::Approve);
    assert_eq!(log_in(&mut world), None);
    let transcript = world.transcript();
    let outcomes: Vec<_> =
        transcript.lines().filter_map(|line| line.split("/token -> ").nth(1)).collect();
    let last_slow_down = outcomes.iter().rposition(|outcome| *outcome == "400 slow_down");
    assert!((1..6).contains(&last_slow_down.unwrap()), "{transcript}");
    assert_eq!(outcomes.last(), Some(&"200"));
}

pub(super) fn slow_down_that_names_an_interval_is_believed_if_it_is_longer() {
    for (named, owed) in [
        (json!(15), 15.0),
        (json!("15"), 15.0),
        (json!(10.5), 10.5),
        (json!(200), 200.0),
        (json!(2), 10.0),
        (json!(10), 10.0),
        (json!(0), 10.0),
        (json!(-20), 10.0),
        (json!(null), 10.0),
        (json!("soon"), 10.0),
        (json!([60]), 10.0),
    ] {
        for status in [200, 400] {
            let mut world = world();
            let body = json!({ "error": "slow_down", "interval": named });
            world.server.fault_at("/token", 1, instead(status, &body));
            world.server.fault_at("/token", 1, refusal("authorization_pending"));
            world.after(seconds(1), Event::Approve);
            assert_eq!(log_in(&mut world), None, "{named}");
            // For good, too.
            assert_paced(&gaps(&world), &[owed, owed]);
        }
    }
}

pub(super) fn timeouts_double_the_wait_up_to_a_minute() {
    for lost in [Fault::DropBefore, Fault::DropAfter] {
        let mut world = world();
        world.server.fault_at("/token", 6, lost);
        world.after(seconds(300), Event::Approve);
        assert_eq!(log_in(&mut world), None);
        assert_eq!(
            millis_of(world.server.log(), "/token")[..6],
            [5000, 15_000, 35_000, 75_000, 135_000, 195_000]
        );
    }
    // A longer interval than a minute stays what it is.
    let settings = Settings {
        interval: seconds(90),
        device_code_lifetime: seconds(3000),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.server.fault_at("/token", 3, Fault::DropBefore);
    world.after(seconds(1), Event::Approve);
    assert_eq!(log_in(&mut world), None);
    assert_paced(&gaps(&world), &[90.0, 90.0, 90.0]);
    // And no wait goes past the code's end.
    let mut world = world_with_lifetime(100);
    world.server.fault_at("/token", 99, Fault::DropBefore);
    let before = world.now();
    assert_eq!(log_in(&mut world), Some(Kind::Expired));
    assert_eq!(millis_of(world.server.log(), "/token"), [5000, 15_000, 35_000, 75_000]);
    assert_eq!(world.now().saturating_duration_since(before), seconds(100));
}

fn world_with_lifetime(lifetime: u64) -> World {
    World::new(Settings { device_code_lifetime: seconds(lifetime), ..Settings::default() })
}

pub(super) fn an_answer_ends_the_doubling_and_slow_down_stays() {
    let pending = || refusal("authorization_pending");
    let lost = || Fault::DropBefore;
    for (faults, owed) in [
        (vec![lost(), lost(), pending(), pending()], &[10.0, 20.0, 5.0, 5.0][..]),
        (vec![lost(), pending(), lost(), pending()], &[10.0, 5.0, 10.0, 5.0]),
        (
            vec![refusal("slow_down"), lost(), lost(), pending(), pending()],
            &[10.0, 20.0, 40.0, 10.0, 10.0],
        ),
        (vec![lost(), refusal("slow_down"), pending()], &[10.0, 10.0, 10.0]),
    ] {
        let mut world = world();
        for fault in faults {
            world.server.fault_at("/token", 1, fault);
        }
        world.after(seconds(1), Event::Approve);
        assert_eq!(log_in(&mut world), None);
        assert_paced(&gaps(&world), owed);
    }
}
