//! What threads that share a cache may do at once, in every order that a scheduler finds: .ci/run model.
//!
//! The lock is shuttle's here, and arc-swap is trusted. A wake-up that is lost is a deadlock, which shuttle sees.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use shuttle::{
    future::block_on,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::{
    Cancel, Event, Observer, Promise, SharedCache, ToDo,
    monitor::Monitor,
    shared::{Asking, Work},
};
use crate::{
    error::Error,
    machine::Failed,
    profile::Profile,
    retry::RetryPolicy,
    secret::{AccessToken, RefreshToken},
    session::{Demand, LoggedOut, Persisted, SessionTokens},
    time::Timestamp,
    token::Tokens,
};

/// So many orders of each model.
const ORDERS: usize = 5_000;

const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

#[test]
fn one_refresh_at_an_expiry_however_many_callers() {
    shuttle::check_random(
        || {
            let cache = with_tokens(0);
            let refreshes = Arc::new(AtomicUsize::new(0));
            let callers = (0..3).map(|_| {
                let (cache, refreshes) = (Arc::clone(&cache), Arc::clone(&refreshes));
                thread::spawn(move || {
                    let got = token(&cache, |work| {
                        refreshes.fetch_add(1, SeqCst);
                        thread::yield_now();
                        work.finish(Ok(session("new", 3600)), NOW, Duration::ZERO)
                    });
                    assert_eq!(access_token(&got.unwrap()), "new");
                })
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.join().unwrap();
            }
            assert_eq!(refreshes.load(SeqCst), 1);
            assert_eq!(access_token(&cache.cached().unwrap()), "new");
            assert!(cache.good(&Demand::new(), NOW).is_some());
        },
        ORDERS,
    );
}

#[test]
fn never_two_jobs_at_once_and_one_that_is_dropped_holds_up_no_other() {
    shuttle::check_random(
        || {
            let cache = with_tokens(0);
            let running = Arc::new(AtomicUsize::new(0));
            let callers = (0..3).map(|number| {
                let (cache, running) = (Arc::clone(&cache), Arc::clone(&running));
                thread::spawn(move || {
                    let mut caller = cache.caller(Demand::new().forced(), RetryPolicy::default());
                    match block_on(cache.want(&mut caller, || NOW)) {
                        Ok(ToDo::Run(work) | ToDo::UseAndRun(_, work)) => {
                            assert_eq!(running.fetch_add(1, SeqCst), 0, "two at once");
                            thread::yield_now();
                            running.fetch_sub(1, SeqCst);
                            if number == 0 {
                                drop(work);
                            } else {
                                let new = session("new", 3600);
                                work.finish(Ok(new), NOW, Duration::ZERO).unwrap();
                            }
                        }
                        Ok(ToDo::Use(_)) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                })
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.join().unwrap();
            }
            block_on(cache.settled());
        },
        ORDERS,
    );
}

#[test]
fn who_logs_out_beside_a_refresh_is_logged_out() {
    shuttle::check_random(
        || {
            let cache = with_tokens(0);
            let refreshing = {
                let cache = Arc::clone(&cache);
                thread::spawn(move || {
                    let run =
                        |work: Work| work.finish(Ok(session("new", 3600)), NOW, Duration::ZERO);
                    token(&cache, run).ok();
                })
            };
            let logging_out = {
                let cache = Arc::clone(&cache);
                thread::spawn(move || {
                    let logout = block_on(cache.begin_logout(RetryPolicy::default(), || NOW));
                    thread::yield_now();
                    logout.finish(Ok(LoggedOut::Ended), NOW, Duration::ZERO).unwrap();
                    // What was refreshed before is of the session that has ended.
                    cache.cached().is_none()
                })
            };
            let was_gone = logging_out.join().unwrap();
            refreshing.join().unwrap();
            block_on(cache.settled());
            assert!(was_gone || cache.cached().is_some_and(|it| access_token(&it) == "new"));
        },
        ORDERS,
    );
}

#[test]
fn one_caller_at_a_time_asks_the_user() {
    shuttle::check_random(
        || {
            let cache = with_tokens(0);
            let asking = Arc::new(AtomicUsize::new(0));
            let callers = (0..3).map(|_| {
                let (cache, asking) = (Arc::clone(&cache), Arc::clone(&asking));
                thread::spawn(move || {
                    let turn: Asking = block_on(cache.begin_asking());
                    assert_eq!(asking.fetch_add(1, SeqCst), 0, "two at once");
                    thread::yield_now();
                    asking.fetch_sub(1, SeqCst);
                    drop(turn);
                })
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.join().unwrap();
            }
            block_on(cache.settled());
        },
        ORDERS,
    );
}

#[test]
fn a_promise_is_kept_or_broken_and_never_waited_for_in_vain() {
    for is_kept in [true, false] {
        shuttle::check_dfs(
            move || {
                let (promise, outcome) = Promise::new();
                let working = thread::spawn(move || {
                    if is_kept {
                        promise.keep(7);
                    }
                });
                assert_eq!(block_on(outcome.get()), is_kept.then_some(7));
                working.join().unwrap();
            },
            None,
        );
    }
}

#[test]
fn who_cancels_ends_each_wait() {
    shuttle::check_random(
        || {
            let cancel = Cancel::new();
            let never = Arc::new(Monitor::new(false));
            let waiting = (0..2).map(|_| {
                let (cancel, never) = (cancel.clone(), Arc::clone(&never));
                thread::spawn(move || {
                    let wait = never.until(|is_so| is_so.then_some(()));
                    let outcome = block_on(cancel.unless_cancelled(wait));
                    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
                })
            });
            let waiting: Vec<_> = waiting.collect();
            cancel.cancel();
            for waiting in waiting {
                waiting.join().unwrap();
            }
        },
        ORDERS,
    );
}

/// As a client does it, up to the end.
fn token(
    cache: &Arc<SharedCache>,
    run: impl Fn(Work) -> Result<Arc<SessionTokens>, Error>,
) -> Result<Arc<SessionTokens>, Error> {
    let mut caller = cache.caller(Demand::new(), RetryPolicy::default());
    match block_on(cache.want(&mut caller, || NOW))? {
        ToDo::Use(session) => Ok(session),
        ToDo::Run(work) => run(work),
        ToDo::UseAndRun(session, work) => {
            run(work)?;
            Ok(session)
        }
    }
}

/// With a login whose access token has so many seconds left.
fn with_tokens(left: u64) -> Arc<SharedCache> {
    let key = Profile::new("https://as.example", "me").unwrap().key();
    let cache = SharedCache::new(key, Arc::new(Deaf));
    let old: Result<_, Failed> = Ok(session("old", left));
    cache.begin_login().finish(old, NOW, Duration::ZERO).unwrap();
    cache
}

fn session(access_token: &str, left: u64) -> SessionTokens {
    let mut tokens = Tokens::new(AccessToken::new(access_token).unwrap(), NOW);
    tokens.expires_at = Some(NOW.saturating_add(Duration::from_secs(left)));
    tokens.refresh_token = Some(RefreshToken::new(access_token));
    let key = Arc::new(Profile::new("https://as.example", "me").unwrap().key());
    SessionTokens::new(&key, Arc::new(tokens), Persisted::Saved)
}

fn access_token(session: &SessionTokens) -> &str {
    session.tokens.access_token.as_ref().unwrap().expose()
}

struct Deaf;

impl Observer for Deaf {
    fn observe(&self, _event: &Event<'_>) {}
}
