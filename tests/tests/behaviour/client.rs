//! The blocking client, over real HTTP: what its threads share.

use std::{sync::Barrier, thread, time::Instant};

use aiod_auth_core::{Kind, Prompt};
use aiod_auth_store::MemoryStore;
use aiod_auth_tests::sim::{REFRESH_TOKEN, Running, serve};
use aiod_auth_ureq::Client;

use super::*;

/// A server with short times, and a client that alice has just logged in with.
fn logged_in() -> (Running, Client) {
    let settings =
        Settings { interval: seconds(1), access_token_lifetime: seconds(2), ..Settings::default() };
    let running = serve(settings).unwrap();
    let profile = Profile::new(&running.base_url, "demo").unwrap();
    let client = Client::new(profile.with_scope("openid".parse().unwrap()), MemoryStore::default());
    log_in_at(&running, &client);
    (running, client)
}

/// Runs this on many threads that start together.
fn together<T: Send>(threads: usize, job: impl Fn() -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let spawn = |_| {
            scope.spawn(|| {
                barrier.wait();
                job()
            })
        };
        let handles: Vec<_> = (0..threads).map(spawn).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}

#[test]
fn a_login_a_token_a_name_and_a_logout() {
    let (running, client) = logged_in();
    assert_eq!(client.who_am_i().unwrap().name.as_deref(), Some("Alice Example"));
    let token = client.token().unwrap().access_token.expose().to_owned();
    client.log_out().unwrap();
    let now_ms = aiod_auth_tests::sim::wall_clock_ms();
    assert!(!running.simulator().access_token_is_alive(now_ms, &token));
    assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
}

#[test]
fn a_login_happens_only_if_nobody_is_logged_in() {
    fn nobody(_: &Prompt) {
        panic!("nobody is asked");
    }
    let (running, client) = logged_in();
    client.token_or_login(nobody).unwrap();
    thread::sleep(seconds(2));
    running.simulator().fault_anywhere(9, bad_gateway());
    let error = client.token_or_login(nobody).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    running.simulator().clear_faults();
    running.simulator().end_sessions();
    let mut prompts = 0;
    let approve = |prompt: &Prompt| {
        let Prompt::DeviceCode(prompt) = prompt else { panic!() };
        running.simulator().approve(&prompt.user_code, "alice");
        prompts += 1;
    };
    client.token_or_login(approve).unwrap();
    assert_eq!(prompts, 1);
}

#[test]
fn a_hundred_threads_with_an_old_token_make_one_refresh() {
    let (running, client) = logged_in();
    thread::sleep(seconds(2));
    let tokens = together(100, || client.token().unwrap().access_token.expose().to_owned());
    assert_eq!(running.simulator().grants(REFRESH_TOKEN), 1);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[test]
fn while_one_thread_renews_the_others_keep_the_old_token() {
    let (running, client) = logged_in();
    running.simulator().settings.access_token_lifetime = seconds(10);
    log_in_at(&running, &client);
    // 10 s: stale 1 s before the end, aging from 1.5 to 2.5 s before that.
    thread::sleep(Duration::from_millis(7700));
    running.simulator().fault_at("/token", 1, Fault::Delay(seconds(1)));
    let waited = together(20, || {
        let started = Instant::now();
        client.token().unwrap();
        started.elapsed()
    });
    let blocked = waited.iter().filter(|waited| **waited > Duration::from_millis(500)).count();
    assert!(blocked <= 1, "{waited:?}");
}

#[test]
fn when_the_server_is_away_the_waiting_threads_share_one_answer() {
    let (running, client) = logged_in();
    thread::sleep(seconds(2));
    running.simulator().fault_anywhere(999, bad_gateway());
    let before = running.simulator().log().len();
    let errors = together(50, || client.token().unwrap_err().kind());
    assert!(errors.iter().all(|kind| *kind == Kind::Unavailable), "{errors:?}");
    // Three tries of one job, or of a second one for a thread that came late.
    let requests = running.simulator().log().len() - before;
    assert!(requests <= 6, "{requests}");
}

#[test]
fn clients_are_plain_values_that_can_be_shared() {
    fn shared<T: Send + Sync + std::fmt::Debug + 'static>() {}
    shared::<Client>();
    shared::<aiod_auth_ureq::Driver>();
    shared::<aiod_auth_reqwest::Driver>();
    shared::<Error>();
}

#[test]
fn the_async_drivers_futures_can_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let driver = aiod_auth_reqwest::Driver::new().unwrap();
    let mut session = Session::token(profile(), Demand::new(), policy());
    movable(&driver.run(&mut session));
}
