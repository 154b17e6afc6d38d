//! Where metadata is, and whose: RFC 8414 §3, OpenID Connect Discovery §4.

use aiod_auth_core::{AuthorizationServer, Issuer, Kind, RetryPolicy, flow::Discovery};
use aiod_auth_tests::verdict::{Answer, Asked, verdict_at};
use serde_json::Value;

use super::text;
use crate::requests::all_requests;

/// These addresses are asked, in this order. Without a path, the first and the last are one.
pub(super) fn case(case: &Value) {
    let issuer = Issuer::new(text(case, "issuer")).unwrap();
    assert_eq!(issuer.as_str(), text(case, "issuer"));
    let mut expected =
        vec![text(case, "openid"), text(case, "oauth"), text(case, "openid_inserted")];
    if expected[0] == expected[2] {
        expected.pop();
    }
    let asked = all_requests(&mut Discovery::new(issuer, RetryPolicy::default()));
    let asked: Vec<&str> = asked.iter().map(|request| request.url().as_str()).collect();
    assert_eq!(asked, expected);
}

/// It is no issuer: no request is sent.
pub(super) fn refuse(case: &Value) {
    let error = Issuer::new(text(case, "issuer")).unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
}

/// Metadata counts if it names the issuer that was asked, code point by code point.
pub(super) fn compare(case: &Value) {
    let named = text(case, "issuer_member_as_it_stands_in_the_json");
    let answer = Answer::parse(&format!(r#"200 {{"issuer":"{named}"}}"#));
    let server = AuthorizationServer::new(Issuer::new(text(case, "configured")).unwrap());
    let verdict = verdict_at(&server, Asked::Metadata, &answer).unwrap();
    if case["equal"].as_bool().unwrap() {
        assert_eq!(verdict.outcome, "ok", "{verdict}");
    } else {
        assert_eq!(verdict.outcome, "error:protocol", "{verdict}");
        assert!(verdict.details[0].starts_with("its issuer is "), "{verdict}");
    }
}
