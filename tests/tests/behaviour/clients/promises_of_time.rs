//! What a client measures and hands on, and whose time a call uses up: a row per promise, against both. Each
//! says what was cut to see it fail.

use std::{collections::HashSet, sync::Mutex};

use aiod_auth_core::{Credentials, Error, LoginMethod, Password, cache::UserQuestion};

use super::{before_load::BeforeLoad, *};

both! {
    the_time_that_a_store_takes_is_the_calls
    the_time_that_showing_takes_is_the_logins
    the_time_that_an_answer_of_the_users_takes_is_the_logins
    a_wait_counts_as_long_as_it_was
    a_drivers_request_timeout_is_each_requests
    a_rejection_that_comes_late_leaves_no_time_for_a_refresh
    a_question_that_is_asked_again_has_the_time_that_is_left
    each_client_waits_in_its_own_rhythm_unless_it_is_told_one
}

mod check {
    use super::*;

    /// Hand `Duration::ZERO` to a store's `complete` in a driver: this fails.
    pub(super) fn the_time_that_a_store_takes_is_the_calls<C: AnyClient>() {
        let running = server(seconds(20));
        let (network, load_takes) = (Arc::clone(&running), Arc::new(Mutex::default()));
        let takes = Arc::clone(&load_takes);
        let store = BeforeLoad::new(move || network.pass(*takes.lock().unwrap()));
        let client = C::new(&running, profile_at(&running), store);
        log_in_at(&running, &client);
        running.pass(seconds(30));
        // Of the 60 s that a call has, which leaves too little for a refresh.
        *load_takes.lock().unwrap() = seconds(50);
        assert_eq!(client.token().unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(refreshes(&running), 0);
        *load_takes.lock().unwrap() = Duration::ZERO;
        client.token().unwrap();
    }

    /// Hand `Duration::ZERO` to `complete` after `show` in a driver: this fails.
    pub(super) fn the_time_that_showing_takes_is_the_logins<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let outcome = client.login_within(seconds(60), |prompt| {
            approve(&running)(prompt);
            running.pass(seconds(61));
        });
        assert!(matches!(outcome, Err(Error::TimedOut { .. })), "{outcome:?}");
        assert_eq!(count(&running, "/token"), 0);
    }

    /// Hand `|| Duration::ZERO` to `pending.get` in a driver: this fails.
    pub(super) fn the_time_that_an_answer_of_the_users_takes_is_the_logins<C: AnyClient>() {
        let mut settings = settings(seconds(20));
        settings.password_flow = true;
        let running = Network::new(settings);
        let profile = profile_at(&running).with_login(LoginMethod::Password);
        let client = C::without_store(&running, profile);
        // A password that was given gets 15 s at least, whatever is left.
        running.simulator().fault_at("/token", 1, Fault::Delay(seconds(20)));
        let began = running.now();
        let outcome = client.token_or_login_asking(seconds(60), no_prompt, |question| {
            let UserQuestion::Password(question) = question else { panic!("{question:?}") };
            running.pass(seconds(58));
            let password = Password::new("alice-password");
            question.answer(Credentials { username: "alice".into(), password });
        });
        assert!(matches!(outcome, Err(Error::TimedOut { .. })), "{outcome:?}");
        assert_eq!(running.now().saturating_duration_since(began), seconds(58 + 15));
    }

    /// Hand `pause.delay()` to `complete` after a wait in a driver: this fails.
    pub(super) fn a_wait_counts_as_long_as_it_was<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let outcome = client.login_within(seconds(60), |prompt| {
            approve(&running)(prompt);
            running.oversleep(seconds(60));
        });
        assert!(matches!(outcome, Err(Error::TimedOut { .. })), "{outcome:?}");
        assert_eq!(count(&running, "/token"), 0);
    }

    /// Cut `.within(limit)` in a driver's `exchange`: this fails.
    pub(super) fn a_drivers_request_timeout_is_each_requests<C: AnyClient>() {
        let running = server(seconds(60));
        let client = C::with_driver_timeout(&running, profile_at(&running), seconds(3));
        let mut policy = policy();
        policy.attempts = 1;
        let client = client.with_retry_policy(policy);
        client.set_tokens(session_at(&running)).unwrap();
        running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(5)));
        let began = running.now();
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(running.now().saturating_duration_since(began), seconds(3));
    }

    /// Call `self.token_instead_of`, and not that of `self.within(began)`, in `run_with_token`: this fails.
    pub(super) fn a_rejection_that_comes_late_leaves_no_time_for_a_refresh<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(300));
        let mut policy = policy();
        policy.time_limit = seconds(20);
        let client = client.with_retry_policy(policy);
        kill_access_token(&*running, client.cached());
        running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(10)));
        let error = client.who_am_i().unwrap_err();
        assert!(matches!(error, Error::TokenRejected(_)), "{error:?}");
        assert_eq!(refreshes(&running), 0);
    }

    /// Hand `self.policy`, and not that of `self.within(began)`, to the machine in `run_with_token`: this
    /// fails.
    pub(super) fn a_question_that_is_asked_again_has_the_time_that_is_left<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(300));
        let mut policy = policy();
        (policy.attempts, policy.request_timeout) = (1, Some(seconds(50)));
        let client = client.with_retry_policy(policy);
        kill_access_token(&*running, client.cached());
        running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(20)));
        running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(45)));
        let began = running.now();
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(running.now().saturating_duration_since(began), seconds(60));
        assert_eq!(refreshes(&running), 1);
    }

    /// Cut the `jitter_seed` in `with_driver`, or the line in `with_retry_policy`: this fails.
    pub(super) fn each_client_waits_in_its_own_rhythm_unless_it_is_told_one<C: AnyClient>() {
        let waits = |policy: Option<RetryPolicy>| -> HashSet<Duration> {
            let wait = |_| {
                let running = server(seconds(300));
                let client = C::new(&running, profile_at(&running), MemoryStore::default());
                client.set_tokens(session_at(&running)).unwrap();
                let client = match policy {
                    Some(policy) => client.with_retry_policy(policy),
                    None => client,
                };
                running.simulator().fault_at("/userinfo", 1, bad_gateway());
                let began = running.now();
                client.who_am_i().unwrap();
                running.now().saturating_duration_since(began)
            };
            (0..6).map(wait).collect()
        };
        assert!(waits(None).len() > 1);
        assert!(waits(Some(policy())).len() > 1);
        let mut seeded = policy();
        seeded.jitter_seed = 7;
        assert_eq!(waits(Some(seeded)).len(), 1);
    }
}
