//! The async client runs on its caller's runtime and nothing else. A binary of its own, because
//! counting threads takes a process without other tests.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{fs, time::Duration};

use aiod_auth_core::{Prompt, session::Demand};
use aiod_auth_reqwest::{Client, Profile};
use aiod_auth_store::MemoryStore;
use aiod_auth_tests::sim::{Settings, serve};
use tokio::runtime::Builder;

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn the_async_client_starts_no_thread_of_its_own() {
    let running =
        serve(Settings { interval: Duration::from_secs(1), ..Settings::default() }).unwrap();
    // The thread that may block is started when it is first needed.
    let runtime =
        Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
    let before = threads();
    let profile = Profile::new(&running.base_url, "demo").unwrap();
    let client = Client::new(profile.with_scope("openid".parse().unwrap()), MemoryStore::default());
    runtime.block_on(async {
        let approve = |prompt: &Prompt| {
            let Prompt::DeviceCode(prompt) = prompt else { panic!("{prompt:?}") };
            assert!(running.simulator().approve(&prompt.user_code, "alice"));
        };
        client.token_or_login(approve).await.unwrap();
        client.token_for(Demand::new().forced()).await.unwrap();
        client.who_am_i().await.unwrap();
        assert_eq!(threads(), before);
        client.log_out().await.unwrap();
    });
    assert_eq!(threads(), before);
}
