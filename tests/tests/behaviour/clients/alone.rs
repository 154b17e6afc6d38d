//! One caller.

use aiod_auth_core::session::LoggedOut;

use super::*;

both! {
    a_login_a_token_a_name_and_a_logout
    a_login_that_the_user_refuses_is_denied
    a_login_that_is_not_approved_ends_in_time
    a_login_that_the_program_gives_up_is_cancelled
    a_login_happens_only_without_an_earlier_one
    a_good_token_makes_no_request
    a_token_that_is_old_is_refreshed_and_its_refresh_token_with_it
    a_new_token_comes_if_it_is_forced
    a_token_lives_as_long_as_is_asked_for
    a_refresh_token_from_elsewhere_logs_in
    a_dead_refresh_token_from_elsewhere_ends_no_other_session
    a_session_that_has_ended_is_asked_for_once
    a_caller_that_reports_the_end_of_the_session_gets_no_dead_token
    a_name_that_gets_no_second_token_keeps_the_first
    a_token_without_a_refresh_token_is_used_while_it_is_good
    a_server_that_is_away_costs_no_session
    a_logout_without_proof_removes_nothing
    a_logout_that_ignores_errors_forgets
}

mod check {
    use super::*;

    pub(super) fn a_login_a_token_a_name_and_a_logout<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
        let token = access_token(&client.token().unwrap());
        assert!(matches!(client.log_out().unwrap(), LoggedOut::Ended));
        assert!(!running.simulator().access_token_is_alive(running.now_ms(), &token));
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
        assert!(client.cached().is_none());
        assert!(matches!(client.log_out().unwrap(), LoggedOut::NotLoggedIn));
    }

    pub(super) fn a_login_that_the_user_refuses_is_denied<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let deny = |prompt: &Prompt| assert!(running.simulator().deny(user_code(prompt)));
        assert_eq!(client.login(deny).unwrap_err().kind(), Kind::AccessDenied);
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    }

    pub(super) fn a_login_that_is_not_approved_ends_in_time<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let error = client.login_within(seconds(2), |_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut);
    }

    pub(super) fn a_login_that_the_program_gives_up_is_cancelled<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let cancel = Cancel::new();
        let error = client.with_cancel(&cancel).login(|_| cancel.cancel()).unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
    }

    pub(super) fn a_login_happens_only_without_an_earlier_one<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(2));
        client.token_or_login(no_prompt).unwrap();
        running.pass(seconds(2));
        running.simulator().fault_anywhere(9, bad_gateway());
        let error = client.token_or_login(no_prompt).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        running.simulator().clear_faults();
        running.simulator().end_sessions();
        let mut prompts = 0;
        let approve = |prompt: &Prompt| {
            approve(&running)(prompt);
            prompts += 1;
        };
        client.token_or_login(approve).unwrap();
        assert_eq!(prompts, 1);
    }

    pub(super) fn a_good_token_makes_no_request<C: AnyClient>() {
        let running = server(seconds(20));
        let store = Arc::new(MemoryStore::default());
        let client = C::new(&running, profile_at(&running), Arc::clone(&store));
        log_in_at(&running, &client);
        let before = requests(&running);
        let token = access_token(&client.token().unwrap());
        // One that has just started finds it in the store.
        let other = C::new(&running, profile_at(&running), store);
        assert!(other.cached().is_none());
        assert_eq!(access_token(&other.token().unwrap()), token);
        assert_eq!(access_token(&other.cached().unwrap().tokens), token);
        assert_eq!(requests(&running), before);
    }

    pub(super) fn a_token_that_is_old_is_refreshed_and_its_refresh_token_with_it<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(1));
        let first = client.cached().unwrap().tokens;
        for refreshed in 1..=2 {
            running.pass(seconds(1));
            let token = client.token().unwrap();
            assert!(
                running.simulator().access_token_is_alive(running.now_ms(), &access_token(&token))
            );
            assert_eq!(refreshes(&running), refreshed);
        }
        let last = client.cached().unwrap().tokens;
        let alive = |tokens| {
            running.simulator().refresh_token_is_alive(running.now_ms(), refresh_token(tokens))
        };
        assert!(!alive(&first));
        assert!(alive(&last));
    }

    pub(super) fn a_new_token_comes_if_it_is_forced<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let old = access_token(&client.token().unwrap());
        let new = client.token_for(Demand::new().forced()).unwrap();
        assert_ne!(access_token(&new), old);
        assert_eq!(access_token(&client.token().unwrap()), access_token(&new));
        assert_eq!(refreshes(&running), 1);
    }

    pub(super) fn a_token_lives_as_long_as_is_asked_for<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let old = access_token(&client.token().unwrap());
        let short = client.token_for(Demand::new().valid_for(seconds(10))).unwrap();
        assert_eq!(access_token(&short), old);
        running.simulator().settings.access_token_lifetime = seconds(60);
        let long = client.token_for(Demand::new().valid_for(seconds(30))).unwrap();
        assert_ne!(access_token(&long), old);
        assert_eq!(refreshes(&running), 1);
    }

    pub(super) fn a_refresh_token_from_elsewhere_logs_in<C: AnyClient>() {
        let (running, elsewhere) = logged_in::<C>(seconds(20));
        let token = elsewhere.cached().unwrap().tokens.refresh_token.clone().unwrap();
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        client.login_with_refresh_token(token).unwrap();
        let before = requests(&running);
        client.token_or_login(no_prompt).unwrap();
        assert_eq!(requests(&running), before);
    }

    pub(super) fn a_dead_refresh_token_from_elsewhere_ends_no_other_session<C: AnyClient>() {
        let (_running, client) = logged_in_without_store::<C>(seconds(20));
        let dead = aiod_auth_core::RefreshToken::new("dead");
        let error = client.login_with_refresh_token(dead).unwrap_err();
        assert_eq!(error.kind(), Kind::SessionEnded);
        client.token_for(Demand::new().forced()).unwrap();
    }

    pub(super) fn a_session_that_has_ended_is_asked_for_once<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        running.simulator().end_sessions();
        let forced = Demand::new().forced();
        assert_eq!(client.token_for(forced).unwrap_err().kind(), Kind::SessionEnded);
        let before = requests(&running);
        assert_eq!(client.token().unwrap_err().kind(), Kind::SessionEnded);
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::SessionEnded);
        assert_eq!(requests(&running), before);
    }

    pub(super) fn a_caller_that_reports_the_end_of_the_session_gets_no_dead_token<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        running.simulator().end_sessions();
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::SessionEnded);
        assert!(client.cached().is_none());
        assert_eq!(client.token().unwrap_err().kind(), Kind::SessionEnded);
    }

    pub(super) fn a_name_that_gets_no_second_token_keeps_the_first<C: AnyClient>() {
        let (running, client) = logged_in_without_store::<C>(seconds(2));
        running.pass(seconds(2));
        let rejected = Answer::empty(401).with_header("WWW-Authenticate", "Bearer");
        running.simulator().fault_at("/userinfo", 1, Fault::Instead(rejected));
        running.simulator().fault_at("/token", 1, Fault::Delay(Duration::ZERO));
        running.simulator().fault_at("/token", 9, bad_gateway());
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::Unavailable);
        running.simulator().clear_faults();
        // The first one's refresh token is the living one.
        client.token_for(Demand::new().forced()).unwrap();
    }

    pub(super) fn a_token_without_a_refresh_token_is_used_while_it_is_good<C: AnyClient>() {
        let (running, client) = logged_in_without_store::<C>(seconds(60));
        let mut tokens = Tokens::clone(&client.cached().unwrap().tokens);
        tokens.refresh_token = None;
        // The second time near its end.
        for left in [60, 15] {
            let now = running.now();
            tokens.issued_at = now.saturating_sub(seconds(600 - left));
            tokens.expires_at = Some(now.saturating_add(seconds(left)));
            client.set_tokens(tokens.clone()).unwrap();
            let error = client.token_for(Demand::new().forced()).unwrap_err();
            assert!(matches!(error, Error::NotAuthenticated(_)), "{error:?}");
            client.token().unwrap();
            // An API that is no judge of the login.
            let rejected = Answer::empty(401).with_header("WWW-Authenticate", "Bearer");
            running.simulator().fault_at("/userinfo", 1, Fault::Instead(rejected));
            let error = client.who_am_i().unwrap_err();
            assert!(matches!(error, Error::TokenRejected(_)), "{error:?}");
            client.token().unwrap();
            client.who_am_i().unwrap();
        }
    }

    pub(super) fn a_server_that_is_away_costs_no_session<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        running.simulator().fault_anywhere(999, bad_gateway());
        let forced = Demand::new().forced();
        assert_eq!(client.token_for(forced).unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::Unavailable);
        // The cached token is still good.
        client.token().unwrap();
        running.simulator().clear_faults();
        client.token_for(forced).unwrap();
    }

    pub(super) fn a_logout_without_proof_removes_nothing<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        running.simulator().fault_anywhere(999, bad_gateway());
        assert_eq!(client.log_out().unwrap_err().kind(), Kind::Unavailable);
        client.token().unwrap();
        running.simulator().clear_faults();
        client.token_for(Demand::new().forced()).unwrap();
    }

    pub(super) fn a_logout_that_ignores_errors_forgets<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        running.simulator().fault_anywhere(999, bad_gateway());
        let LoggedOut::Unconfirmed(error) = client.log_out_ignoring_errors().unwrap() else {
            panic!()
        };
        assert_eq!(error.kind(), Kind::Unavailable);
        running.simulator().clear_faults();
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    }
}
