//! A server, a store and a user in virtual time, for what takes more than one request.

use aiod_auth_core::{
    Error, Machine, Request, Step,
    flow::Userinfo,
    session::{Demand, Session, SessionTokens, WhoAmI},
};
use aiod_auth_tests::{drive::Failure, world::World};

pub(crate) use aiod_auth_tests::scene::{
    bot, get_token, get_token_as, instead, log_in, log_in_as, oauth_error, policy, profile,
    refresh_token, requests_to, seconds, stored, world,
};

/// Asks who is logged in, and shows each request to `see` before it goes out.
pub(crate) fn see_who_it_is(
    world: &mut World,
    cached: Option<SessionTokens>,
    mut see: impl FnMut(&Request),
) -> Result<Userinfo, Error> {
    let session = Session::token(profile(), Demand::new(), policy()).with_cached(cached);
    let session = run_seeing(world, session, &mut see)?;
    run_seeing(world, WhoAmI::new(profile(), &session, policy())?, see)
}

/// Runs a machine to its end, and shows each request to `see` before it goes out.
pub(crate) fn run_seeing<M: Machine<Error: Failure>>(
    world: &mut World,
    mut machine: M,
    mut see: impl FnMut(&Request),
) -> Result<M::Output, Error> {
    world.run_with(&mut machine, |_, step| {
        if let Step::Send(exchange) = &step {
            see(exchange.request());
        }
        Some(step)
    })
}
