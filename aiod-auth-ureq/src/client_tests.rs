//! A client on a server that is a struct, in virtual time.

#![allow(
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm,
    reason = "what a test doesn't expect is a failure"
)]

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use aiod_auth_core::{
    AccessToken, Credentials, Error, Kind, LoginMethod, NoAnswer, NoResponse, Password, Profile,
    RecordKey, Request, Response, Timestamp, Tokens,
    session::{Demand, Persisted},
};
use aiod_auth_store::{Lock, MemoryStore, Store, StoreError};

use crate::{Cancel, Client, Driver, Event, Observer, Transport, UserQuestion, What};

const FORCED: Demand = Demand::new().forced();
const EARLY: Demand = Demand::new().refreshed_early();

/// Longer than anything takes that is not held up.
const LONG: Duration = Duration::from_secs(20);

/// Gives out tokens that are good for 300 s.
#[derive(Clone, Debug, Default)]
struct Server(Arc<State>);

#[derive(Debug, Default)]
struct State {
    clock_ms: AtomicI64,
    refreshes: AtomicU32,
    asks_for_an_hour: AtomicBool,
    rejects: Mutex<Option<String>>,
    /// Refreshes that have arrived are answered later.
    is_held_up: Mutex<bool>,
    changed: Condvar,
}

impl Server {
    fn set_forward(&self, seconds: i64) {
        self.0.clock_ms.fetch_add(seconds * 1000, SeqCst);
    }

    fn hold_up(&self, is_held_up: bool) {
        *self.0.is_held_up.lock().unwrap() = is_held_up;
        self.0.changed.notify_all();
    }

    fn refreshes(&self) -> u32 {
        self.0.refreshes.load(SeqCst)
    }

    /// Waits until so many have arrived.
    fn wait_for_refreshes(&self, count: u32) {
        for _ in 0..2000 {
            if self.refreshes() == count {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("no refresh has arrived");
    }

    fn answer(&self, request: &Request) -> Response {
        let json = |status, body: &str| {
            Response::new(status, [("Content-Type", "application/json")], body.as_bytes())
        };
        match request.url().path() {
            "/device" => json(
                200,
                r#"{"device_code":"d","user_code":"ABCD","expires_in":60,"interval":1,
                    "verification_uri":"https://as.example/device"}"#,
            ),
            "/token" if request.body().starts_with(b"grant_type=refresh_token") => {
                let count = self.0.refreshes.fetch_add(1, SeqCst) + 1;
                let held_up = self.0.is_held_up.lock().unwrap();
                let released = self.0.changed.wait_timeout_while(held_up, LONG, |it| *it);
                drop(released.unwrap_or_else(PoisonError::into_inner));
                if self.0.asks_for_an_hour.load(SeqCst) {
                    return Response::new(503, [("Retry-After", "3600")], b"");
                }
                json(200, &tokens(count))
            }
            "/token" => json(200, &tokens(0)),
            "/userinfo" => {
                let shown = request.headers().find(|(name, _)| *name == "Authorization");
                let rejects = self.0.rejects.lock().unwrap().clone();
                match shown {
                    Some((_, shown)) if Some(shown) == rejects.as_deref() => {
                        let challenge = r#"Bearer error="invalid_token""#;
                        Response::new(401, [("WWW-Authenticate", challenge)], b"")
                    }
                    _ => json(200, r#"{"sub":"alice"}"#),
                }
            }
            _ => json(
                200,
                r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
                    "device_authorization_endpoint":"https://as.example/device",
                    "userinfo_endpoint":"https://as.example/userinfo"}"#,
            ),
        }
    }
}

fn tokens(number: u32) -> String {
    format!(
        r#"{{"access_token":"a{number}","token_type":"Bearer","expires_in":300,
             "refresh_token":"r{number}"}}"#
    )
}

impl Transport for Server {
    fn send(&self, request: &Request) -> Result<Response, NoResponse> {
        Ok(self.answer(request))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + self.0.clock_ms.load(SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.clock_ms.load(SeqCst).unsigned_abs())
    }

    fn sleep(&self, duration: Duration, _: &Cancel) {
        self.0.clock_ms.fetch_add(i64::try_from(duration.as_millis()).unwrap(), SeqCst);
    }
}

/// A client that a user has just logged in with.
fn logged_in() -> (Server, Client, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let (server, client) = logged_in_with(Arc::clone(&store));
    (server, client, store)
}

fn logged_in_with(store: impl Store + 'static) -> (Server, Client) {
    let server = Server::default();
    let driver = Driver::with_transport(server.clone()).with_store(Arc::new(store));
    let client = Client::with_driver(profile(), driver);
    let mut shown = 0;
    client.login(|_| shown += 1).unwrap();
    assert_eq!(shown, 1);
    (server, client)
}

fn profile() -> Profile {
    Profile::new("https://as.example", "me").unwrap()
}

fn stored(store: &MemoryStore) -> String {
    let tokens = store.load(&profile().key()).unwrap().unwrap();
    tokens.authorization().unwrap().into()
}

#[test]
fn a_good_token_is_given_at_once_while_its_early_refresh_runs_beside() {
    let calls: [fn(&Client) -> Result<crate::Token, Error>; 2] =
        [Client::token, |client| client.token_for(EARLY)];
    for call in calls {
        let (server, client, store) = logged_in();
        server.set_forward(250);
        server.hold_up(true);
        assert_eq!(call(&client).unwrap().authorization(), "Bearer a0");
        server.wait_for_refreshes(1);
        assert_eq!(call(&client).unwrap().authorization(), "Bearer a0");
        assert!(!client.settled(Duration::from_millis(1)));
        server.hold_up(false);
        assert!(client.settled(LONG));
        assert_eq!(stored(&store), "Bearer a1");
        assert_eq!(call(&client).unwrap().authorization(), "Bearer a1");
        assert_eq!(server.refreshes(), 1);
    }
}

#[test]
fn without_early_refresh_what_there_is_to_do_is_done_in_the_call() {
    let (server, client, _) = logged_in();
    let client = client.without_early_refresh();
    server.set_forward(250);
    assert_eq!(client.token().unwrap().authorization(), "Bearer a0");
    assert_eq!(server.refreshes(), 0);
    assert_eq!(client.token_for(EARLY).unwrap().authorization(), "Bearer a1");
}

#[test]
fn a_token_that_was_rejected_to_50_callers_is_refreshed_once() {
    let (server, client, _) = logged_in();
    let rejected = client.token().unwrap();
    server.hold_up(true);
    let call = || client.token_instead_of(&rejected).unwrap().authorization().to_owned();
    let answers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..50).map(|_| scope.spawn(call)).collect();
        server.wait_for_refreshes(1);
        server.hold_up(false);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers, vec!["Bearer a1"; 50]);
    assert_eq!(call(), "Bearer a1");
    assert_eq!(server.refreshes(), 1);
}

#[test]
fn who_am_i_asks_once_more_with_a_new_token() {
    let (server, client, _) = logged_in();
    *server.0.rejects.lock().unwrap() = Some("Bearer a0".into());
    assert_eq!(client.who_am_i().unwrap().subject.as_deref(), Some("alice"));
    assert_eq!(server.refreshes(), 1);
    // Where nothing refreshes it, the rejection is the error.
    let alone = Tokens::new(AccessToken::new("alone").unwrap(), server.now());
    client.set_tokens(alone).unwrap();
    *server.0.rejects.lock().unwrap() = Some("Bearer alone".into());
    assert!(matches!(client.who_am_i(), Err(Error::TokenRejected(_))));
    assert_eq!(server.refreshes(), 1);
}

#[test]
fn waiting_is_cancelled_and_the_refresh_is_brought_home() {
    let (server, client, store) = logged_in();
    server.hold_up(true);
    let cancel = Cancel::new();
    let impatient = client.with_cancel(&cancel);
    thread::scope(|scope| {
        let runs = scope.spawn(|| impatient.token_for(FORCED));
        server.wait_for_refreshes(1);
        let waits = scope.spawn(|| impatient.token_for(FORCED));
        cancel.cancel();
        for call in [runs, waits] {
            assert_eq!(call.join().unwrap().unwrap_err().kind(), Kind::Cancelled);
        }
    });
    // What is good needs no waiting.
    assert_eq!(impatient.token().unwrap().authorization(), "Bearer a0");
    server.hold_up(false);
    assert!(client.settled(LONG));
    assert_eq!(stored(&store), "Bearer a1");
    assert_eq!(client.token().unwrap().authorization(), "Bearer a1");
}

#[test]
fn a_login_is_cancelled_between_two_requests() {
    let server = Server::default();
    let client = Client::with_driver(profile(), Driver::with_transport(server));
    let cancel = Cancel::new();
    let error = client.with_cancel(&cancel).login(|_| cancel.cancel()).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(client.cached().is_none());
}

/// The kind of the question says what its answer is; a thread may give it.
#[test]
fn a_password_is_asked_for() {
    let profile = profile().with_login(LoginMethod::Password);
    let client = Client::with_driver(profile, Driver::with_transport(Server::default()));
    let ask = |question: UserQuestion| match question {
        UserQuestion::Password(question) => drop(thread::spawn(move || {
            let password = Password::new("secret");
            question.answer(Credentials { username: "alice".into(), password });
        })),
        question => question.give_up(NoAnswer::Impossible("it is another question")),
    };
    client.login_asking(LONG, |_| (), ask).unwrap();
    assert_eq!(client.token().unwrap().authorization(), "Bearer a0");
    // A question that is dropped is cancelled; and without a way to ask, that is the error.
    let error = client.login_asking(LONG, |_| (), drop).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(client.login(|_| ()).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn the_last_client_waits_for_the_refresh_beside() {
    let (server, client, store) = logged_in();
    server.set_forward(250);
    server.hold_up(true);
    client.token().unwrap();
    server.wait_for_refreshes(1);
    let other = client.clone();
    drop(client);
    assert_eq!(stored(&store), "Bearer a0");
    let releases = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        server.hold_up(false);
    });
    drop(other);
    assert_eq!(stored(&store), "Bearer a1");
    releases.join().unwrap();
}

/// Saves nothing for as long as it is full.
#[derive(Debug, Default)]
struct Full {
    is_full: AtomicBool,
    store: MemoryStore,
}

impl Store for Full {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        if self.is_full.load(SeqCst) {
            return Err(StoreError::Refused { path: "store".into(), why: "it is full" });
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

#[test]
fn a_token_that_could_not_be_saved_says_so_and_is_saved_by_a_later_call() {
    let store = Arc::new(Full::default());
    let (server, client) = logged_in_with(Arc::clone(&store));
    store.is_full.store(true, SeqCst);
    let token = client.token_for(FORCED).unwrap();
    assert_eq!(token.authorization(), "Bearer a1");
    assert!(matches!(token.persisted(), Persisted::NotSaved(_)));
    store.is_full.store(false, SeqCst);
    server.set_forward(9);
    client.token().unwrap();
    assert_ne!(stored(&store.store), "Bearer a1");
    server.set_forward(1);
    client.token().unwrap();
    assert!(client.settled(LONG));
    assert_eq!(stored(&store.store), "Bearer a1");
    assert_eq!(*client.token().unwrap().persisted(), Persisted::Saved);
    assert_eq!(server.refreshes(), 1);
}

#[test]
fn a_server_that_asked_for_an_hour_is_not_asked_before() {
    let (server, client, _) = logged_in();
    server.0.asks_for_an_hour.store(true, SeqCst);
    for _ in 0..2 {
        assert_eq!(client.token_for(FORCED).unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(server.refreshes(), 1);
    }
    assert_eq!(client.token().unwrap().authorization(), "Bearer a0");
    server.set_forward(3600);
    server.0.asks_for_an_hour.store(false, SeqCst);
    assert_eq!(client.token().unwrap().authorization(), "Bearer a2");
}

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl Observer for Events {
    fn observe(&self, event: &Event<'_>) {
        let what = match &event.what {
            What::Refreshed => "refreshed".to_owned(),
            What::Failed(error) => format!("failed: {}", error.kind()),
            What::NotSaved(_) => "not saved".to_owned(),
            What::LoggedIn => "logged in".to_owned(),
            What::LoginFailed(error) => format!("login failed: {}", error.kind()),
            What::LoggedOut(_) => "logged out".to_owned(),
            What::LogoutFailed(error) => format!("logout failed: {}", error.kind()),
            _ => "else".to_owned(),
        };
        let account = event.key.account.as_deref().unwrap_or("-");
        self.0.lock().unwrap().push(format!("{account}: {what}, {} s", event.took.as_secs()));
    }
}

#[test]
fn what_happens_is_told() {
    let (server, store) = (Server::default(), Arc::new(Full::default()));
    let driver =
        Driver::with_transport(server.clone()).with_store(Arc::clone(&store) as Arc<dyn Store>);
    let events = Events::default();
    let client = Client::with_driver(profile(), driver).with_observer(events.clone());
    let client = client.for_account("u1");
    client.login(|_| ()).unwrap();
    client.token().unwrap();
    store.is_full.store(true, SeqCst);
    client.token_for(FORCED).unwrap();
    store.is_full.store(false, SeqCst);
    server.0.asks_for_an_hour.store(true, SeqCst);
    client.token_for(FORCED).unwrap_err();
    client.log_out_ignoring_errors().unwrap();
    assert_eq!(
        *events.0.lock().unwrap(),
        [
            "u1: logged in, 1 s",
            "u1: refreshed, 0 s",
            "u1: not saved, 0 s",
            "u1: failed: unavailable, 0 s",
            "u1: logged out, 0 s",
        ]
    );
}

#[test]
fn accounts_are_apart_and_know_the_same_server() {
    let (_, client, _) = logged_in();
    let other = client.for_account("u1");
    assert_eq!(other.token().unwrap_err().kind(), Kind::NotAuthenticated);
    assert_ne!(other.profile().key(), client.profile().key());
    assert_eq!(client.token().unwrap().authorization(), "Bearer a0");
}

#[test]
fn a_job_that_panics_holds_up_no_other_caller() {
    #[derive(Debug)]
    struct Panics(Server, AtomicBool);

    impl Transport for Panics {
        fn send(&self, request: &Request) -> Result<Response, NoResponse> {
            assert!(!self.1.swap(false, SeqCst), "as it was told");
            self.0.send(request)
        }

        fn sleep(&self, duration: Duration, cancel: &Cancel) {
            self.0.sleep(duration, cancel);
        }
    }

    let (server, client, store) = logged_in();
    drop(client);
    let transport = Panics(server, AtomicBool::new(true));
    let driver = Driver::with_transport(transport).with_store(store);
    let client = Client::with_driver(profile(), driver);
    let panicking = client.clone();
    thread::spawn(move || panicking.token_for(FORCED)).join().unwrap_err();
    assert_eq!(client.token_for(FORCED).unwrap().authorization(), "Bearer a1");
    assert!(client.settled(Duration::ZERO));
}
