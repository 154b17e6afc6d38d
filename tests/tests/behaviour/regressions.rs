//! What went wrong once with stored tokens and their refresh.

use aiod_auth_core::{
    Endpoint, Kind, RefreshToken, Step, StoreFailure,
    session::{Freshness, Logout, Persisted, StoreOperation},
};
use aiod_auth_tests::sim::REFRESH_TOKEN;

use super::*;

/// Alice's client, with the token endpoint configured and the other endpoints to be discovered.
fn half_given() -> Arc<Profile> {
    let profile = Profile::clone(&profile());
    Arc::new(profile.with_endpoint(Endpoint::Token, &format!("{ISSUER}/token")).unwrap())
}

fn now_ms(world: &World) -> u64 {
    u64::try_from(world.now().as_unix_millis()).unwrap()
}

#[test]
fn a_refresh_is_not_begun_without_time_for_its_answer() {
    let (mut world, _) = with_an_old_token();
    world.latency = Duration::from_millis(300);
    // Another process has the lock for nearly all of the time limit.
    let mut lock = world.store.try_lock(&profile().key()).unwrap();
    let free_at = world.now().saturating_add(seconds(58));
    let mut session = Session::token(profile(), Demand::new(), policy());
    let mut locked = false;
    let error = world.run_with(&mut session, |world, step| {
        if world.now() >= free_at {
            lock = None;
        }
        if let Step::Store(access) = &step {
            let is_lock = matches!(access.request().operation, StoreOperation::TryLock);
            locked |= is_lock && lock.is_none();
        }
        Some(step)
    });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Store, "the network is not to blame: {error}");
    assert!(locked);
    assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
    let kept = stored(&world).unwrap();
    assert!(world.server.refresh_token_is_alive(now_ms(&world), refresh_token(&kept)));
}

#[test]
fn after_a_lost_answer_there_is_one_more_send_whatever_comes_of_it() {
    let faults = [Fault::DropBefore, Fault::DropAfter, instead(503, &json!({})), bad_gateway()];
    for fault in faults {
        let (mut world, _) = with_an_old_token();
        world.server.fault_at("/token", 1, Fault::DropAfter);
        world.server.fault_at("/token", 9, fault);
        let earlier = seconds_of(&world, "/token").len();
        let error = get_token(&mut world).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { attempts: 2, .. }), "{error:?}");
        let words = "no clear answer from the token endpoint, so the outcome is unknown: ";
        assert!(error.to_string().starts_with(words), "{error}");
        assert!(error.to_string().contains("tried 2 times"), "{error}");
        assert_eq!(seconds_of(&world, "/token").len() - earlier, 2);
    }
}

#[test]
fn each_attempt_before_and_after_a_lost_answer_is_counted() {
    let (mut world, _) = with_an_old_token();
    world.server.fault_at("/token", 1, bad_gateway());
    world.server.fault_at("/token", 9, Fault::DropAfter);
    let earlier = seconds_of(&world, "/token").len();
    let error = get_token(&mut world).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { attempts: 3, .. }), "{error:?}");
    assert_eq!(seconds_of(&world, "/token").len() - earlier, 3);
}

#[test]
fn with_a_token_endpoint_given_by_hand_a_name_is_found_after_a_refresh() {
    let mut world = world();
    log_in(&mut world);
    world.who_am_i(&half_given(), None, policy()).unwrap();
    world.pass(seconds(300));
    world.who_am_i(&half_given(), None, policy()).unwrap();
}

#[test]
fn with_a_token_endpoint_given_by_hand_a_refreshed_session_is_logged_out() {
    let (mut world, _) = with_an_old_token();
    let cached = world.run(Session::token(half_given(), Demand::new(), policy())).unwrap();
    world.run(Logout::new(half_given(), Some(cached), policy())).unwrap();
    assert!(stored(&world).is_none());
}

/// Found by the simulation (seed 394258).
#[test]
fn a_logout_ends_an_older_login_too_that_could_not_be_saved() {
    let mut world = world();
    let mut unsaved = log_in(&mut world);
    unsaved.persisted = Persisted::NotSaved(StoreFailure::new("full"));
    world.pass(seconds(1));
    let stored = log_in(&mut world);
    world.run(Logout::new(profile(), Some(unsaved.clone()), policy())).unwrap();
    for session in [unsaved, stored] {
        let token = session.tokens.access_token.as_ref().unwrap();
        assert!(!world.server.access_token_is_alive(now_ms(&world), token.expose()));
    }
}

#[test]
fn a_token_from_a_clock_that_was_ahead_is_not_good_for_longer() {
    let mut world = world();
    world.after(Duration::ZERO, Event::ClockJumps(86_400));
    world.pass(seconds(1));
    log_in(&mut world);
    world.after(Duration::ZERO, Event::ClockJumps(-86_400));
    world.pass(seconds(600));
    let token = get_token(&mut world).unwrap().tokens.access_token.clone().unwrap();
    assert!(world.server.access_token_is_alive(now_ms(&world), token.expose()));
}

#[test]
fn a_cached_token_from_a_clock_that_was_ahead_leaves_the_stored_one_alone() {
    let mut world = world();
    let mut cached = log_in(&mut world);
    let mut dead = Tokens::clone(&cached.tokens);
    dead.issued_at = dead.issued_at.saturating_add(seconds(86_400));
    dead.expires_at = Some(world.now());
    dead.refresh_token = Some(RefreshToken::new("dead"));
    cached.tokens = Arc::new(dead);
    cached.persisted = Persisted::NotSaved(StoreFailure::new("the disk is full"));
    world.pass(seconds(300));
    let session = Session::token(profile(), Demand::new(), policy()).with_cached(Some(cached));
    let outcome = world.run(session);
    let kept = stored(&world).unwrap();
    assert_ne!(refresh_token(&kept), "dead", "{outcome:?}");
    assert!(world.server.refresh_token_is_alive(now_ms(&world), refresh_token(&kept)));
}

#[test]
fn an_answer_with_two_errors_in_it_is_no_success() {
    let (mut world, before) = with_an_old_token();
    let body = r#"{"error":"a","error":"b","access_token":"c","token_type":"Bearer"}"#;
    let answer = Answer::new(200, "application/json", body);
    world.server.fault_at("/token", 1, Fault::Instead(answer));
    get_token(&mut world).unwrap_err();
    assert!(stored(&world).unwrap().has_same_access_token(&before.tokens));
}

#[test]
fn a_lifetime_below_a_second_is_not_refreshed_again_and_again() {
    let (mut world, _) = with_an_old_token();
    let body = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 0.5});
    world.server.fault_at("/token", 99, instead(200, &body));
    let earlier = seconds_of(&world, "/token").len();
    for _ in 0..10 {
        get_token(&mut world).unwrap();
    }
    assert_eq!(seconds_of(&world, "/token").len() - earlier, 1);
}

#[test]
fn an_early_refresh_with_a_store_that_fails_is_no_error() {
    let mut world = world();
    let cached = log_in(&mut world);
    let early = Demand::new().refreshed_early();
    world.pass(seconds(235));
    assert_eq!(cached.freshness(&early, world.now()), Freshness::RefreshEarly);
    let before = cached.tokens.access_token.clone().unwrap();
    let mut session = Session::token(profile(), early, policy()).with_cached(Some(cached));
    let after = world.run_with(&mut session, |_, step| {
        let Step::Store(access) = step else { return Some(step) };
        access.complete(Duration::ZERO, Err(StoreFailure::new("damaged")));
        None
    });
    assert!(after.unwrap().tokens.access_token().unwrap().same_as(&before));
    assert_eq!(world.transcript(), "");
}

#[test]
fn a_record_that_cannot_be_read_again_is_not_overwritten() {
    let (mut world, before) = with_an_old_token();
    let mut newer = Tokens::clone(&before.tokens);
    newer.refresh_token = Some(RefreshToken::new("newer"));
    world.server.fault_at("/token", 1, instead(400, &oauth_error("invalid_grant")));
    let mut session = Session::token(profile(), Demand::new(), policy());
    let mut loads = 0;
    let outcome = world.run_with(&mut session, |world, step| {
        let Step::Store(access) = step else { return Some(step) };
        let is_load = matches!(access.request().operation, StoreOperation::Load);
        loads += usize::from(is_load);
        if !is_load || loads < 3 {
            return Some(Step::Store(access));
        }
        // A client that knows no lock has just written it.
        world.store.save(&profile().key(), &newer).unwrap();
        access.complete(Duration::ZERO, Err(StoreFailure::new("too many open files")));
        None
    });
    outcome.unwrap_err();
    assert_eq!(loads, 3);
    assert_eq!(refresh_token(&stored(&world).unwrap()), "newer");
}

#[test]
fn a_challenge_counts_in_whichever_field_it_is() {
    let mut world = world();
    log_in(&mut world);
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"openid\"";
    let answer = Answer::empty(403)
        .with_header("WWW-Authenticate", "Negotiate")
        .with_header("WWW-Authenticate", challenge);
    world.server.fault_at("/userinfo", 1, Fault::Instead(answer));
    let error = world.who_am_i(&profile(), None, policy()).unwrap_err();
    assert!(error.to_string().contains("insufficient_scope"), "{error}");
}

#[test]
fn after_the_session_has_ended_its_access_token_is_not_handed_out() {
    let mut world = world();
    log_in(&mut world);
    world.server.end_sessions();
    let forced = Session::token(profile(), Demand::new().forced(), policy());
    assert_eq!(world.run(forced).unwrap_err().kind(), Kind::SessionEnded);
    assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::SessionEnded);
}
