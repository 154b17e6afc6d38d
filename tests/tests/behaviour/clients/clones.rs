//! Clones of the async client, with policies of their own.

use aiod_auth_core::RetryPolicy;
use aiod_auth_reqwest::Client;
use tokio::time::sleep;

use super::{
    dropped::{client_on, server},
    *,
};

/// A client that alice has just logged in with, and its server.
async fn logged_in(access_token_lifetime: Duration) -> (Arc<Network>, Client) {
    let running = server(access_token_lifetime);
    let client = client_on(&running, MemoryStore::default());
    client.login(approve(&running)).await.unwrap();
    (running, client)
}

/// The wait for another caller's job doesn't count against the caller's own time limit.
#[tokio::test(start_paused = true)]
async fn a_caller_that_waited_for_a_job_still_has_time_for_its_request() {
    let (running, patient) = logged_in(seconds(2)).await;
    running.pass(seconds(2));
    running.simulator().settings.access_token_lifetime = seconds(60);
    running.simulator().fault_at("/token", 1, Fault::Delay(seconds(3)));
    let mut policy = RetryPolicy::default();
    policy.time_limit = seconds(2);
    let hasty = patient.clone().with_retry_policy(policy);
    let first = tokio::spawn(async move { patient.token().await.map(|_| ()) });
    sleep(Duration::from_millis(300)).await;
    hasty.who_am_i().await.unwrap();
    first.await.unwrap().unwrap();
}

/// The refresh failed while the userinfo request was under way, and no caller waited for it.
#[tokio::test(start_paused = true)]
async fn a_name_has_nothing_to_do_with_anothers_failure() {
    let (running, client) = logged_in(seconds(60)).await;
    kill_access_token(&running, client.cached());
    running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(1)));
    let asking = client.clone();
    let asking = tokio::spawn(async move { asking.who_am_i().await });
    sleep(Duration::from_millis(300)).await;
    let mut policy = RetryPolicy::default();
    policy.attempts = 1;
    running.simulator().fault_at("/token", 1, bad_gateway());
    let once = client.with_retry_policy(policy);
    once.token_for(Demand::new().forced()).await.unwrap_err();
    asking.await.unwrap().unwrap();
    assert_eq!(refreshes(&running), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_little_time_takes_the_token_that_another_refreshed() {
    let (running, patient) = logged_in(seconds(60)).await;
    kill_access_token(&running, patient.cached());
    running.simulator().fault_at("/userinfo", 1, Fault::Delay(seconds(1)));
    let mut policy = RetryPolicy::default();
    // Too little for a refresh of its own.
    policy.time_limit = seconds(10);
    let hasty = patient.clone().with_retry_policy(policy);
    let asking = tokio::spawn(async move { hasty.who_am_i().await });
    sleep(Duration::from_millis(300)).await;
    patient.token_for(Demand::new().forced()).await.unwrap();
    asking.await.unwrap().unwrap();
    assert_eq!(refreshes(&running), 1);
}
