//! Verdicts against a token, and none at all.

use aiod_auth_core::{
    Error, Kind, RefreshToken, Step, Tokens, Unreachable,
    session::{Demand, Session, StoreOperation},
};
use aiod_auth_store::Store;
use aiod_auth_tests::{
    sim::{Answer, Fault, REFRESH_TOKEN, Request, Settings},
    world::World,
};

use super::super::scene::*;

/// Which refresh tokens were sent, in order.
fn sent(world: &World) -> Vec<String> {
    let value = |form: Vec<(String, String)>| {
        form.into_iter().find(|(name, _)| name == "refresh_token").map(|(_, value)| value)
    };
    forms_to(world, "/token").into_iter().filter_map(value).collect()
}

pub(super) fn a_session_that_ended_is_said_and_its_record_stays() {
    let (mut world, before) = with_an_old_token();
    world.server.end_sessions();
    let error = get_token(&mut world).unwrap_err();
    assert_eq!((error.kind(), error.hint().as_deref()), (Kind::SessionEnded, Some("log in again")));
    let record = stored(&world).unwrap();
    assert_eq!(refresh_token(&record), refresh_token(&before.tokens));
    assert!(record.session_ended_at.is_some());

    // Further demands send no further requests.
    let requests = world.server.log().len();
    for _ in 0..10 {
        assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::SessionEnded);
    }
    assert_eq!(world.server.log().len(), requests);
    // For a minute.
    let ended_at = record.session_ended_at.unwrap();
    for (age, asks) in [(59, false), (61, true)] {
        let at = ended_at.saturating_add(seconds(age));
        let rest = at.saturating_duration_since(world.now());
        world.pass(rest);
        assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::SessionEnded);
        assert_eq!(world.server.log().len() > requests, asks, "{age} s");
    }
    assert!(stored(&world).is_some());

    let after = log_in(&mut world).tokens;
    let record = stored(&world).unwrap();
    assert!(record.session_ended_at.is_none());
    assert_eq!(refresh_token(&record), refresh_token(&after));
}

/// Two logins; the store holds the first, and the second is written by a client that knows no lock
/// while the first is being refused.
fn two_logins() -> (World, Tokens, Tokens) {
    let mut world = world();
    let first = Tokens::clone(&log_in(&mut world).tokens);
    let second = Tokens::clone(&log_in(&mut world).tokens);
    world.store.save(&profile().key(), &first).unwrap();
    world.pass(seconds(300));
    (world, first, second)
}

fn refresh_while_another_process_writes(
    world: &mut World,
    written: &Tokens,
) -> Result<Tokens, Error> {
    let mut session = Session::token(profile(), Demand::new(), policy());
    let (mut removed, mut swapped) = (false, false);
    let outcome = world.run_with(&mut session, |world, step| {
        if let Step::Store(access) = &step {
            removed |= matches!(access.request().operation, StoreOperation::Remove(_));
        }
        if let Step::Send(exchange) = &step
            && exchange.request().url().path() == "/token"
            && !std::mem::replace(&mut swapped, true)
        {
            world.store.save(&profile().key(), written).unwrap();
            world.server.fault_at("/token", 1, refusal("invalid_grant"));
        }
        Some(step)
    });
    assert!(swapped && !removed);
    outcome.map(|tokens| Tokens::clone(&tokens.tokens))
}

pub(super) fn a_refused_token_is_held_against_the_store_first() {
    let (mut world, first, second) = two_logins();
    let tokens = refresh_while_another_process_writes(&mut world, &second).unwrap();
    assert_eq!(sent(&world), [refresh_token(&first), refresh_token(&second)]);
    assert_ne!(refresh_token(&tokens), refresh_token(&second));
    assert_eq!(refresh_token(&stored(&world).unwrap()), refresh_token(&tokens));

    // If what is there by now is good, it needs no refresh.
    let (mut world, first, mut second) = two_logins();
    second.issued_at = world.now();
    second.expires_at = Some(world.now().saturating_add(seconds(300)));
    let tokens = refresh_while_another_process_writes(&mut world, &second).unwrap();
    assert_eq!(sent(&world), [refresh_token(&first)]);
    assert!(tokens.has_same_access_token(&second));

    // The same token again is no other one.
    let (mut world, first, _) = two_logins();
    let error = refresh_while_another_process_writes(&mut world, &first).unwrap_err();
    assert_eq!(error.kind(), Kind::SessionEnded);
    assert_eq!(sent(&world), [refresh_token(&first)]);
}

pub(super) fn another_token_is_tried_once_and_no_more() {
    let (mut world, first, second) = two_logins();
    world.server.end_sessions();
    let error = refresh_while_another_process_writes(&mut world, &second).unwrap_err();
    assert_eq!(error.kind(), Kind::SessionEnded);
    assert_eq!(sent(&world), [refresh_token(&first), refresh_token(&second)]);
    assert_eq!(refresh_token(&stored(&world).unwrap()), refresh_token(&second));
}

/// Not even if another process has written another one each time.
pub(super) fn a_third_token_is_not_tried() {
    let (mut world, first, second) = two_logins();
    world.server.end_sessions();
    let mut third = second.clone();
    third.refresh_token = Some(RefreshToken::new("third"));
    let mut written = [&second, &third].into_iter();
    let mut session = Session::token(profile(), Demand::new(), policy());
    let outcome = world.run_with(&mut session, |world, step| {
        if let Step::Send(exchange) = &step
            && exchange.request().url().path() == "/token"
            && let Some(tokens) = written.next()
        {
            world.store.save(&profile().key(), tokens).unwrap();
        }
        Some(step)
    });
    assert_eq!(outcome.unwrap_err().kind(), Kind::SessionEnded);
    assert_eq!(sent(&world), [refresh_token(&first), refresh_token(&second)]);
    assert_eq!(refresh_token(&stored(&world).unwrap()), "third");
}

/// It is the client that is refused, and not the user's session.
pub(super) fn a_refused_client_asks_for_no_login() {
    for code in ["invalid_client", "unauthorized_client", "invalid_request", "invalid_scope"] {
        let (mut world, before) = with_an_old_token();
        world.server.fault_at("/token", 9, refusal(code));
        let session = Session::token(profile(), Demand::new(), policy()).or_login(seconds(60));
        assert_eq!(world.run(session).unwrap_err().kind(), Kind::Server, "{code}");
        assert_eq!(world.prompts.len(), 1, "{code}");
        assert_eq!(count(&world, "/device_authorization"), 1, "{code}");
        assert_eq!(sent(&world), [refresh_token(&before.tokens)], "{code}");
    }
}

pub(super) fn a_transient_failure_is_waited_out_with_the_same_token() {
    let busy = Answer::empty(503).with_header("Retry-After", "3");
    for (fault, times) in [
        (bad_gateway(), 2),
        (Fault::Instead(busy), 2),
        (Fault::Instead(Answer::empty(429)), 1),
        (refusal("server_error"), 2),
        (Fault::DropBefore, 1),
    ] {
        let (mut world, before) = with_an_old_token();
        world.server.fault_at("/token", times, fault);
        get_token(&mut world).unwrap();
        assert_eq!(sent(&world), vec![refresh_token(&before.tokens); times + 1]);
        assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
        assert_eq!(world.prompts.len(), 1);
    }
    // The server has processed it, and its answer is lost: it may know the token for a while.
    let grace = Settings { rotation_grace: seconds(10), ..Settings::default() };
    let mut world = World::new(grace);
    let before = log_in(&mut world);
    world.pass(seconds(300));
    world.server.fault_at("/token", 1, Fault::DropAfter);
    get_token(&mut world).unwrap();
    assert_eq!(sent(&world), [refresh_token(&before.tokens); 2]);
}

pub(super) fn a_lasting_failure_changes_nothing() {
    for (fault, kind, sends) in [
        (bad_gateway(), Kind::Unavailable, 3),
        (Fault::Instead(Answer::empty(429)), Kind::Unavailable, 3),
        // It may have arrived: not a third time.
        (Fault::DropBefore, Kind::Unavailable, 2),
        (Fault::Instead(Answer::html(200, "<html>Hotel")), Kind::Protocol, 1),
        (Fault::Instead(Answer::redirect(307, "https://evil.example/")), Kind::Protocol, 1),
        (Fault::Instead(Answer::new(200, "application/json", "[]")), Kind::Protocol, 1),
        (refusal("invalid_client"), Kind::Server, 1),
        (refusal("unauthorized_client"), Kind::Server, 1),
    ] {
        let (mut world, before) = with_an_old_token();
        world.server.fault_at("/token", 99, fault.clone());
        assert_eq!(get_token(&mut world).unwrap_err().kind(), kind, "{fault:?}");
        assert_eq!(sent(&world), vec![refresh_token(&before.tokens); sends], "{fault:?}");
        let kept = stored(&world).unwrap();
        assert_eq!(refresh_token(&kept), refresh_token(&before.tokens));
        assert!(kept.session_ended_at.is_none());
        // A refusal counts for a minute.
        if kept.refused.is_some() {
            assert_eq!(get_token(&mut world).unwrap_err().kind(), kind, "{fault:?}");
            assert_eq!(sent(&world).len(), sends, "{fault:?}");
            world.pass(seconds(60));
        }
        assert_eq!(kept.refused.is_some(), fault == refusal("unauthorized_client"));
        // When it is over, so is the trouble.
        world.server.clear_faults();
        get_token(&mut world).unwrap();
        assert_eq!(world.prompts.len(), 1);
    }
}

/// A server that is slow has seen the refresh token: sent again, it may be taken for a stolen one.
pub(super) fn an_answer_is_waited_for_and_what_was_late_is_not_sent_again() {
    // The whole time that there is belongs to the one request.
    let (mut world, before) = with_an_old_token();
    world.server.fault_at("/token", 1, Fault::Delay(seconds(55)));
    let tokens = get_token(&mut world).unwrap().tokens;
    assert!(!tokens.has_same_access_token(&before.tokens));
    assert_eq!(sent(&world), [refresh_token(&before.tokens)]);

    let (mut world, before) = with_an_old_token();
    world.server.fault_at("/token", 1, Fault::Delay(seconds(100_000)));
    let began = world.now();
    let error = get_token(&mut world).unwrap_err();
    assert!(
        matches!(error, Error::OutcomeUnknown { cause: Unreachable::TimedOut, attempts: 1, .. }),
        "{error:?}"
    );
    assert_eq!(world.now().saturating_duration_since(began), policy().time_limit);
    assert_eq!(sent(&world), [refresh_token(&before.tokens)]);
    assert_eq!(refresh_token(&stored(&world).unwrap()), refresh_token(&before.tokens));

    // Nothing is sent that has less than 15 s for its answer.
    let (mut world, _) = with_an_old_token();
    let mut hurried = policy();
    hurried.time_limit = seconds(14);
    let error = world.run(Session::token(profile(), Demand::new(), hurried)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { attempts: 0, .. }), "{error:?}");
    assert!(sent(&world).is_empty());
}

fn kill_access_token(world: &mut World, tokens: &Tokens) {
    let token = tokens.access_token().unwrap().expose();
    let form = [("client_id", "demo"), ("token", token)];
    let now_ms = now_ms(world);
    world.server.handle(now_ms, &Request::post("/revoke", &form));
    assert!(!world.server.access_token_is_alive(now_ms, token));
}

pub(crate) fn a_good_token_that_the_server_has_killed_is_refreshed_once() {
    let mut world = world();
    let tokens = log_in(&mut world).tokens;
    kill_access_token(&mut world, &tokens);
    let answer = world.who_am_i(&profile(), None, policy()).unwrap();
    assert!(!answer.session.tokens.has_same_access_token(&tokens));
    assert_eq!(
        world.transcript(),
        "5 s GET /.well-known/openid-configuration -> 200\n\
         5 s GET /userinfo -> 401 invalid_token\n\
         5 s POST /token -> 200\n\
         5 s GET /userinfo -> 200"
    );
}

pub(super) fn a_token_that_stays_refused_is_not_refreshed_for_ever() {
    let mut world = world();
    log_in(&mut world);
    let challenge = "Bearer error=\"invalid_token\"";
    let refused = Answer::empty(401).with_header("WWW-Authenticate", challenge);
    world.server.fault_at("/userinfo", 99, Fault::Instead(refused));
    let error = world.who_am_i(&profile(), None, policy()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAuthenticated);
    assert_eq!(count(&world, "/userinfo"), 2);
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

/// A caller whose API said 401.
pub(super) fn a_caller_can_force_a_refresh_after_a_refusal() {
    let mut world = world();
    let tokens = log_in(&mut world).tokens;
    kill_access_token(&mut world, &tokens);
    let new = force_refresh(&mut world).unwrap().tokens;
    let now_ms = now_ms(&world);
    assert!(world.server.access_token_is_alive(now_ms, new.access_token().unwrap().expose()));
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
    assert!(stored(&world).unwrap().has_same_access_token(&new));
}
