//! The async client's callers may be dropped at any time: what has begun is brought to its end. Tokio's
//! clock is paused here, and goes on when nothing else does.

use std::{pin::pin, task::Poll};

use aiod_auth_core::session::Freshness;
use aiod_auth_reqwest::{Client, Driver};
use aiod_auth_tests::sim::DEVICE_CODE;
use tokio::time::{sleep, timeout};

use super::{network::Wire, *};

const SOON: Duration = Duration::from_millis(200);
const FORCED: Demand = Demand::new().forced();

/// In tokio's time.
pub(super) fn server(access_token_lifetime: Duration) -> Arc<Network> {
    Network::paused(settings(access_token_lifetime))
}

pub(super) fn client_on(running: &Arc<Network>, store: impl Store + 'static) -> Client {
    let driver = Driver::with_runtime(Wire(Arc::clone(running))).with_store(Arc::new(store));
    Client::with_driver(profile_at(running), driver)
}

/// A client that alice has just logged in with, its server, and its store.
async fn logged_in(access_token_lifetime: Duration) -> (Arc<Network>, Client, Arc<MemoryStore>) {
    let (running, store) = (server(access_token_lifetime), Arc::new(MemoryStore::default()));
    let client = client_on(&running, Arc::clone(&store));
    client.login(approve(&running)).await.unwrap();
    (running, client, store)
}

/// The next answer of this endpoint is late, far later than callers wait here.
fn slow(running: &Network, path: &str) {
    running.simulator().fault_at(path, 1, Fault::Delay(Duration::from_millis(1200)));
}

/// Waits until this is so.
async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(seconds(5), waiting).await.unwrap();
}

/// Polls this until it is so, and drops it.
async fn drop_when<T: std::fmt::Debug>(
    condition: impl Fn() -> bool,
    future: impl Future<Output = T>,
) {
    tokio::select! {
        outcome = future => panic!("it ended in {outcome:?}"),
        () = until(condition) => {}
    }
}

/// A refresh has arrived, and its answer is on its way.
fn refreshing(running: &Network) -> impl Fn() -> bool {
    || refreshes(running) == 1
}

/// The poll that brings the tokens has arrived.
fn granting(running: &Network) -> impl Fn() -> bool {
    || running.simulator().grants(DEVICE_CODE) == 1
}

fn arrived(running: &Network, path: &str) -> bool {
    count(running, path) > 0
}

fn stored(store: &MemoryStore, client: &Client) -> Option<Tokens> {
    store.load(&client.profile().key()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_refresh_whose_caller_is_dropped_is_saved_and_the_next_one_gets_it() {
    let (running, client, store) = logged_in(seconds(20)).await;
    let old = access_token(&client.token().await.unwrap());
    slow(&running, "/token");
    drop_when(refreshing(&running), client.token_for(FORCED)).await;
    assert_eq!(refreshes(&running), 1);
    // The old one is still good: no caller waits.
    assert_eq!(access_token(&client.token().await.unwrap()), old);

    let new = access_token(&client.token_for(FORCED).await.unwrap());
    assert_ne!(new, old);
    assert_eq!(refreshes(&running), 1);
    assert_eq!(access_token(&stored(&store, &client).unwrap()), new);
    // Its refresh token is the one that the server rotated to.
    client.token_for(FORCED).await.unwrap();
    assert_eq!(refreshes(&running), 2);
}

/// As a program that ends in an ordinary way.
#[test]
fn what_has_settled_is_saved_before_the_runtime_ends() {
    let start = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let runtime = start();
    let (running, client, store) = runtime.block_on(logged_in(seconds(20)));
    let old = client.cached().unwrap().tokens;
    slow(&running, "/token");
    runtime.block_on(async {
        drop_when(refreshing(&running), client.token_for(FORCED)).await;
        assert!(client.settled(seconds(60)).await);
        // Nothing is under way, so nothing is waited for.
        assert!(client.settled(seconds(60)).await);
    });
    drop(runtime);
    let new = stored(&store, &client).unwrap();
    assert!(!new.has_same_access_token(&old));
    start().block_on(client.token_for(FORCED)).unwrap();
}

/// What is still good is handed out anywhere, also when it is time to refresh it.
#[test]
fn a_token_that_is_still_good_needs_no_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (running, client, _store) = runtime.block_on(logged_in(seconds(20)));
    // A minute of an hour is left.
    let now = running.now();
    let mut tokens = Tokens::clone(&client.cached().unwrap().tokens);
    tokens.issued_at = now.saturating_sub(seconds(3540));
    tokens.expires_at = Some(now.saturating_add(seconds(60)));
    runtime.block_on(client.set_tokens(tokens)).unwrap();
    let early = Demand::new().refreshed_early();
    assert_eq!(client.cached().unwrap().freshness(&early, now), Freshness::RefreshEarly);
    let mut token = pin!(client.token());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(token) = token.as_mut().poll(&mut context) else { panic!("it waits") };
    assert!(
        client
            .cached()
            .unwrap()
            .tokens
            .access_token()
            .unwrap()
            .same_as(token.unwrap().access_token().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_token_is_refreshed_though_all_callers_are_dropped() {
    let (running, client, store) = logged_in(seconds(2)).await;
    running.pass(seconds(2));
    running.simulator().settings.access_token_lifetime = seconds(20);
    slow(&running, "/token");
    for _ in 0..10 {
        timeout(Duration::from_millis(20), client.token()).await.unwrap_err();
    }
    until(|| stored(&store, &client).is_some_and(|tokens| tokens.lifetime() == Some(seconds(20))))
        .await;
    client.token().await.unwrap();
    assert_eq!(refreshes(&running), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_whose_caller_is_dropped_loses_no_token() {
    let (running, client, _store) = logged_in(seconds(2)).await;
    running.pass(seconds(2));
    running.simulator().settings.access_token_lifetime = seconds(20);
    slow(&running, "/token");
    drop_when(refreshing(&running), client.who_am_i()).await;
    client.token().await.unwrap();
    assert_eq!(refreshes(&running), 1);
    client.token_for(FORCED).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_being_looked_for_is_found_though_the_caller_is_dropped() {
    let (running, first, store) = logged_in(seconds(20)).await;
    drop(first);
    let client = client_on(&running, Arc::clone(&store));
    let discovered = "/.well-known/openid-configuration";
    let earlier = count(&running, discovered);
    slow(&running, discovered);
    drop_when(|| count(&running, discovered) > earlier, client.who_am_i()).await;
    assert!(client.settled(seconds(60)).await);
    client.who_am_i().await.unwrap();
    assert_eq!(count(&running, discovered), earlier + 1);
}

#[tokio::test(start_paused = true)]
async fn a_logout_that_has_begun_is_brought_to_its_end() {
    let (running, client, store) = logged_in(seconds(20)).await;
    let token = access_token(&client.token().await.unwrap());
    slow(&running, "/revoke");
    drop_when(|| arrived(&running, "/revoke"), client.log_out()).await;
    until(|| client.cached().is_none()).await;
    assert!(stored(&store, &client).is_none());
    assert!(!running.simulator().access_token_is_alive(running.now_ms(), &token));
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_is_not_begun_without_a_caller() {
    let (running, client, _store) = logged_in(seconds(20)).await;
    slow(&running, "/token");
    drop_when(refreshing(&running), client.token_for(FORCED)).await;
    timeout(SOON, client.log_out()).await.unwrap_err();
    timeout(SOON, client.token_for(FORCED)).await.unwrap_err();
    let before = requests(&running);
    sleep(seconds(2)).await;
    client.token().await.unwrap();
    assert_eq!(requests(&running), before);
}

#[tokio::test(start_paused = true)]
async fn no_caller_waits_for_one_that_does_not_poll() {
    let (running, client, _store) = logged_in(seconds(20)).await;
    slow(&running, "/token");
    drop_when(refreshing(&running), client.token_for(FORCED)).await;
    // This caller waits in line, and is never polled again.
    let mut idle = pin!(client.token_for(FORCED));
    let polled = std::future::poll_fn(|context| Poll::Ready(idle.as_mut().poll(context))).await;
    assert!(polled.is_pending());
    timeout(seconds(5), client.token_for(FORCED)).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_login_whose_caller_is_dropped_asks_no_more() {
    let running = server(seconds(20));
    let client = client_on(&running, MemoryStore::default());
    timeout(Duration::from_millis(1500), client.login(|_| ())).await.unwrap_err();
    let before = requests(&running);
    sleep(seconds(2)).await;
    assert_eq!(requests(&running), before);
    assert_eq!(client.token().await.unwrap_err().kind(), Kind::NotAuthenticated);
}

#[tokio::test(start_paused = true)]
async fn a_login_whose_caller_is_dropped_early_never_asks() {
    let running = server(seconds(20));
    let client = client_on(&running, MemoryStore::default());
    let path = "/device_authorization";
    slow(&running, path);
    drop_when(|| arrived(&running, path), client.login(no_prompt)).await;
    sleep(seconds(3)).await;
    assert_eq!(running.simulator().log().last().unwrap().request.path(), path);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_just_approved_is_kept_though_its_caller_is_dropped() {
    let running = server(seconds(20));
    let store = Arc::new(MemoryStore::default());
    let client = client_on(&running, Arc::clone(&store));
    slow(&running, "/token");
    drop_when(granting(&running), client.login(approve(&running))).await;
    assert!(client.cached().is_none());
    until(|| client.cached().is_some()).await;
    assert!(stored(&store, &client).is_some());
    client.token_or_login(no_prompt).await.unwrap();
}

/// The login's answer was of no use but for a refresh token, and the first request with that got no
/// answer: who gives up in the wait before the next one would lose it.
#[tokio::test(start_paused = true)]
async fn a_refresh_token_at_stake_is_brought_home_though_the_caller_is_dropped() {
    let (running, elsewhere, _store) = logged_in(seconds(20)).await;
    let spoiled = json!({
        "access_token": "a", "token_type": "mac",
        "refresh_token": refresh_token(&elsewhere.cached().unwrap().tokens),
    });
    let store = Arc::new(MemoryStore::default());
    let client = client_on(&running, Arc::clone(&store));
    running.simulator().fault_at("/token", 1, instead(200, &spoiled));
    running.simulator().fault_at("/token", 1, bad_gateway());
    let asked = || {
        let simulator = running.simulator();
        simulator.log().iter().filter(|handled| handled.request.path() == "/token").count()
    };
    let before = asked();
    drop_when(|| asked() == before + 2, client.login(approve(&running))).await;
    until(|| client.cached().is_some()).await;
    assert_eq!(asked(), before + 3);
    assert!(stored(&store, &client).is_some());
}

#[tokio::test(start_paused = true)]
async fn tokens_that_wait_for_the_lock_are_saved_though_the_caller_is_dropped() {
    let running = server(seconds(20));
    let store = Arc::new(MemoryStore::default());
    let client = client_on(&running, Arc::clone(&store));
    // Taken by another process after the login has found out that its tokens can be kept.
    let lock = std::sync::Mutex::new(None);
    let key = client.profile().key();
    let login = client.login(|prompt| {
        *lock.lock().unwrap() = store.try_lock(&key).unwrap();
        approve(&running)(prompt);
    });
    let waiting_for_the_lock = async {
        until(granting(&running)).await;
        sleep(SOON).await;
    };
    tokio::select! {
        outcome = login => panic!("it ended in {outcome:?}"),
        () = waiting_for_the_lock => {}
    }
    assert!(client.cached().is_none());
    assert!(lock.lock().unwrap().take().is_some());
    until(|| client.cached().is_some()).await;
    assert!(stored(&store, &client).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waited_for_anothers_login_logs_in_when_that_caller_is_dropped() {
    let running = server(seconds(20));
    let client = client_on(&running, MemoryStore::default());
    let first = async {
        timeout(seconds(1), client.token_or_login(|_| ())).await.unwrap_err();
    };
    let second = async {
        sleep(SOON).await;
        client.token_or_login(approve(&running)).await.unwrap();
    };
    tokio::join!(first, second);
}

#[tokio::test(start_paused = true)]
async fn fifty_callers_that_give_up_early_lose_no_session() {
    let (running, client, store) = logged_in(seconds(20)).await;
    let (mut in_time, mut late) = (0, 0);
    for n in 0..50 {
        let delay = Fault::Delay(Duration::from_millis(n * 7 % 60));
        running.simulator().fault_at("/token", 1, delay);
        if n % 9 == 0 {
            running.simulator().fault_at("/token", 1, bad_gateway());
        }
        tokio::select! {
            outcome = client.token_for(FORCED) => {
                outcome.unwrap();
                in_time += 1;
            }
            () = sleep(Duration::from_millis(n * 11 % 50)) => late += 1,
        }
    }
    assert!(in_time > 0 && late > 0, "{in_time} in time, {late} late");
    running.simulator().clear_faults();
    client.token_for(FORCED).await.unwrap();
    let cached = client.cached().unwrap().tokens;
    assert_eq!(access_token(&stored(&store, &client).unwrap()), access_token(&cached));
    let alive = |token| running.simulator().refresh_token_is_alive(running.now_ms(), token);
    assert!(alive(refresh_token(&cached)));
}
