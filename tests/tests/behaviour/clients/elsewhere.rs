//! Tokens from elsewhere, several logins at once, and the one of a whole process.

use aiod_auth_core::{RecordKey, RefreshToken, Timestamp, session::Persisted};
use aiod_auth_store::{FileStore, Lock, StoreError};

use super::*;

both! {
    given_tokens_are_used_and_kept
    given_tokens_are_kept_nowhere_without_a_store
    given_tokens_of_a_dead_session_end_in_its_error
    the_session_of_a_given_token_ends_and_no_other
    a_session_of_a_given_token_that_can_not_be_ended_is_an_error
    two_accounts_on_one_store_are_two_logins
    the_default_client_is_the_one_that_was_set
}

mod check {
    use super::*;

    pub(super) fn given_tokens_are_used_and_kept<C: AnyClient>() {
        let (running, elsewhere) = logged_in::<C>(seconds(20));
        let store = Arc::new(MemoryStore::default());
        let client = C::new(&running, profile_at(&running), Arc::clone(&store));
        log_in_at(&running, &client);
        let (given, before) = (tokens_of(&elsewhere), requests(&running));
        assert_eq!(client.set_tokens(given.clone()).unwrap().persisted, Persisted::Saved);
        assert_eq!(access_token(&client.token().unwrap()), access_token(&given));
        let kept = store.load(&profile_at(&running).key()).unwrap().unwrap();
        assert_eq!(access_token(&kept), access_token(&given));
        assert_eq!(requests(&running), before);
        // They are refreshed as any others.
        client.token_for(Demand::new().forced()).unwrap();
        assert!(!is_alive(&running, &given));
        assert!(is_alive(&running, &tokens_of(&client)));
    }

    pub(super) fn given_tokens_are_kept_nowhere_without_a_store<C: AnyClient>() {
        let (running, elsewhere) = logged_in::<C>(seconds(20));
        let client = C::without_store(&running, profile_at(&running));
        let given = tokens_of(&elsewhere);
        assert_eq!(client.set_tokens(given.clone()).unwrap().persisted, Persisted::NoStore);
        assert_eq!(access_token(&client.token().unwrap()), access_token(&given));
        client.token_for(Demand::new().forced()).unwrap();
        assert!(is_alive(&running, &tokens_of(&client)));
    }

    pub(super) fn given_tokens_of_a_dead_session_end_in_its_error<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let mut given = tokens_of(&client);
        given.expires_at = Some(Timestamp::UNIX_EPOCH);
        running.simulator().end_sessions();
        client.set_tokens(given).unwrap();
        assert_eq!(client.token().unwrap_err().kind(), Kind::SessionEnded);
    }

    pub(super) fn the_session_of_a_given_token_ends_and_no_other<C: AnyClient>() {
        for keycloak_logout in [true, false] {
            let (running, client) = logged_in::<C>(seconds(20));
            running.simulator().settings.keycloak_logout = keycloak_logout;
            let given = tokens_of(&client);
            log_in_at(&running, &client);
            assert!(is_alive(&running, &given));
            let token = given.refresh_token.clone().unwrap();
            client.end_session_of(token.clone()).unwrap();
            assert!(!is_alive(&running, &given));
            assert!(is_alive(&running, &tokens_of(&client)));
            client.token_for(Demand::new().forced()).unwrap();
            // What is over already is what was wanted.
            client.end_session_of(token).unwrap();
            client.end_session_of(RefreshToken::new("garbage")).unwrap();
        }
    }

    pub(super) fn a_session_of_a_given_token_that_can_not_be_ended_is_an_error<C: AnyClient>() {
        let (running, elsewhere) = logged_in::<C>(seconds(20));
        let client = C::new(&running, profile_at(&running), Untouchable);
        let given = tokens_of(&elsewhere);
        let end = || client.end_session_of(given.refresh_token.clone().unwrap());
        running.simulator().fault_anywhere(999, bad_gateway());
        assert_eq!(end().unwrap_err().kind(), Kind::Unavailable);
        running.simulator().clear_faults();
        assert!(is_alive(&running, &given));
        running.simulator().fault_at("/revoke", 1, instead(400, &oauth_error("invalid_client")));
        assert_eq!(end().unwrap_err().kind(), Kind::Server);
        assert!(is_alive(&running, &given));
        end().unwrap();
        assert!(!is_alive(&running, &given));
    }

    pub(super) fn two_accounts_on_one_store_are_two_logins<C: AnyClient>() {
        let (running, folder) = (server(seconds(20)), tempfile::tempdir().unwrap());
        let names = ["alice", "bob"];
        let clients = names.map(|name| {
            let profile = profile_at(&running).with_account(name);
            C::new(&running, profile, Arc::new(FileStore::new(folder.path())))
        });
        for (client, name) in clients.iter().zip(names) {
            assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
            let approve = |prompt: &Prompt| {
                assert!(running.simulator().approve(user_code(prompt), name));
            };
            client.login(approve).unwrap();
        }
        for client in &clients {
            client.token_for(Demand::new().forced()).unwrap();
        }
        let name = |client: &C| client.who_am_i().unwrap().name.unwrap();
        assert_eq!(clients.each_ref().map(name), ["Alice Example", "Bob Example"]);
        let [alice, bob] = clients;
        alice.log_out().unwrap();
        assert_eq!(alice.token().unwrap_err().kind(), Kind::NotAuthenticated);
        assert_eq!(name(&bob), "Bob Example");
        // One that has just started finds it, too.
        let profile = profile_at(&running).with_account("bob");
        C::new(&running, profile, FileStore::new(folder.path())).token().unwrap();
    }

    pub(super) fn the_default_client_is_the_one_that_was_set<C: AnyClient>() {
        assert!(C::with_default(|_| ()).is_none());
        let (_running, client) = logged_in::<C>(seconds(20));
        let (_other_running, other) = logged_in::<C>(seconds(20));
        let [token, others] =
            [&client, &other].map(|client| access_token(&client.token().unwrap()));
        let default_token = || C::with_default(|client| access_token(&client.token().unwrap()));
        assert!(!C::set_default(Some(client)));
        assert_eq!(default_token().as_ref(), Some(&token));
        assert!(C::set_default(Some(other)));
        assert_eq!(default_token(), Some(others));
        assert!(C::set_default(None));
        assert!(C::with_default(|_| ()).is_none());
    }
}

fn tokens_of(client: &impl AnyClient) -> Tokens {
    Tokens::clone(&client.cached().unwrap().tokens)
}

/// Whether the server would refresh them.
fn is_alive(running: &Network, tokens: &Tokens) -> bool {
    running.simulator().refresh_token_is_alive(running.now_ms(), refresh_token(tokens))
}

/// A store whose use fails the test.
#[derive(Debug)]
struct Untouchable;

impl Store for Untouchable {
    fn load(&self, _key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        panic!("the store was read")
    }

    fn save(&self, _key: &RecordKey, _tokens: &Tokens) -> Result<(), StoreError> {
        panic!("the store was written")
    }

    fn remove(&self, _key: &RecordKey) -> Result<(), StoreError> {
        panic!("a record was removed")
    }

    fn try_lock(&self, _key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        panic!("the store was locked")
    }

    fn location(&self, _key: &RecordKey) -> String {
        "nowhere".into()
    }
}
