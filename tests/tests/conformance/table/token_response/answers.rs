//! Whole answers: what is a success at all.

use aiod_auth_tests::verdict::Asked;

pub(crate) const SUCCESS: &[(Asked, &str, &str)] = &[
    (Asked::Refresh, r#"200 {"access_token":"a"}"#, "ok; token a"),
    (Asked::Refresh, r#"201 {"access_token":"a"}"#, "ok; token a"),
    (Asked::Poll, r#"202 {"access_token":"a"}"#, "ok; token a"),
    (Asked::ClientCredentials, r#"203 {"access_token":"a"}"#, "ok; token a"),
    (Asked::Refresh, "204", "error:protocol; the body is empty"),
    (Asked::Refresh, "200", "error:protocol; the body is empty"),
    (Asked::Poll, "204", "retry; stays error:protocol; the body is empty"),
    (Asked::Poll, "200 \n\t ", "retry; stays error:protocol; the body is empty"),
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

pub(crate) const TWICE: &[(Asked, &str, &str)] = &[
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

pub(crate) const NULLS: &[(Asked, &str, &str)] = &[
    (
        Asked::Refresh,
        r#"200 {"access_token":"a","refresh_token":null,"scope":null,"expires_in":null,"id_token":null,"error":null,"error_description":null,"refresh_expires_in":null}"#,
        "ok; no expiry; scope read write; refresh token old; no refresh token expiry; no ID token",
    ),
    (
        Asked::Poll,
        r#"200 {"access_token":"a","token_type":null,"refresh_token":null,"scope":null,"id_token":null,"error":null}"#,
        "ok; no expiry; scope read write; no refresh token; no refresh token expiry; no ID token",
    ),
    (
        Asked::ClientCredentials,
        r#"200 {"access_token":"a","refresh_token":null,"scope":null,"expires_in":null,"error":null}"#,
        "ok; no expiry; scope read write; no refresh token; no refresh token expiry; no ID token",
    ),
    (
        Asked::Refresh,
        r#"400 {"error":"invalid_request","error_description":null,"error_uri":null}"#,
        "error:server; code invalid_request",
    ),
];

pub(crate) const LABELS: &[(Asked, &str, &str)] = &[
    (Asked::Refresh, "200\nContent-Type: text/html\n\n{\"access_token\":\"a\"}", "ok; token a"),
    (
        Asked::Refresh,
        "200\nContent-Type: text/plain; charset=latin1\n\n{\"access_token\":\"a\"}",
        "ok; token a",
    ),
    (
        Asked::Poll,
        "200\nContent-Type: application/octet-stream\n\n{\"access_token\":\"a\"}",
        "ok; token a",
    ),
    (
        Asked::Poll,
        "200\nContent-Type: application/x-www-form-urlencoded\n\n{\"access_token\":\"a\"}",
        "ok; token a",
    ),
    (
        Asked::Refresh,
        "200\nContent-Type: application/x-www-form-urlencoded\n\n {\"access_token\":\"a\"}",
        "ok; token a",
    ),
    (Asked::Refresh, "200\nContent-Type: \n\n{\"access_token\":\"a\"}", "ok; token a"),
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
        "ok; token a+b; expires in 900 s; scope read",
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

pub(crate) const WITH_ERROR: &[(Asked, &str, &str)] = &[
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
    (Asked::Refresh, r#"200 {"access_token":"a","error":""}"#, "ok; token a"),
    (
        Asked::Refresh,
        "200\nContent-Type: application/x-www-form-urlencoded\n\naccess_token=a&error=x",
        "error:server; code x",
    ),
];
