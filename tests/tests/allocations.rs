//! What a token costs that is still good: nothing on the heap. A binary of its own, because counting
//! takes an allocator of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use aiod_auth_core::Prompt;
use aiod_auth_store::MemoryStore;
use aiod_auth_tests::sim::{Settings, serve};
use aiod_auth_ureq::{Client, Profile};

#[test]
fn a_token_that_is_still_good_costs_no_allocation() {
    let running =
        serve(Settings { interval: Duration::from_secs(1), ..Settings::default() }).unwrap();
    let client =
        Client::new(Profile::new(&running.base_url, "demo").unwrap(), MemoryStore::default());
    let approve = |prompt: &Prompt| {
        if let Prompt::DeviceCode(prompt) = prompt {
            assert!(running.simulator().approve(&prompt.user_code, "alice"));
        }
    };
    client.login(approve).unwrap();
    // The first one in a thread sets up what arc-swap keeps for the thread.
    drop(client.token().unwrap());

    let requests = running.simulator().log().len();
    let counted = allocation_counter::measure(|| {
        for _ in 0..1000 {
            assert!(!client.token().unwrap().access_token.expose().is_empty());
        }
    });
    assert_eq!(counted.count_total, 0);
    assert_eq!(running.simulator().log().len(), requests);

    // The counter does count: a copy of the token is one.
    let copied = allocation_counter::measure(|| drop(client.token().unwrap().authorization()));
    assert_eq!(copied.count_total, 1);
}
