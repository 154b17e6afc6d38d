//! What a token costs that is still good: nothing on the heap. A binary of its own, because counting
//! takes an allocator of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{ops::Deref, time::Duration};

use aiod_auth_core::{Profile, Prompt, Tokens};
use aiod_auth_store::MemoryStore;
use aiod_auth_tests::sim::{Running, Settings, serve};
use tokio::runtime::Builder;

fn server() -> Running {
    serve(Settings { interval: Duration::from_secs(1), ..Settings::default() }).unwrap()
}

fn profile(running: &Running) -> Profile {
    Profile::new(&running.base_url, "demo").unwrap()
}

fn approve(running: &Running) -> impl Fn(&Prompt) + Send {
    |prompt| {
        let Prompt::DeviceCode(prompt) = prompt else { panic!("{prompt:?}") };
        assert!(running.simulator().approve(&prompt.user_code, "alice"));
    }
}

/// A good token is taken a thousand times.
fn costs_nothing<T: Deref<Target = Tokens>>(running: &Running, token: impl Fn() -> T) {
    // The first one in a thread sets up what arc-swap keeps for the thread.
    drop(token());

    let requests = running.simulator().log().len();
    let counted = allocation_counter::measure(|| {
        for _ in 0..1000 {
            assert!(token().authorization().is_some());
        }
    });
    assert_eq!(counted.count_total, 0);
    assert_eq!(running.simulator().log().len(), requests);

    // The counter does count: a copy of the token is one.
    let copied = allocation_counter::measure(|| drop(token().access_token.clone()));
    assert_eq!(copied.count_total, 1);
}

#[test]
fn a_token_that_is_still_good_costs_no_allocation() {
    let running = server();
    let client = aiod_auth_ureq::Client::new(profile(&running), MemoryStore::default());
    client.login(approve(&running)).unwrap();
    costs_nothing(&running, || client.token().unwrap());
}

#[test]
fn neither_does_it_for_the_async_client() {
    let running = server();
    let client = aiod_auth_reqwest::Client::new(profile(&running), MemoryStore::default());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.login(approve(&running))).unwrap();
    // On a runtime, counting would count what `block_on` needs.
    let token = || {
        let mut token = std::pin::pin!(client.token());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(token) = token.as_mut().poll(&mut context) else { panic!() };
        token.unwrap()
    };
    costs_nothing(&running, token);
}
