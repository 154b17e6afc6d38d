//! ERR: error responses.

use aiod_auth_tests::verdict::Asked;

use crate::row::{Check, Row, row};

mod codes;
mod texts;

pub(crate) const ROWS: &[Row] = &[
    row(
        "ERR-01",
        "goes by the `error` first, whatever the status",
        Check::Behaviour(codes::each_code_means_the_same_with_every_status),
    ),
    row(
        "ERR-02",
        "reports the code, the description, the page and the status, and decides by the code alone",
        Check::Answers(Asked::Refresh, REPORTED),
    ),
    row(
        "ERR-03",
        "takes an unknown code for final while polling",
        Check::Both(
            Asked::Poll,
            &[
                (r#"400 {"error":"teapot"}"#, "error:server; HTTP 400; code teapot"),
                (r#"200 {"error":"teapot"}"#, "error:server; HTTP 200; code teapot"),
                (r#"403 {"error":"pending"}"#, "error:server; HTTP 403; code pending"),
                (r#"400 {"error":"authorization_pending "}"#, "error:server"),
                (
                    r#"400 {"error":"teapot","error_description":"authorization_pending"}"#,
                    "error:server; code teapot; says authorization_pending",
                ),
            ],
            codes::an_unknown_code_ends_the_polling,
        ),
    ),
    row(
        "ERR-04",
        "cleans a text with what is not allowed in it, and finds the code in spite of it",
        Check::Both(
            Asked::Refresh,
            &[
                (
                    r#"400 {"error":"invalid_scope","error_description":"Zugriff „verweigert“"}"#,
                    "error:server; code invalid_scope; says Zugriff „verweigert“",
                ),
                (
                    r#"400 {"error":"invalid_scope","error_description":"a\u0000\tb"}"#,
                    "error:server; code invalid_scope; says a b",
                ),
                (
                    r#"400 {"error":"invalid_scope","error_description":"\"quoted\\\""}"#,
                    "error:server; code invalid_scope; says \"quoted\\\\\"",
                ),
                (
                    r#"400 {"error":"invalid_scope","error_description":["a"]}"#,
                    "error:server; code invalid_scope",
                ),
                (
                    r#"400 {"error":"invalid_scope","error_uri":{}}"#,
                    "error:server; code invalid_scope",
                ),
                (r#"400 {"error":"été"}"#, "error:server; code été"),
                ("400 \u{feff}{\"error\":\"invalid_scope\"}", "error:server; code invalid_scope"),
            ],
            texts::bytes_that_are_no_utf_8_leave_the_code,
        ),
    ),
    row(
        "ERR-05",
        "opens no `error_uri`, and shows one only if it is a web address",
        Check::Both(
            Asked::Refresh,
            &[
                (
                    r#"400 {"error":"x","error_uri":"https://as.example/e?a=1#b"}"#,
                    "error:server; see https://as.example/e?a=1#b",
                ),
                (
                    r#"400 {"error":"x","error_uri":"http://as.example/e"}"#,
                    "error:server; see http://as.example/e",
                ),
            ],
            texts::only_a_web_address_is_shown,
        ),
    ),
    row(
        "ERR-06",
        "reads an `error` that is no text as no OAuth error",
        Check::Behaviour(texts::an_error_that_is_no_text_is_none),
    ),
    row(
        "ERR-07",
        "takes 4xx without an OAuth error for a refusal, and says when a web page came",
        Check::Both(Asked::Refresh, WITHOUT_CODE, texts::a_refusal_without_a_code_has_its_status),
    ),
    row(
        "ERR-08",
        "takes 401 at the token endpoint for a matter of the client, and names the scheme that is asked for",
        Check::Behaviour(codes::a_401_at_the_token_endpoint_is_about_the_client),
    ),
    row(
        "ERR-09",
        "reports trouble with the configuration at once, and deletes nothing for it",
        Check::Behaviour(codes::a_refused_configuration_deletes_nothing),
    ),
    row(
        "ERR-10",
        "takes names and codes as they are written, capitals and all",
        Check::AnswersTo(&[
            (
                Asked::Refresh,
                r#"200 {"Access_Token":"a"}"#,
                "error:protocol; `access_token` is missing",
            ),
            (Asked::Refresh, r#"200 {"ACCESS_TOKEN":"a","access_token":"b"}"#, "ok"),
            (
                Asked::Refresh,
                r#"200 {"access_token":"a","Expires_In":60,"Scope":"x"}"#,
                "ok; no expiry; scope read write",
            ),
            (
                Asked::Refresh,
                r#"400 {"error":"Invalid_Grant"}"#,
                "error:server; code Invalid_Grant",
            ),
            (Asked::Refresh, r#"400 {"Error":"invalid_grant"}"#, "error:server; no code"),
            (Asked::Refresh, r#"200 {"access_token":"a","Error":"invalid_grant"}"#, "ok"),
            (
                Asked::Poll,
                r#"400 {"error":"AUTHORIZATION_PENDING"}"#,
                "error:server; code AUTHORIZATION_PENDING",
            ),
            (Asked::Poll, r#"400 {"error":"Slow_Down"}"#, "error:server; code Slow_Down"),
            (
                Asked::Device,
                r#"200 {"Device_Code":"a","user_code":"b","verification_uri":"https://c.example"}"#,
                "error:protocol; `device_code` is missing",
            ),
            (Asked::Userinfo, r#"200 {"Sub":"a"}"#, "error:protocol; `sub` is missing"),
        ]),
    ),
];

const REPORTED: &[(&str, &str)] = &[
    (
        r#"400 {"error":"invalid_grant","error_description":"Session not active","error_uri":"https://as.example/e"}"#,
        "error:session_ended; HTTP 400; code invalid_grant; says Session not active; see https://as.example/e",
    ),
    (r#"400 {"error":"invalid_grant"}"#, "error:session_ended; HTTP 400; code invalid_grant"),
    (
        r#"401 {"error":"invalid_client","error_description":""}"#,
        "error:server; HTTP 401; code invalid_client",
    ),
    (
        r#"403 {"error":"teapot","error_description":"x"}"#,
        "error:server; HTTP 403; code teapot; says x",
    ),
    (
        r#"400 {"error":"invalid_request","error_description":null,"error_uri":""}"#,
        "error:server; HTTP 400; code invalid_request",
    ),
    // What it says changes nothing.
    (
        r#"400 {"error":"invalid_client","error_description":"invalid_grant: Session not active"}"#,
        "error:server; code invalid_client; says invalid_grant: Session not active",
    ),
    (r#"400 {"error_description":"invalid_grant"}"#, "error:server; no code; says invalid_grant"),
    (
        r#"400 {"error":"invalid_request","error_description":"temporarily_unavailable, slow_down"}"#,
        "error:server; code invalid_request",
    ),
];

const WITHOUT_CODE: &[(&str, &str)] = &[
    (
        "403 <html>Forbidden</html>",
        "error:server; HTTP 403; no code; hint a proxy or firewall may have answered",
    ),
    (
        "401\nContent-Type: text/html\n\n<!DOCTYPE html><p>log in",
        "error:server; HTTP 401; no code; hint a proxy or firewall may have answered",
    ),
    ("400", "error:server; HTTP 400; no code"),
    ("404 not found", "error:server; HTTP 404; no code"),
    ("405 {}", "error:server; HTTP 405; no code"),
    ("413 []", "error:server; HTTP 413; no code"),
    ("422 {\"detail\":\"Field required\"}", "error:server; HTTP 422; no code; says Field required"),
    ("400 {\"error\":\"\"}", "error:server; HTTP 400; no code"),
    ("418 {\"error\":", "error:server; HTTP 418; no code"),
];
