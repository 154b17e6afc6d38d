//! A platform's own client takes no lock: a login that it writes while this one waits for the server
//! is neither overwritten nor removed.

use aiod_auth_core::{
    AccessToken, Kind, LoginMethod, Machine, RefreshToken, Step, Timestamp,
    session::{LoggedOut, Logout, Persisted},
};
use aiod_auth_tests::{
    drive::Failure,
    sim::{CLIENT_CREDENTIALS, REFRESH_TOKEN},
};

use super::*;

/// Tokens that are good for so long.
fn good_for(refresh_token: &str, now: Timestamp, lifetime: Duration) -> Tokens {
    let mut tokens =
        Tokens::new(AccessToken::new(format!("access of {refresh_token}")).unwrap(), now);
    tokens.refresh_token = Some(RefreshToken::new(refresh_token));
    tokens.expires_at = Some(now.saturating_add(lifetime));
    tokens
}

/// Another process writes the next of these records, or removes the one that is there, each time that a
/// request to this path is on its way.
fn run_while<M: Machine<Error: Failure>>(
    world: &mut World,
    machine: &mut M,
    path: &str,
    mut written: impl Iterator<Item = Option<Tokens>>,
) -> Result<M::Output, Error> {
    world.run_with(machine, |world, step| {
        if let Step::Send(exchange) = &step
            && exchange.request().url().path() == path
            && let Some(written) = written.next()
        {
            let key = profile().key();
            match written {
                Some(tokens) => world.store.save(&key, &tokens).unwrap(),
                None => world.store.remove(&key).unwrap(),
            }
        }
        Some(step)
    })
}

fn refresh_while(
    world: &mut World,
    written: impl IntoIterator<Item = Option<Tokens>>,
) -> Result<SessionTokens, Error> {
    let mut session = Session::token(profile(), Demand::new(), policy());
    run_while(world, &mut session, "/token", written.into_iter())
}

fn stored_refresh_token(world: &World) -> Option<String> {
    stored(world).map(|tokens| refresh_token(&tokens).to_owned())
}

#[test]
fn a_login_that_is_written_during_a_refresh_stays_and_is_used() {
    let (mut world, _) = with_an_old_token();
    let theirs = good_for("theirs", world.now(), seconds(600));
    let session = refresh_while(&mut world, [Some(theirs)]).unwrap();
    assert_eq!(session.tokens.access_token().unwrap().expose(), "access of theirs");
    assert_eq!(session.persisted, Persisted::Saved);
    assert_eq!(stored_refresh_token(&world).as_deref(), Some("theirs"));
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

/// What a store could not read as an access token (one that is empty, or would be more than one header) is
/// none.
#[test]
fn what_is_no_token_is_not_used_whenever_it_was_written() {
    for text in ["", "evil\r\nX-Injected: 1", " a", "é"] {
        assert_eq!(AccessToken::new(text).unwrap_err().kind(), Kind::Usage, "{text:?}");
    }
    let (mut world, _) = with_an_old_token();
    let mut theirs = Tokens::clone(&log_in(&mut world).tokens);
    let first = good_for("first", Timestamp::UNIX_EPOCH, seconds(1));
    world.store.save(&profile().key(), &first).unwrap();
    theirs.access_token = None;
    theirs.expires_at = Some(world.now().saturating_add(seconds(600)));
    // The first refresh is answered in the server's place: it doesn't know that token.
    let granted = json!({"access_token": "a", "refresh_token": "b", "expires_in": 60});
    world.server.fault_at("/token", 1, instead(200, &granted));
    let session = refresh_while(&mut world, [Some(theirs)]).unwrap();
    assert!(session.tokens.access_token().unwrap().expose().starts_with("access-"));
}

/// Its access token is not good any more, so it is refreshed in its turn.
#[test]
fn a_login_that_is_written_during_a_refresh_is_refreshed_if_it_has_to_be() {
    let mut world = world();
    let first = Tokens::clone(&log_in(&mut world).tokens);
    let second = Tokens::clone(&log_in(&mut world).tokens);
    world.store.save(&profile().key(), &first).unwrap();
    world.pass(seconds(300));
    let session = refresh_while(&mut world, [Some(second.clone())]).unwrap();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 2);
    let kept = stored(&world).unwrap();
    assert_eq!(refresh_token(&kept), refresh_token(&session.tokens));
    // The second session goes on, with what was written last.
    assert_ne!(refresh_token(&kept), refresh_token(&second));
    world.pass(seconds(300));
    get_token(&mut world).unwrap();
}

#[test]
fn a_record_that_is_written_again_and_again_is_left_alone() {
    let (mut world, _) = with_an_old_token();
    let log_in_elsewhere = |world: &mut World| {
        let before = stored(world).unwrap();
        let other = Tokens::clone(&log_in(world).tokens);
        world.store.save(&profile().key(), &before).unwrap();
        other
    };
    let others = [log_in_elsewhere(&mut world), log_in_elsewhere(&mut world)];
    world.pass(seconds(300));
    let error = refresh_while(&mut world, others.clone().map(Some)).unwrap_err();
    assert_eq!(error.kind(), Kind::Store);
    assert_eq!(stored_refresh_token(&world).as_deref(), Some(refresh_token(&others[1])));
    get_token(&mut world).unwrap();

    // But a good access token is used, however often the record was written.
    let good = good_for("theirs", world.now(), seconds(900));
    world.pass(seconds(300));
    let again = [Some(others[0].clone()), Some(good)];
    let session = refresh_while(&mut world, again).unwrap();
    assert_eq!(session.tokens.access_token().unwrap().expose(), "access of theirs");
}

/// The cached tokens could not be saved, and are newer than those that another program wrote. Their refresh
/// token is spent by then, and is not sent again.
#[test]
fn what_was_spent_is_not_sent_again_after_another_login_was_found() {
    let (mut world, mut cached) = with_an_old_token();
    let mut other = Tokens::clone(&log_in(&mut world).tokens);
    other.issued_at = Timestamp::UNIX_EPOCH;
    world.store.remove(&profile().key()).unwrap();
    world.pass(seconds(300));
    cached.persisted = Persisted::NoStore;
    let mut session =
        Session::token(profile(), Demand::new(), policy()).with_cached(Some(cached.clone()));
    let written = [Some(other.clone())].into_iter();
    let session = run_while(&mut world, &mut session, "/token", written).unwrap();
    assert_eq!(stored_refresh_token(&world).as_deref(), Some(refresh_token(&session.tokens)));
    let sent = world.server.log().iter().filter(|handled| handled.request.path() == "/token");
    let sent: Vec<_> = sent
        .filter_map(|handled| {
            let form = url::form_urlencoded::parse(&handled.request.body);
            form.into_owned().find(|(name, _)| name == "refresh_token").map(|(_, token)| token)
        })
        .collect();
    assert_eq!(sent, [refresh_token(&cached.tokens), refresh_token(&other)]);
}

/// Nothing is lost by saving it, and a lot may be lost by not saving it.
#[test]
fn a_record_that_goes_during_a_refresh_comes_back() {
    let (mut world, _) = with_an_old_token();
    let session = refresh_while(&mut world, [None]).unwrap();
    assert_eq!(stored_refresh_token(&world).as_deref(), Some(refresh_token(&session.tokens)));
}

/// The Python client refreshes with the same refresh token, and stores it again.
#[test]
fn another_access_token_of_the_same_login_is_replaced() {
    let (mut world, before) = with_an_old_token();
    let old = refresh_token(&before.tokens).to_owned();
    let theirs = good_for(&old, world.now(), seconds(600));
    let session = refresh_while(&mut world, [Some(theirs)]).unwrap();
    assert_ne!(refresh_token(&session.tokens), old);
    assert_eq!(stored_refresh_token(&world).as_deref(), Some(refresh_token(&session.tokens)));
}

#[test]
fn a_refused_refresh_marks_no_other_login() {
    let (mut world, _) = with_an_old_token();
    world.server.end_sessions();
    let theirs = good_for("theirs", world.now(), seconds(600));
    let session = refresh_while(&mut world, [Some(theirs)]).unwrap();
    assert_eq!(session.tokens.access_token().unwrap().expose(), "access of theirs");
    assert_eq!(stored(&world).unwrap().session_ended_at, None);
}

#[test]
fn a_bot_does_not_take_the_place_of_a_user_who_logs_in_meanwhile() {
    let mut world = world();
    let bot = bot("bot", "bot-secret");
    let theirs = good_for("theirs", world.now(), seconds(600));
    let mut session = Session::token(Arc::clone(&bot), Demand::new(), policy());
    let session = world.run_with(&mut session, |world, step| {
        if let Step::Send(exchange) = &step
            && exchange.request().url().path() == "/token"
        {
            world.store.save(&bot.key(), &theirs).unwrap();
        }
        Some(step)
    });
    assert_eq!(session.unwrap().tokens.access_token().unwrap().expose(), "access of theirs");
    assert_eq!(refresh_token(&world.store.load(&bot.key()).unwrap().unwrap()), "theirs");
    assert_eq!(world.server.grants(CLIENT_CREDENTIALS), 1);
}

/// It was told to log in as itself.
#[test]
fn a_bot_is_not_handed_a_users_token() {
    let mut world = world();
    let bot = Profile::clone(&bot("bot", "bot-secret")).with_login(LoginMethod::ClientCredentials);
    for ended_at in [None, Some(world.now())] {
        let mut users = good_for("user's", world.now(), seconds(600));
        users.session_ended_at = ended_at;
        world.store.save(&bot.key(), &users).unwrap();
        let session = Session::token(Arc::new(bot.clone()), Demand::new(), policy());
        let session = world.run(session).unwrap();
        assert!(
            session.tokens.access_token().unwrap().expose().starts_with("access-"),
            "{ended_at:?}"
        );
        // Who is logged in stays so.
        let is_kept = session.persisted == Persisted::Saved;
        assert_eq!(is_kept, ended_at.is_some(), "{session:?}");
        let stored = world.store.load(&bot.key()).unwrap().unwrap();
        assert_eq!(stored.refresh_token.is_none(), is_kept);
    }
}

#[test]
fn a_login_that_is_written_during_a_logout_stays() {
    for ignoring_errors in [false, true] {
        let mut world = world();
        log_in(&mut world);
        let theirs = good_for("theirs", world.now(), seconds(600));
        let mut logout = Logout::new(profile(), None, policy());
        if ignoring_errors {
            world.server.fault_at("/revoke", 9, bad_gateway());
            logout = logout.ignoring_errors();
        }
        let written = [Some(theirs)].into_iter();
        let outcome = run_while(&mut world, &mut logout, "/revoke", written).unwrap();
        if ignoring_errors {
            // Nothing has ended at the server.
            assert!(matches!(outcome, LoggedOut::Unconfirmed(_)), "{outcome:?}");
        } else {
            assert!(matches!(outcome, LoggedOut::Replaced), "{outcome:?}");
        }
        assert_eq!(stored_refresh_token(&world).as_deref(), Some("theirs"));
        assert_eq!(
            get_token(&mut world).unwrap().tokens.access_token().unwrap().expose(),
            "access of theirs"
        );
    }
}

/// Two sessions, and the server fails for the first: give up on the second, and this fails.
#[test]
fn a_logout_that_ignores_errors_ends_each_session_that_it_can() {
    let mut world = world();
    let stored = log_in(&mut world);
    let mut cached = log_in(&mut world);
    world.store.save(&profile().key(), &stored.tokens).unwrap();
    cached.persisted = Persisted::NoStore;
    world.server.fault_at("/revoke", 3, bad_gateway());
    let logout = Logout::new(profile(), Some(cached), policy()).ignoring_errors();
    let outcome = world.run(logout).unwrap();
    assert!(matches!(outcome, LoggedOut::Unconfirmed(_)), "{outcome:?}");
    let ended = stored.tokens.refresh_token.as_ref().unwrap().expose();
    let now_ms = u64::try_from(world.now().as_unix_millis()).unwrap();
    assert!(!world.server.refresh_token_is_alive(now_ms, ended));
}

/// The cached tokens could not be saved, so there are two sessions: both end.
#[test]
fn a_logout_ends_the_cached_and_the_stored_session() {
    let mut world = world();
    let stored = log_in(&mut world);
    let mut cached = log_in(&mut world);
    world.store.save(&profile().key(), &stored.tokens).unwrap();
    cached.persisted = Persisted::NoStore;
    let outcome = world.run(Logout::new(profile(), Some(cached.clone()), policy())).unwrap();
    assert!(matches!(outcome, LoggedOut::Ended), "{outcome:?}");
    assert!(self::stored(&world).is_none());
    let now_ms = u64::try_from(world.now().as_unix_millis()).unwrap();
    for tokens in [&stored.tokens, &cached.tokens] {
        assert!(!world.server.refresh_token_is_alive(now_ms, refresh_token(tokens)));
    }
}

#[test]
fn a_logout_removes_what_its_own_session_got_meanwhile() {
    let mut world = world();
    let before = log_in(&mut world);
    let theirs = good_for(refresh_token(&before.tokens), world.now(), seconds(600));
    let mut logout = Logout::new(profile(), None, policy());
    let outcome =
        run_while(&mut world, &mut logout, "/revoke", [Some(theirs)].into_iter()).unwrap();
    assert!(matches!(outcome, LoggedOut::Ended), "{outcome:?}");
    assert!(stored(&world).is_none());
}

/// The cached tokens could not be saved, and are of another session than the stored ones. The record is
/// the one that was loaded, so there is no conflict.
#[test]
fn what_could_not_be_saved_takes_the_place_of_what_was_stored() {
    let (mut world, mut newer) = with_an_old_token();
    let older = good_for("older", Timestamp::UNIX_EPOCH, seconds(1));
    world.store.save(&profile().key(), &older).unwrap();
    newer.persisted = Persisted::NoStore;
    let session = Session::token(profile(), Demand::new(), policy()).with_cached(Some(newer));
    let session = world.run(session).unwrap();
    assert_eq!(session.persisted, Persisted::Saved);
    assert_eq!(stored_refresh_token(&world).as_deref(), Some(refresh_token(&session.tokens)));
}
