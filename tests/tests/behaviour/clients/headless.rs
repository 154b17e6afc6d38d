//! Programs without a user: a refresh token from their operator, a secret that is mounted.

use std::{fs, path::Path};

use aiod_auth_store::FileStore;

use super::*;

both! {
    a_given_refresh_token_counts_where_there_is_nothing
    a_given_refresh_token_is_used_once_by_many_callers
    a_given_refresh_token_is_used_once_by_many_processes
    a_given_refresh_token_is_no_way_around_a_server_that_is_away
    a_given_refresh_token_that_is_dead_is_said_and_not_kept
    a_secret_that_is_replaced_is_read_again
    a_secret_that_can_not_be_read_is_said_at_the_start
}

mod check {
    use super::*;

    fn given(running: &Arc<Network>) -> aiod_auth_core::RefreshToken {
        session_at(running).refresh_token.unwrap()
    }

    pub(super) fn a_given_refresh_token_counts_where_there_is_nothing<C: AnyClient>() {
        let running = server(seconds(20));
        let store = Arc::new(MemoryStore::default());
        let token = given(&running);
        let client = || C::new(&running, profile_at(&running), Arc::clone(&store));
        client().token_or_login_with(token.clone()).unwrap();
        assert_eq!(refreshes(&running), 1);
        // The server has replaced the given one, which would end the session now.
        for refreshed in 2..4 {
            running.pass(seconds(30));
            client().token_or_login_with(token.clone()).unwrap();
            assert_eq!(refreshes(&running), refreshed);
        }
        // Logged out, and with another one from the operator.
        client().log_out().unwrap();
        client().token_or_login_with(given(&running)).unwrap();
    }

    pub(super) fn a_given_refresh_token_is_used_once_by_many_callers<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let token = given(&running);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| client.token_or_login_with(token.clone()).unwrap());
            }
        });
        assert_eq!(refreshes(&running), 1);
    }

    /// Each with a client of its own, and nothing in the store. A second use would end the session.
    pub(super) fn a_given_refresh_token_is_used_once_by_many_processes<C: AnyClient>() {
        for round in 0..8 {
            // Longer than any wait for the lock: what is new needs no refresh of its own.
            let running = Network::with_files(settings(seconds(300)));
            let folder = tempfile::tempdir().unwrap();
            let client = || {
                let store = FileStore::new(folder.path().join("tokens"));
                C::new(&running, profile_at(&running), store)
            };
            let token = given(&running);
            let start = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let client = client();
                        start.wait();
                        client.token_or_login_with(token.clone()).unwrap();
                    });
                }
            });
            assert_eq!(refreshes(&running), 1, "{round}");
            running.pass(seconds(400));
            client().token().unwrap();
        }
    }

    pub(super) fn a_given_refresh_token_is_no_way_around_a_server_that_is_away<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let token = given(&running);
        running.pass(seconds(30));
        running.simulator().fault_anywhere(999, bad_gateway());
        let error = client.token_or_login_with(token.clone()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        running.simulator().clear_faults();
        assert!(running.simulator().refresh_token_is_alive(running.now_ms(), token.expose()));
    }

    pub(super) fn a_given_refresh_token_that_is_dead_is_said_and_not_kept<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let dead = aiod_auth_core::RefreshToken::new("dead");
        assert_eq!(client.token_or_login_with(dead).unwrap_err().kind(), Kind::SessionEnded);
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    }

    pub(super) fn a_secret_that_is_replaced_is_read_again<C: AnyClient>() {
        let (running, folder) = (server(seconds(20)), tempfile::tempdir().unwrap());
        let file = folder.path().join("client-secret");
        fs::write(&file, "bot-secret\n").unwrap();
        let profile = Profile::new(running.base_url, "bot").unwrap();
        let client = C::without_store(&running, profile).with_client_secret_file(&file).unwrap();
        client.token().unwrap();
        let forced = || client.token_for(Demand::new().forced());
        fs::write(&file, "another").unwrap();
        assert_eq!(forced().unwrap_err().kind(), Kind::Server);
        assert_eq!(client.for_account("b").token().unwrap_err().kind(), Kind::Server);
        // In the moment between two secrets, the first one counts.
        fs::remove_file(&file).unwrap();
        forced().unwrap();
        fs::write(&file, "client_secret = \"bot-secret\"").unwrap();
        forced().unwrap();
    }

    pub(super) fn a_secret_that_can_not_be_read_is_said_at_the_start<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::without_store(&running, profile_at(&running));
        let error = client.with_client_secret_file(Path::new("gone")).err().unwrap();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains("the client secret in gone"), "{error}");
        assert_eq!(requests(&running), 0);
    }
}
