//! What the store has to do with it.

use std::sync::atomic::{AtomicBool, Ordering};

use aiod_auth_core::{
    RecordKey,
    session::{LoggedOut, Persisted},
};
use aiod_auth_store::{FileStore, Lock, StoreError};

use super::*;

both! {
    tokens_that_can_not_be_saved_are_held_and_it_is_said
    a_store_that_can_not_be_read_is_an_error_and_loses_nothing
    what_could_not_be_saved_is_saved_at_the_end_of_the_program
    a_logout_ends_what_could_not_be_saved_though_the_store_is_unreadable
    given_tokens_that_can_not_be_saved_change_nothing
    a_refusal_after_an_interrupted_refresh_says_so
    two_clients_on_one_folder_make_one_refresh
    what_one_client_refreshes_the_other_finds
}

mod check {
    use super::*;

    pub(super) fn tokens_that_can_not_be_saved_are_held_and_it_is_said<C: AnyClient>() {
        let (running, client, broken) = with_failing_store::<C>();
        broken.writing.store(true, Ordering::Relaxed);
        let forced = Demand::new().forced();
        for _ in 0..2 {
            let new = client.token_for(forced).unwrap();
            assert!(matches!(new.persisted(), Persisted::NotSaved(_)), "{new:?}");
            assert_eq!(client.cached().unwrap().persisted, *new.persisted());
        }
        broken.writing.store(false, Ordering::Relaxed);
        assert_eq!(*client.token_for(forced).unwrap().persisted(), Persisted::Saved);
        assert_eq!(refreshes(&running), 3);
    }

    pub(super) fn what_could_not_be_saved_is_saved_at_the_end_of_the_program<C: AnyClient>() {
        let (running, client, broken) = with_failing_store::<C>();
        broken.writing.store(true, Ordering::Relaxed);
        let new = client.token_for(Demand::new().forced()).unwrap();
        assert!(matches!(new.persisted(), Persisted::NotSaved(_)), "{new:?}");
        assert!(!client.settled(seconds(60)));
        broken.writing.store(false, Ordering::Relaxed);
        assert!(client.settled(seconds(60)));
        let stored = broken.store.load(&profile_at(&running).key()).unwrap().unwrap();
        assert_eq!(access_token(&stored), access_token(&new));
        assert_eq!(refreshes(&running), 1);
    }

    pub(super) fn a_logout_ends_what_could_not_be_saved_though_the_store_is_unreadable<
        C: AnyClient,
    >() {
        let (running, client, broken) = with_failing_store::<C>();
        broken.writing.store(true, Ordering::Relaxed);
        let unsaved = client.token_for(Demand::new().forced()).unwrap();
        let is_alive = || {
            let now_ms = running.now_ms();
            running.simulator().access_token_is_alive(now_ms, &access_token(&unsaved))
        };
        broken.reading.store(true, Ordering::Relaxed);
        assert_eq!(client.log_out().unwrap_err().kind(), Kind::Store);
        assert!(is_alive());
        broken.writing.store(false, Ordering::Relaxed);
        let outcome = client.log_out_ignoring_errors().unwrap();
        assert!(matches!(outcome, LoggedOut::Unconfirmed(_)), "{outcome:?}");
        assert!(!is_alive());
    }

    pub(super) fn a_store_that_can_not_be_read_is_an_error_and_loses_nothing<C: AnyClient>() {
        let (_running, client, broken) = with_failing_store::<C>();
        broken.reading.store(true, Ordering::Relaxed);
        let forced = Demand::new().forced();
        assert_eq!(client.token_for(forced).unwrap_err().kind(), Kind::Store);
        client.token().unwrap();
        broken.reading.store(false, Ordering::Relaxed);
        client.token_for(forced).unwrap();
    }

    pub(super) fn given_tokens_that_can_not_be_saved_change_nothing<C: AnyClient>() {
        let (running, client, broken) = with_failing_store::<C>();
        let before = client.cached().unwrap().tokens;
        let elsewhere = C::without_store(&running, profile_at(&running));
        log_in_at(&running, &elsewhere);
        let given = Tokens::clone(&elsewhere.cached().unwrap().tokens);
        broken.writing.store(true, Ordering::Relaxed);
        assert_eq!(client.set_tokens(given.clone()).unwrap_err().kind(), Kind::Store);
        assert_eq!(access_token(&client.token().unwrap()), access_token(&before));
        broken.writing.store(false, Ordering::Relaxed);
        client.token_for(Demand::new().forced()).unwrap();
        assert_eq!(client.set_tokens(given).unwrap().persisted, Persisted::Saved);
    }

    pub(super) fn a_refusal_after_an_interrupted_refresh_says_so<C: AnyClient>() {
        for is_interrupted in [true, false] {
            let (running, client, store) = with_failing_store::<C>();
            store.interrupted.store(is_interrupted, Ordering::Relaxed);
            running.simulator().end_sessions();
            let error = client.token_for(Demand::new().forced()).unwrap_err();
            assert_eq!(error.kind(), Kind::SessionEnded);
            let hint = error.hint().unwrap();
            let reason = "log in again; the likely reason is a refresh that was interrupted at \
                1970-01-01T00:00:07Z";
            assert_eq!(hint, if is_interrupted { reason } else { "log in again" });
        }
    }

    pub(super) fn two_clients_on_one_folder_make_one_refresh<C: AnyClient>() {
        let (running, folder) = (server(seconds(2)), tempfile::tempdir().unwrap());
        let [first, second] = [(), ()]
            .map(|()| C::new(&running, profile_at(&running), FileStore::new(folder.path())));
        log_in_at(&running, &first);
        running.pass(seconds(2));
        running.simulator().settings.access_token_lifetime = seconds(20);
        let turn = AtomicBool::new(false);
        let tokens = together(20, || {
            let client = if turn.fetch_xor(true, Ordering::Relaxed) { &first } else { &second };
            access_token(&client.token().unwrap())
        });
        assert_eq!(refreshes(&running), 1);
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    }

    pub(super) fn what_one_client_refreshes_the_other_finds<C: AnyClient>() {
        let (running, folder) = (server(seconds(20)), tempfile::tempdir().unwrap());
        let [first, second] = [(), ()]
            .map(|()| C::new(&running, profile_at(&running), FileStore::new(folder.path())));
        log_in_at(&running, &first);
        second.token().unwrap();
        let new_token =
            |client: &C| access_token(&client.token_for(Demand::new().forced()).unwrap());
        let new = new_token(&first);
        // Another one than it had: it is new enough.
        assert_eq!(new_token(&second), new);
        let newer = new_token(&second);
        assert_ne!(newer, new);
        assert_eq!(new_token(&first), newer);
        assert_eq!(refreshes(&running), 2);
    }
}

/// A store that fails when it is told to.
#[derive(Debug, Default)]
struct Failing {
    store: MemoryStore,
    reading: AtomicBool,
    writing: AtomicBool,
    /// An earlier process died during a refresh.
    interrupted: AtomicBool,
}

fn with_failing_store<C: AnyClient>() -> (Arc<Network>, C, Arc<Failing>) {
    let (running, store) = (server(seconds(20)), Arc::new(Failing::default()));
    let client = C::new(&running, profile_at(&running), Arc::clone(&store));
    log_in_at(&running, &client);
    (running, client, store)
}

fn failing(switch: &AtomicBool) -> Result<(), StoreError> {
    if switch.load(Ordering::Relaxed) {
        return Err(StoreError::Other("the disk is gone".into()));
    }
    Ok(())
}

impl Store for Failing {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        failing(&self.reading)?;
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        failing(&self.writing)?;
        self.store.save(key, tokens)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        failing(&self.writing)?;
        self.store.remove(key)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let at = aiod_auth_core::Timestamp::from_unix_millis(7000);
        let at = self.interrupted.load(Ordering::Relaxed).then_some(at);
        Ok(self.store.try_lock(key)?.map(|lock| lock.after_interruption(at)))
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}
