//! The session: tokens are stored, refreshed, and never lost. More of it is in the conformance table.

use aiod_auth_core::{Kind, Machine, RefreshToken, Step, session::Persisted};
use aiod_auth_tests::sim::REFRESH_TOKEN;

use super::*;

/// Past the lifetime of an access token.
fn let_it_expire(world: &mut World) {
    world.pass(seconds(300));
}

#[test]
fn a_hundred_tokens_in_one_lifetime_are_one_login_and_no_refresh() {
    let mut world = world();
    log_in(&mut world);
    for _ in 0..100 {
        world.pass(seconds(2));
        get_token(&mut world).unwrap();
    }
    assert_eq!(world.transcript(), "");
}

#[test]
fn an_old_token_is_refreshed_and_the_new_one_is_stored() {
    let mut world = world();
    let before = log_in(&mut world).tokens;
    let_it_expire(&mut world);
    let after = get_token(&mut world).unwrap();
    assert_eq!(
        world.transcript(),
        "305 s GET /.well-known/openid-configuration -> 200\n305 s POST /token -> 200"
    );
    assert_eq!(after.persisted, Persisted::Saved);
    assert_ne!(refresh_token(&after.tokens), refresh_token(&before));
    assert_eq!(refresh_token(&stored(&world).unwrap()), refresh_token(&after.tokens));
}

#[test]
fn without_any_answer_the_outcome_is_unknown_and_the_token_is_kept() {
    let mut world = world();
    let before = log_in(&mut world).tokens;
    let_it_expire(&mut world);
    world.server.fault_at("/token", 9, Fault::DropBefore);
    let error = get_token(&mut world).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(refresh_token(&stored(&world).unwrap()), refresh_token(&before));
}

#[test]
fn tokens_that_another_process_refreshed_are_used() {
    let mut world = world();
    log_in(&mut world);
    let_it_expire(&mut world);
    // The second session finds what the first one stored.
    get_token(&mut world).unwrap();
    get_token(&mut world).unwrap();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

#[test]
fn a_lock_that_is_held_is_waited_for_and_not_for_ever() {
    let mut world = world();
    log_in(&mut world);
    let_it_expire(&mut world);
    let lock = world.store.try_lock(&profile().key()).unwrap();
    assert!(lock.is_some());
    let started = world.now();
    let error = get_token(&mut world).unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    let waited = world.now().saturating_duration_since(started).as_secs_f64();
    assert!((59.0..=60.0).contains(&waited), "{waited}");
    drop(lock);
    get_token(&mut world).unwrap();
}

#[test]
fn an_early_refresh_that_fails_is_no_error() {
    let mut world = world();
    let before = log_in(&mut world);
    // 300 s: stale at 30 s before the end, refreshed early from about 60 s before that.
    world.pass(seconds(235));
    world.server.fault_at("/token", 9, bad_gateway());
    let early = Demand::new().refreshed_early();
    let cached = world.run(Session::token(profile(), early, policy())).unwrap();
    assert!(cached.early_refresh_failed.is_some());
    assert!(cached.tokens.has_same_access_token(&before.tokens));
    // And not again within a minute.
    let now = world.now();
    assert_eq!(cached.freshness(&early, now), aiod_auth_core::session::Freshness::Good);

    world.server.clear_faults();
    let refreshed =
        world.run(Session::token(profile(), early, policy()).with_cached(Some(cached))).unwrap();
    assert!(refreshed.early_refresh_failed.is_none());
    assert!(!refreshed.tokens.has_same_access_token(&before.tokens));
}

#[test]
fn an_early_refresh_does_not_wait_for_a_lock() {
    let mut world = world();
    log_in(&mut world);
    world.pass(seconds(235));
    let _lock = world.store.try_lock(&profile().key()).unwrap();
    let started = world.now();
    let early = Demand::new().refreshed_early();
    let cached = world.run(Session::token(profile(), early, policy())).unwrap();
    assert!(cached.early_refresh_failed.is_some());
    assert_eq!(world.now(), started);
}

#[test]
fn a_login_is_a_last_resort_that_has_to_be_allowed() {
    let mut world = world();
    assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
    assert!(world.prompts.is_empty());

    world.after(seconds(1), Event::Approve);
    let session = Session::token(profile(), Demand::new(), policy()).or_login(seconds(60));
    world.run(session).unwrap();
    assert_eq!(world.prompts.len(), 1);

    world.pass(seconds(300));
    world.server.end_sessions();
    world.after(seconds(1), Event::Approve);
    let session = Session::token(profile(), Demand::new(), policy()).or_login(seconds(60));
    world.run(session).unwrap();
    assert_eq!(world.prompts.len(), 2);
    assert!(stored(&world).unwrap().session_ended_at.is_none());
}

#[test]
fn a_refresh_token_from_elsewhere_is_proven_by_using_it() {
    let mut world = world();
    let tokens = log_in(&mut world).tokens;
    world.store.remove(&profile().key()).unwrap();
    let dead = RefreshToken::new("dead");
    let session = Session::login_with_refresh_token(profile(), dead, policy());
    assert_eq!(world.run(session).unwrap_err().kind(), Kind::SessionEnded);
    assert!(stored(&world).is_none());

    let alive = tokens.refresh_token.clone().unwrap();
    world.run(Session::login_with_refresh_token(profile(), alive, policy())).unwrap();
    assert!(stored(&world).is_some());
}

/// Runs a login with this refresh token, and beside it, before it has the lock, another process's login with the
/// same.
fn log_in_beside_another(world: &mut World, given: &RefreshToken) -> Result<SessionTokens, Error> {
    let new = || Session::login_with_refresh_token(profile(), given.clone(), policy());
    let mut another = Some(new());
    world.run_with(&mut new(), |world, step| {
        if matches!(step, Step::Send(_))
            && let Some(another) = another.take()
        {
            world.run(another).unwrap();
        }
        Some(step)
    })
}

#[test]
fn two_logins_with_one_refresh_token_use_it_once() {
    let mut world = world();
    let given = log_in(&mut world).tokens.refresh_token.clone().unwrap();
    world.store.remove(&profile().key()).unwrap();
    let session = log_in_beside_another(&mut world, &given).unwrap();
    // A second use would have ended it.
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
    assert_eq!(refresh_token(&session.tokens), refresh_token(&stored(&world).unwrap()));
    let_it_expire(&mut world);
    get_token(&mut world).unwrap();
}

/// A script that runs twice. The second use would have ended the session, whatever was refreshed in between.
#[test]
fn a_given_refresh_token_that_the_login_has_used_up_is_not_used_again() {
    let mut world = world();
    let given = log_in(&mut world).tokens.refresh_token.clone().unwrap();
    let again = || Session::login_with_refresh_token(profile(), given.clone(), policy());
    world.run(again()).unwrap();
    for grants in [1, 2] {
        let session = world.run(again()).unwrap();
        assert_eq!(world.server.grants(REFRESH_TOKEN), grants);
        assert_eq!(refresh_token(&session.tokens), refresh_token(&stored(&world).unwrap()));
        let_it_expire(&mut world);
        get_token(&mut world).unwrap();
    }
    // Where the server replaces none, it is proven by using it, as before.
    world.server.settings.rotation = false;
    let given = log_in(&mut world).tokens.refresh_token.clone().unwrap();
    for grants in [4, 5] {
        let session = Session::login_with_refresh_token(profile(), given.clone(), policy());
        world.run(session).unwrap();
        assert_eq!(world.server.grants(REFRESH_TOKEN), grants);
    }
}

#[test]
fn a_given_refresh_token_replaces_a_login_that_was_there() {
    let mut world = world();
    log_in(&mut world);
    let given = log_in(&mut world).tokens.refresh_token.clone().unwrap();
    let another = log_in(&mut world).tokens;
    let session = Session::login_with_refresh_token(profile(), given.clone(), policy());
    let session = world.run(session).unwrap();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
    assert_ne!(refresh_token(&session.tokens), refresh_token(&another));
    // One who only needs some login takes it.
    let session = Session::login_with_refresh_token(profile(), given, policy()).unless_logged_in();
    world.run(session).unwrap();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

#[test]
fn a_refresh_that_is_dropped_on_the_way_counts_as_sent() {
    let mut world = world();
    log_in(&mut world);
    let_it_expire(&mut world);
    let mut session = Session::token(profile(), Demand::new(), policy());
    let (mut sends, mut offers) = (0, 0);
    let outcome = world.run_with(&mut session, |_, step| match step {
        Step::Send(exchange) if exchange.request().url().path() == "/token" => {
            sends += 1;
            drop(exchange.begin());
            None
        }
        // Dropped before it began, it is offered again.
        Step::Send(exchange) => {
            offers += 1;
            (offers > 1).then_some(Step::Send(exchange))
        }
        step => Some(step),
    });
    let error = outcome.unwrap_err();
    assert_eq!(offers, 2);
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(sends, 2);
    let again = session.poll(world.now()).map(|_| ()).unwrap_err();
    assert!(matches!(again.error, Error::Finished), "{again:?}");
}

#[test]
fn a_token_that_nothing_refreshes_is_used_to_its_end() {
    let mut world = world();
    let body = json!({"access_token": "a", "expires_in": 100, "token_type": "Bearer"});
    world.server.fault_at("/token", 1, instead(200, &body));
    world.run(Session::login(profile(), seconds(60), policy())).unwrap();
    world.pass(seconds(95));
    let token = get_token(&mut world).unwrap();
    assert_eq!(token.tokens.access_token().unwrap().expose(), "a");
    world.pass(seconds(5));
    assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
}
