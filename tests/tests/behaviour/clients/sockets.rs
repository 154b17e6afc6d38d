//! Both clients once more, over real sockets, on the default stacks: a row per limit and per verb.

use super::*;

both! {
    a_login_a_token_a_refresh_a_name_and_a_logout
    a_request_ends_at_its_limit
    an_answer_that_is_too_large_is_no_answer
    a_connection_that_breaks_is_tried_again
    a_server_that_is_not_there_is_away
    a_redirect_is_not_followed
}

mod check {
    use super::*;

    pub(super) fn a_login_a_token_a_refresh_a_name_and_a_logout<C: AnyClient>() {
        let running = server_over_sockets(seconds(20));
        let store = Arc::new(MemoryStore::default());
        let client = C::over_sockets(profile_at(&running), Arc::clone(&store));
        log_in_at(&running, &client);
        let old = access_token(&client.token().unwrap());
        let new = client.token_for(Demand::new().forced()).unwrap();
        assert_ne!(access_token(&new), old);
        let stored = store.load(&profile_at(&running).key()).unwrap().unwrap();
        assert!(stored.has_same_access_token(&new));
        assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
        client.log_out().unwrap();
        assert!(store.load(&profile_at(&running).key()).unwrap().is_none());
        assert!(!running.simulator().access_token_is_alive(wall_clock_ms(), &access_token(&new)));
    }

    /// Cut the request's own limit in `UreqTransport::exchange`, or in `TokioRuntime`'s: this fails after the
    /// 30 s that a request has by itself. (A driver's limit is `promises_of_time`'s.)
    pub(super) fn a_request_ends_at_its_limit<C: AnyClient>() {
        let (running, client) = with_a_session::<C>();
        running.simulator().fault_anywhere(99, Fault::Delay(seconds(120)));
        let mut policy = policy();
        policy.attempts = 1;
        policy.request_timeout = Some(Duration::from_millis(200));
        let client = client.with_retry_policy(policy);
        let error = within(seconds(20), "a request of at most 200 ms", move || client.who_am_i());
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    }

    pub(super) fn an_answer_that_is_too_large_is_no_answer<C: AnyClient>() {
        let (running, client) = with_a_session::<C>();
        let large = Answer::new(200, "application/json", vec![b' '; 3 << 20]);
        running.simulator().fault_at("/userinfo", 9, Fault::Instead(large));
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::Protocol);
        running.simulator().clear_faults();
        client.who_am_i().unwrap();
    }

    pub(super) fn a_connection_that_breaks_is_tried_again<C: AnyClient>() {
        let (running, client) = with_a_session::<C>();
        let client = client.with_retry_policy(impatient());
        running.simulator().fault_at("/userinfo", 1, Fault::DropBefore);
        running.simulator().fault_at("/userinfo", 1, Fault::DropAfter);
        client.who_am_i().unwrap();
        assert_eq!(count(&running, "/userinfo"), 3);
    }

    pub(super) fn a_server_that_is_not_there_is_away<C: AnyClient>() {
        let (running, client) = with_a_session::<C>();
        let client = client.with_retry_policy(impatient());
        drop(running);
        let error = client.who_am_i().unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        // The token is good all the same.
        client.token().unwrap();
    }

    pub(super) fn a_redirect_is_not_followed<C: AnyClient>() {
        let (running, client) = with_a_session::<C>();
        let elsewhere = server_over_sockets(seconds(20));
        for status in [302, 307] {
            let to = format!("{}/token", elsewhere.base_url);
            running.simulator().fault_at(
                "/token",
                1,
                Fault::Instead(Answer::redirect(status, &to)),
            );
            let error = client.token_for(Demand::new().forced()).unwrap_err();
            assert_eq!(error.kind(), Kind::Protocol, "{error}");
        }
        assert_eq!(requests(&elsewhere), 0);
    }
}

/// A client that has a session without a wait for it.
fn with_a_session<C: AnyClient>() -> (Running, C) {
    let running = server_over_sockets(seconds(60));
    let client = C::over_sockets(profile_at(&running), MemoryStore::default());
    client.set_tokens(session_at(&running)).unwrap();
    (running, client)
}

/// As many attempts as usual, without the waits.
fn impatient() -> RetryPolicy {
    let mut policy = policy();
    policy.first_delay = Duration::from_millis(1);
    policy
}
