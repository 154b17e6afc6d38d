//! What went wrong once between the callers of a client.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use aiod_auth_core::{RecordKey, flow::Userinfo, session::LoggedOut};
use aiod_auth_store::{Lock, StoreError};

use super::{before_load::BeforeLoad, *};

both! {
    without_a_store_a_token_and_a_name_share_one_refresh
    a_late_userinfo_answer_does_not_undo_a_logout
    a_logout_during_a_userinfo_request_is_reported
    without_a_store_a_name_that_comes_late_does_not_bring_back_an_old_token
    no_caller_waits_for_anothers_name
    callers_whose_token_is_rejected_share_one_refresh
    a_question_finds_the_server_once
    a_forced_refresh_is_made_though_another_caller_has_just_looked
    a_prompt_may_ask_the_client_for_a_token
    a_logout_while_a_login_ends_wins
}

mod check {
    use super::*;

    pub(super) fn without_a_store_a_token_and_a_name_share_one_refresh<C: AnyClient>() {
        let (running, client) = logged_in_without_store::<C>(seconds(2));
        running.pass(seconds(2));
        running.simulator().settings.access_token_lifetime = seconds(20);
        running.hold_up("/token");
        thread::scope(|scope| {
            scope.spawn(|| client.token().unwrap());
            scope.spawn(|| client.who_am_i().unwrap());
            until(|| refreshes(&running) == 1);
            running.let_go();
        });
        assert_eq!(refreshes(&running), 1);
        client.token_for(Demand::new().forced()).unwrap();
    }

    pub(super) fn a_late_userinfo_answer_does_not_undo_a_logout<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        let log_out = || drop(client.log_out().unwrap());
        while_a_name_is_looked_for(&running, &client, log_out).ok();
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    }

    pub(super) fn a_logout_during_a_userinfo_request_is_reported<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        kill_access_token(&running, client.cached());
        let log_out = || drop(client.log_out().unwrap());
        let outcome = while_a_name_is_looked_for(&running, &client, log_out);
        // The API's refusal is reported, and no refresh was sent.
        assert_eq!(outcome.unwrap_err().kind(), Kind::NotAuthenticated);
        assert_eq!(refreshes(&running), 0);
    }

    pub(super) fn without_a_store_a_name_that_comes_late_does_not_bring_back_an_old_token<
        C: AnyClient,
    >() {
        let (running, client) = logged_in_without_store::<C>(seconds(20));
        let refresh = || drop(client.token_for(Demand::new().forced()).unwrap());
        while_a_name_is_looked_for(&running, &client, refresh).unwrap();
        client.token_for(Demand::new().forced()).unwrap();
    }

    pub(super) fn no_caller_waits_for_anothers_name<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        running.hold_up("/userinfo");
        thread::scope(|scope| {
            let names = [(), ()].map(|()| scope.spawn(|| client.who_am_i()));
            until(|| count(&running, "/userinfo") == 2);
            client.token_for(Demand::new().forced()).unwrap();
            assert!(names.iter().all(|name| !name.is_finished()), "one after the other");
            running.let_go();
            for name in names {
                name.join().unwrap().unwrap();
            }
        });
        assert_eq!(refreshes(&running), 1);
    }

    pub(super) fn callers_whose_token_is_rejected_share_one_refresh<C: AnyClient>() {
        let (running, client) = logged_in::<C>(seconds(20));
        kill_access_token(&running, client.cached());
        together(8, || client.who_am_i().unwrap());
        assert_eq!(refreshes(&running), 1);
        // Where its server is, is known by now.
        let before = requests(&running);
        client.who_am_i().unwrap();
        assert_eq!(requests(&running), before + 1);
    }

    pub(super) fn a_question_finds_the_server_once<C: AnyClient>() {
        let running = server(seconds(20));
        let store = Arc::new(MemoryStore::default());
        log_in_at(&running, &C::new(&running, profile_at(&running), Arc::clone(&store)));
        let before = requests(&running);
        let client = C::new(&running, profile_at(&running), Arc::clone(&store));
        client.who_am_i().unwrap();
        together(8, || client.who_am_i().unwrap());
        assert_eq!(requests(&running), before + 2 + 8);
    }

    pub(super) fn a_forced_refresh_is_made_though_another_caller_has_just_looked<C: AnyClient>() {
        let running = server(seconds(20));
        let (is_held_up, is_loading) = (Arc::new(AtomicBool::default()), Arc::default());
        let (held_up, loading) = (Arc::clone(&is_held_up), Arc::<AtomicBool>::clone(&is_loading));
        let store = Arc::new(BeforeLoad::new(move || {
            if held_up.load(Ordering::SeqCst) {
                loading.store(true, Ordering::SeqCst);
                until(|| !held_up.load(Ordering::SeqCst));
            }
        }));
        let first = C::new(&running, profile_at(&running), Arc::clone(&store));
        log_in_at(&running, &first);
        let old = first.cached().unwrap().tokens.access_token.clone().unwrap();
        let second = C::new(&running, profile_at(&running), Arc::clone(&store));
        is_held_up.store(true, Ordering::SeqCst);
        let new = thread::scope(|scope| {
            scope.spawn(|| second.token().unwrap());
            until(|| is_loading.load(Ordering::SeqCst));
            let forced = scope.spawn(|| second.token_for(Demand::new().forced()).unwrap());
            thread::sleep(A_MOMENT);
            is_held_up.store(false, Ordering::SeqCst);
            forced.join().unwrap()
        });
        assert!(!new.access_token().unwrap().same_as(&old));
    }

    pub(super) fn a_prompt_may_ask_the_client_for_a_token<C: AnyClient>() {
        let running = server(seconds(20));
        let client = C::new(&running, profile_at(&running), MemoryStore::default());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let cancel = Cancel::new();
            let ask = |_: &Prompt| {
                // On a thread of its own: tokio lets none wait for two things.
                let token = thread::scope(|scope| {
                    scope.spawn(|| client.token().map(|_| ())).join().unwrap()
                });
                sender.send(token).unwrap();
                cancel.cancel();
            };
            drop(client.with_cancel(&cancel).token_or_login(ask));
        });
        // If it waited for the login, it would wait for ever.
        receiver.recv_timeout(seconds(5)).unwrap().unwrap_err();
    }

    /// The login has been saved, and its caller doesn't have its tokens yet.
    pub(super) fn a_logout_while_a_login_ends_wins<C: AnyClient>() {
        let running = server(seconds(20));
        let store = Arc::new(Signalling::default());
        let client = Arc::new(C::new(&running, profile_at(&running), Arc::clone(&store)));
        let other = Arc::clone(&client);
        *store.unlocked.lock().unwrap() = Some(Box::new(move || {
            // On a thread of its own: tokio lets none wait for two things.
            let log_out = thread::spawn(move || other.log_out().unwrap());
            assert!(matches!(log_out.join().unwrap(), LoggedOut::Ended));
        }));
        log_in_at(&running, &*client);
        assert!(store.unlocked.lock().unwrap().is_none(), "there was no logout");
        assert!(client.cached().is_none());
        assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
        // A logout before the user approves doesn't end the login that follows.
        client
            .login(|prompt: &Prompt| {
                let client = Arc::clone(&client);
                thread::spawn(move || client.log_out().unwrap()).join().unwrap();
                approve(&running)(prompt);
            })
            .unwrap();
        client.token().unwrap();
    }
}

/// Does this after the question has arrived and before its answer has.
fn while_a_name_is_looked_for<C: AnyClient>(
    running: &Network,
    client: &C,
    job: impl FnOnce(),
) -> Result<Userinfo, Error> {
    running.hold_up("/userinfo");
    thread::scope(|scope| {
        let asking = scope.spawn(|| client.who_am_i());
        until(|| count(running, "/userinfo") > 0);
        job();
        running.let_go();
        asking.join().unwrap()
    })
}

/// A store that says once when the lock is given back under which something was saved.
#[derive(Default)]
struct Signalling {
    store: MemoryStore,
    is_saved: Arc<AtomicBool>,
    unlocked: Arc<Mutex<Option<Job>>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl fmt::Debug for Signalling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

/// The lock, and what is to be done when it is free.
struct Guard(Option<Lock>, Arc<AtomicBool>, Arc<Mutex<Option<Job>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.take());
        if self.1.load(Ordering::SeqCst) {
            let job = self.2.lock().unwrap().take();
            job.into_iter().for_each(|job| job());
        }
    }
}

impl Store for Signalling {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.is_saved.store(true, Ordering::SeqCst);
        self.store.save(key, tokens)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.remove(key)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let lock = self.store.try_lock(key)?;
        Ok(lock.map(|lock| {
            Lock::new(Guard(Some(lock), Arc::clone(&self.is_saved), Arc::clone(&self.unlocked)))
        }))
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}
