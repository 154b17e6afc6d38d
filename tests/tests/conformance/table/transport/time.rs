//! How long anything may take.

use std::time::Duration;

use aiod_auth_core::{
    Error, Kind, Machine, RetryPolicy, Step,
    flow::{DeviceAccessTokenRequest, Discovery},
    session::Session,
};
use aiod_auth_tests::{
    drive::Failure,
    sim::Fault,
    world::{ISSUER, World},
};

use crate::{
    machines::{
        AnyMachine, NOW, all, device_authorization, machine, public, scope, sent_by, server,
    },
    sessions::{bot, get_token_as, instead, oauth_error, policy, profile, seconds, world},
};

pub(crate) fn no_request_outlives_what_there_is_of_time() {
    for (name, mut machine) in all() {
        let timeout = sent_by(&mut machine).timeout().unwrap();
        // A poll has the rest of the code's lifetime, every other request the policy's time.
        let limit = if name == "poll" { 295 } else { 60 };
        assert!(timeout <= seconds(limit), "{name} {timeout:?}");
    }
    for (limit, left) in [(20, 15), (6, 1), (3000, 295)] {
        let mut poll = poll(limit);
        assert_eq!(sent_by(&mut poll).timeout(), Some(seconds(left)), "{limit}");
    }
}

fn poll(limit: u64) -> AnyMachine {
    let authorization = device_authorization();
    machine(
        DeviceAccessTokenRequest::new(
            &server(),
            &public(),
            &authorization,
            &scope("read"),
            seconds(limit),
        )
        .unwrap(),
    )
}

pub(crate) fn a_server_that_never_answers_is_given_up() {
    // From the first request on.
    for (profile, limit) in [(profile(), 40), (bot("bot", "bot-secret"), 30)] {
        let (error, took) =
            given_up(&mut silent(), Session::login(profile, seconds(limit), policy()));
        assert_eq!(error.kind(), Kind::TimedOut, "{error}");
        assert!(took <= seconds(limit), "{took:?}");
    }
    let error = get_token_as(&mut silent(), &bot("bot", "bot-secret")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    let issuer = aiod_auth_core::Issuer::new(ISSUER).unwrap();
    let (error, took) = given_up(&mut silent(), Discovery::new(issuer, policy()));
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(took <= seconds(60), "{took:?}");

    // While a user is waited for: to the end of the login, and not a moment longer.
    for (limit, kind) in [(100, Kind::TimedOut), (10_000, Kind::Expired)] {
        let mut world = world();
        world.server.fault_at("/token", 3, instead(400, &oauth_error("authorization_pending")));
        world.server.fault_at("/token", 999, Fault::Delay(seconds(100_000)));
        let login = Session::login(profile(), seconds(limit), policy());
        let (error, took) = given_up(&mut world, login);
        assert_eq!(error.kind(), kind, "{error}");
        // The simulator's codes live for 600 s.
        assert_eq!(took, seconds(limit.min(600)), "{error}");
    }
    impatient();
}

/// A machine whose time is over asks for nothing.
fn impatient() {
    let mut policy = RetryPolicy::default();
    policy.time_limit = seconds(2);
    let mut discovery = Discovery::new(aiod_auth_core::Issuer::new(ISSUER).unwrap(), policy);
    let Ok(Step::Send(exchange)) = discovery.poll(NOW) else { panic!("nothing is sent") };
    assert_eq!(exchange.request().timeout(), Some(seconds(2)));
    let lost = Err(aiod_auth_core::NoResponse::Unknown("timed out"));
    exchange.begin().complete(NOW, seconds(2), lost);
    let Err(error) = discovery.poll(NOW) else { panic!("it goes on") };
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

/// A world whose server never answers anything.
fn silent() -> World {
    let mut world = world();
    world.server.fault_anywhere(999, Fault::Delay(seconds(100_000)));
    world
}

fn given_up<M: Machine<Error: Failure>>(world: &mut World, machine: M) -> (Error, Duration) {
    let started = world.now();
    let Err(error) = world.run(machine) else { panic!("an outcome without an answer") };
    (error, world.now().saturating_duration_since(started))
}
