//! Tiled's own protocol.

use aiod_auth_core::provider::tiled::parse_lifetime;
use aiod_auth_tests::{
    tiled_verdict::{TiledAsked, failure},
    verdict::Asked,
};

use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-110",
        "Tiled: a device flow in which `verification_uri` is where the client polls, and \
         `authorization_uri` where the user goes",
        Check::Behaviour(the_user_and_the_client_go_to_different_places),
    ),
    row(
        "Q-111",
        "Tiled: polls in JSON, pending nested in `detail`, 404 with words about an old code",
        Check::Behaviour(a_poll_is_read_its_own_way),
    ),
    row(
        "Q-112",
        "Tiled: a wrong password is a 401 without a code; it is asked for again",
        Check::Behaviour(a_wrong_password_is_asked_for_again),
    ),
    row(
        "Q-113",
        "Tiled: refreshes in JSON, and a 401 with a text as `detail` for the end of a session; no other is",
        Check::Behaviour(a_refresh_is_json_and_a_401_its_end),
    ),
    row(
        "Q-114",
        "Tiled: a cookie and a header against forged requests",
        Check::Behaviour(the_cookie_goes_back_twice),
    ),
    row(
        "Q-115",
        "Tiled: 401 with \"Access token has expired. Refresh token.\" and a Bearer challenge without \
         a code: the token is refreshed once",
        Check::Answers(
            Asked::Userinfo,
            &[(
                "401\nWWW-Authenticate: Bearer\n\n{\"detail\":\"Access token has expired. Refresh token.\"}",
                "error:not_authenticated; no code; says Access token has expired. Refresh token.",
            )],
        ),
    ),
    row(
        "Q-116",
        "Tiled: lifetimes such as `7d`, of which the whole text counts",
        Check::Behaviour(a_lifetime_is_read_whole),
    ),
];

fn a_lifetime_is_read_whole() {
    assert_eq!(parse_lifetime("7d").unwrap().as_secs(), 604_800);
    for text in ["3ms", "7d12h", "7d ", ""] {
        assert!(parse_lifetime(text).is_err(), "{text}");
    }
}

#[track_caller]
fn check(asked: TiledAsked, cases: &[(&str, &str)]) {
    let failures: Vec<_> =
        cases.iter().filter_map(|(answer, says)| failure(asked, answer, says)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn the_user_and_the_client_go_to_different_places() {
    let device = r#"{"authorization_uri":"http://127.0.0.1:8180/auth?client_id=tiled","interval":5,
        "verification_uri":"http://127.0.0.1:8480/api/v1/auth/provider/x/token",
        "device_code":"91dd","expires_in":900.0,"user_code":"C18D-DC4F"}"#;
    let elsewhere = device.replace(":8480/api", ":99/api");
    check(
        TiledAsked::Device,
        &[
            (
                &format!("200 {device}"),
                "ok; user code C18D-DC4F; page http://127.0.0.1:8180/auth?client_id=tiled; \
                 expires in 900 s; interval 5 s",
            ),
            (
                &format!("200 {elsewhere}"),
                "error:protocol; `verification_uri` is at another host: http://127.0.0.1:99",
            ),
        ],
    );
}

fn a_poll_is_read_its_own_way() {
    check(
        TiledAsked::Poll,
        &[
            (r#"400 {"detail":{"error":"authorization_pending"}}"#, "pending; after 5 s"),
            (r#"404 {"detail":"No such device_code."}"#, "error:expired"),
            (r#"401 {"detail":"Invalid device code"}"#, "error:server; says Invalid device code"),
            (r#"422 {"detail":[{"msg":"Field required"}]}"#, "error:server; says Field required"),
            ("403 <html>blocked", "retry; stays error:server"),
            // Of a gateway.
            (r#"404 {"detail":"Not Found"}"#, "retry; stays error:server; says Not Found"),
            (r#"404 {"message":"no route"}"#, "retry; stays error:server; says no route"),
            ("404 page not found", "retry; stays error:server"),
            ("404", "retry; stays error:server"),
            ("401 Unauthorized", "retry; stays error:server"),
            (r#"422 {"message":"blocked"}"#, "retry; stays error:server; says blocked"),
        ],
    );
}

fn a_wrong_password_is_asked_for_again() {
    check(
        TiledAsked::Password,
        &[
            ("401\nWWW-Authenticate: Bearer\n\n{\"detail\":\"Incorrect\"}", "asked again"),
            ("401\nWWW-Authenticate: Basic\n\n{\"detail\":\"no\"}", "error:server; says no"),
            ("401 <html>a proxy", "error:server"),
            ("401", "error:server"),
            (r#"422 {"detail":[{"msg":"Field required"}]}"#, "error:server; says Field required"),
            (r#"404 {"detail":"Not Found"}"#, "error:server; says Not Found"),
            ("503\nRetry-After: 1", "retry"),
            ("503", "retry; after 1 s"),
        ],
    );
}

fn a_refresh_is_json_and_a_401_its_end() {
    check(
        TiledAsked::Refresh,
        &[
            (r#"401 {"detail":"Session has expired."}"#, "error:session_ended"),
            (r#"400 {"detail":"no"}"#, "error:session_ended"),
            ("401", "error:server"),
            ("401 Unauthorized", "error:server"),
            (r#"401 {"message":"Unauthorized"}"#, "error:server"),
            (r#"401 {"error":"invalid_client"}"#, "error:server"),
            (r#"400 {"error":"invalid_request"}"#, "error:server"),
            (r#"422 {"detail":[{"msg":"Field required"}]}"#, "error:server"),
            (r#"500 {"detail":"Internal server error"}"#, "retry"),
            (
                r#"200 {"access_token":"new-token","expires_in":10,"token_type":"bearer"}"#,
                "ok; token new-…oken; expires in 10 s; refresh token old",
            ),
        ],
    );
}

/// A 403 in plain text: the description, with another cookie, is read once more; and not twice.
fn the_cookie_goes_back_twice() {
    check(TiledAsked::Refresh, &[("403 Double-submit CSRF tokens do not match", "next place")]);
    check(TiledAsked::Refresh, &[(r#"403 {"detail":"no"}"#, "error:server; says no")]);
    check(TiledAsked::Refresh, &[("403 Blocked", "error:server")]);
    let forged = "403 Double-submit CSRF tokens do not match";
    for asked in [
        TiledAsked::Password,
        TiledAsked::Device,
        TiledAsked::Logout,
        TiledAsked::CreateKey,
        TiledAsked::RevokeKey,
    ] {
        check(asked, &[(forged, "next place"), ("403 Blocked", "error:server")]);
    }
    check(TiledAsked::Poll, &[(forged, "next place")]);
}

/// Q-90.
pub(super) fn what_is_over_is_over() {
    check(
        TiledAsked::Logout,
        &[
            ("204", "ok"),
            (r#"401 {"detail":"Could not validate credentials"}"#, "ok"),
            (r#"409 {"detail":"No session 1"}"#, "ok"),
            ("401 <html>a proxy", "error:server"),
            (r#"401 {"message":"a gateway"}"#, "error:server"),
            (r#"409 {"detail":{"a":"gateway"}}"#, "error:server"),
            ("200 <html>Welcome to the hotel", "error:protocol"),
            ("200 {}", "error:protocol"),
            (r#"500 {"detail":"Internal server error"}"#, "retry"),
        ],
    );
}

/// Q-56.
pub(super) fn null_is_not_logged_in() {
    check(TiledAsked::WhoAmI, &[("200 null", "error:not_authenticated")]);
}
