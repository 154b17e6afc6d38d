//! Members of an answer, one by one.

use aiod_auth_tests::verdict::Asked;

pub(crate) const ACCESS_TOKENS: &[(&str, &str)] = &[
    ("200 {}", "error:protocol; `access_token` is missing"),
    (r#"200 {"access_token":null}"#, "error:protocol; `access_token` is missing"),
    (r#"200 {"access_token":""}"#, "error:protocol; `access_token` is missing"),
    (r#"200 {"access_token":1}"#, "error:protocol; `access_token` has the wrong type or format"),
    (r#"200 {"access_token":true}"#, "error:protocol; `access_token` has the wrong type or format"),
    (
        r#"200 {"access_token":["a"]}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":{"a":1}}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a\nb"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a\u0000"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a\u007f"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (r#"200 {"access_token":"é"}"#, "error:protocol; `access_token` has the wrong type or format"),
    (
        r#"200 {"access_token":"\u00e9"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"\ud83d\udd11"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (r#"200 {"access_token":"\u0061"}"#, "ok"),
    (r#"200 {"access_token":"!#$%&'()*+,-./:;<=>?@[]^_`{|}~\\\""}"#, "ok"),
];

pub(crate) const TOKEN_TYPES: &[(Asked, &str, &str)] = &[
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
        "error:protocol; `token_type` has the wrong type or format",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","token_type":["Bearer"]}"#,
        "error:protocol; `token_type` has the wrong type or format",
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

pub(crate) const LIFETIMES: &[(&str, &str)] = &[
    (r#"200 {"access_token":"a","expires_in":3600}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":1}"#, "ok; expires in 1 s"),
    (r#"200 {"access_token":"a","expires_in":"3600"}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":" 3600 "}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":3600.0}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":900.9}"#, "ok; expires in 900 s"),
    (r#"200 {"access_token":"a","expires_in":"900.9"}"#, "ok; expires in 900 s"),
    (r#"200 {"access_token":"a","expires_in":3.6e3}"#, "ok; expires in 3600 s"),
    (r#"200 {"access_token":"a","expires_in":0}"#, "ok; no expiry"),
    // Rounded down, that is nothing.
    (r#"200 {"access_token":"a","expires_in":0.5}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":"0.9"}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":"0"}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":-1}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":"-1"}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":-1e300}"#, "ok; no expiry"),
    (r#"200 {"access_token":"a","expires_in":null}"#, "ok; no expiry"),
    // QM-08.
    (
        r#"200 {"access_token":"a","expires_in":"","refresh_token":"","scope":""}"#,
        "ok; no expiry; no scope",
    ),
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
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":[]}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":[3600]}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":{}}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"soon"}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"1h"}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"0x10"}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"inf"}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a","expires_in":"NaN"}"#,
        "error:protocol; `expires_in` has the wrong type or format",
    ),
];

pub(crate) const SCOPES: &[(Asked, &str, &str)] = &[
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
        "ok; scope read write; note `scope` has the wrong type or format: taken as absent",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":1}"#,
        "ok; scope read write; note `scope` has the wrong type or format: taken as absent",
    ),
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","scope":"a\"b"}"#,
        "ok; scope read write; note `scope` has the wrong type or format: taken as absent",
    ),
];
