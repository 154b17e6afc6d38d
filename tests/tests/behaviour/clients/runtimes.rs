//! The async client inside a server: on other runtimes than tokio, and when the runtime ends.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use aiod_auth_reqwest::{Client, Driver, Token};
use aiod_auth_store::FileStore;
use tokio::runtime::{Builder, Runtime};

use super::*;

const FORCED: Demand = Demand::new().forced();

fn many_threads(blocking: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(blocking).enable_all().build().unwrap()
}

/// Polls this once, on no runtime.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn clients_are_plain_values_that_can_be_shared() {
    fn shared<T: Send + Sync + std::fmt::Debug + 'static>() {}
    shared::<aiod_auth_ureq::Client>();
    shared::<aiod_auth_ureq::Driver>();
    shared::<Client>();
    shared::<Driver>();
    shared::<Token>();
    shared::<Error>();
}

/// Nothing is polled here: it compiles.
#[test]
fn all_futures_can_move_between_threads() {
    fn movable(_: impl Send) {}
    let (driver, client) = (Driver::new(), Client::with_driver(profile_here(), Driver::new()));
    let mut session = Session::token(profile(), Demand::new(), policy());
    movable(driver.run(&mut session));
    let mut show = |_: &Prompt| {};
    movable(driver.run_with(&mut session, &mut show));
    let refresh_token = aiod_auth_core::RefreshToken::new("r");
    movable(client.login(|_| ()));
    movable(client.login_within(seconds(1), |_| ()));
    movable(client.login_with_refresh_token(refresh_token));
    movable(client.token());
    movable(client.token_or_login(|_| ()));
    movable(client.token_for(FORCED));
    movable(client.who_am_i());
    movable(client.log_out());
    movable(client.log_out_ignoring_errors());
}

fn profile_here() -> Profile {
    Profile::clone(&profile())
}

#[test]
fn a_runtime_on_one_thread_is_enough() {
    let running = server_over_sockets(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        client.token_or_login(approve(&running)).await.unwrap();
        let forced = || client.token_for(FORCED);
        let (one, two, three) = tokio::join!(forced(), forced(), client.who_am_i());
        assert!(one.unwrap().access_token().unwrap().same_as(two.unwrap().access_token().unwrap()));
        three.unwrap();
        client.log_out().await.unwrap();
    });
    assert_eq!(refreshes(&running), 1);
}

#[test]
fn clones_are_one_login() {
    let running = server_over_sockets(seconds(20));
    let client = Client::with_driver(profile_at(&running), Driver::new());
    let clone = client.clone().with_request_timeout(seconds(5));
    many_threads(1).block_on(async {
        client.login(approve(&running)).await.unwrap();
        let token = clone.token().await.unwrap();
        assert!(
            token
                .access_token()
                .unwrap()
                .same_as(client.token().await.unwrap().access_token().unwrap())
        );
        clone.log_out().await.unwrap();
        assert_eq!(client.token().await.unwrap_err().kind(), Kind::NotAuthenticated);
    });
}

#[test]
fn a_good_token_needs_no_runtime_and_everything_else_says_that_it_does() {
    let running = server_over_sockets(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    many_threads(1).block_on(client.login(approve(&running))).unwrap();
    assert!(matches!(poll_once(client.token()), Poll::Ready(Ok(_))));
    let Poll::Ready(Err(error)) = poll_once(client.token_for(FORCED)) else { panic!() };
    assert_eq!(error.kind(), Kind::Usage);
    let Poll::Ready(Err(error)) = poll_once(client.login(no_prompt)) else { panic!() };
    assert_eq!(error.kind(), Kind::Usage);
    let Poll::Ready(Err(error)) = poll_once(client.who_am_i()) else { panic!() };
    assert_eq!(error.kind(), Kind::Usage);
}

#[test]
fn a_runtime_without_time_is_an_error_and_no_panic_for_the_caller() {
    let running = server_over_sockets(seconds(20));
    let client = Client::with_driver(profile_at(&running), Driver::new());
    many_threads(1).block_on(client.login(approve(&running))).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(client.login(no_prompt)).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let error = runtime.block_on(client.who_am_i()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[test]
fn a_caller_who_outlives_the_runtime_gets_an_error() {
    let running = server_over_sockets(seconds(20));
    let client = Client::new(profile_at(&running), MemoryStore::default());
    let runtime = many_threads(1);
    runtime.block_on(client.login(approve(&running))).unwrap();
    running.simulator().fault_at("/token", 1, Fault::Delay(seconds(600)));
    let mut caller = pin!(client.token_for(FORCED));
    let mut poll = || caller.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    {
        let _entered = runtime.enter();
        assert!(poll().is_pending());
    }
    until(|| refreshes(&running) > 0);
    drop(runtime);
    let Poll::Ready(Err(error)) = poll() else { panic!() };
    assert_eq!(error.kind(), Kind::Unavailable);
    // The cached token is still there on another runtime.
    many_threads(1).block_on(client.token()).unwrap();
}

#[test]
fn tokens_that_arrive_while_the_runtime_shuts_down_are_saved() {
    let running = server_over_sockets(seconds(20));
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(profile_at(&running), FileStore::new(folder.path()));
    let runtime = many_threads(1);
    let old = runtime.block_on(client.login(approve(&running))).unwrap();
    running.simulator().fault_at("/token", 1, Fault::Delay(Duration::from_millis(300)));
    let caller = client.clone();
    runtime.spawn(async move { caller.token_for(FORCED).await });
    until(|| refreshes(&running) > 0);
    // The only thread that may block is busy when the answer comes, and until the end.
    runtime.spawn_blocking(|| thread::sleep(seconds(1)));
    thread::sleep(Duration::from_millis(600));
    drop(runtime);

    let saved = FileStore::new(folder.path()).load(&client.profile().key()).unwrap().unwrap();
    assert!(!saved.has_same_access_token(&old.tokens));
    // The client finds it, and the lock is free.
    let runtime = many_threads(1);
    let found = runtime.block_on(client.token_for(FORCED)).unwrap();
    assert!(found.has_same_access_token(&saved));
    // Its refresh token is the one that the server has rotated to.
    runtime.block_on(client.token_for(FORCED)).unwrap();
    assert_eq!(refreshes(&running), 2);
}
