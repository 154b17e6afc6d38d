//! Answers of any shape, to what the fuzz targets ask: with the same invariants, on stable.

use aiod_auth_tests::{
    fuzzing::{
        device_answer, introspection_answer, metadata_answer, revocation_answer, token_answer,
        userinfo_answer,
    },
    strategies::answers,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_good_new_refresh_token_is_never_lost(message in answers(TOKENS)) {
        let _ending = token_answer(&message);
    }

    #[test]
    fn a_person_is_shown_nothing_harmful_and_no_secret(message in answers(DEVICE)) {
        let _ending = device_answer(&message);
    }

    #[test]
    fn of_another_issuers_metadata_nothing_is_used(message in answers(METADATA)) {
        let _ending = metadata_answer(&message);
    }

    #[test]
    fn nobody_is_taken_for_somebody_else(message in answers(PEOPLE)) {
        let _ending = userinfo_answer(&message);
        let _ending = introspection_answer(&message);
    }

    #[test]
    fn only_the_server_says_that_a_token_is_dead(message in answers(TOKENS)) {
        let _ending = revocation_answer(&message);
    }
}

const TOKENS: &[&str] = &[
    "access_token",
    "access_token",
    "refresh_token",
    "id_token",
    "token_type",
    "expires_in",
    "refresh_expires_in",
    "scope",
    "error",
    "error_description",
];
const DEVICE: &[&str] = &[
    "device_code",
    "device_code",
    "user_code",
    "user_code",
    "verification_uri",
    "verification_uri",
    "verification_url",
    "verification_uri_complete",
    "expires_in",
    "interval",
    "error",
];
const METADATA: &[&str] = &[
    "issuer",
    "issuer",
    "issuer",
    "token_endpoint",
    "userinfo_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "token_endpoint_auth_methods_supported",
    "error",
];
const PEOPLE: &[&str] = &[
    "active",
    "active",
    "sub",
    "sub",
    "name",
    "roles",
    "realm_access",
    "scope",
    "exp",
    "aud",
    "error",
    "access_token",
];
