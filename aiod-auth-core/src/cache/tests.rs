//! What the cache decides, call by call.

use alloc::{boxed::Box, format, string::String};

use super::*;
use crate::{
    error::{Endpoint, NotLoggedIn, ServerError},
    secret::{AccessToken, RefreshToken},
};

const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);
const ANY: Demand = Demand::new();
const FORCED: Demand = Demand::new().forced();
const EARLY: Demand = Demand::new().refreshed_early();

fn at(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

fn cache() -> TokenCache {
    TokenCache::new(Profile::new("https://as.example", "me").unwrap().key())
}

/// Issued now, and good for an hour.
fn session(access_token: &str) -> SessionTokens {
    issued(access_token, 0, Persisted::Saved)
}

fn issued(access_token: &str, seconds: u64, persisted: Persisted) -> SessionTokens {
    let mut tokens = Tokens::new(AccessToken::new(access_token).unwrap(), at(seconds));
    tokens.expires_at = Some(at(seconds + 3600));
    tokens.refresh_token = Some(RefreshToken::new(access_token));
    SessionTokens::new(cache().key(), Arc::new(tokens), persisted)
}

fn unsaved() -> Persisted {
    Persisted::NotSaved(StoreFailure::new("full"))
}

/// With tokens that a job has just brought.
fn holding(session: SessionTokens) -> TokenCache {
    let mut cache = cache();
    let job = run(&mut cache, FORCED);
    cache.finish(job, Ok(session), NOW).unwrap();
    cache
}

fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

fn caller(cache: &TokenCache, demand: Demand) -> Caller {
    cache.caller(demand, policy())
}

/// A new caller's job.
fn run(cache: &mut TokenCache, demand: Demand) -> Job {
    let mut caller = caller(cache, demand);
    match cache.want(&mut caller, NOW) {
        Want::Run(job) => job,
        want => panic!("{want:?}"),
    }
}

fn unavailable() -> Error {
    let (endpoint, cause) = (Endpoint::Token, Unreachable::Status(503));
    Error::Unreachable { endpoint, attempts: 3, cause }
}

const fn in_so_long(after: Duration) -> Unreachable {
    Unreachable::RetryAfter { status: 503, after, said: None }
}

fn in_an_hour() -> Error {
    let cause = in_so_long(Duration::from_secs(3600));
    Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause }
}

fn ended() -> Error {
    Error::SessionEnded(Box::new(ServerError::remembered(None)))
}

const fn no_login() -> Error {
    Error::NotAuthenticated(NotLoggedIn::NoRecord)
}

fn name(session: Option<&Arc<SessionTokens>>) -> String {
    let token = session.and_then(|session| session.tokens.access_token.as_ref());
    token.map_or("none", AccessToken::expose).into()
}

fn cached(cache: &TokenCache) -> String {
    name(cache.cached())
}

fn word(want: &Want) -> String {
    match want {
        Want::Use(session) => format!("use {}", name(Some(session))),
        Want::UseAndRun(session, Job { purpose: Purpose::Save, .. }) => {
            format!("use {} and save", name(Some(session)))
        }
        Want::UseAndRun(session, _) => format!("use {} and run", name(Some(session))),
        Want::Run(Job { purpose: Purpose::Acquire(demand), .. }) => {
            format!("run{}", if demand.force { " forced" } else { "" })
        }
        Want::Run(Job { purpose: Purpose::Look(..), .. }) => "look".into(),
        Want::Run(Job { purpose: Purpose::Save, .. }) => "save".into(),
        Want::Wait => "wait".into(),
        Want::Fail(_) => "fail".into(),
    }
}

#[test]
fn a_good_token_is_given_at_once_and_an_early_refresh_is_one_job_beside() {
    for (demand, seconds, while_idle, while_running) in [
        (ANY, 0, "use a", "use a"),
        (EARLY, 0, "use a", "use a"),
        (ANY, 3560, "use a", "use a"),
        (EARLY, 3560, "use a and run", "use a"),
        (EARLY, 3580, "run", "wait"),
        (ANY, 3580, "run", "wait"),
        (FORCED, 0, "run forced", "wait"),
    ] {
        let mut cache = holding(session("a"));
        let mut first = caller(&cache, demand);
        assert_eq!(word(&cache.want(&mut first, at(seconds))), while_idle, "{demand:?}");
        let mut cache = holding(session("a"));
        let _running = run(&mut cache, FORCED);
        let mut second = caller(&cache, demand);
        assert_eq!(word(&cache.want(&mut second, at(seconds))), while_running, "{demand:?}");
    }
}

#[test]
fn no_caller_waits_for_an_early_refresh_of_what_is_stored() {
    let mut cache = cache();
    let job = run(&mut cache, EARLY);
    assert!(matches!(job.purpose, Purpose::Acquire(demand) if !demand.early));
    cache.finish(job, Ok(session("a")), at(3560)).unwrap();
    let mut next = caller(&cache, EARLY);
    assert_eq!(word(&cache.want(&mut next, at(3560))), "use a and run");
}

#[test]
fn callers_that_waited_take_what_came_of_the_job() {
    for (demand, brought, expected) in [
        (ANY, "b", "use b"),
        (FORCED, "b", "use b"),
        // Not a new one: the next would be no other.
        (FORCED, "a", "use a"),
        // New, and not good for long enough: no reason to force it.
        (FORCED.valid_for(Duration::from_secs(7200)), "b", "run"),
    ] {
        let mut cache = holding(session("a"));
        let job = run(&mut cache, FORCED);
        let mut waiting = caller(&cache, demand);
        cache.finish(job, Ok(session(brought)), NOW).unwrap();
        assert_eq!(word(&cache.want(&mut waiting, NOW)), expected, "{demand:?} {brought}");
    }
}

#[test]
fn callers_that_waited_share_a_failure_unless_it_asks_for_a_login_or_was_hasty() {
    let hasty = RetryPolicy { attempts: 1, ..policy() };
    let short = RetryPolicy { time_limit: Duration::from_secs(20), ..policy() };
    let busy = RetryPolicy { time_limit: Duration::from_secs(40), ..policy() };
    let late = Error::Unreachable {
        endpoint: Endpoint::Token,
        attempts: 0,
        cause: Unreachable::NotSent("no time was left for it"),
    };
    for (error, policy_of_job, policy_of_caller, expected) in [
        (unavailable(), policy(), policy(), "fail"),
        (Error::Store(StoreFailure::new("locked")), policy(), policy(), "fail"),
        (no_login(), policy(), policy(), "run"),
        (unavailable(), hasty, policy(), "run"),
        (unavailable(), short, policy(), "run"),
        (unavailable(), hasty, hasty, "fail"),
        (unavailable(), busy, policy(), "fail"),
        (late, policy(), policy(), "run"),
    ] {
        let mut cache = cache();
        let mut runner = cache.caller(ANY, policy_of_job);
        let Want::Run(job) = cache.want(&mut runner, NOW) else { panic!() };
        let mut waiting = cache.caller(ANY, policy_of_caller);
        assert_eq!(word(&cache.want(&mut waiting, NOW)), "wait");
        cache.finish(job, Err(error.clone().into()), NOW).unwrap_err();
        assert_eq!(word(&cache.want(&mut waiting, NOW)), expected, "{error:?}");
    }
}

#[test]
fn a_failure_is_shared_though_another_caller_has_begun_by_then() {
    let mut cache = cache();
    let job = run(&mut cache, ANY);
    let mut waiting = caller(&cache, ANY);
    cache.finish(job, Err(unavailable().into()), NOW).unwrap_err();
    let _other = run(&mut cache, ANY);
    assert_eq!(word(&cache.want(&mut waiting, NOW)), "fail");
}

#[test]
fn a_rejected_token_is_replaced_once_for_all_callers() {
    let mut cache = holding(session("a"));
    let rejected = Arc::clone(&cache.cached().unwrap().tokens);
    let mut callers: [_; 3] =
        core::array::from_fn(|_| cache.caller_instead_of(&rejected, policy()));
    let Want::Run(job) = cache.want(&mut callers[0], NOW) else { panic!() };
    assert_eq!(word(&cache.want(&mut callers[1], NOW)), "wait");
    cache.finish(job, Ok(session("b")), NOW).unwrap();
    assert_eq!(word(&cache.want(&mut callers[1], NOW)), "use b");
    // One that comes later was given the old one, too.
    let mut late = cache.caller_instead_of(&rejected, policy());
    assert_eq!(word(&cache.want(&mut late, NOW)), "use b");
    assert_eq!(word(&cache.want(&mut callers[2], NOW)), "use b");
}

#[test]
fn tokens_are_given_up_only_with_their_session() {
    let salvaged = || Some(Tokens::clone(&session("s").tokens));
    for (error, salvaged, expected) in [
        (unavailable(), None, "a"),
        (unavailable(), salvaged(), "s"),
        (ended(), None, "none"),
        (ended(), salvaged(), "none"),
        (no_login(), None, "none"),
        // Nothing refreshes it, which is no reason to give it up.
        (no_login(), salvaged(), "s"),
    ] {
        let mut cache = holding(session("a"));
        let job = run(&mut cache, FORCED);
        let failed = Failed { salvaged: salvaged.map(Box::new), ..error.into() };
        let context = format!("{failed:?}");
        cache.finish(job, Err(failed), NOW).unwrap_err();
        assert_eq!(cached(&cache), expected, "{context}");
    }
}

#[test]
fn saving_is_tried_again_after_a_pause() {
    let mut cache = holding(issued("a", 0, unsaved()));
    let mut want = |seconds| {
        let mut caller = caller(&cache, ANY);
        word(&cache.want(&mut caller, at(seconds)))
    };
    assert_eq!(want(9), "use a");
    assert_eq!(want(10), "use a and save");
    // While that is running.
    assert_eq!(want(30), "use a");
    // A salvaged one waits as long; and so it is after a job that was dropped.
    let mut cache = holding(session("a"));
    let job = run(&mut cache, FORCED);
    let failed = Failed::with(unavailable(), Some(Tokens::clone(&session("s").tokens)));
    cache.finish(job, Err(failed), NOW).unwrap_err();
    for seconds in [10, 20] {
        let mut first = caller(&cache, ANY);
        assert_eq!(word(&cache.want(&mut first, at(seconds - 1))), "use s");
        let Want::UseAndRun(_, job) = cache.want(&mut first, at(seconds)) else { panic!() };
        cache.abandon(job);
    }
}

#[test]
fn a_server_that_asked_for_it_is_left_alone() {
    let mut cache = holding(session("a"));
    let job = run(&mut cache, FORCED);
    cache.finish(job, Err(in_an_hour().into()), NOW).unwrap_err();
    for (demand, seconds, expected) in [
        (FORCED, 1, "look"),
        (ANY, 1, "use a"),
        (EARLY, 3560, "use a"),
        (ANY, 3599, "look"),
        (ANY, 3600, "run"),
    ] {
        let mut caller = caller(&cache, demand);
        let want = cache.want(&mut caller, at(seconds));
        assert_eq!(word(&want), expected, "{seconds}");
        // Dropped, or without a result in the store, it is left alone all the same.
        if let Want::Run(job) = want {
            cache.abandon(job);
        }
    }
    // A clock that was set back blocks nothing, nor does a mistake of the server's for ever.
    let years = in_so_long(Duration::MAX);
    let years = Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause: years };
    for (error, now) in
        [(in_an_hour(), Timestamp::from_unix_millis(NOW.as_unix_millis() - 1)), (years, at(3600))]
    {
        let mut cache = self::cache();
        let job = run(&mut cache, ANY);
        cache.finish(job, Err(error.into()), NOW).unwrap_err();
        let mut caller = caller(&cache, ANY);
        assert_eq!(word(&cache.want(&mut caller, now)), "run");
    }
}

#[test]
fn an_early_refresh_that_failed_leaves_the_server_alone_too() {
    let mut cache = holding(session("a"));
    let mut first = caller(&cache, EARLY);
    let Want::UseAndRun(_, job) = cache.want(&mut first, at(3500)) else { panic!() };
    let mut old = session("a");
    old.early_refresh_failed = Some((at(3500), Box::new(in_an_hour())));
    cache.finish(job, Ok(old), at(3500)).unwrap();
    // More than the minute after any early refresh that failed.
    assert_eq!(word(&cache.want(&mut first, at(3565))), "use a");
    assert_eq!(word(&cache.want(&mut first, at(3580))), "look");
}

#[test]
fn the_time_to_leave_a_server_alone_is_told_as_it_is_by_then() {
    let mut cache = cache();
    let job = run(&mut cache, ANY);
    cache.finish(job, Err(in_an_hour().into()), NOW).unwrap_err();
    let mut late = caller(&cache, ANY);
    let Want::Run(Job { purpose: Purpose::Look(_, error), .. }) = cache.want(&mut late, at(3000))
    else {
        panic!()
    };
    let Error::Unreachable { cause, .. } = error else { panic!() };
    let after = Duration::from_secs(600);
    assert!(matches!(cause, Unreachable::RetryAfter { after: left, .. } if left == after));
}

#[test]
fn saving_says_nothing_of_the_server() {
    let mut cache = holding(issued("a", 0, unsaved()));
    let job = run(&mut cache, FORCED);
    cache.finish(job, Err(in_an_hour().into()), NOW).unwrap_err();
    let job = cache.begin_saving(policy(), NOW).unwrap();
    assert!(cache.begin_saving(policy(), NOW).is_none(), "one job at a time");
    cache.finish(job, Ok(session("a")), at(1)).unwrap();
    assert!(cache.begin_saving(policy(), NOW).is_none(), "nothing is left to be saved");
    let mut forced = caller(&cache, FORCED);
    assert_eq!(word(&cache.want(&mut forced, at(2))), "look");
}

#[test]
fn an_early_refresh_that_failed_is_hasty() {
    let mut cache = holding(session("a"));
    let mut first = caller(&cache, EARLY);
    let Want::UseAndRun(_, job) = cache.want(&mut first, at(3560)) else { panic!() };
    let mut late = caller(&cache, ANY);
    assert_eq!(word(&cache.want(&mut late, at(3580))), "wait");
    cache.finish(job, Err(unavailable().into()), at(3581)).unwrap_err();
    assert_eq!(word(&cache.want(&mut late, at(3581))), "run");
}

#[test]
fn a_job_that_was_dropped_holds_up_no_caller() {
    let mut cache = cache();
    let job = run(&mut cache, ANY);
    let mut waiting = caller(&cache, ANY);
    assert_eq!(word(&cache.want(&mut waiting, NOW)), "wait");
    cache.abandon(job);
    assert_eq!(word(&cache.want(&mut waiting, NOW)), "run");
}

#[test]
fn a_login_holds_up_no_caller_and_is_not_undone_by_the_job_that_ran_meanwhile() {
    let newer = || issued("a2", 1, unsaved());
    let older = || issued("a2", 0, unsaved());
    let salvaged = |session: SessionTokens| {
        let tokens = Tokens::clone(&session.tokens);
        Err(Failed::with(unavailable(), Some(tokens)))
    };
    for (outcome, expected) in [
        (Ok(session("a2")), "login"),
        (Ok(older()), "login"),
        (Ok(newer()), "a2"),
        (Err(ended().into()), "login"),
        (Err(unavailable().into()), "login"),
        (salvaged(older()), "login"),
        (salvaged(issued("s", 2, unsaved())), "s"),
    ] {
        let mut cache = holding(session("a"));
        let job = run(&mut cache, FORCED);
        let mark = cache.begin_login();
        let mut login = issued("login", 0, Persisted::Saved);
        Arc::make_mut(&mut login.tokens).issued_at = at(1);
        cache.finish_login(mark, Ok(login), NOW).unwrap();
        assert_eq!(cached(&cache), "login");
        let context = format!("{outcome:?}");
        cache.finish(job, outcome, NOW).ok();
        assert_eq!(cached(&cache), expected, "{context}");
    }
}

#[test]
fn a_login_that_may_be_over_is_looked_for_in_the_store() {
    for (persisted, logged_out, expected) in [
        (Persisted::Saved, false, "b"),
        (Persisted::Saved, true, "none"),
        // Where there is no store, no logout can have been of it.
        (Persisted::NoStore, true, "b"),
    ] {
        let mut cache = holding(session("a"));
        let mark = cache.begin_login();
        if logged_out {
            let job = cache.begin_logout(policy(), NOW).unwrap();
            cache.finish_logout(job, &Ok(LoggedOut::Ended), NOW);
            assert_eq!(cached(&cache), "none");
        }
        cache.finish_login(mark, Ok(issued("b", 0, persisted)), NOW).unwrap();
        assert_eq!(cached(&cache), expected);
    }
}

#[test]
fn a_login_that_fails_says_nothing_of_what_is_cached() {
    for (before, salvaged, expected) in [
        (Some("a"), None, "a"),
        (Some("a"), Some("s"), "a"),
        (None, None, "none"),
        (None, Some("s"), "s"),
    ] {
        let mut cache = before.map_or_else(cache, |name| holding(session(name)));
        let mark = cache.begin_login();
        let brought = salvaged.map(|name| Tokens::clone(&session(name).tokens));
        let failed = Failed::with(unavailable(), brought);
        cache.finish_login(mark, Err(failed), NOW).unwrap_err();
        assert_eq!(cached(&cache), expected);
        // What has taken no place is nowhere else.
        let is_handed_out = before.is_some() && salvaged.is_some();
        assert_eq!(cache.is_saved(), salvaged.is_none());
        assert_eq!(cache.take_salvaged().is_some(), is_handed_out);
        assert!(cache.take_salvaged().is_none());
    }
}

#[test]
fn a_logout_waits_for_the_job_and_takes_the_tokens_if_it_succeeds() {
    let mut cache = holding(session("a"));
    let job = run(&mut cache, FORCED);
    assert!(cache.begin_logout(policy(), NOW).is_none());
    cache.finish(job, Ok(session("b")), NOW).unwrap();
    let job = cache.begin_logout(policy(), NOW).unwrap();
    assert_eq!(name(job.cached().map(Arc::new).as_ref()), "b");
    cache.finish_logout(job, &Err(unavailable()), NOW);
    assert_eq!(cached(&cache), "b");
    let job = cache.begin_logout(policy(), NOW).unwrap();
    cache.finish_logout(job, &Ok(LoggedOut::Ended), NOW);
    assert_eq!(cached(&cache), "none");
}
