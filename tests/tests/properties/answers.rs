//! Answers of any shape, to what the fuzz targets ask: with the same invariants, on stable.

use std::collections::BTreeMap;

use aiod_auth_tests::{
    fuzzing::{
        device_answer, introspection_answer, metadata_answer, revocation_answer, token_answer,
        userinfo_answer, www_authenticate,
    },
    strategies::{Good, SECRET, answers, challenges},
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

proptest! {
    #[test]
    fn a_good_new_refresh_token_is_never_lost(message in answers(TOKENS)) {
        let _ending = token_answer(&message);
    }

    #[test]
    fn a_user_is_shown_nothing_harmful_and_no_secret(message in answers(DEVICE)) {
        let _ending = device_answer(&message);
    }

    #[test]
    fn of_another_issuers_metadata_nothing_is_used(message in answers(METADATA)) {
        let _ending = metadata_answer(&message);
    }

    #[test]
    fn no_user_is_taken_for_another(message in answers(USERINFO)) {
        let _ending = userinfo_answer(&message);
    }

    #[test]
    fn no_token_is_worth_more_than_the_server_says(message in answers(WORTH)) {
        let _ending = introspection_answer(&message);
    }

    #[test]
    fn only_the_server_says_that_a_token_is_dead(message in answers(REFUSAL)) {
        let _ending = revocation_answer(&message);
    }

    #[test]
    fn of_challenges_nothing_is_read_that_is_not_there(message in challenges()) {
        let _ending = www_authenticate(&message);
    }
}

#[test]
fn a_good_new_refresh_token_is_often_there() {
    often_ends(answers(TOKENS), token_answer, &["done", "protocol"]);
}

#[test]
fn a_user_is_often_shown_something() {
    often_ends(answers(DEVICE), device_answer, &["done", "protocol"]);
}

#[test]
fn metadata_is_often_the_issuers_own_and_often_anothers() {
    often_ends(answers(METADATA), metadata_answer, &["done", "protocol"]);
}

#[test]
fn userinfo_is_often_read() {
    often_ends(answers(USERINFO), userinfo_answer, &["done", "protocol"]);
}

#[test]
fn a_token_is_often_worth_something_and_often_nothing() {
    often_ends(answers(WORTH), introspection_answer, &["active", "inactive", "protocol"]);
}

#[test]
fn a_token_is_often_dead_and_often_not() {
    often_ends(answers(REFUSAL), revocation_answer, &["done", "server"]);
}

#[test]
fn there_are_often_challenges_and_often_none() {
    often_ends(challenges(), www_authenticate, &["done", "none"]);
}

/// A property says nothing of what it never meets: each of these is one in ten at least.
fn often_ends(
    messages: impl Strategy<Value = Vec<u8>>,
    body: fn(&[u8]) -> &'static str,
    endings: &[&str],
) {
    let always_the_same = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), always_the_same);
    let mut reached = BTreeMap::new();
    for _ in 0..DRAWS {
        let message = messages.new_tree(&mut runner).unwrap().current();
        *reached.entry(body(&message)).or_insert(0) += 1;
    }
    for ending in endings {
        let times = reached.get(ending).copied().unwrap_or_default();
        assert!(times * 10 >= DRAWS, "{ending}: {times} of {DRAWS}, {reached:?}");
    }
}

const DRAWS: u32 = 500;

const TOKENS: Good = Good {
    statuses: &[200],
    members: &[
        ("access_token", SECRET),
        ("refresh_token", SECRET),
        ("token_type", "\"[Bb]earer\""),
        ("expires_in", "[1-9][0-9]{1,4}"),
    ],
    others: &["id_token", "refresh_expires_in", "scope", "error", "error_description"],
};
const DEVICE: Good = Good {
    statuses: &[200],
    members: &[
        ("device_code", SECRET),
        ("user_code", "\"[A-Z]{4}-[A-Z]{4}\""),
        ("verification_uri", r#""https://as\.example/(device)?""#),
        ("expires_in", "[1-9][0-9]{1,4}"),
        ("interval", "[1-9][0-9]?"),
    ],
    others: &["verification_url", "verification_uri_complete", "error"],
};
const METADATA: Good = Good {
    statuses: &[200],
    members: &[
        // This one, this one, or another.
        ("issuer", r#""http://127\.0\.0\.1"|"http://127\.0\.0\.1"|"https://as\.example""#),
        ("token_endpoint", r#""http://127\.0\.0\.1/token""#),
        ("userinfo_endpoint", r#""http://127\.0\.0\.1/userinfo""#),
        ("revocation_endpoint", r#""https://as\.example/revoke""#),
        ("token_endpoint_auth_methods_supported", r#"\["client_secret_(post|basic)"\]"#),
    ],
    others: &["introspection_endpoint", "end_session_endpoint", "error"],
};
const USERINFO: Good = Good {
    statuses: &[200],
    members: &[
        ("sub", "\"8c2\"|\"[a-z0-9]{3}\""),
        ("name", "\"Alice\""),
        ("roles", "\\[(\"[a-z]{3}\")?\\]"),
    ],
    others: &["preferred_username", "realm_access", "scope", "exp", "aud", "error", "access_token"],
};
const WORTH: Good = Good {
    statuses: &[200],
    members: &[
        ("active", "true|true|false"),
        ("sub", "\"[a-z0-9]{3}\""),
        ("scope", "\"read( write)?\""),
        ("exp", "1[0-9]{9}"),
        ("aud", "\"api\"|\\[\"api\"(,\"[a-z]{3}\")?\\]"),
    ],
    others: &["username", "client_id", "iss", "nbf", "iat", "token_type", "error", "access_token"],
};
/// What counts is the status.
const REFUSAL: Good = Good {
    statuses: &[200, 400],
    members: &[("error", "\"invalid_(token|grant|client|request)\"")],
    others: &["error_description", "access_token", "refresh_token"],
};
