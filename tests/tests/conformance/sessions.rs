//! A server, a store and a person in virtual time, for what takes more than one request.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Error, Machine, Profile, Request, Step,
    flow::Userinfo,
    session::{Demand, Session, SessionTokens, WhoAmI},
};
use aiod_auth_tests::world::{Event, World};

pub(crate) use aiod_auth_tests::scene::{
    bot, get_token, instead, oauth_error, policy, profile, refresh_token, seconds, stored, world,
};

/// Alice logs in, and approves at once.
pub(crate) fn log_in(world: &mut World) -> SessionTokens {
    log_in_as(world, &profile())
}

pub(crate) fn log_in_as(world: &mut World, profile: &Arc<Profile>) -> SessionTokens {
    world.after(Duration::ZERO, Event::Approve);
    world.after(seconds(1), Event::Approve);
    world.run(Session::login(Arc::clone(profile), seconds(300), policy())).unwrap()
}

pub(crate) fn get_token_as(
    world: &mut World,
    profile: &Arc<Profile>,
) -> Result<SessionTokens, Error> {
    world.run(Session::token(Arc::clone(profile), Demand::new(), policy()))
}

/// How many requests to this path there were.
pub(crate) fn requests_to(world: &World, path: &str) -> usize {
    world.server.log().iter().filter(|handled| handled.request.path() == path).count()
}

/// Asks who is logged in, and shows each request to `see` before it goes out.
pub(crate) fn see_who_it_is(
    world: &mut World,
    held: Option<SessionTokens>,
    mut see: impl FnMut(&Request),
) -> Result<Userinfo, Error> {
    let who = WhoAmI::new(profile(), policy());
    let session = who.session(who.demand()).with_held(held);
    let session = run_seeing(world, session, &mut see)?;
    run_seeing(world, who.request(&session)?, see)
}

/// Runs a machine to its end, and shows each request to `see` before it goes out.
pub(crate) fn run_seeing<M: Machine>(
    world: &mut World,
    mut machine: M,
    mut see: impl FnMut(&Request),
) -> Result<M::Output, Error> {
    loop {
        let step = machine.poll(world.now())?;
        if let Step::Send(exchange) = &step {
            see(exchange.request());
        }
        if let Some(output) = world.perform(step) {
            return Ok(output);
        }
    }
}
