//! A client on a server that is a struct, in virtual time.

#![allow(
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm,
    reason = "what a test doesn't expect is a failure"
)]

use std::{
    future::{pending, ready},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use aiod_auth_core::{
    Credentials, Error, Kind, LoginMethod, NoAnswer, NoResponse, Password, Profile, Prompt,
    RecordKey, Request, Response, Timestamp, Tokens,
    session::{Demand, Persisted},
};
use aiod_auth_store::{Lock, MemoryStore, Store, StoreError};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{
    BoxFuture, Cancel, Client, Driver, Event, NoRuntime, Observer, Runtime, UserQuestion, What,
};

const FORCED: Demand = Demand::new().forced();
const EARLY: Demand = Demand::new().refreshed_early();

/// Longer than anything takes that is not held up.
const LONG: Duration = Duration::from_secs(20);

/// Gives out tokens that are good for 300 s. Its tasks are tokio's.
#[derive(Clone, Debug, Default)]
struct Server(Arc<State>);

#[derive(Debug, Default)]
struct State {
    clock_ms: AtomicI64,
    refreshes: AtomicU32,
    asks_for_an_hour: AtomicBool,
    rejects: Mutex<Option<String>>,
    /// Refreshes that have arrived are answered later.
    is_held_up: watch::Sender<bool>,
}

impl Server {
    fn set_forward(&self, seconds: i64) {
        self.0.clock_ms.fetch_add(seconds * 1000, SeqCst);
    }

    fn hold_up(&self, is_held_up: bool) {
        self.0.is_held_up.send_replace(is_held_up);
    }

    fn refreshes(&self) -> u32 {
        self.0.refreshes.load(SeqCst)
    }

    /// Waits until so many have arrived.
    async fn wait_for_refreshes(&self, count: u32) {
        for _ in 0..100_000 {
            if self.refreshes() == count {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("no refresh has arrived");
    }

    async fn answer(&self, request: &Request) -> Response {
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
                let mut held_up = self.0.is_held_up.subscribe();
                drop(held_up.wait_for(|it| !it).await.unwrap());
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

impl Runtime for Server {
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>> {
        Box::pin(async move { Ok(self.answer(request).await) })
    }

    /// Once all else has had its turn.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let this = self.clone();
        Box::pin(async move {
            tokio::time::sleep(duration).await;
            this.0.clock_ms.fetch_add(i64::try_from(duration.as_millis()).unwrap(), SeqCst);
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime> {
        tokio::spawn(task);
        Ok(())
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + self.0.clock_ms.load(SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.clock_ms.load(SeqCst).unsigned_abs())
    }
}

/// A client that a user has just logged in with.
async fn logged_in() -> (Server, Client, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let (server, client) = logged_in_with(Arc::clone(&store)).await;
    (server, client, store)
}

async fn logged_in_with(store: impl Store + 'static) -> (Server, Client) {
    let server = Server::default();
    let driver = Driver::with_runtime(server.clone()).with_store(Arc::new(store));
    let client = Client::with_driver(profile(), driver);
    let mut shown = 0;
    client.login(|_| shown += 1).await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_good_token_is_given_at_once_while_its_early_refresh_runs_beside() {
    for in_token in [true, false] {
        let (server, client, store) = logged_in().await;
        let call = async || match in_token {
            true => client.token().await.unwrap().authorization().to_owned(),
            false => client.token_for(EARLY).await.unwrap().authorization().to_owned(),
        };
        server.set_forward(250);
        server.hold_up(true);
        assert_eq!(call().await, "Bearer a0");
        server.wait_for_refreshes(1).await;
        assert_eq!(call().await, "Bearer a0");
        assert!(!client.settled(Duration::from_millis(1)).await);
        server.hold_up(false);
        assert!(client.settled(LONG).await);
        assert_eq!(stored(&store), "Bearer a1");
        assert_eq!(call().await, "Bearer a1");
        assert_eq!(server.refreshes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_rejected_to_50_callers_is_refreshed_once() {
    let (server, client, _) = logged_in().await;
    let rejected = client.token().await.unwrap();
    let calls = (0..50).map(|_| {
        let (client, rejected) = (client.clone(), rejected.clone());
        tokio::spawn(async move {
            client.token_instead_of(&rejected).await.unwrap().authorization().to_owned()
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "Bearer a1");
    }
    assert_eq!(client.token_instead_of(&rejected).await.unwrap().authorization(), "Bearer a1");
    assert_eq!(server.refreshes(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_am_i_asks_once_more_with_a_new_token() {
    let (server, client, _) = logged_in().await;
    *server.0.rejects.lock().unwrap() = Some("Bearer a0".into());
    assert_eq!(client.who_am_i().await.unwrap().subject.as_deref(), Some("alice"));
    assert_eq!(server.refreshes(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_is_cancelled_and_the_refresh_is_brought_home() {
    let (server, client, store) = logged_in().await;
    server.hold_up(true);
    let cancel = Cancel::new();
    let impatient = client.with_cancel(&cancel);
    let call = || {
        let impatient = impatient.clone();
        tokio::spawn(async move { impatient.token_for(FORCED).await })
    };
    let runs = call();
    server.wait_for_refreshes(1).await;
    let waits = call();
    tokio::task::yield_now().await;
    cancel.cancel();
    for call in [runs, waits] {
        let outcome = timeout(LONG, call).await.unwrap().unwrap();
        assert_eq!(outcome.unwrap_err().kind(), Kind::Cancelled);
    }
    // What is good needs no waiting.
    assert_eq!(impatient.token().await.unwrap().authorization(), "Bearer a0");
    server.hold_up(false);
    assert!(client.settled(LONG).await);
    assert_eq!(stored(&store), "Bearer a1");
    assert_eq!(client.token().await.unwrap().authorization(), "Bearer a1");
}

#[tokio::test(start_paused = true)]
async fn a_login_is_cancelled_between_two_requests() {
    let client = Client::with_driver(profile(), Driver::with_runtime(Server::default()));
    let cancel = Cancel::new();
    let error = client.with_cancel(&cancel).login(|_| cancel.cancel()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(client.settled(LONG).await);
    assert!(client.cached().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_dropped_drops_no_refresh() {
    let (server, client, store) = logged_in().await;
    server.hold_up(true);
    timeout(Duration::from_millis(1), client.token_for(FORCED)).await.unwrap_err();
    server.hold_up(false);
    assert!(client.settled(LONG).await);
    assert_eq!(stored(&store), "Bearer a1");
    assert_eq!(server.refreshes(), 1);
}

/// What waits for a job and is not polled any more holds up no other caller.
#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_holds_up_no_other_caller() {
    let (server, client, _) = logged_in().await;
    server.hold_up(true);
    let running = {
        let client = client.clone();
        tokio::spawn(async move { client.token_for(FORCED).await.map(drop) })
    };
    server.wait_for_refreshes(1).await;
    let mut idle = pin!(client.token_for(FORCED));
    assert!(timeout(Duration::from_millis(1), &mut idle).await.is_err());
    server.hold_up(false);
    running.await.unwrap().unwrap();
    let token = timeout(LONG, client.token_for(FORCED)).await.unwrap().unwrap();
    assert_eq!(token.authorization(), "Bearer a2");
    // It takes what came of the job that it waited for, or of a later one.
    assert_eq!(timeout(LONG, idle).await.unwrap().unwrap().authorization(), "Bearer a2");
}

/// The time is tokio's, which jumps.
#[tokio::test(start_paused = true)]
async fn a_login_whose_caller_does_not_poll_ends_all_the_same() {
    let client = Client::with_driver(profile(), Driver::with_runtime(Server::default()));
    let mut idle = pin!(client.login(|_| ()));
    // Polled once, it has begun, and its prompt is never shown.
    assert!(timeout(Duration::ZERO, &mut idle).await.is_err());
    assert!(client.settled(Duration::from_secs(400)).await);
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

#[tokio::test(start_paused = true)]
async fn a_token_that_could_not_be_saved_says_so_and_is_saved_by_a_later_call() {
    let store = Arc::new(Full::default());
    let (server, client) = logged_in_with(Arc::clone(&store)).await;
    store.is_full.store(true, SeqCst);
    let token = client.token_for(FORCED).await.unwrap();
    assert_eq!(token.authorization(), "Bearer a1");
    assert!(matches!(token.persisted(), Persisted::NotSaved(_)));
    store.is_full.store(false, SeqCst);
    server.set_forward(9);
    client.token().await.unwrap();
    assert_ne!(stored(&store.store), "Bearer a1");
    server.set_forward(1);
    client.token().await.unwrap();
    assert!(client.settled(LONG).await);
    assert_eq!(stored(&store.store), "Bearer a1");
    assert_eq!(*client.token().await.unwrap().persisted(), Persisted::Saved);
    assert_eq!(server.refreshes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asked_for_an_hour_is_not_asked_before() {
    let (server, client, _) = logged_in().await;
    server.0.asks_for_an_hour.store(true, SeqCst);
    for _ in 0..2 {
        assert_eq!(client.token_for(FORCED).await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(server.refreshes(), 1);
    }
    assert_eq!(client.token().await.unwrap().authorization(), "Bearer a0");
    server.set_forward(3600);
    server.0.asks_for_an_hour.store(false, SeqCst);
    assert_eq!(client.token().await.unwrap().authorization(), "Bearer a2");
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

#[tokio::test(start_paused = true)]
async fn what_happens_is_told() {
    let (server, store) = (Server::default(), Arc::new(Full::default()));
    let driver =
        Driver::with_runtime(server.clone()).with_store(Arc::clone(&store) as Arc<dyn Store>);
    let events = Events::default();
    let client = Client::with_driver(profile(), driver).with_observer(events.clone());
    let client = client.for_account("u1");
    client.login(|_| ()).await.unwrap();
    client.token().await.unwrap();
    store.is_full.store(true, SeqCst);
    client.token_for(FORCED).await.unwrap();
    store.is_full.store(false, SeqCst);
    server.0.asks_for_an_hour.store(true, SeqCst);
    client.token_for(FORCED).await.unwrap_err();
    client.log_out_ignoring_errors().await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn accounts_are_apart_and_know_the_same_server() {
    let (_, client, _) = logged_in().await;
    let other = client.for_account("u1");
    assert_eq!(other.token().await.unwrap_err().kind(), Kind::NotAuthenticated);
    assert_ne!(other.profile().key(), client.profile().key());
    assert_eq!(client.token().await.unwrap().authorization(), "Bearer a0");
}

/// The kind of the question says what its answer is.
#[tokio::test(start_paused = true)]
async fn a_password_is_asked_for() {
    let profile = profile().with_login(LoginMethod::Password);
    let client = Client::with_driver(profile, Driver::with_runtime(Server::default()));
    let ask = |question: UserQuestion| async move {
        tokio::task::yield_now().await;
        match question {
            UserQuestion::Password(question) => {
                let password = Password::new("secret");
                question.answer(Credentials { username: "alice".into(), password });
            }
            question => question.give_up(NoAnswer::Impossible("it is another question")),
        }
    };
    client.login_asking(LONG, |_| (), ask).await.unwrap();
    assert_eq!(client.token().await.unwrap().authorization(), "Bearer a0");
    // A question that is dropped is cancelled; and without a way to ask, that is the error.
    let drops = |question| {
        drop(question);
        ready(())
    };
    let error = client.login_asking(LONG, |_| (), drops).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(client.login(|_| ()).await.unwrap_err().kind(), Kind::Usage);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_never_answered_ends_with_the_time() {
    let profile = profile().with_login(LoginMethod::Password);
    let client = Client::with_driver(profile, Driver::with_runtime(Server::default()));
    let never = |question: UserQuestion| async move {
        pending::<()>().await;
        drop(question);
    };
    let login = client.login_asking(LONG, |_| (), never);
    let outcome = timeout(LONG * 2, login).await.expect("it ends");
    assert_eq!(outcome.unwrap_err().kind(), Kind::TimedOut);
    assert!(client.settled(LONG).await);
}

/// A caller that is generic over how it shows can spawn all that it calls.
fn in_a_task<F, A, Fut>(client: Client, show: F, ask: A) -> JoinHandle<Result<(), Error>>
where
    F: FnMut(&Prompt) + Clone + Send + 'static,
    A: FnMut(UserQuestion) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        client.login(show.clone()).await?;
        client.login_asking(LONG, show.clone(), ask).await?;
        let token = client.token_or_login(show).await?;
        let token = client.token_instead_of(&token).await?;
        client.token_for(FORCED).await?;
        client.set_tokens(token.session().tokens.as_ref().clone()).await?;
        client.who_am_i().await?;
        client.log_out_ignoring_errors().await?;
        client.settled(LONG).await;
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn every_future_can_be_spawned() {
    let client = Client::with_driver(profile(), Driver::with_runtime(Server::default()));
    in_a_task(client, |_| (), async |question| drop(question)).await.unwrap().unwrap();
}
