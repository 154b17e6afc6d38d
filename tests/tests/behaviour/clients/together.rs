//! Many callers of one client.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

both! {
    a_hundred_callers_with_an_old_token_make_one_refresh
    while_one_caller_refreshes_other_callers_get_the_old_token
    callers_that_wait_share_the_error_of_an_unavailable_server
    twenty_callers_that_force_a_refresh_keep_the_session
    one_user_is_asked_once_for_all_callers
}

/// More of them: `AIOD_AUTH_EXPIRIES=1000`, which takes its time.
mod fifty_callers_at_each_expiry_make_one_refresh_and_the_session_lives {
    use super::*;

    #[test]
    fn blocking() {
        at_each(check::fifty_callers::<aiod_auth_ureq::Client>);
    }

    #[test]
    fn on_tokio() {
        at_each(check::fifty_callers::<OnTokio>);
    }

    fn at_each(check: fn(usize)) {
        let expiries = std::env::var("AIOD_AUTH_EXPIRIES");
        let expiries = expiries.map_or(50, |count| count.parse().unwrap());
        let limit = seconds(60).max(Duration::from_secs(expiries as u64));
        within(limit, "fifty callers", move || check(expiries));
    }
}

mod check {
    use super::*;

    pub(super) fn a_hundred_callers_with_an_old_token_make_one_refresh<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(2));
        running.pass(seconds(2));
        let tokens = together(100, || access_token(&client.token().unwrap()));
        assert_eq!(refreshes(&running), 1);
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    }

    #[expect(clippy::print_stdout, reason = "the number is asked for")]
    pub(super) fn fifty_callers<C: AnyClient>(expiries: usize) {
        let (running, client) = logged_in::<C>(seconds(2));
        for expiry in 1..=expiries {
            running.pass(seconds(2));
            let tokens = together(50, || access_token(&client.token().unwrap()));
            assert_eq!(refreshes(&running), expiry);
            assert!(tokens.iter().all(|token| *token == tokens[0]));
        }
        println!("{expiries} expiries with 50 callers: {} refreshes", refreshes(&running));
    }

    pub(super) fn while_one_caller_refreshes_other_callers_get_the_old_token<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(10));
        let old = access_token(&client.token().unwrap());
        // 10 s: stale 1 s before the end, to be refreshed early from 1.5 to 2.5 s before that.
        running.pass(Duration::from_millis(7700));
        running.hold_up("/token");
        // Not even the one that began it waits: no answer has come by then.
        let tokens = together(20, || access_token(&client.token().unwrap()));
        assert!(tokens.iter().all(|token| *token == old));
        until(|| refreshes(&running) == 1);
        running.let_go();
        assert!(client.settled(seconds(600)));
        assert_ne!(access_token(&client.token().unwrap()), old);
        assert_eq!(refreshes(&running), 1);
    }

    pub(super) fn callers_that_wait_share_the_error_of_an_unavailable_server<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(2));
        running.pass(seconds(2));
        running.simulator().fault_anywhere(999, bad_gateway());
        let before = requests(&running);
        let errors = together_held_up(&running, 50, || client.token().unwrap_err().kind());
        assert!(errors.iter().all(|kind| *kind == Kind::Unavailable), "{errors:?}");
        // Three tries of one job; a caller that was stopped before it could wait has one of its own. Not 150.
        let requests = requests(&running) - before;
        assert!(requests < 75, "{requests}");
    }

    pub(super) fn twenty_callers_that_force_a_refresh_keep_the_session<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        for _ in 0..5 {
            let before = refreshes(&running);
            let old = access_token(&client.token().unwrap());
            let forced = || client.token_for(Demand::new().forced()).unwrap();
            let new = together_held_up(&running, 20, forced);
            assert!(new.iter().all(|new| access_token(new) != old));
            let refreshes = refreshes(&running) - before;
            assert!(refreshes < 10, "{refreshes}");
        }
        client.token_for(Demand::new().forced()).unwrap();
    }

    pub(super) fn one_user_is_asked_once_for_all_callers<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let prompts = AtomicUsize::new(0);
        let tokens = together(20, || {
            let prompt = |prompt: &Prompt| {
                prompts.fetch_add(1, Ordering::Relaxed);
                approve(&running)(prompt);
            };
            access_token(&client.token_or_login(prompt).unwrap())
        });
        assert_eq!(prompts.load(Ordering::Relaxed), 1);
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    }
}

/// As [`together`], while no token is answered before all of them have called.
fn together_held_up<T: Send>(
    running: &Network,
    calls: usize,
    call: impl Fn() -> T + Sync,
) -> Vec<T> {
    running.hold_up("/token");
    let calling = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            until(|| calling.load(Ordering::SeqCst) == calls);
            thread::sleep(A_MOMENT);
            running.let_go();
        });
        together(calls, || {
            calling.fetch_add(1, Ordering::SeqCst);
            call()
        })
    })
}
