//! TOK: the token response.

use aiod_auth_tests::verdict::Asked;

use super::userinfo;
use crate::{
    loops::{self, both},
    row::{Check, Row, row},
};

mod answers;
mod bytes;
mod lifetimes;
mod members;
mod types;

pub(crate) const ROWS: &[Row] = &[
    row(
        "TOK-01",
        "takes 200, and any other 2xx with a good body, for a success",
        Check::AnswersTo(answers::SUCCESS),
    ),
    row(
        "TOK-02",
        "needs an access token of printable ASCII, and names the field where there is none",
        Check::Both(Asked::Refresh, members::ACCESS_TOKENS, types::a_bad_value_is_not_shown),
    ),
    row(
        "TOK-03",
        "takes `Bearer` in any case, and sends `Bearer`",
        Check::Both(
            Asked::Refresh,
            &[
                (r#"200 {"access_token":"a","token_type":"Bearer"}"#, "ok; token a"),
                (r#"200 {"access_token":"a","token_type":"bearer"}"#, "ok; token a"),
                (r#"200 {"access_token":"a","token_type":"BEARER"}"#, "ok; token a"),
                (r#"200 {"access_token":"a","token_type":"bEaReR"}"#, "ok; token a"),
            ],
            types::the_header_says_bearer_whatever_the_answer_said,
        ),
    ),
    row(
        "TOK-04",
        "uses no token of a type that it does not know",
        Check::AnswersTo(members::TOKEN_TYPES),
    ),
    row(
        "TOK-05",
        "takes a missing token type for Bearer",
        Check::Answers(
            Asked::Refresh,
            &[
                (
                    r#"200 {"access_token":"a"}"#,
                    "ok; token a; note `token_type` is missing: taken as Bearer",
                ),
                (
                    r#"200 {"access_token":"a","token_type":null}"#,
                    "ok; token a; note `token_type` is missing: taken as Bearer",
                ),
                (
                    r#"200 {"access_token":"a","token_type":""}"#,
                    "ok; token a; note `token_type` is missing: taken as Bearer",
                ),
                (
                    r#"200 {"access_token":"a","Token_Type":"mac"}"#,
                    "ok; token a; note `token_type` is missing: taken as Bearer",
                ),
            ],
        ),
    ),
    row(
        "TOK-06",
        "counts a lifetime from when the request was sent, and refreshes a little before its end",
        Check::Behaviour(|| {
            lifetimes::a_lifetime_begins_when_the_request_is_sent();
            lifetimes::a_token_is_refreshed_before_its_end();
        }),
    ),
    row(
        "TOK-07",
        "invents no lifetime where the server says none",
        Check::Both(
            Asked::Refresh,
            &[
                (r#"200 {"access_token":"a","token_type":"Bearer"}"#, "ok; no expiry"),
                (r#"200 {"access_token":"a","expires_in":null}"#, "ok; no expiry"),
                (r#"200 {"access_token":"a","expires":3600,"expires_at":1}"#, "ok; no expiry"),
            ],
            lifetimes::without_a_lifetime_nothing_is_refreshed_in_advance,
        ),
    ),
    row(
        "TOK-08",
        "reads a lifetime as a number, rounded down, or as a string of one",
        Check::Answers(Asked::Refresh, members::LIFETIMES),
    ),
    row(
        "TOK-09",
        "takes a missing scope for the one that was asked for, any other for what was granted",
        Check::AnswersTo(members::SCOPES),
    ),
    row(
        "TOK-10",
        "ignores members that it doesn't know",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                r#"200 {"x":{"access_token":1},"y":[[{}],null],"z":1e400,"w":false,"access_token":"a","":"","é":"é"}"#,
                "ok; token a",
            ),
            (
                Asked::Poll,
                r#"200 {"access_token":"a","x":1,"x":2,"error_codes":[70016]}"#,
                "ok; token a",
            ),
            (
                Asked::ClientCredentials,
                r#"200 {"not-before-policy":0,"session_state":null,"access_token":"a","ext_expires_in":"x"}"#,
                "ok; token a",
            ),
            (
                Asked::Refresh,
                r#"200 {"access_token":"a","error_description":{},"error_uri":1}"#,
                "ok; token a",
            ),
        ]),
    ),
    row(
        "TOK-11",
        "refuses an answer with a member twice that it reads",
        Check::AnswersTo(answers::TWICE),
    ),
    row(
        "TOK-12",
        "reads null as absent where a member is optional",
        Check::AnswersTo(answers::NULLS),
    ),
    row(
        "TOK-13",
        "takes tokens of any size",
        Check::Behaviour(|| {
            bytes::a_large_token_is_kept_whole();
            both!(loops::requests::a_large_token_is_sent_whole)();
        }),
    ),
    row(
        "TOK-14",
        "ignores a byte order mark, and is strict about UTF-8",
        Check::Behaviour(bytes::a_success_is_strict_utf_8),
    ),
    row(
        "TOK-15",
        "goes by the body and not by its label; a form has to be labelled",
        Check::AnswersTo(answers::LABELS),
    ),
    row(
        "TOK-16",
        "doesn't insist on the server's `Cache-Control`",
        Check::Answers(
            Asked::Refresh,
            &[
                ("200\nContent-Type: application/json\n\n{\"access_token\":\"a\"}", "ok; token a"),
                ("200\nCache-Control: max-age=3600\n\n{\"access_token\":\"a\"}", "ok; token a"),
                (
                    "200\nCache-Control: no-store\nPragma: no-cache\n\n{\"access_token\":\"a\"}",
                    "ok; token a",
                ),
            ],
        ),
    ),
    row(
        "TOK-17",
        "takes no token from an answer that has an error in it",
        Check::AnswersTo(answers::WITH_ERROR),
    ),
    row(
        "TOK-18",
        "does not look inside access tokens",
        Check::Both(
            Asked::Refresh,
            &[
                (r#"200 {"access_token":"not.a.jwt","expires_in":60}"#, "ok; expires in 60 s"),
                (r#"200 {"access_token":"a.b"}"#, "ok; no expiry"),
                (r#"200 {"access_token":"...."}"#, "ok; no expiry"),
                // It says that it expired in 1970, and for whom it is.
                (
                    r#"200 {"access_token":"eyJhbGciOiJub25lIn0.eyJleHAiOjEsInNjb3BlIjoieCJ9.","expires_in":60}"#,
                    "ok; expires in 60 s; scope read write",
                ),
            ],
            types::an_access_token_is_opaque,
        ),
    ),
    row(
        "TOK-19",
        "uses no claim of an ID token without holding it against what it knows",
        Check::Behaviour(|| {
            types::a_refresh_brings_the_same_users_id_token();
            userinfo::an_answer_about_another_user_is_not_used();
        }),
    ),
    row(
        "TOK-20",
        "takes no answer that is nested deeply or has members without end",
        Check::Behaviour(bytes::nesting_and_members_have_an_end),
    ),
];
