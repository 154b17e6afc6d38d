//! DISC: metadata.

use aiod_auth_tests::verdict::Asked;

use crate::row::{
    Check::{Answers, Behaviour, Both},
    Row, row,
};

pub(super) mod document;
mod issuer;
mod places;

pub(crate) const ROWS: &[Row] = &[
    row(
        "DISC-01",
        "inserts `/.well-known/oauth-authorization-server` between host and path",
        Behaviour(places::oauth_metadata_is_between_host_and_path),
    ),
    row(
        "DISC-02",
        "appends `/.well-known/openid-configuration` to the issuer",
        Behaviour(places::openid_metadata_is_behind_the_path),
    ),
    row(
        "DISC-03",
        "tries three places in order: behind the path, then the two before it",
        Behaviour(|| {
            places::the_third_place_is_used_if_it_is_the_first_with_something();
            places::a_place_that_is_closed_is_the_reason();
            places::the_first_place_with_something_is_the_last_that_is_asked();
            places::nowhere_is_a_matter_of_the_issuer();
        }),
    ),
    row(
        "DISC-04",
        "takes an answer to a GET, with status 200 and a JSON object in it",
        Both(Asked::Metadata, ANSWERS, places::nothing_but_pages_is_no_metadata),
    ),
    row(
        "DISC-05",
        "requires the issuer that it asked for, to the letter, and else uses nothing",
        Both(Asked::Metadata, ISSUERS, issuer::both_are_shown_and_nothing_is_used),
    ),
    row("DISC-06", "normalises nothing when it compares", Behaviour(issuer::nothing_is_normalised)),
    row(
        "DISC-07",
        "accepts as an issuer https alone (loopback excepted), without query and fragment",
        Behaviour(issuer::what_is_no_issuer_is_refused),
    ),
    row(
        "DISC-08",
        "checks every endpoint that it will use; other hosts are allowed",
        Both(
            Asked::Metadata,
            ENDPOINTS,
            document::a_bad_endpoint_is_refused_by_a_flow_that_needs_it,
        ),
    ),
    row(
        "DISC-09",
        "ignores what it doesn't know, and applies defaults; an empty list is none",
        Both(Asked::Metadata, MEMBERS, document::authentication_methods_have_a_default),
    ),
    row(
        "DISC-10",
        "refuses no flow because a list lacks it; because of a missing endpoint it does",
        Behaviour(document::lists_are_often_short),
    ),
    row(
        "DISC-11",
        "configures itself from metadata; what is given by hand wins",
        Behaviour(|| {
            document::what_is_given_by_hand_wins();
            document::what_is_given_by_hand_spares_the_question();
        }),
    ),
    row(
        "DISC-12",
        "keeps metadata in memory for an hour, and a failure never; trouble at one place is none at another",
        Behaviour(|| {
            places::metadata_is_kept_for_an_hour();
            places::a_failure_is_tried_again_and_not_kept();
            places::a_failure_at_one_place_is_none_at_the_other();
            places::both_loops_try_again();
        }),
    ),
    row("DISC-13", "ignores `signed_metadata`", Answers(Asked::Metadata, SIGNED)),
    row("DISC-14", "ignores `mtls_endpoint_aliases`", Answers(Asked::Metadata, ALIASES)),
    row(
        "DISC-15",
        "takes a list of methods that is no list of texts for none, and says so",
        Both(Asked::Metadata, LISTS, document::authentication_methods_have_a_default),
    ),
];

/// QM-11, QM-12.
const LISTS: &[(&str, &str)] = &[
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","token_endpoint_auth_methods_supported":"client_secret_basic"}"#,
        "ok; token_endpoint https://as.example/t; note `token_endpoint_auth_methods_supported` is no list of texts: taken as absent",
    ),
    (
        r#"200 {"issuer":"https://as.example","revocation_endpoint_auth_methods_supported":"none","introspection_endpoint_auth_methods_supported":{}}"#,
        "ok; note `revocation_endpoint_auth_methods_supported` is no list of texts: taken as absent; note `introspection_endpoint_auth_methods_supported` is no list of texts: taken as absent",
    ),
];

const ANSWERS: &[(&str, &str)] = &[
    (r#"200 {"issuer":"https://as.example"}"#, "ok"),
    ("200\nContent-Type: text/plain\n\n{\"issuer\":\"https://as.example\"}", "ok"),
    ("200\nContent-Type: application/octet-stream\n\n{\"issuer\":\"https://as.example\"}", "ok"),
    (r#"201 {"issuer":"https://as.example"}"#, "next place"),
    (r#"203 {"issuer":"https://as.example"}"#, "next place"),
    ("204", "next place"),
    (r#"200 [{"issuer":"https://as.example"}]"#, "next place"),
    (r#"200 "https://as.example""#, "next place"),
    ("200 null", "next place"),
    ("200", "next place"),
    ("200 <html>", "next place"),
    ("200 {\"issuer\":\"https://as.example\"", "next place"),
    ("404", "next place"),
    ("404 <html>", "next place"),
    ("400", "next place"),
    ("401", "next place"),
    ("403", "next place"),
    ("410", "next place"),
    ("302\nLocation: https://as.example/login\n\n", "next place"),
    ("200 {}", "next place"),
    ("500", "retry"),
    ("503\nRetry-After: 3\n\n", "retry; after 3 s"),
    ("429", "retry"),
];

const ISSUERS: &[(&str, &str)] = &[
    (r#"200 {"issuer":"https://as.example"}"#, "ok"),
    (r#"200 {"issuer":"https:\/\/as.example"}"#, "ok"),
    (r#"200 {"issuer":"\u0068ttps://as.example"}"#, "ok"),
    (
        r#"200 {"issuer":"https://as.example/"}"#,
        r#"error:protocol; its issuer is "https://as.example/", not "https://as.example""#,
    ),
    (r#"200 {"issuer":"http://as.example"}"#, "error:protocol"),
    (r#"200 {"issuer":"https://as.example:443"}"#, "error:protocol"),
    (r#"200 {"issuer":"https://AS.example"}"#, "error:protocol"),
    (r#"200 {"issuer":" https://as.example"}"#, "error:protocol"),
    (r#"200 {"issuer":"https://as.example/{tenantid}"}"#, "error:protocol"),
    (r#"200 {"issuer":"https://evil.example"}"#, "error:protocol"),
];

const ENDPOINTS: &[(&str, &str)] = &[
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://other.example/t"}"#,
        "ok; token_endpoint https://other.example/t",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example:8443/t?tenant=1"}"#,
        "ok; token_endpoint https://as.example:8443/t?tenant=1",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://127.0.0.1:8080/t"}"#,
        "ok; token_endpoint https://127.0.0.1:8080/t",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"http://127.0.0.1:8080/t","revocation_endpoint":"https://169.254.169.254/r"}"#,
        "ok",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","jwks_uri":"http://as.example/k","authorization_endpoint":7}"#,
        "ok; token_endpoint https://as.example/t",
    ),
];

const MEMBERS: &[(&str, &str)] = &[
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","x":{"y":[1,null]},"response_types_supported":7,"frontchannel_logout_supported":"yes"}"#,
        "ok; token_endpoint https://as.example/t",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":null,"token_endpoint_auth_methods_supported":[],"grant_types_supported":[],"scopes_supported":[]}"#,
        "ok",
    ),
    (
        r#"200 {"issuer":"https://as.example","revocation_endpoint":"","revocation_endpoint_auth_methods_supported":null}"#,
        "ok",
    ),
];

const SIGNED: &[(&str, &str)] = &[
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","signed_metadata":"eyJhbGciOiJub25lIn0.eyJpc3N1ZXIiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9."}"#,
        "ok; token_endpoint https://as.example/t",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","signed_metadata":"no jwt"}"#,
        "ok; token_endpoint https://as.example/t",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","signed_metadata":{"token_endpoint":"https://evil.example/t"}}"#,
        "ok; token_endpoint https://as.example/t",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","signed_metadata":null}"#,
        "ok; token_endpoint https://as.example/t",
    ),
];

const ALIASES: &[(&str, &str)] = &[
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","mtls_endpoint_aliases":{"token_endpoint":"https://mtls.as.example/t"}}"#,
        "ok; token_endpoint https://as.example/t",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","revocation_endpoint":"https://as.example/r","mtls_endpoint_aliases":{"token_endpoint":"https://mtls.as.example/t","revocation_endpoint":"https://mtls.as.example/r"}}"#,
        "ok; token_endpoint https://as.example/t; revocation_endpoint https://as.example/r",
    ),
    (
        r#"200 {"issuer":"https://as.example","token_endpoint":"https://as.example/t","mtls_endpoint_aliases":"none"}"#,
        "ok; token_endpoint https://as.example/t",
    ),
];
