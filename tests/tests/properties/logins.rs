//! A login ends in time, and the server finds nothing to complain about.

use std::sync::Arc;

use aiod_auth_core::{Login, LoginMethod, Profile, RetryPolicy};
use aiod_auth_tests::{
    sim::Settings,
    strategies::{fault, seconds},
    world::{Event, World},
};
use proptest::{collection::vec, option, prelude::*};

use super::*;

proptest! {
    #[test]
    fn a_login_ends_in_time_and_is_never_told_to_slow_down(
        interval in seconds(1..=20),
        lifetime in seconds(10..=200),
        limit in seconds(0..=300),
        latency_ms in 0..3000_u64,
        approved_after in option::of(seconds(0..=250)),
        jumps in vec((seconds(0..=200), -90_000..90_000_i64), 0..3),
        faults in vec((1..4_usize, fault()), 0..4),
    ) {
        let settings = Settings { interval, device_code_lifetime: lifetime, ..Settings::default() };
        let mut world = World::new(settings);
        world.latency = Duration::from_millis(latency_ms);
        for (after, jump) in &jumps {
            world.after(*after, Event::ClockJumps(*jump));
        }
        if let Some(after) = approved_after {
            world.after(after, Event::Approve);
        }
        for (times, fault) in &faults {
            world.server.fault_at("/token", *times, fault.clone());
        }

        let login = Login::new(profile(), limit, RetryPolicy::default());
        let outcome = world.run(login);
        let transcript = world.transcript();
        let polls: Vec<_> = world.server.log().iter().map(|handled| handled.at_ms).collect();
        let first = polls.first().copied().unwrap_or_default();
        let limit_ms = u64::try_from(limit.as_millis()).unwrap();
        prop_assert!(polls.iter().all(|at| at - first <= limit_ms), "{}", transcript);
        prop_assert!(!transcript.contains("slow_down"), "{}", transcript);

        // On a network without faults it works whenever it can.
        let rounds = 4 * latency_ms + 2 * u64::try_from(interval.as_millis()).unwrap();
        let end_ms = limit_ms.min(u64::try_from(lifetime.as_millis()).unwrap());
        let in_time = approved_after.is_some_and(|after| {
            let after_ms = u64::try_from(after.as_millis()).unwrap();
            after_ms >= 2 * latency_ms && after_ms + rounds < end_ms
        });
        if in_time && faults.is_empty() {
            prop_assert!(outcome.is_ok(), "{:?}\n{}", outcome, transcript);
        }
        if approved_after.is_none() {
            prop_assert!(outcome.is_err());
        }
    }
}

fn profile() -> Arc<Profile> {
    let profile = Profile::new(ISSUER, "demo").unwrap().with_login(LoginMethod::Device);
    Arc::new(profile.with_scope("openid".parse().unwrap()))
}
