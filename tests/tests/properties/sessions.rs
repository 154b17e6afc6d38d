//! A client that is logged in stays so, whatever happens to the network and to the clock.

use aiod_auth_core::{
    Error, Tokens,
    session::{Demand, Freshness, Persisted, Session, SessionTokens},
};
use aiod_auth_store::Store as _;
use aiod_auth_tests::{
    scene::{log_in, policy, profile},
    sim::Settings,
    strategies::{Happening, happenings},
    world::{Event, World},
};
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_transient_failure_ends_a_session(happenings in happenings()) {
        let mut world = logged_in();
        for happening in &happenings {
            happen(&mut world, happening)?;
        }
        world.server.clear_faults();
        world.pass(Duration::from_secs(61));
        let forced = Session::token(profile(), Demand::new().forced(), policy());
        let session = world.run(forced);
        prop_assert!(session.is_ok(), "{session:?}");
        let token = session.unwrap().tokens.access_token.clone().unwrap();
        prop_assert!(world.server.access_token_is_alive(server_now_ms(&world), token.expose()));
    }
}

fn happen(world: &mut World, happening: &Happening) -> Result<(), TestCaseError> {
    let outcome = match happening {
        Happening::TimePasses(time) => {
            world.pass(*time);
            return Ok(());
        }
        Happening::ClockJumps(seconds) => {
            world.after(Duration::ZERO, Event::ClockJumps(*seconds));
            world.pass(Duration::ZERO);
            return Ok(());
        }
        Happening::TokenEndpointFails(times, fault) => {
            world.server.fault_at("/token", *times, fault.clone());
            return Ok(());
        }
        Happening::Token { force } => {
            let demand = if *force { Demand::new().forced() } else { Demand::new() };
            world.run(Session::token(profile(), demand, policy()))
        }
        Happening::WhoAmI => {
            world.who_am_i(&profile(), None, policy()).map(|answer| answer.session)
        }
    };
    match outcome {
        Ok(session) => is_kept_and_good(world, &session),
        // The server is unavailable or its answer malformed: neither ends the session.
        Err(error) => {
            let over = matches!(error, Error::SessionEnded(_) | Error::NotAuthenticated(_));
            prop_assert!(!over, "{error:?}");
            Ok(())
        }
    }
}

/// Saved before it was seen, and good for the next request.
fn is_kept_and_good(world: &World, session: &SessionTokens) -> Result<(), TestCaseError> {
    prop_assert_eq!(&session.persisted, &Persisted::Saved);
    let stored: Option<Tokens> = world.store.load(&profile().key()).unwrap();
    let same = |stored: Tokens| stored.has_same_access_token(&session.tokens);
    prop_assert!(stored.is_some_and(same), "handed out before it was saved");
    let freshness = session.freshness(&Demand::new(), world.now());
    prop_assert_eq!(freshness, Freshness::Good);
    Ok(())
}

/// A server that accepts an old refresh token again, for a client that never got the answer.
fn logged_in() -> World {
    let mut world = World::new(Settings {
        refresh_token_lifetime: DAY,
        rotation_grace: DAY,
        ..Settings::default()
    });
    log_in(&mut world);
    world
}

/// The server's clock doesn't jump.
fn server_now_ms(world: &World) -> u64 {
    world.server.log().last().unwrap().at_ms
}

const DAY: Duration = Duration::from_secs(24 * 3600);
