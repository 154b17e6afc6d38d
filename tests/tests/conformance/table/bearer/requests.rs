//! What a token is sent with, and what is made of a refusal.

use aiod_auth_core::Request;
use aiod_auth_core::{AccessToken, Kind, Method, RetryPolicy, Tokens, flow::UserinfoRequest};
use aiod_auth_tests::sim::{Answer, Fault, REFRESH_TOKEN};
use serde_json::json;

use crate::{
    machines::{NOW, all, headers, machine, requests, sent_by, server},
    sessions::{log_in, policy, profile, requests_to, world},
};

/// Real ones, and what else may be in one: RFC 6750 §2.1 allows less.
const TOKENS: [&str; 7] = [
    "mF_9.B5f-4.1JqM",
    "00D500000001!AQcAQH0dMHZfz972Szmpkb58urFRkgeBGsxL_QJWwYMfAbUeeG7c1E6",
    "123|abc_DEF",
    "a+/=~",
    "!#$%&'()*+,-./:;<=>?@[]^_`{|}~\\\"",
    "x",
    "not.a.jwt",
];

fn userinfo(token: &str) -> Request {
    let tokens = Tokens::new(AccessToken::new(token).unwrap(), NOW);
    sent_by(&mut machine(UserinfoRequest::new(&server(), &tokens, RetryPolicy::default()).unwrap()))
}

pub(crate) fn the_token_is_in_the_header() {
    for token in TOKENS {
        let expected = format!("Bearer {token}");
        assert_eq!(headers(&userinfo(token), "authorization"), [expected.as_str()]);
        let tokens = Tokens::new(AccessToken::new(token).unwrap(), NOW);
        assert_eq!(tokens.access_token().unwrap().authorization(), expected);
    }
}

pub(crate) fn the_token_is_nowhere_else() {
    for token in TOKENS.into_iter().filter(|token| token.len() > 4) {
        let request = userinfo(token);
        assert_eq!((request.method(), request.body()), (Method::Get, &b""[..]));
        let with_it = request.headers().filter(|(_, value)| value.contains(token));
        assert_eq!(with_it.count(), 1, "{token}");
        assert_eq!(request.url(), server().endpoint(aiod_auth_core::Endpoint::Userinfo).unwrap());
    }
}

pub(crate) fn no_address_has_a_token_in_it() {
    for (name, request) in requests(all()) {
        let url = request.url().as_str();
        assert!(!url.contains("secret") && request.url().query().is_none(), "{name} {url}");
    }
    for token in TOKENS.into_iter().filter(|token| token.len() > 4) {
        assert_eq!(userinfo(token).url().query(), None, "{token}");
    }
}

/// A status and a challenge, and how often the token is shown and refreshed if all answers are such.
pub(crate) fn a_refused_token_is_refreshed_once() {
    for (status, challenge, body, shown, refreshed) in [
        (401, "Bearer error=\"invalid_token\"", "", 2, 1),
        (
            401,
            "Bearer realm=\"x\", error=\"invalid_token\", error_description=\"expired\"",
            "",
            2,
            1,
        ),
        (401, "Negotiate, Bearer error=invalid_token", "", 2, 1),
        (401, "Bearer realm=\"x\"", "", 2, 1),
        (401, "Bearer", "", 2, 1),
        (401, "", "", 2, 1),
        (401, "", "{\"error\":\"invalid_token\"}", 2, 1),
        (401, "", "<html>log in</html>", 2, 1),
        (401, "", "{\"detail\":\"expired\"}", 2, 1),
        // QM-09, QM-10: what the body calls it means nothing, and a stray comma neither.
        (
            401,
            "",
            "{\"error\":\"invalid_request\",\"error_description\":\"wrong credentials\"}",
            2,
            1,
        ),
        (401, "", "{\"error\":\"Unauthorized\"}", 2, 1),
        (401, "Bearer", "{\"error\":\"insufficient_scope\"}", 2, 1),
        (401, "Bearer, error=\"invalid_token\", error_description=\"expired\"", "", 2, 1),
        (401, "error=\"invalid_token\"", "", 2, 1),
        (401, "Bearer error=\"token_expired\"", "", 2, 1),
        (401, "Bearer error=\"insufficient_scope\"", "", 1, 0),
        (401, "Bearer error=\"invalid_request\"", "{\"error\":\"invalid_token\"}", 1, 0),
        (401, "error=\"insufficient_scope\"", "", 1, 0),
        (403, "error=\"insufficient_scope\", error_description=\"no\"", "", 1, 0),
        (400, "Bearer error=\"invalid_request\"", "", 1, 0),
        (400, "Bearer error=\"invalid_token\"", "", 1, 0),
        (400, "", "{\"error\":\"invalid_token\"}", 1, 0),
        (400, "", "", 1, 0),
        (403, "Bearer error=\"insufficient_scope\", scope=\"openid\"", "", 1, 0),
        (403, "Bearer error=\"invalid_token\"", "", 1, 0),
        (403, "", "{\"error\":\"invalid_token\"}", 1, 0),
        (403, "", "", 1, 0),
        (404, "Bearer error=\"invalid_token\"", "", 1, 0),
    ] {
        let mut world = world();
        log_in(&mut world);
        let refused = Answer::new(status, "text/plain", body);
        let refused = if challenge.is_empty() {
            refused
        } else {
            refused.with_header("WWW-Authenticate", challenge)
        };
        world.server.fault_at("/userinfo", 9, Fault::Instead(refused.clone()));
        let error = world.who_am_i(&profile(), None, policy()).unwrap_err();
        let kind = if refreshed > 0 { Kind::NotAuthenticated } else { Kind::Server };
        let case = format!("{status} {challenge} {body}: {error}");
        assert_eq!(error.kind(), kind, "{case}");
        assert_eq!(requests_to(&world, "/userinfo"), shown, "{case}");
        assert_eq!(world.server.grants(REFRESH_TOKEN), refreshed, "{case}");

        // Refused once alone, a token that is refreshed is good.
        world.server.clear_faults();
        world.server.fault_at("/userinfo", 1, Fault::Instead(refused));
        let outcome = world.who_am_i(&profile(), None, policy());
        assert_eq!(outcome.is_ok(), refreshed > 0, "{case}");
        assert_eq!(world.server.grants(REFRESH_TOKEN), 2 * refreshed, "{case}");
    }
}

pub(crate) fn a_missing_scope_is_named() {
    for (challenge, named) in [
        ("Bearer error=\"insufficient_scope\", scope=\"openid\"", "openid"),
        (
            "Bearer error=\"insufficient_scope\", error_description=\"no\", scope=\"crawl.write\"",
            "crawl.write",
        ),
        ("Bearer scope=\"a:b c:d\", error=\"insufficient_scope\"", "a:b c:d"),
        // QM-06: Authentik has no scheme.
        ("error=\"insufficient_scope\", error_description=\"no\"", "scope"),
        ("error=\"insufficient_scope\", scope=\"profile\"", "`profile`"),
    ] {
        let mut world = world();
        log_in(&mut world);
        let refused = Answer::empty(403).with_header("WWW-Authenticate", challenge);
        world.server.fault_at("/userinfo", 9, Fault::Instead(refused));
        let error = world.who_am_i(&profile(), None, policy()).unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{error}");
        assert!(
            error.hint().unwrap_or_default().contains(named),
            "{challenge}: {:?}",
            error.hint()
        );
        assert_eq!(world.server.grants(REFRESH_TOKEN), 0, "{challenge}");
    }
    // What is said to people decides nothing.
    for said in ["invalid_token", "The access token expired", "insufficient_scope"] {
        let mut world = world();
        log_in(&mut world);
        let body = json!({"error": "invalid_request", "error_description": said});
        world.server.fault_at("/userinfo", 9, Fault::Instead(Answer::json(400, &body)));
        let error = world.who_am_i(&profile(), None, policy()).unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{error}");
        assert_eq!(world.server.grants(REFRESH_TOKEN), 0, "{said}");
    }
}

pub(crate) const ODD_TOKENS: &[(&str, &str)] = &[
    (
        r#"200 {"access_token":"00D500000001!AQcAQH0dMHZfz972Szmpkb58urFRkgeBGsxL_QJWwYMfAbUeeG7c1E6"}"#,
        "ok",
    ),
    (r#"200 {"access_token":"123|abc_DEF"}"#, "ok"),
    (r#"200 {"access_token":"a=b=c"}"#, "ok"),
    (r#"200 {"access_token":"{\"a\":\"b\"}"}"#, "ok"),
    (r#"200 {"access_token":" a"}"#, "error:protocol; `access_token` has the wrong type or format"),
    (r#"200 {"access_token":"a "}"#, "error:protocol; `access_token` has the wrong type or format"),
    (r#"200 {"access_token":" "}"#, "error:protocol; `access_token` has the wrong type or format"),
    (
        r#"200 {"access_token":"\ta"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"a\r\n"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
    (
        r#"200 {"access_token":"\u00a0a"}"#,
        "error:protocol; `access_token` has the wrong type or format",
    ),
];
