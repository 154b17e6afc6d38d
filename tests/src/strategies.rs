//! What properties are made of: random values of the kinds that this library deals with.

use std::time::Duration;

use aiod_auth_core::{NoResponse, RetryPolicy};
use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::{Index, select},
};

use crate::sim::{Answer, Fault};

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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The answer to a poll for a device code before the user has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollAnswer {
    /// `authorization_pending`.
    Pending,
    /// `slow_down`; GitHub names the new interval in seconds.
    SlowDown(Option<u64>),
    /// A transient failure.
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

/// What happens to a client that is logged in, and what its callers ask for.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Time goes by.
    TimePasses(Duration),
    /// The wall clock jumps by so many seconds.
    ClockJumps(i64),
    /// So many requests to the token endpoint go wrong like this.
    TokenEndpointFails(usize, Fault),
    /// A caller wants a token; a new one, if it is forced.
    Token {
        /// However good the present one is.
        force: bool,
    },
    /// A caller asks who is logged in.
    WhoAmI,
}

/// What happens in a few hours.
pub fn happenings() -> BoxedStrategy<Vec<Happening>> {
    let happening = prop_oneof![
        seconds(0..=900).prop_map(Happening::TimePasses),
        (-90_000..90_000_i64).prop_map(Happening::ClockJumps),
        (1..5_usize, fault()).prop_map(|(times, f)| Happening::TokenEndpointFails(times, f)),
        any::<bool>().prop_map(|force| Happening::Token { force }),
        Just(Happening::WhoAmI),
    ];
    vec(happening, 1..16).boxed()
}

/// Anything that can happen on the way.
pub fn fault() -> BoxedStrategy<Fault> {
    prop_oneof![
        Just(Fault::DropBefore),
        Just(Fault::DropAfter),
        Just(Fault::CutInHalf),
        Just(Fault::NotJson),
        seconds(1..=90).prop_map(Fault::Delay),
        select(vec![408, 429, 500, 502, 503])
            .prop_map(|status| Fault::Instead(Answer::html(status, "<html>"))),
    ]
    .boxed()
}

/// The members of a good answer to a request, and other members that may come with them.
#[derive(Clone, Copy, Debug)]
pub struct Good {
    /// What it usually comes with.
    pub statuses: &'static [u16],
    /// Its members; the values as regular expressions for JSON.
    pub members: &'static [(&'static str, &'static str)],
    /// Members that have a meaning in other answers.
    pub others: &'static [&'static str],
}

/// A secret that no other word is.
pub const SECRET: &str = "\"[a-z]{12}[0-9]{4}\"";

/// Good answers, and those with a few things changed: members gone, odd, twice, and with secrets in
/// them. As `fuzzing` reads them.
pub fn answers(good: Good) -> BoxedStrategy<Vec<u8>> {
    let members = good.members.iter().map(|(name, value)| value.prop_map(move |v| (*name, v)));
    let members: Vec<_> = members.collect();
    let edits = prop_oneof![Just(Vec::new()), vec(edit(good), 1..4)];
    let status = prop_oneof![
        3 => select(good.statuses.to_vec()),
        1 => select(vec![201, 204, 302, 400, 401, 403, 429, 500, 503]),
    ];
    let header = select(HEADERS.to_vec());
    (status, header, members, edits)
        .prop_map(|(status, header, mut members, edits)| {
            edits.into_iter().for_each(|edit| edit.apply_to(&mut members));
            let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
            let members: Vec<_> = members.collect();
            format!("HTTP/1.1 {status}\n{header}\n\n{{{}}}", members.join(",")).into_bytes()
        })
        .boxed()
}

/// What is changed about an answer.
#[derive(Clone, Debug)]
enum Edit {
    Remove(Index),
    Replace(Index, String),
    /// A second one, if there is one already.
    Add(&'static str, String),
}

impl Edit {
    fn apply_to(self, members: &mut Vec<(&'static str, String)>) {
        match self {
            Self::Add(name, value) => members.push((name, value)),
            Self::Remove(_) | Self::Replace(..) if members.is_empty() => {}
            Self::Remove(index) => drop(members.remove(index.index(members.len()))),
            Self::Replace(index, new) => {
                let index = index.index(members.len());
                members.iter_mut().skip(index).take(1).for_each(|(_, value)| *value = new.clone());
            }
        }
    }
}

fn edit(good: Good) -> BoxedStrategy<Edit> {
    let names = good.members.iter().map(|(name, _)| name).chain(good.others).copied();
    let names: Vec<_> = names.collect();
    prop_oneof![
        any::<Index>().prop_map(Edit::Remove),
        (any::<Index>(), value()).prop_map(|(index, value)| Edit::Replace(index, value)),
        (select(names), value()).prop_map(|(name, value)| Edit::Add(name, value)),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<String> {
    prop_oneof![
        4 => SECRET,
        1 => SECRET.prop_map(|secret| format!("[{secret}]")),
        1 => SECRET.prop_map(|secret| format!("{{\"value\":{secret}}}")),
        4 => select(ODD_VALUES.to_vec()).prop_map(str::to_owned),
    ]
    .boxed()
}

/// Refusals with challenges of all kinds, written well and badly.
pub fn challenges() -> BoxedStrategy<Vec<u8>> {
    let field = vec(select(PARTS_OF_CHALLENGES.to_vec()), 0..12).prop_map(|parts| parts.concat());
    vec(field, 0..3)
        .prop_map(|fields| {
            let fields = fields.iter().map(|field| format!("WWW-Authenticate: {field}\n"));
            format!("HTTP/1.1 401\n{}\n", fields.collect::<String>()).into_bytes()
        })
        .boxed()
}

const PARTS_OF_CHALLENGES: &[&str] = &[
    "Bearer",
    "Bearer ",
    "Basic realm=\"r\"",
    "DPoP algs=\"ES256\"",
    "Negotiate TlRM==",
    "realm=\"a \\\"b\\\", c\"",
    "error=\"invalid_token\"",
    "error=insufficient_scope",
    "error",
    "=",
    "\"",
    "\\",
    " ",
    ",",
    ", ",
    "é",
    "\t",
];

const ODD_VALUES: &[&str] = &[
    "null",
    "\"\"",
    "0",
    "-1",
    "0.5",
    "1e999",
    "300",
    "\"3600\"",
    "true",
    "false",
    "[]",
    "{}",
    "[1]",
    "\"Bearer\"",
    "\"invalid_grant\"",
    "\"invalid_token\"",
    "\"server_error\"",
    "\"slow_down\"",
    "\"http://127.0.0.1\"",
    "\"https://as.example/x?a=b\"",
    "\"http://as.example\"",
    "\"\\u001b[2J\"",
];

const HEADERS: &[&str] = &[
    "Content-Type: application/json",
    "Retry-After: 7",
    "WWW-Authenticate: Bearer error=\"invalid_token\"",
    "WWW-Authenticate: Basic realm=\"r\"",
];
