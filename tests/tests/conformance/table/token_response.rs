//! TOK: the token response.

use aiod_auth_tests::verdict::Asked;

use crate::{
    loops::{self, both},
    row::{Check, Row, row},
};

mod bytes;
mod lifetimes;
mod types;

pub(crate) const ROWS: &[Row] = &[
    row(
        "TOK-01",
        "takes 200, and any other 2xx with a good body, for a success",
        Check::AnswersTo(SUCCESS),
    ),
    row(
        "TOK-02",
        "needs an access token of printable ASCII, and names the field where there is none",
        Check::Both(Asked::Refresh, ACCESS_TOKENS, types::a_bad_value_is_not_shown),
    ),
    row(
        "TOK-03",
        "takes `Bearer` in any case, and sends `Bearer`",
        Check::Both(
            Asked::Refresh,
            &[
                (r#"200 {"access_token":"a","token_type":"Bearer"}"#, "ok"),
                (r#"200 {"access_token":"a","token_type":"bearer"}"#, "ok"),
                (r#"200 {"access_token":"a","token_type":"BEARER"}"#, "ok"),
                (r#"200 {"access_token":"a","token_type":"bEaReR"}"#, "ok"),
            ],
            types::the_header_says_bearer_whatever_the_answer_said,
        ),
    ),
    row("TOK-04", "uses no token of a type that it does not know", Check::AnswersTo(TOKEN_TYPES)),
    row(
        "TOK-05",
        "takes a missing token type for Bearer",
        Check::Answers(
            Asked::Refresh,
            &[
                (r#"200 {"access_token":"a"}"#, "ok"),
                (r#"200 {"access_token":"a","token_type":null}"#, "ok"),
                (r#"200 {"access_token":"a","token_type":""}"#, "ok"),
                (r#"200 {"access_token":"a","Token_Type":"mac"}"#, "ok"),
            ],
        ),
    ),
    row(
        "TOK-06",
        "counts a lifetime from when the request was sent, and renews a little before its end",
        Check::Behaviour(|| {
            lifetimes::a_lifetime_begins_when_the_request_is_sent();
            lifetimes::a_token_is_renewed_before_its_end();
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
            lifetimes::without_a_lifetime_nothing_is_renewed_in_advance,
        ),
    ),
    row(
        "TOK-08",
        "reads a lifetime as a number, rounded down, or as a string of one",
        Check::Answers(Asked::Refresh, LIFETIMES),
    ),
    row(
        "TOK-09",
        "takes a missing scope for the one that was asked for, any other for what was granted",
        Check::AnswersTo(SCOPES),
    ),
    row(
        "TOK-10",
        "ignores members that it doesn't know",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                r#"200 {"x":{"access_token":1},"y":[[{}],null],"z":1e400,"w":false,"access_token":"a","":"","é":"é"}"#,
                "ok",
            ),
            (Asked::Poll, r#"200 {"access_token":"a","x":1,"x":2,"error_codes":[70016]}"#, "ok"),
            (
                Asked::ClientCredentials,
                r#"200 {"not-before-policy":0,"session_state":null,"access_token":"a","ext_expires_in":"x"}"#,
                "ok",
            ),
            (
                Asked::Refresh,
                r#"200 {"access_token":"a","error_description":{},"error_uri":1}"#,
                "ok",
            ),
        ]),
    ),
    row("TOK-11", "refuses an answer with a member twice that it reads", Check::AnswersTo(TWICE)),
    row("TOK-12", "reads null as absent where a member is optional", Check::AnswersTo(NULLS)),
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
        Check::AnswersTo(LABELS),
    ),
    row(
        "TOK-16",
        "doesn't insist on the server's `Cache-Control`",
        Check::Answers(
            Asked::Refresh,
            &[
                ("200\nContent-Type: application/json\n\n{\"access_token\":\"a\"}", "ok"),
                ("200\nCache-Control: max-age=3600\n\n{\"access_token\":\"a\"}", "ok"),
                (
                    "200\nCache-Control: no-store\nPragma: no-cache\n\n{\"access_token\":\"a\"}",
                    "ok",
                ),
            ],
        ),
    ),
    row(
        "TOK-17",
        "takes no token from an answer that has an error in it",
        Check::AnswersTo(WITH_ERROR),
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
        Check::Behaviour(types::a_refresh_brings_the_same_persons_id_token),
    ),
    row(
        "TOK-20",
        "takes no answer that is nested deeply or has members without end",
        Check::Behaviour(bytes::nesting_and_members_have_an_end),
    ),
];

const SUCCESS: &[(Asked, &str, &str)] = &[
    (Asked::Refresh, r#"200 {"access_token":"a"}"#, "ok"),
    (Asked::Refresh, r#"201 {"access_token":"a"}"#, "ok"),
    (Asked::Poll, r#"202 {"access_token":"a"}"#, "ok"),
    (Asked::ClientCredentials, r#"203 {"access_token":"a"}"#, "ok"),
    (Asked::Refresh, "204", "error:protocol; the body is empty"),
    (Asked::Refresh, "200", "error:protocol; the body is empty"),
    (Asked::Poll, "204", "error:protocol; the body is empty"),
    (Asked::Poll, "200 \n\t ", "error:protocol; the body is empty"),
    (Asked::ClientCredentials, "201", "error:protocol; the body is empty"),
    (Asked::Refresh, "200 []", "error:protocol; not a JSON object"),
    (Asked::Refresh, r#"200 ["access_token","a"]"#, "error:protocol; not a JSON object"),
    (Asked::Refresh, r#"200 "access_token""#, "error:protocol; not a JSON object"),
    (Asked::Refresh, "200 null", "error:protocol; not a JSON object"),
    (Asked::Refresh, "200 OK", "error:protocol"),
    (Asked::Refresh, r#"200 {"access_token":"a""#, "error:protocol"),
    (Asked::Refresh, r#"200 {"access_token":"a"} {}"#, "error:protocol"),
    (Asked::Refresh, r#"200 {"access_token":"a",}"#, "error:protocol"),
    (Asked::Refresh, r#"200 {'access_token':'a'}"#, "error:protocol"),
    (Asked::Refresh, "200 {}", "error:protocol; `access_token` is missing"),
];

const ACCESS_TOKENS: &[(&str, &str)] = &[
    ("200 {}", "error:protocol; `access_token` is missing"),
    (r#"200 {"access_token":null}"#, "error:protocol; `access_token` is missing"),
    (r#"200 {"access_token":""}"#, "error:protocol; `access_token` is missing"),
    (r#"200 {"access_token":1}"#, "error:protocol; `access_token` is not what it has to be"),
    (r#"200 {"access_token":true}"#, "error:protocol; `access_token` is not what it has to be"),
    (r#"200 {"access_token":["a"]}"#, "error:protocol; `access_token` is not what it has to be"),
    (r#"200 {"access_token":{"a":1}}"#, "error:protocol; `access_token` is not what it has to be"),
    (r#"200 {"access_token":"a\nb"}"#, "error:protocol; `access_token` is not what it has to be"),
    (
        r#"200 {"access_token":"a\u0000"}"#,
        "error:protocol; `access_token` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a\u007f"}"#,
        "error:protocol; `access_token` is not what it has to be",
    ),
    (r#"200 {"access_token":"é"}"#, "error:protocol; `access_token` is not what it has to be"),
    (r#"200 {"access_token":"\u00e9"}"#, "error:protocol; `access_token` is not what it has to be"),
    (
        r#"200 {"access_token":"\ud83d\udd11"}"#,
        "error:protocol; `access_token` is not what it has to be",
    ),
    (r#"200 {"access_token":"\u0061"}"#, "ok"),
    (r#"200 {"access_token":"!#$%&'()*+,-./:;<=>?@[]^_`{|}~\\\""}"#, "ok"),
];

const TOKEN_TYPES: &[(Asked, &str, &str)] = &[
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"mac"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"JWT"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"N_A"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"Foo"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"DPoP"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"Bearer2"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"Bearer Token"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"bear\u0435r"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":1}"#,
        "error:protocol; `token_type` is not what it has to be",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":["Bearer"]}"#,
        "error:protocol; `token_type` is not what it has to be",
    ),
    (
        Asked::Poll,
        r#"200 {"access_token":"a","token_type":"mac"}"#,
        "error:protocol; an unknown token type",
    ),
    (
        Asked::ClientCredentials,
        r#"200 {"access_token":"a","token_type":"Foo"}"#,
        "error:protocol; an unknown token type",
    ),
];

const LIFETIMES: &[(&str, &str)] = &[
    (r#"200 {"access_token":"a","expires_in":3600}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":1}"#, "ok; expires in 1 s"),
    (r#"200 {"access_token":"a","expires_in":"3600"}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":" 3600 "}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":3600.0}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":900.9}"#, "ok; expires in 900 s"),
    (r#"200 {"access_token":"a","expires_in":"900.9"}"#, "ok; expires in 900 s"),
    (r#"200 {"access_token":"a","expires_in":3.6e3}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":0}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":"0"}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":-1}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":"-1"}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":-1e300}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":null}"#, "ok; no expiry"),
    // A hundred years.
    (r#"200 {"access_token":"a","expires_in":1e18}"#, "ok; expires in 3153600000 s"),
    (
        r#"200 {"access_token":"a","expires_in":18446744073709551616}"#,
        "ok; expires in 3153600000 s",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"9223372036854775807"}"#,
        "ok; expires in 3153600000 s",
    ),
    (r#"200 {"access_token":"a","expires_in":3153599999}"#, "ok; expires in 3153599999 s"),
    (
        r#"200 {"access_token":"a","expires_in":true}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":[]}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":[3600]}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":{}}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"soon"}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"1h"}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"0x10"}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"inf"}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"NaN"}"#,
        "error:protocol; `expires_in` is not what it has to be",
    ),
];

const SCOPES: &[(Asked, &str, &str)] = &[
    (Asked::Refresh, r#"200 {"access_token":"a"}"#, "ok; scope read write"),
    (Asked::Poll, r#"200 {"access_token":"a"}"#, "ok; scope read write"),
    (Asked::ClientCredentials, r#"200 {"access_token":"a","scope":null}"#, "ok; scope read write"),
    (Asked::Refresh, r#"200 {"access_token":"a","scope":"read"}"#, "ok; scope read"),
    (Asked::Poll, r#"200 {"access_token":"a","scope":"read"}"#, "ok; scope read"),
    (Asked::ClientCredentials, r#"200 {"access_token":"a","scope":"read"}"#, "ok; scope read"),
    (Asked::Refresh, r#"200 {"access_token":"a","scope":"write read"}"#, "ok; scope read write"),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":" write  read read "}"#,
        "ok; scope read write",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":"admin read write"}"#,
        "ok; scope admin read write",
    ),
    (Asked::Refresh, r#"200 {"access_token":"a","scope":"other"}"#, "ok; scope other"),
    (Asked::Refresh, r#"200 {"access_token":"a","scope":"Read Write"}"#, "ok; scope Read Write"),
    (Asked::Refresh, r#"200 {"access_token":"a","scope":""}"#, "ok; no scope"),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":{}}"#,
        "error:protocol; `scope` is not what it has to be",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":1}"#,
        "error:protocol; `scope` is not what it has to be",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":"a\"b"}"#,
        "error:protocol; `scope` is not what it has to be",
    ),
];

const TWICE: &[(Asked, &str, &str)] = &[
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","access_token":"b"}"#,
        "error:protocol; `access_token` is there twice",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","access_token":"a"}"#,
        "error:protocol; `access_token` is there twice",
    ),
    (
        Asked::Poll,
        r#"200 {"access_token":"a","access_token":null}"#,
        "error:protocol; `access_token` is there twice",
    ),
    (
        Asked::ClientCredentials,
        r#"200 {"access_token":"a","access\u005ftoken":"b"}"#,
        "error:protocol; `access_token` is there twice",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"Bearer","token_type":"Bearer"}"#,
        "error:protocol; `token_type` is there twice",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","expires_in":1,"expires_in":2}"#,
        "error:protocol; `expires_in` is there twice",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":"read","scope":"write"}"#,
        "error:protocol; `scope` is there twice",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","refresh_token":"b","refresh_token":"c"}"#,
        "error:protocol; `refresh_token` is there twice",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","id_token":"b","id_token":"c"}"#,
        "error:protocol; `id_token` is there twice",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","error":"","error":"b"}"#,
        "error:protocol; `error` is there twice",
    ),
    (
        Asked::Poll,
        r#"400 {"error":"authorization_pending","error":"access_denied"}"#,
        "error:protocol; `error` is there twice",
    ),
    (
        Asked::Refresh,
        "200\nContent-Type: application/x-www-form-urlencoded\n\naccess_token=a&access_token=b",
        "error:protocol; `access_token` is there twice",
    ),
];

const NULLS: &[(Asked, &str, &str)] = &[
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","refresh_token":null,"scope":null,"expires_in":null,"id_token":null,"error":null,"error_description":null,"refresh_expires_in":null}"#,
        "ok; no expiry; scope read write; refresh token old",
    ),
    (
        Asked::Poll,
        r#"200 {"access_token":"a","token_type":null,"refresh_token":null,"scope":null,"id_token":null,"error":null}"#,
        "ok; no expiry; scope read write; no refresh token",
    ),
    (
        Asked::ClientCredentials,
        r#"200 {"access_token":"a","refresh_token":null,"scope":null,"expires_in":null,"error":null}"#,
        "ok; no expiry; scope read write; no refresh token",
    ),
    (
        Asked::Refresh,
        r#"400 {"error":"invalid_request","error_description":null,"error_uri":null}"#,
        "error:server; code invalid_request",
    ),
];

const LABELS: &[(Asked, &str, &str)] = &[
    (Asked::Refresh, "200\nContent-Type: text/html\n\n{\"access_token\":\"a\"}", "ok"),
    (
        Asked::Refresh,
        "200\nContent-Type: text/plain; charset=latin1\n\n{\"access_token\":\"a\"}",
        "ok",
    ),
    (Asked::Poll, "200\nContent-Type: application/octet-stream\n\n{\"access_token\":\"a\"}", "ok"),
    (
        Asked::Poll,
        "200\nContent-Type: application/x-www-form-urlencoded\n\n{\"access_token\":\"a\"}",
        "ok",
    ),
    (
        Asked::Refresh,
        "200\nContent-Type: application/x-www-form-urlencoded\n\n {\"access_token\":\"a\"}",
        "ok",
    ),
    (Asked::Refresh, "200\nContent-Type: \n\n{\"access_token\":\"a\"}", "ok"),
    (
        Asked::Refresh,
        "200\nContent-Type: text/html\n\n<html>{\"access_token\":\"a\"}",
        "error:protocol; a web page",
    ),
    (
        Asked::Refresh,
        "200\nContent-Type: application/json\n\n<!DOCTYPE html>",
        "error:protocol; a web page",
    ),
    (Asked::ClientCredentials, "200 \n <html>", "error:protocol; a web page"),
    (Asked::Poll, "200\nContent-Type: text/html\n\n<html>log in</html>", "retry"),
    (Asked::Poll, "200\nContent-Type: application/json\n\n<html>", "retry"),
    (
        Asked::Refresh,
        "200\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\n\naccess_token=a%2Bb&expires_in=900&scope=read&token_type=bearer",
        "ok; expires in 900 s; scope read",
    ),
    (
        Asked::Poll,
        "200\nContent-Type: application/x-www-form-urlencoded\n\nerror=authorization_pending",
        "pending",
    ),
    (
        Asked::Refresh,
        "200\nContent-Type: application/x-www-form-urlencoded\n\nexpires_in=900",
        "error:protocol; `access_token` is missing",
    ),
    (
        Asked::Refresh,
        "200\nContent-Type: text/plain\n\naccess_token=a&token_type=bearer",
        "error:protocol",
    ),
    (Asked::Refresh, "200 access_token=a&token_type=bearer", "error:protocol"),
    (
        Asked::Refresh,
        "200\nContent-Type: application/json\n\naccess_token=a&token_type=bearer",
        "error:protocol",
    ),
];

const WITH_ERROR: &[(Asked, &str, &str)] = &[
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":"Bearer","error":"x"}"#,
        "error:server; code x",
    ),
    (
        Asked::Refresh,
        r#"200 {"error":"invalid_scope","access_token":"a","refresh_token":"b"}"#,
        "error:server; code invalid_scope",
    ),
    (Asked::Poll, r#"200 {"access_token":"a","error":"x"}"#, "error:server; code x"),
    (Asked::Poll, r#"200 {"access_token":"a","error":"authorization_pending"}"#, "pending"),
    (
        Asked::ClientCredentials,
        r#"200 {"access_token":"a","error":"invalid_client"}"#,
        "error:server; code invalid_client",
    ),
    (Asked::Refresh, r#"200 {"access_token":"a","error":""}"#, "ok"),
    (
        Asked::Refresh,
        "200\nContent-Type: application/x-www-form-urlencoded\n\naccess_token=a&error=x",
        "error:server; code x",
    ),
];
