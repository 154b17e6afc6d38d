//! What is in the tokens.

use aiod_auth_core::{
    AccessToken, Kind, Machine, RefreshToken, Response, RetryPolicy, flow::AccessTokenRequest,
};
use aiod_auth_tests::drive;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    machines::{NOW, public, scope, server},
    sessions::{get_token, instead, log_in, refresh_token, seconds, see_who_it_is, stored, world},
};

pub(crate) fn a_bad_value_is_not_shown() {
    for token in [
        json!("canary\n"),
        json!("canary\u{e9}"),
        json!(["canary"]),
        json!({"canary": "canary"}),
        json!(" canary"),
    ] {
        let old = RefreshToken::new("old");
        let refresh = AccessTokenRequest::refresh(
            &server(),
            &public(),
            &old,
            &scope("a"),
            RetryPolicy::default(),
        );
        let mut refresh = refresh.unwrap();
        let body = json!({"access_token": token, "token_type": "Bearer"}).to_string();
        let response = Response::new(200, [], body.as_bytes());
        drive::answer_once(&mut refresh, NOW, Ok(response));
        let error = refresh.poll(NOW).unwrap_err().error;
        assert_eq!(error.kind(), Kind::Protocol, "{error}");
        assert!(error.to_string().contains("access_token"), "{error}");
        let printed = format!("{error} {error:?} {:?} {refresh:?}", error.hint());
        assert!(!printed.contains("canary"), "{printed}");
    }
}

pub(crate) fn the_header_says_bearer_whatever_the_answer_said() {
    for kind in [json!("Bearer"), json!("bearer"), json!("BEARER"), json!(""), json!(null)] {
        let mut world = world();
        log_in(&mut world);
        world.pass(seconds(300));
        let body = json!({"access_token": "new", "token_type": kind});
        world.server.fault_at("/token", 1, instead(200, &body));
        world.server.fault_at("/userinfo", 1, instead(200, &json!({"sub": "alice"})));
        let mut headers = Vec::new();
        see_who_it_is(&mut world, None, |request| {
            let header = request.headers().find(|(name, _)| *name == "Authorization");
            headers.extend(header.map(|(_, value)| value.to_owned()));
        })
        .unwrap();
        assert_eq!(headers, ["Bearer new"], "{kind}");
        assert_eq!(stored(&world).unwrap().authorization(), Some("Bearer new"));
    }
}

/// It is kept and used as it came, whatever it seems to say.
pub(crate) fn an_access_token_is_opaque() {
    let expired = id_token(&json!({"exp": 1, "nbf": 99_999_999_999_i64, "scope": "x"}));
    for token in ["not.a.jwt", "....", "x", &expired] {
        let mut world = world();
        log_in(&mut world);
        world.pass(seconds(300));
        let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600});
        world.server.fault_at("/token", 1, instead(200, &body));
        for _ in 0..2 {
            let tokens = get_token(&mut world).unwrap().tokens;
            assert!(
                tokens.access_token().unwrap().same_as(&AccessToken::new(token).unwrap()),
                "{token}"
            );
            assert_eq!(tokens.lifetime(), Some(seconds(3600)), "{token}");
        }
    }
}

/// The first answer brings the claims `before`, the one to a refresh `after`.
fn refreshed(before: &Value, after: &Value) -> (Result<(), Kind>, aiod_auth_core::Tokens) {
    let mut world = world();
    let body = |token: &str, claims: &Value| {
        json!({
            "access_token": token, "refresh_token": token, "expires_in": 300,
            "token_type": "Bearer", "id_token": id_token(claims),
        })
    };
    world.server.fault_at("/token", 1, instead(200, &body("before", before)));
    log_in(&mut world);
    world.pass(seconds(300));
    world.server.fault_at("/token", 1, instead(200, &body("after", after)));
    let outcome = get_token(&mut world).map(drop).map_err(|error| error.kind());
    (outcome, stored(&world).unwrap())
}

pub(crate) fn a_refresh_brings_the_same_users_id_token() {
    let claims = |members: Value| {
        let mut claims =
            json!({"iss": "http://127.0.0.1", "sub": "alice", "aud": "demo", "iat": 1, "exp": 2});
        for (name, value) in members.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let before = claims(json!({}));
    for same in [
        json!({"aud": ["demo"]}),
        json!({}),
        json!({"iat": 9, "exp": 10}),
        json!({"name": "Alice"}),
    ] {
        let (outcome, kept) = refreshed(&before, &claims(same.clone()));
        assert_eq!(outcome, Ok(()), "{same}");
        assert_eq!(kept.access_token().unwrap().expose(), "after", "{same}");
    }
    // The order of a list means nothing.
    let (several, reordered) = (json!({"aud": ["demo", "b"]}), json!({"aud": ["b", "demo"]}));
    assert_eq!(refreshed(&claims(several.clone()), &claims(reordered)).0, Ok(()));
    assert_eq!(refreshed(&claims(several.clone()), &before).0, Ok(()));
    // QM-05: for this client, and another besides.
    assert_eq!(refreshed(&before, &claims(several)).0, Ok(()));
    let google = |issuer: &str| claims(json!({"iss": issuer}));
    let (long, short) = (google("https://accounts.google.com"), google("accounts.google.com"));
    assert_eq!(refreshed(&long, &short).0, Ok(()));
    assert_eq!(refreshed(&short, &long).0, Ok(()));
    let slash = claims(json!({"iss": "http://127.0.0.1/"}));
    assert_eq!(refreshed(&before, &slash).0, Ok(()));
    // For another client alone: the answer is of no use, and its refresh token is this session's.
    let (outcome, kept) = refreshed(&before, &claims(json!({"aud": "another"})));
    assert_eq!(outcome, Err(Kind::Protocol));
    assert_eq!(kept.access_token().unwrap().expose(), "before");
    assert_eq!(refresh_token(&kept), "after");
    for other in [
        json!({"sub": "mallory"}),
        json!({"sub": "Alice"}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": "http://127.0.0.1/other"}),
    ] {
        let (outcome, kept) = refreshed(&before, &claims(other.clone()));
        assert_eq!(outcome, Err(Kind::Protocol), "{other}");
        assert_eq!(kept.access_token().unwrap().expose(), "before", "{other}");
        assert_eq!(kept.id_token.as_ref().unwrap().expose(), id_token(&before), "{other}");
        assert_eq!(refresh_token(&kept), "before", "{other}");
    }
}

/// With a signature that is no signature.
fn id_token(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "RS256"})), part(claims))
}
