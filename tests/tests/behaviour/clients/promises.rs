//! What a client hands on to the machines, the driver and the store: a row per promise, against both. Each
//! says what was cut to see it fail.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use aiod_auth_core::{
    Error, RecordKey, RefreshToken,
    cache::{Event, Observer},
    session::Persisted,
};
use aiod_auth_store::{Lock, StoreError};

use super::*;

both! {
    a_retry_policy_is_each_jobs
    a_request_timeout_is_each_requests
    a_rejected_token_is_refreshed_once_for_fifty_callers
    a_refresh_that_is_forced_keeps_no_other_caller_waiting
    a_server_that_asks_to_be_left_alone_is
    a_server_that_asks_to_be_left_alone_by_one_account_serves_the_next
    what_was_not_saved_is_saved_later
    what_is_done_beside_a_caller_settles
    without_early_refresh_nothing_runs_beside_a_caller
    a_cancelled_caller_leaves_its_refresh_alone
    a_caller_of_any_call_gives_up_on_waiting_and_the_call_is_brought_home
    a_caller_that_waits_for_its_turn_gives_up_on_it
    an_account_is_a_login_of_its_own
    an_account_is_kept_by_what_is_said_after_it
    a_server_is_discovered_once_for_all_calls_and_accounts
    an_observer_is_told_each_thing_of_which_login_and_how_long_it_took
    what_a_failed_login_brought_is_said_until_it_is_taken
    what_an_operator_should_see_is_logged_as_a_warning
    what_an_answer_was_forgiven_is_logged
    what_the_last_answer_was_forgiven_is_logged
    a_login_without_a_limit_of_its_own_ends_after_five_minutes
    a_login_that_waits_for_the_lock_with_its_tokens_is_not_cancelled
    tokens_that_wait_for_their_store_are_not_given_up
}

mod check {
    use super::*;

    /// Give `RetryPolicy::default()` to any job: this fails.
    pub(super) fn a_retry_policy_is_each_jobs<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let mut policy = policy();
        policy.attempts = 2;
        let client = client.with_retry_policy(policy);
        running.simulator().fault_at("/token", 999, bad_gateway());
        running.simulator().fault_at("/userinfo", 999, bad_gateway());
        running.simulator().fault_at("/revoke", 999, bad_gateway());
        let token = client.cached().unwrap().tokens.refresh_token.clone().unwrap();
        let sends = |path: &str, job: &dyn Fn()| {
            let before = count(&running, path);
            job();
            count(&running, path) - before
        };
        let forced = || drop(client.token_for(Demand::new().forced()).unwrap_err());
        assert_eq!(sends("/token", &forced), 2);
        assert_eq!(sends("/userinfo", &|| drop(client.who_am_i().unwrap_err())), 2);
        assert_eq!(sends("/revoke", &|| drop(client.log_out().unwrap_err())), 2);
        let end = || client.end_session_of(token.clone()).unwrap_err();
        assert_eq!(sends("/revoke", &|| drop(end())), 2);
        let log_in = || client.login_with_refresh_token(token.clone()).unwrap_err();
        assert_eq!(sends("/token", &|| drop(log_in())), 2);
    }

    /// Cut the line in `with_request_timeout`: this fails.
    pub(super) fn a_request_timeout_is_each_requests<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let client = client.with_request_timeout(seconds(3));
        running.simulator().fault_anywhere(1, Fault::Delay(seconds(5)));
        let began = running.now();
        let error = client.token_for(Demand::new().forced()).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
        assert_eq!(running.now().saturating_duration_since(began), seconds(3));
    }

    /// Let `token_instead_of` be a forced `token_for`: this fails.
    pub(super) fn a_rejected_token_is_refreshed_once_for_fifty_callers<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let rejected = client.token().unwrap();
        let new = together(50, || client.token_instead_of(&rejected).unwrap());
        assert!(new.iter().all(|new| !new.has_same_access_token(&rejected)));
        // Also for callers whose API refuses the token a second later.
        running.pass(seconds(1));
        client.token_instead_of(&rejected).unwrap();
        assert_eq!(refreshes(&running), 1);
    }

    /// Let `good` in `token_for` wait for the job: this fails.
    pub(super) fn a_refresh_that_is_forced_keeps_no_other_caller_waiting<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let old = access_token(&client.token().unwrap());
        running.hold_up("/token");
        thread::scope(|scope| {
            let forced = scope.spawn(|| client.token_for(Demand::new().forced()).unwrap());
            until(|| refreshes(&running) == 1);
            for _ in 0..10 {
                assert_eq!(access_token(&client.token().unwrap()), old);
                assert_eq!(access_token(&client.token_for(Demand::new()).unwrap()), old);
            }
            running.let_go();
            assert_ne!(access_token(&forced.join().unwrap()), old);
        });
    }

    /// Give each call a cache of its own: this fails.
    pub(super) fn a_server_that_asks_to_be_left_alone_is<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        running.pass(seconds(20));
        let busy = Answer::empty(503).with_header("Retry-After", "120");
        running.simulator().fault_at("/token", 1, Fault::Instead(busy));
        let began = running.now();
        assert_eq!(client.token().unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(running.now(), began, "at once");
        let before = requests(&running);
        for _ in 0..3 {
            running.pass(seconds(30));
            assert_eq!(client.token().unwrap_err().kind(), Kind::Unavailable);
        }
        assert_eq!(requests(&running), before);
        running.pass(seconds(30));
        client.token().unwrap();
    }

    /// Let the accounts of a client share what the server asked for: this fails. (ARCHITECTURE.md says why.)
    pub(super) fn a_server_that_asks_to_be_left_alone_by_one_account_serves_the_next<
        C: AnyClient,
    >() {
        let (running, alice) = logged_in::<C>(seconds(20));
        let bob = alice.for_account("bob");
        log_in_at(&running, &bob);
        let busy = Answer::empty(429).with_header("Retry-After", "120");
        running.simulator().fault_at("/token", 1, Fault::Instead(busy));
        let forced = || Demand::new().forced();
        assert_eq!(alice.token_for(forced()).unwrap_err().kind(), Kind::Unavailable);
        let before = count(&running, "/token");
        alice.token_for(forced()).unwrap_err();
        assert_eq!(count(&running, "/token"), before);
        bob.token_for(forced()).unwrap();
        assert_eq!(count(&running, "/token"), before + 1);
    }

    /// Cut `is_to_be_saved` in the cache, or the job beside the caller in a client: this fails.
    pub(super) fn what_was_not_saved_is_saved_later<C: AnyClient>() {
        let running = server(seconds(60));
        let store = Arc::new(Full::default());
        let client = C::new(&running, profile_at(&running), Arc::clone(&store));
        log_in_at(&running, &client);
        store.is_full.store(true, Ordering::SeqCst);
        let token = client.token_for(Demand::new().forced()).unwrap();
        assert!(matches!(token.persisted(), Persisted::NotSaved(_)), "{:?}", token.persisted());
        store.is_full.store(false, Ordering::SeqCst);
        running.pass(seconds(11));
        // No call waits for it, and none asks the server.
        let before = requests(&running);
        client.token().unwrap();
        assert!(client.settled(seconds(600)));
        assert_eq!(*client.token().unwrap().persisted(), Persisted::Saved);
        assert_eq!(requests(&running), before);
        let stored = store.load(&profile_at(&running).key()).unwrap().unwrap();
        assert!(stored.has_same_access_token(&token));
    }

    /// Let `settled` return at once: this fails.
    pub(super) fn what_is_done_beside_a_caller_settles<C: AnyClient>() {
        let (running, client) = due_for_an_early_refresh::<C>(MemoryStore::default());
        running.hold_up("/token");
        let old = access_token(&client.token().unwrap());
        until(|| refreshes(&running) == 1);
        assert!(!client.settled(seconds(1)), "it has not ended");
        running.let_go();
        assert!(client.settled(seconds(600)));
        assert_ne!(access_token(&client.token().unwrap()), old);
    }

    /// Cut the line in `without_early_refresh`: this fails.
    pub(super) fn without_early_refresh_nothing_runs_beside_a_caller<C: AnyClient>() {
        let (running, client) = due_for_an_early_refresh::<C>(MemoryStore::default());
        let client = client.without_early_refresh();
        client.token().unwrap();
        assert!(client.settled(seconds(1)));
        assert_eq!(refreshes(&running), 0);
        // When it has to be, it is done in the call.
        running.pass(seconds(60));
        client.token().unwrap();
        assert_eq!(refreshes(&running), 1);
    }

    /// Hand the cancel to the driver of a refresh: this fails.
    pub(super) fn a_cancelled_caller_leaves_its_refresh_alone<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let old = access_token(&client.token().unwrap());
        let cancel = Cancel::new();
        let cancelled = client.with_cancel(&cancel);
        running.hold_up("/token");
        let outcome = thread::scope(|scope| {
            let forced = scope.spawn(|| cancelled.token_for(Demand::new().forced()));
            until(|| refreshes(&running) == 1);
            cancel.cancel();
            forced.join().unwrap()
        });
        assert_eq!(outcome.unwrap_err().kind(), Kind::Cancelled);
        running.let_go();
        assert!(client.settled(seconds(600)));
        assert_ne!(access_token(&client.token().unwrap()), old);
        client.token_for(Demand::new().forced()).unwrap();
        assert_eq!(refreshes(&running), 2);
    }

    /// Call the driver in any of them, and not `unless_cancelled`, or cut `begin_question`: this fails.
    pub(super) fn a_caller_of_any_call_gives_up_on_waiting_and_the_call_is_brought_home<
        C: AnyClient,
    >() {
        type Call<C> = fn(&C, RefreshToken) -> Result<(), Error>;
        let calls: [(&str, bool, Call<C>); 4] = [
            ("/token", true, |it, token| it.login_with_refresh_token(token).map(drop)),
            ("/userinfo", true, |it, _| it.who_am_i().map(drop)),
            ("/revoke", false, |it, token| it.end_session_of(token)),
            ("/revoke", false, |it, _| it.log_out().map(drop)),
        ];
        for (path, lives_on, call) in calls {
            let (running, client) = logged_in::<C>(seconds(20));
            let token = client.cached().unwrap().tokens.refresh_token.clone().unwrap();
            let cancel = Cancel::new();
            let cancelled = client.with_cancel(&cancel);
            let before = count(&running, path);
            running.hold_up(path);
            let outcome = thread::scope(|scope| {
                let called = scope.spawn(|| call(&cancelled, token));
                until(|| count(&running, path) == before + 1);
                cancel.cancel();
                called.join().unwrap()
            });
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.kind(), &*error.to_string()),
                (Kind::Cancelled, "cancelled"),
                "{path}"
            );
            assert!(!client.settled(seconds(1)), "{path}: it has not ended");
            running.let_go();
            assert!(client.settled(seconds(600)));
            assert_eq!(client.token_for(Demand::new().forced()).is_ok(), lives_on, "{path}");
        }
    }

    /// Call `wait_for` (await it) in place of `self.wait` for `begin_asking` or for `begin_logout`: this fails.
    pub(super) fn a_caller_that_waits_for_its_turn_gives_up_on_it<C: AnyClient>() {
        // Another caller asks the user, who takes their time.
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let (is_asking, has_given_up) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            let asks = scope.spawn(|| {
                client.token_or_login(|prompt| {
                    is_asking.store(true, Ordering::SeqCst);
                    until(|| has_given_up.load(Ordering::SeqCst));
                    approve(&running)(prompt);
                })
            });
            until(|| is_asking.load(Ordering::SeqCst));
            let outcome = cancelled_in_line(&client, |it| it.token_or_login(no_prompt).map(drop));
            assert_eq!(outcome.unwrap_err().kind(), Kind::Cancelled);
            has_given_up.store(true, Ordering::SeqCst);
            asks.join().unwrap().unwrap();
        });
        // Another caller's refresh runs.
        running.hold_up("/token");
        thread::scope(|scope| {
            let forced = scope.spawn(|| client.token_for(Demand::new().forced()));
            until(|| refreshes(&running) == 1);
            let outcome = cancelled_in_line(&client, |it| it.log_out().map(drop));
            assert_eq!(outcome.unwrap_err().kind(), Kind::Cancelled);
            running.let_go();
            forced.join().unwrap().unwrap();
        });
        assert_eq!(count(&running, "/revoke"), 0);
    }

    /// Share the cache between accounts: this fails.
    pub(super) fn an_account_is_a_login_of_its_own<C: AnyClient>() {
        let (running, alice) = logged_in::<C>(seconds(20));
        let bob = alice.for_account("bob");
        assert_eq!(bob.token().unwrap_err().kind(), Kind::NotAuthenticated);
        bob.login(|prompt| assert!(running.simulator().approve(user_code(prompt), "bob"))).unwrap();
        assert_eq!(bob.who_am_i().unwrap().name.as_deref(), Some("Bob Example"));
        assert_eq!(alice.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
        alice.log_out().unwrap();
        bob.token_for(Demand::new().forced()).unwrap();
        // The store knows it, too.
        bob.for_account("bob").token().unwrap();
    }

    /// Hand `None` in place of the account, or of the file, to `Login::new` in `with_observer` or
    /// `with_client_secret_file`: this fails.
    pub(super) fn an_account_is_kept_by_what_is_said_after_it<C: AnyClient>() {
        let (running, folder) = (server(seconds(20)), tempfile::tempdir().unwrap());
        let file = folder.path().join("client-secret");
        std::fs::write(&file, "bot-secret").unwrap();
        let profile = Profile::new(running.base_url, "bot").unwrap();
        let told = Arc::default();
        let client = C::without_store(&running, profile).for_account("u1");
        let client = client.with_client_secret_file(&file).unwrap();
        let client = client.with_observer(Told(Arc::clone(&told)));
        client.token().unwrap();
        assert!(told.lock().unwrap()[0].contains(", u1;"), "{told:?}");
        std::fs::write(&file, "another").unwrap();
        let forced = client.token_for(Demand::new().forced());
        assert_eq!(forced.unwrap_err().kind(), Kind::Server);
        let client = client.with_client_secret_file(&file).unwrap();
        client.token().unwrap_err();
        assert!(told.lock().unwrap()[2].contains(", u1;"), "{told:?}");
    }

    /// Cut `with_metadata` in any call, or give the driver that `for_account` hands on a cache of its own: this
    /// fails.
    pub(super) fn a_server_is_discovered_once_for_all_calls_and_accounts<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(300));
        let discoveries = || {
            let simulator = running.simulator();
            let log = simulator.log().iter();
            log.filter(|handled| handled.request.path().starts_with("/.well-known/")).count()
        };
        assert_eq!(discoveries(), 1);
        client.token_for(Demand::new().forced()).unwrap();
        client.who_am_i().unwrap();
        let given = || session_at(&running).refresh_token.unwrap();
        client.login_with_refresh_token(given()).unwrap();
        client.end_session_of(given()).unwrap();
        client.for_account("bob").login(approve(&running)).unwrap();
        client.log_out().unwrap();
        assert_eq!(discoveries(), 1);
    }

    /// Cut any call of the observer, hand on another time than what the driver measured, or don't hand the
    /// observer on in `for_account`: this fails.
    pub(super) fn an_observer_is_told_each_thing_of_which_login_and_how_long_it_took<
        C: AnyClient,
    >() {
        let running = server(seconds(300));
        let told = Arc::default();
        let store = Arc::new(Full::default());
        let mut policy = policy();
        policy.attempts = 1;
        let client = C::new(&running, profile_at(&running), Arc::clone(&store));
        let client = client.with_observer(Told(Arc::clone(&told))).with_retry_policy(policy);
        let client = client.for_account("u1");
        let next_at = |path: &str, fault| running.simulator().fault_at(path, 1, fault);
        let slow = || Fault::Delay(seconds(2));
        let forced = || client.token_for(Demand::new().forced());
        let is = |expected: &[(&str, u64)]| {
            let lines = std::mem::take(&mut *told.lock().unwrap());
            let account = |ms: &u64| format!(", u1; {ms} ms)");
            let fits = |(line, (beginning, ms)): (&String, &(&str, u64))| {
                line.starts_with(beginning) && line.ends_with(&account(ms))
            };
            let is_same = lines.len() == expected.len() && lines.iter().zip(expected).all(fits);
            assert!(is_same, "{lines:#?} and not {expected:?}");
            assert!(!lines.iter().any(|it| it.contains("access-") || it.contains("refresh-")));
        };

        let is_full = |is_full| store.is_full.store(is_full, Ordering::SeqCst);
        // An answer that is malformed but for a refresh token, which gets no tokens for now.
        let spoiled = || {
            let tokens = session_at(&running);
            let refresh_token = refresh_token(&tokens);
            instead(200, &json!({ "token_type": "mac", "refresh_token": refresh_token }))
        };

        // Each login is polled for after a second.
        is_full(true);
        next_at("/token", spoiled());
        next_at("/token", bad_gateway());
        client.login(approve(&running)).unwrap_err();
        is(&[("the login failed", 1000), ("tokens are not saved: the disk is full", 1000)]);
        client.login(approve(&running)).unwrap();
        is(&[("logged in", 1000), ("tokens are not saved: the disk is full", 1000)]);
        let deny = |prompt: &Prompt| assert!(running.simulator().deny(user_code(prompt)));
        client.login(deny).unwrap_err();
        is(&[("the login failed: the login was refused", 1000)]);
        next_at("/token", slow());
        forced().unwrap();
        is(&[("new tokens", 2000), ("tokens are not saved: the disk is full", 2000)]);
        next_at("/token", spoiled());
        forced().unwrap_err();
        is(&[("no new tokens", 0), ("tokens are not saved: the disk is full", 0)]);
        is_full(false);
        next_at("/token", slow());
        forced().unwrap();
        is(&[("new tokens", 2000)]);
        // Early, and beside the caller.
        running.pass(seconds(235));
        next_at("/token", bad_gateway());
        client.token().unwrap();
        assert!(client.settled(seconds(600)));
        is(&[("no new tokens", 0)]);
        next_at("/revoke", bad_gateway());
        client.log_out().unwrap_err();
        is(&[("the logout failed", 0)]);
        next_at("/revoke", slow());
        client.log_out().unwrap();
        is(&[("logged out", 2000)]);
    }

    /// Hand another thing on than the cache's `take_salvaged`, or cut the event in `LoginUnderWay::finish`, or what
    /// `is_saved` says of it: this fails.
    pub(super) fn what_a_failed_login_brought_is_said_until_it_is_taken<C: AnyClient>() {
        let (running, told) = (server(seconds(20)), Arc::default());
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let mut policy = policy();
        policy.attempts = 1;
        let client = client.with_observer(Told(Arc::clone(&told))).with_retry_policy(policy);
        log_in_at(&running, &client);
        told.lock().unwrap().clear();
        let given = || session_at(&running).refresh_token.unwrap();
        let spoiled = |refresh_token: &str| {
            instead(200, &json!({ "token_type": "mac", "refresh_token": refresh_token }))
        };
        let brought = [given(), given()];
        for refresh_token in &brought {
            let given = given();
            running.simulator().fault_at("/token", 1, spoiled(refresh_token.expose()));
            running.simulator().fault_at("/token", 1, bad_gateway());
            client.login_with_refresh_token(given).unwrap_err();
        }
        let told = std::mem::take(&mut *told.lock().unwrap());
        let is = |line: &String, beginning: &str| line.starts_with(beginning);
        let (failed, not_saved) = ("the login failed: ", "tokens are not saved: ");
        let expected = [failed, not_saved, failed, not_saved];
        assert!(told.len() == 4 && told.iter().zip(expected).all(|(a, b)| is(a, b)), "{told:#?}");
        for expected in &brought {
            assert!(!client.settled(seconds(600)));
            assert_eq!(refresh_token(&client.take_salvaged().unwrap()), expected.expose());
        }
        assert!(client.take_salvaged().is_none());
        assert!(client.settled(seconds(600)));
        client.token_for(Demand::new().forced()).unwrap();
    }

    /// Log an event of this list at another level: this fails.
    pub(super) fn what_an_operator_should_see_is_logged_as_a_warning<C: AnyClient>() {
        secrets_of_logs::install();
        let (running, client) = logged_in::<C>(seconds(20));
        // No other test's.
        let account = format!("the operator of {}", C::CRATE);
        let client = client.for_account(&account);
        let told = |level| {
            let lines = secrets_of_logs::lines_at(level);
            let lines = lines.into_iter().filter(|line| line.contains(&account));
            let what = |line: String| {
                let said = line.strip_prefix(&format!("{}: ", Event::LOG_TARGET)).unwrap();
                said.split([':', '(']).next().unwrap().trim().to_owned()
            };
            lines.map(what).collect::<Vec<_>>()
        };
        let forced = || client.token_for(Demand::new().forced());
        // A program begins, asks its user, and gets tokens.
        client.token().unwrap_err();
        log_in_at(&running, &client);
        forced().unwrap();
        // The server ends the session: nothing but a login helps.
        let dead = client.cached().unwrap().tokens.refresh_token.clone();
        client.end_session_of(dead.unwrap()).unwrap();
        forced().unwrap_err();
        client.token().unwrap_err();
        let deny = |prompt: &Prompt| assert!(running.simulator().deny(user_code(prompt)));
        client.login(deny).unwrap_err();
        log_in_at(&running, &client);
        running.simulator().fault_at("/revoke", 999, bad_gateway());
        client.log_out().unwrap_err();
        client.log_out_ignoring_errors().unwrap();
        assert_eq!(
            told(log::Level::Debug),
            ["no new tokens", "logged in", "new tokens", "logged in"]
        );
        let warnings = [
            "no new tokens",
            "no new tokens",
            "the login failed",
            "the logout failed",
            "logged out, which is unconfirmed",
        ];
        assert_eq!(told(log::Level::Warn), warnings);
    }

    /// Cut what `log_notes` of a driver does: this fails.
    pub(super) fn what_an_answer_was_forgiven_is_logged<C: AnyClient>() {
        secrets_of_logs::install();
        let (running, client) = logged_in::<C>(seconds(20));
        let forgiven = json!({ "access_token": "a", "token_type": "Bearer", "scope": ["openid"] });
        running.simulator().fault_at("/token", 1, instead(200, &forgiven));
        client.token_for(Demand::new().forced()).unwrap();
        let expected = format!("{}::driver: in an answer `scope` is a list", C::CRATE);
        let lines = secrets_of_logs::lines();
        assert!(lines.iter().any(|line| line.starts_with(&expected)), "{lines:#?}");
    }

    /// Cut the last `log_notes` of a driver, after the machine's end: this fails.
    pub(super) fn what_the_last_answer_was_forgiven_is_logged<C: AnyClient>() {
        secrets_of_logs::install();
        let (running, client) = logged_in::<C>(seconds(20));
        // As no other test has it.
        let mut forgiven = Answer::json(200, &json!({ "sub": "sub-alice" }));
        forgiven.headers = vec![("Content-Type".into(), "text/plain".into())];
        running.simulator().fault_at("/userinfo", 1, Fault::Instead(forgiven));
        client.who_am_i().unwrap();
        let expected = format!("{}::driver: in an answer `Content-Type` is not", C::CRATE);
        let lines = secrets_of_logs::lines();
        assert!(lines.iter().any(|line| line.starts_with(&expected)), "{lines:#?}");
    }

    /// Hand another limit on than `LOGIN_LIMIT` in `login` or `token_or_login`: this fails.
    pub(super) fn a_login_without_a_limit_of_its_own_ends_after_five_minutes<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let unapproved = |_: &Prompt| ();
        for outcome in [
            client.login_without_limit(unapproved).map(drop),
            client.token_or_login(unapproved).map(drop),
        ] {
            let Err(Error::TimedOut { limit, .. }) = outcome else { panic!("{outcome:?}") };
            assert_eq!(limit, seconds(300));
        }
    }

    /// Let a wait for [`Reason::Lock`](aiod_auth_core::Reason::Lock) be cancelled, in the blocking driver's
    /// `sleep` or the async one's: this fails.
    pub(super) fn a_login_that_waits_for_the_lock_with_its_tokens_is_not_cancelled<C: AnyClient>() {
        is_saved_though_cancelled::<C>(WaitsFor::Lock);
    }

    /// Let a wait for [`Reason::Tokens`](aiod_auth_core::Reason::Tokens) be cancelled, in the blocking driver's
    /// `sleep` or the async one's: this fails.
    pub(super) fn tokens_that_wait_for_their_store_are_not_given_up<C: AnyClient>() {
        is_saved_though_cancelled::<C>(WaitsFor::Store);
    }
}

/// Cut the wait in `Drop` of the blocking client's login: this fails. (The async one's task belongs to the
/// runtime: `dropped` and `runtimes` have what that promises.)
#[test]
fn the_last_blocking_client_waits_for_an_early_refresh_when_it_is_dropped() {
    let store = Arc::new(MemoryStore::default());
    let (running, client) = due_for_an_early_refresh::<aiod_auth_ureq::Client>(Arc::clone(&store));
    running.hold_up("/token");
    let old = access_token(&client.token().unwrap());
    until(|| refreshes(&running) == 1);
    let letting_go = {
        let running = Arc::clone(&running);
        thread::spawn(move || {
            thread::sleep(A_MOMENT);
            running.let_go();
        })
    };
    in_time("the drop", move || drop(client));
    letting_go.join().unwrap();
    let stored = store.load(&profile_at(&running).key()).unwrap().unwrap();
    assert_ne!(access_token(&stored), old);
}

/// Wait without a limit in `Drop` of the blocking client's login: this fails.
#[test]
fn the_last_blocking_client_waits_no_longer_than_a_request_may_take() {
    let store = Arc::new(MemoryStore::default());
    let (running, client) = due_for_an_early_refresh::<aiod_auth_ureq::Client>(Arc::clone(&store));
    let client = client.with_request_timeout(A_MOMENT);
    running.hold_up("/token");
    let old = access_token(&client.token().unwrap());
    until(|| refreshes(&running) == 1);
    in_time("the drop", move || drop(client));
    // It is still under way, and saved when it comes.
    let stored = || access_token(&store.load(&profile_at(&running).key()).unwrap().unwrap());
    assert_eq!(stored(), old);
    running.let_go();
    until(|| stored() != old);
}

/// What comes of a call that is cancelled while it waits for its turn.
fn cancelled_in_line<C: AnyClient>(
    client: &C,
    call: impl FnOnce(C) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let cancel = Cancel::new();
    let cancelled = client.with_cancel(&cancel);
    thread::scope(|scope| {
        let waits = scope.spawn(|| call(cancelled));
        thread::sleep(A_MOMENT);
        cancel.cancel();
        waits.join().unwrap()
    })
}

/// A caller gives up when its login has got tokens, and can't save them yet.
fn is_saved_though_cancelled<C: AnyClient>(waits_for: WaitsFor) {
    let running = server(seconds(20));
    let cancel = Cancel::new();
    let store = Arc::new(Away {
        store: MemoryStore::default(),
        waits_for,
        is_approved: AtomicBool::new(false),
        times: AtomicU32::new(0),
        cancel: cancel.clone(),
    });
    let client = C::new(&running, profile_at(&running), Arc::clone(&store));
    let outcome = client.with_cancel(&cancel).login(|prompt| {
        approve(&running)(prompt);
        store.is_approved.store(true, Ordering::SeqCst);
    });
    if let Err(error) = outcome {
        assert_eq!(error.kind(), Kind::Cancelled);
    }
    assert!(client.settled(seconds(600)));
    assert!(cancel.is_cancelled());
    assert!(store.load(&profile_at(&running).key()).unwrap().is_some());
}

/// A client whose token is good for 20 s more of 300: to be refreshed early, and not yet stale.
fn due_for_an_early_refresh<C: AnyClient>(store: impl Store + 'static) -> (Arc<Network>, C) {
    let running = server(seconds(300));
    let client = C::new(&running, profile_at(&running), store);
    log_in_at(&running, &client);
    running.pass(seconds(235));
    (running, client)
}

/// What an observer was told, a line each.
#[derive(Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.to_string());
    }
}

/// A store that is full when it is told to be.
#[derive(Debug, Default)]
struct Full {
    store: MemoryStore,
    is_full: AtomicBool,
}

impl Store for Full {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(StoreError::Other("the disk is full".into()));
        }
        self.store.save(key, tokens)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.remove(key)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.store.try_lock(key)
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}

/// A store that isn't ready for the tokens of a login for a while, in which the caller gives up.
#[derive(Debug)]
struct Away {
    store: MemoryStore,
    waits_for: WaitsFor,
    is_approved: AtomicBool,
    times: AtomicU32,
    cancel: Cancel,
}

#[derive(Debug, PartialEq, Eq)]
enum WaitsFor {
    Lock,
    Store,
}

impl Away {
    /// Often enough for the async client to hear of it in one of the waits.
    fn is_away(&self, asked_for: &WaitsFor) -> bool {
        let is_away = *asked_for == self.waits_for
            && self.is_approved.load(Ordering::SeqCst)
            && self.times.fetch_add(1, Ordering::SeqCst) < 40;
        if is_away {
            self.cancel.cancel();
        }
        is_away
    }
}

impl Store for Away {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        if self.is_away(&WaitsFor::Store) {
            return Err(StoreError::Unavailable { place: "here".into(), why: "away".into() });
        }
        self.store.save(key, tokens)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.remove(key)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        if self.is_away(&WaitsFor::Lock) { Ok(None) } else { self.store.try_lock(key) }
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}
