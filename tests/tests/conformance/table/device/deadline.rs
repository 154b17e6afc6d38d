//! When polling ends, if the user doesn't decide.

use std::time::Duration;

use aiod_auth_core::{Error, Kind, Login, Step, Timestamp, Tokens};
use aiod_auth_tests::{
    sim::{Fault, Settings},
    world::{Event, World},
};
use serde_json::json;

use super::super::scene::*;

fn log_in(world: &mut World, limit: u64) -> Result<Tokens, Error> {
    let login = Login::new(profile(), seconds(limit), policy());
    world.run(login)
}

fn with_lifetime(lifetime: u64) -> World {
    World::new(Settings { device_code_lifetime: seconds(lifetime), ..Settings::default() })
}

fn polls(world: &World) -> Vec<u64> {
    millis_of(world.server.log(), "/token").iter().map(|millis| millis / 1000).collect()
}

/// How long the login took.
fn elapsed(world: &World) -> Duration {
    world.now().saturating_duration_since(NOW)
}

pub(super) fn without_a_lifetime_the_limit_counts() {
    for expires_in in [json!(null), json!(0), json!(-1)] {
        let body = json!({
            "device_code": "d", "user_code": "u", "verification_uri": "https://as.example/device",
            "expires_in": expires_in,
        });
        for (limit, lived) in [(22, 22), (86_400, 1800)] {
            let mut world = world();
            world.server.fault_at("/device_authorization", 1, instead(200, &body));
            world.server.fault_at("/token", 9999, refusal("authorization_pending"));
            assert_eq!(log_in(&mut world, limit).unwrap_err().kind(), Kind::TimedOut);
            assert_eq!(elapsed(&world), seconds(lived));
            let expected: Vec<u64> = (1..lived.div_ceil(5)).map(|n| n * 5).collect();
            assert_eq!(polls(&world), expected);
            assert!(!world.prompts[0].to_string().contains("good for"));
        }
    }
}

pub(super) fn it_ends_exactly_when_the_code_expires() {
    // No poll at the very end, either; but one before it, where the interval leaves room for none.
    for (lifetime, expected) in [(12, &[5, 10][..]), (10, &[5]), (6, &[5]), (5, &[2]), (2, &[1])] {
        let mut world = with_lifetime(lifetime);
        assert_eq!(log_in(&mut world, 300).unwrap_err().kind(), Kind::Expired);
        assert_eq!(polls(&world), expected);
        assert_eq!(elapsed(&world), seconds(lifetime));
    }
    // The caller's limit is another one, with a kind of its own.
    let mut world = world();
    let error = log_in(&mut world, 11).unwrap_err();
    assert!(
        matches!(error, Error::TimedOut { limit, cause: None } if limit == seconds(11)),
        "{error:?}"
    );
    assert_eq!(polls(&world), [5, 10]);
    assert_eq!(elapsed(&world), seconds(11));
}

/// Keycloak 17: an interval of ten minutes, and a code that lives as long. Poll after the interval alone, and
/// this fails.
pub(super) fn an_approval_is_noticed_however_long_the_interval() {
    for (interval, lifetime, limit, polled_at) in
        [(600, 600, 900, 595), (3600, 600, 25, 20), (15, 10, 300, 5), (12, 600, 10, 5)]
    {
        let settings = Settings {
            device_code_lifetime: seconds(lifetime),
            interval: seconds(interval),
            ..Settings::default()
        };
        let mut world = World::new(settings);
        world.after(seconds(2), Event::Approve);
        log_in(&mut world, limit).unwrap();
        assert_eq!(polls(&world), [polled_at]);
    }
}

/// Answers that come too late, or never.
pub(super) fn no_poll_outlives_it() {
    for fault in [Fault::Delay(seconds(600)), Fault::Delay(seconds(8))] {
        let mut world = with_lifetime(12);
        world.server.fault_at("/token", 9, fault);
        assert_eq!(log_in(&mut world, 300).unwrap_err().kind(), Kind::Expired);
        assert_eq!(polls(&world), [5]);
        assert_eq!(elapsed(&world), seconds(12));
    }
    // Nor does a server's `Retry-After`, or a `slow_down`.
    let busy = json!({"error": "slow_down", "interval": 9999});
    let later = aiod_auth_tests::sim::Answer::empty(503).with_header("Retry-After", "9999");
    for fault in [instead(400, &busy), Fault::Instead(later)] {
        let mut world = with_lifetime(60);
        world.server.fault_at("/token", 1, fault);
        world.after(seconds(1), Event::Approve);
        assert_eq!(log_in(&mut world, 300).unwrap_err().kind(), Kind::Expired);
        assert_eq!((polls(&world), elapsed(&world)), (vec![5], seconds(60)));
    }
}

/// Not from the request, and not from when the user has seen it.
pub(super) fn it_counts_from_the_answer_that_brought_the_code() {
    let mut world = with_lifetime(20);
    world.latency = seconds(3);
    // Metadata, the code, and then: asked at 11, answered at 14, asked at 19, answered at 22.
    assert_eq!(log_in(&mut world, 300).unwrap_err().kind(), Kind::Expired);
    assert_eq!((polls(&world), elapsed(&world)), (vec![11, 19], seconds(26)));

    let mut world = with_lifetime(20);
    let mut login = Login::new(profile(), seconds(300), policy());
    let read = seconds(9);
    let error = world
        .run_with(&mut login, |world, step| {
            let Step::Show(show) = step else { return Some(step) };
            world.pass(read);
            show.complete(read);
            None
        })
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Expired);
    assert_eq!((polls(&world), elapsed(&world)), (vec![14, 19], seconds(20)));
}

const DAY: i64 = 86_400;

pub(super) fn a_clock_that_jumps_changes_nothing() {
    let approved = |jumps: &[(u64, i64)], latency: u64| {
        let mut world = with_lifetime(60);
        world.latency = seconds(latency);
        for (at, jump) in jumps {
            world.after(seconds(*at), Event::ClockJumps(*jump));
        }
        world.after(seconds(23), Event::Approve);
        let tokens = log_in(&mut world, 300).unwrap();
        (world.transcript(), tokens, world.now())
    };
    for latency in [0, 2] {
        let (expected, _, _) = approved(&[], latency);
        for jumps in [
            &[(3, DAY)][..],
            &[(3, -DAY)],
            &[(8, 365 * DAY)],
            // In the middle of a request, where requests take any time.
            &[(10, DAY)],
            &[(10, -30 * DAY)],
            // There and back again.
            &[(6, DAY), (12, -2 * DAY), (18, DAY)],
            // To the very beginning of time, and before it.
            &[(4, -60 * 365 * DAY)],
        ] {
            let (transcript, tokens, now) = approved(jumps, latency);
            assert_eq!(transcript, expected, "{jumps:?}");
            // What is kept is by the clock as it is now.
            assert_eq!(tokens.lifetime(), Some(seconds(300)));
            let age = now.saturating_duration_since(tokens.issued_at);
            assert!(age <= seconds(latency) && tokens.issued_at <= now, "{jumps:?}");
        }
    }
}

pub(super) fn a_clock_that_jumps_does_not_move_the_end() {
    for jump in [DAY, -DAY, 3600, -3600, 59] {
        for at in [1, 7, 44] {
            let mut world = with_lifetime(45);
            world.after(seconds(at), Event::ClockJumps(jump));
            assert_eq!(log_in(&mut world, 300).unwrap_err().kind(), Kind::Expired);
            assert_eq!(polls(&world), [5, 10, 15, 20, 25, 30, 35, 40]);
            let jumped = Timestamp::from_unix_millis(world.now().as_unix_millis() - jump * 1000);
            assert_eq!(jumped.saturating_duration_since(NOW), seconds(45), "{jump} at {at}");
        }
    }
}
