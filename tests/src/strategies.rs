//! What properties are made of: random values of the kinds that this library deals with.

use std::time::Duration;

use aiod_auth_core::{NoResponse, RetryPolicy};
use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::select,
};

/// Whole seconds.
pub fn seconds(range: std::ops::RangeInclusive<u64>) -> BoxedStrategy<Duration> {
    range.prop_map(Duration::from_secs).boxed()
}

/// Scope tokens: RFC 6749 §3.3.
pub fn scope_tokens() -> BoxedStrategy<Vec<String>> {
    btree_set("[!#-\\[\\]-~]{1,12}", 0..6).prop_map(Vec::from_iter).boxed()
}

/// A policy that some caller may have.
pub fn retry_policy() -> BoxedStrategy<RetryPolicy> {
    let delays = (0..10_000_u64).prop_map(Duration::from_millis);
    (0..8_u32, delays, seconds(0..=60), seconds(1..=120), any::<u64>())
        .prop_map(|(attempts, first_delay, retry_after_max, time_limit, jitter_seed)| {
            let mut policy = RetryPolicy::default();
            policy.attempts = attempts;
            policy.first_delay = first_delay;
            policy.retry_after_max = retry_after_max;
            policy.time_limit = time_limit;
            policy.jitter_seed = jitter_seed;
            policy
        })
        .boxed()
}

/// What passing trouble looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing came back.
    NoResponse(NoResponse),
    /// A status that means "later", with so many seconds of `Retry-After`.
    Status(u16, Option<u64>),
}

/// Any trouble that may pass.
pub fn trouble() -> BoxedStrategy<Trouble> {
    let no_response = [NoResponse::NotSent("refused"), NoResponse::Unknown("timed out")];
    let status = (select(vec![408, 429, 500, 502, 503]), option::of(0..90_u64));
    prop_oneof![
        select(no_response.to_vec()).prop_map(Trouble::NoResponse),
        status.prop_map(|(status, retry_after)| Trouble::Status(status, retry_after)),
    ]
    .boxed()
}

/// What a poll for a device code may bring, other than a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollAnswer {
    /// `authorization_pending`.
    Pending,
    /// `slow_down`; GitHub names the new interval in seconds.
    SlowDown(Option<u64>),
    /// No verdict.
    Trouble(Trouble),
}

/// Answers to polls, and how long each took.
pub fn poll_answers() -> BoxedStrategy<Vec<(PollAnswer, Duration)>> {
    let answer = prop_oneof![
        Just(PollAnswer::Pending),
        option::of(0..60_u64).prop_map(PollAnswer::SlowDown),
        trouble().prop_map(PollAnswer::Trouble),
    ];
    vec((answer, (1..20_000_u64).prop_map(Duration::from_millis)), 1..12).boxed()
}
