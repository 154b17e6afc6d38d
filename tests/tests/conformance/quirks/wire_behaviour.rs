//! What takes more than one answer, or bytes that are no text: the wire.

use aiod_auth_core::Kind;
use aiod_auth_tests::{
    sim::Settings,
    verdict::{Answer, Asked, Verdict, verdict},
};

use super::around::*;

const FIRST: &str = r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example/d","expires_in":600,"interval":5}"#;
const PENDING: &str = r#"400 {"error":"authorization_pending"}"#;
const TOKENS: &str = r#"200 {"access_token":"a","token_type":"Bearer"}"#;

pub(super) fn a_portal_costs_nothing() {
    let portal = "200\nContent-Type: text/html\n\n<html><title>Hotel Wi-Fi</title></html>";
    let (mut world, before) = logged_in(Settings::default());
    world.pass(seconds(300));
    world.server.fault_at("/token", 1, instead(portal));
    assert_eq!(token(&mut world).unwrap_err().kind(), Kind::Protocol);
    let stored = aiod_auth_store::Store::load(&world.store, &profile().key()).unwrap().unwrap();
    assert!(stored.session_ended_at.is_none());
    let refresh_token = |tokens: &aiod_auth_core::Tokens| {
        tokens.refresh_token.as_ref().unwrap().expose().to_owned()
    };
    assert_eq!(refresh_token(&stored), refresh_token(&before.tokens));
    token(&mut world).unwrap();

    let mut answers = [portal, PENDING, TOKENS].into_iter();
    let polled = poll_with(FIRST, |_| answers.next().unwrap());
    polled.outcome.unwrap();
    assert_eq!(polled.sent_at.len(), 3);
}

pub(super) fn a_success_is_utf_8() {
    let good: [(_, &[u8]); 7] = [
        (Asked::Refresh, br#"{"access_token":"a","x":"?"}"#),
        (Asked::Poll, br#"{"access_token":"a","x":"?"}"#),
        (Asked::ClientCredentials, br#"{"access_token":"a","x":"?"}"#),
        (
            Asked::Device,
            br#"{"device_code":"d","user_code":"u","verification_uri":"https://a.example","expires_in":9,"x":"?"}"#,
        ),
        (Asked::Userinfo, br#"{"sub":"s","x":"?"}"#),
        (Asked::Introspection, br#"{"active":true,"x":"?"}"#),
        (Asked::Metadata, br#"{"issuer":"https://as.example","x":"?"}"#),
    ];
    for (asked, good) in good {
        is(asked, 200, good, "ok");
        let latin_1: Vec<u8> =
            good.iter().map(|byte| if *byte == b'?' { 0xe9 } else { *byte }).collect();
        let found = verdict_of(asked, 200, &latin_1);
        // Metadata may be elsewhere.
        let expected = if asked == Asked::Metadata { "next place" } else { "error:protocol" };
        assert!(found.is(expected), "{asked:?}: {found}");
    }
    is(
        Asked::Refresh,
        400,
        b"{\"error\":\"invalid_grant\",\"error_description\":\"expir\xe9\"}",
        "error:session_ended; code invalid_grant",
    );
}

pub(super) fn utf_16_is_not_read() {
    let text = "\u{feff}{\"access_token\":\"a\"}";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    is(Asked::Refresh, 200, &little, "error:protocol");
    is(Asked::Refresh, 200, &big, "error:protocol");
    is(Asked::Refresh, 200, &little[2..], "error:protocol");
}

pub(super) fn a_429_slows_the_polls_down() {
    let mut answers = ["429 <html>", PENDING, PENDING, TOKENS].into_iter();
    let polled = poll_with(FIRST, |_| answers.next().unwrap());
    polled.outcome.unwrap();
    for pair in polled.sent_at.windows(2) {
        assert!(pair[1] - pair[0] >= seconds(10), "{pair:?}");
    }
    let mut answers = ["429\nRetry-After: 120\n\n", TOKENS].into_iter();
    let polled = poll_with(FIRST, |_| answers.next().unwrap());
    polled.outcome.unwrap();
    // One bad field must not cost the login.
    assert_eq!(polled.sent_at, [seconds(5), seconds(65)]);
}

pub(super) fn a_lifetime_of_nothing_is_no_loop() {
    for lifetime in ["-1", "0", "\"0\""] {
        let (mut world, _) = logged_in(Settings::default());
        world.pass(seconds(300));
        let answer = format!(
            r#"200 {{"access_token":"a","expires_in":{lifetime},"refresh_token":"r","token_type":"Bearer"}}"#
        );
        world.server.fault_at("/token", 1, instead(&answer));
        token(&mut world).unwrap();
        world.transcript();
        for _ in 0..5 {
            world.pass(seconds(600));
            assert_eq!(token(&mut world).unwrap().tokens.access_token().unwrap().expose(), "a");
        }
        assert_eq!(world.transcript(), "", "{lifetime}");
    }
}

pub(super) fn a_very_long_interval_ends_with_the_code() {
    let first = FIRST.replace("\"interval\":5", "\"interval\":1e9");
    let polled = poll_with(&first, |_| PENDING);
    assert_eq!(polled.outcome.unwrap_err().kind(), Kind::Expired);
    assert_eq!((polled.ended_at, polled.sent_at.len()), (seconds(600), 1));
}

pub(super) fn a_token_may_be_long() {
    let long = "x".repeat(60 * 1024);
    let answer =
        format!(r#"200 {{"access_token":"{long}","refresh_token":"{long}","expires_in":60}}"#);
    let tokens = run(&mut refresh(&server(), &client()), &[&answer]).unwrap();
    assert_eq!(tokens.access_token().unwrap().authorization(), format!("Bearer {long}"));
    assert_eq!(tokens.refresh_token.unwrap().expose(), long);
}

fn is(asked: Asked, status: u16, body: &[u8], expected: &str) {
    let found = verdict_of(asked, status, body);
    assert!(found.is(expected), "{asked:?}: {found}");
}

fn verdict_of(asked: Asked, status: u16, body: &[u8]) -> Verdict {
    let answer = Answer { status, headers: Vec::new(), body: body.to_vec() };
    verdict(asked, &answer).unwrap()
}
