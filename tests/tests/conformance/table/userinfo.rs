//! UI: userinfo.

use aiod_auth_core::{
    AccessToken, IdToken, Kind, Method, Tokens, flow::UserinfoRequest, session::WhoAmI,
};
use aiod_auth_store::{MemoryStore, Store};
use aiod_auth_tests::{
    sim::{Answer, Fault, REFRESH_TOKEN, Settings, serve},
    verdict::Asked,
    world::ISSUER,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use super::{refresh, scene::*};
use crate::row::{
    Check::{Answers, Behaviour, Both},
    Row, row,
};

pub(crate) const ROWS: &[Row] = &[
    row(
        "UI-01",
        "asks by GET, with the token in a header and nowhere else",
        Behaviour(|| {
            the_token_is_in_the_header_alone();
            both_loops_find_out_who_it_is();
        }),
    ),
    row(
        "UI-02",
        "requires `sub`, the same as the ID token's if there is one",
        Both(Asked::Userinfo, SUBJECTS, an_answer_about_another_user_is_not_used),
    ),
    row("UI-03", "takes JSON, and refuses a signed answer", Answers(Asked::Userinfo, SIGNED)),
    row(
        "UI-04",
        "on a 401 for the token refreshes once and asks once more",
        Both(Asked::Userinfo, REFUSED, || {
            refresh::trouble::a_good_token_that_the_server_has_killed_is_refreshed_once();
            a_401_is_one_refresh_and_one_more_try();
            what_no_refresh_mends_is_said_at_once();
        }),
    ),
    row(
        "UI-05",
        "takes absent claims as no error; null and an empty one are absent",
        Answers(Asked::Userinfo, CLAIMS),
    ),
];

const SUBJECTS: &[(&str, &str)] = &[
    (r#"200 {"sub":"s-1"}"#, "ok; subject s-1"),
    (r#"200 {}"#, "error:protocol; `sub` is missing"),
    (r#"200 {"name":"Alice"}"#, "error:protocol; `sub` is missing"),
    (r#"200 {"sub":null}"#, "error:protocol; `sub` is missing"),
    (r#"200 {"sub":""}"#, "error:protocol; `sub` is missing"),
    (r#"200 {"Sub":"s"}"#, "error:protocol; `sub` is missing"),
    (r#"200 {"sub":7}"#, "error:protocol; `sub` has the wrong type or format"),
    (r#"200 {"sub":"s","sub":"t"}"#, "error:protocol; `sub` is there twice"),
];

const SIGNED: &[(&str, &str)] = &[
    ("200\nContent-Type: application/json\n\n{\"sub\":\"s\"}", "ok; subject s"),
    ("200\nContent-Type: application/json; charset=utf-8\n\n{\"sub\":\"s\"}", "ok; subject s"),
    (r#"200 {"sub":"s"}"#, "ok; subject s"),
    (
        "200\nContent-Type: application/jwt\n\neyJhbGciOiJub25lIn0.eyJzdWIiOiJzIn0.",
        "error:protocol",
    ),
    (
        "200\nContent-Type: application/json\n\neyJhbGciOiJub25lIn0.eyJzdWIiOiJzIn0.",
        "error:protocol",
    ),
    (
        "200\nContent-Type: application/json\n\n\"eyJhbGciOiJub25lIn0.eyJzdWIiOiJzIn0.\"",
        "error:protocol",
    ),
    ("200 <html>", "error:protocol; a web page"),
    ("200", "error:protocol; the body is empty"),
];

const REFUSED: &[(&str, &str)] = &[
    (
        "401\nWWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"expired\"\n\n",
        "error:not_authenticated; HTTP 401; code invalid_token; says expired",
    ),
    ("401\nWWW-Authenticate: Bearer realm=\"x\"\n\n", "error:not_authenticated; HTTP 401"),
    (r#"401 {"error":"invalid_token"}"#, "error:not_authenticated; code invalid_token"),
    ("401", "error:not_authenticated; no code"),
    (
        "403\nWWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"openid\"\n\n",
        "error:server; HTTP 403; code insufficient_scope",
    ),
    ("403", "error:server; no code"),
    ("400\nWWW-Authenticate: Bearer error=\"invalid_request\"\n\n", "error:server; HTTP 400"),
    ("404", "error:server; HTTP 404"),
    ("503\nRetry-After: 3\n\n", "retry; after 3 s"),
];

const CLAIMS: &[(&str, &str)] = &[
    (r#"200 {"sub":"x","name":null}"#, "ok; subject x"),
    (r#"200 {"sub":"x","name":"Alice"}"#, "ok; subject x; name Alice"),
    (r#"200 {"sub":"x","name":null,"preferred_username":"alice"}"#, "ok; name alice"),
    (r#"200 {"sub":"x","name":"","preferred_username":"alice"}"#, "ok; name alice"),
    (r#"200 {"sub":"x","preferred_username":""}"#, "ok; subject x"),
    (r#"200 {"sub":"x","roles":null}"#, "ok; subject x"),
    (r#"200 {"sub":"x","roles":["a","b"]}"#, "ok; role a; role b"),
    (r#"200 {"sub":"x","roles":[],"realm_access":{"roles":["a"]}}"#, "ok; role a"),
    (
        r#"200 {"sub":"x","realm_access":null,"address":{"country":7},"updated_at":1.5}"#,
        "ok; subject x",
    ),
    // A claim of another shape is some other server's business.
    (r#"200 {"sub":"x","name":{"first":"A"},"roles":"admin"}"#, "ok; subject x"),
];

fn the_token_is_in_the_header_alone() {
    for text in ["plain", "a+b/c==", "00D!AQ|x"] {
        let tokens = Tokens::new(AccessToken::new(text).unwrap(), NOW);
        let request = UserinfoRequest::new(&server(), &tokens, policy());
        let request = first_request(&mut request.unwrap());
        assert_eq!(request.method(), Method::Get);
        assert_eq!(header(&request, "Authorization"), Some(&*format!("Bearer {text}")));
        assert_eq!(header(&request, "Accept"), Some("application/json"));
        assert_eq!((request.url().query(), request.body()), (None, &b""[..]));
    }
}

/// An ID token of this server for this client, good for an hour. It came over a direct connection, so
/// its signature is not checked (Core §3.1.3.7).
fn id_token(subject: &str) -> IdToken {
    id_token_of(&json!({"sub": subject}))
}

/// The same with other members.
fn id_token_of(members: &serde_json::Value) -> IdToken {
    let encode = |part: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let now = NOW.as_unix_millis() / 1000;
    let mut claims = json!({"iss": ISSUER, "aud": "demo", "iat": now, "exp": now + 3600});
    for (name, value) in members.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let head = encode(json!({"alg": "RS256", "typ": "JWT"}));
    IdToken::new(format!("{head}.{}.c2lnbmF0dXJl", encode(claims)))
}

pub(super) fn an_answer_about_another_user_is_not_used() {
    for (id_token, outcome) in [
        (None, None),
        (Some(id_token("sub-alice")), None),
        (Some(id_token("sub-bob")), Some(Kind::Protocol)),
        (Some(id_token("SUB-ALICE")), Some(Kind::Protocol)),
        (Some(id_token("sub-alice ")), Some(Kind::Protocol)),
        // An ID token proves nothing here, whatever its issuer and audience: it can only refuse an answer.
        (
            Some(id_token_of(&json!({"iss": "https://evil.example", "sub": "sub-bob"}))),
            Some(Kind::Protocol),
        ),
        (Some(id_token_of(&json!({"aud": "another", "sub": "sub-bob"}))), Some(Kind::Protocol)),
        (
            Some(id_token_of(&json!({"aud": ["another", "demo"], "sub": "sub-bob"}))),
            Some(Kind::Protocol),
        ),
        // One that has expired still says who logged in: `exp` is not looked at.
        (Some(id_token_of(&json!({"exp": 1, "sub": "sub-bob"}))), Some(Kind::Protocol)),
        (Some(id_token_of(&json!({"exp": 1, "sub": "sub-alice"}))), None),
        // What is no ID token says nothing.
        (Some(IdToken::new("opaque")), None),
    ] {
        let mut world = world();
        let mut tokens = Tokens::clone(&log_in(&mut world).tokens);
        tokens.id_token = id_token;
        world.store.save(&profile().key(), &tokens).unwrap();
        let found = world.who_am_i(&profile(), None, policy());
        assert_eq!(found.err().map(|error| error.kind()), outcome);
        assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
    }
}

pub(super) fn both_loops_find_out_who_it_is() {
    for real in Loop::both() {
        let real = real.with_store(std::sync::Arc::new(MemoryStore::default()));
        let running = serve(Settings { interval: seconds(1), ..Settings::default() }).unwrap();
        let profile = std::sync::Arc::new(profile_at(&running.base_url));
        let mut login =
            aiod_auth_core::session::Session::login(profile.clone(), seconds(60), policy());
        let cached = real.run_with(&mut login, &mut alice(&running)).unwrap();
        let token = cached.tokens.access_token().unwrap().expose().to_owned();
        let userinfo = real.run(&mut WhoAmI::new(profile, &cached, policy()).unwrap()).unwrap();
        assert_eq!(userinfo.name.as_deref(), Some("Alice Example"));
        let simulator = running.simulator();
        let sent = &simulator.log().last().unwrap().request;
        assert_eq!((sent.method.as_str(), sent.target.as_str()), ("GET", "/userinfo"));
        assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {token}")));
        assert!(sent.body.is_empty());
    }
}

fn a_401_is_one_refresh_and_one_more_try() {
    let bare = Answer::empty(401);
    let invalid =
        bare.clone().with_header("WWW-Authenticate", "bearer realm=\"x\", error=\"invalid_token\"");
    let either = bare.clone().with_header("WWW-Authenticate", "Negotiate, Bearer realm=\"x\"");
    for refused in [bare, invalid, either] {
        for (times, outcome) in [(1, None), (2, Some(Kind::NotAuthenticated))] {
            let mut world = world();
            log_in(&mut world);
            world.server.fault_at("/userinfo", times, Fault::Instead(refused.clone()));
            let found = world.who_am_i(&profile(), None, policy());
            assert_eq!(found.err().map(|error| error.kind()), outcome);
            assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
            assert_eq!(count(&world, "/userinfo"), 2);
            // A server that is away meanwhile has not ended anything.
            assert!(stored(&world).unwrap().session_ended_at.is_none());
        }
    }
}

fn what_no_refresh_mends_is_said_at_once() {
    let scope = "Bearer error=\"insufficient_scope\", scope=\"openid\"";
    for (answer, kind) in [
        (Answer::empty(403).with_header("WWW-Authenticate", scope), Kind::Server),
        (Answer::empty(403), Kind::Server),
        // A gateway's, which asks for no token.
        (Answer::empty(401).with_header("WWW-Authenticate", "Negotiate"), Kind::Server),
        (
            Answer::html(401, "<html>").with_header("WWW-Authenticate", "Basic realm=\"x\""),
            Kind::Server,
        ),
        (Answer::empty(400), Kind::Server),
        (Answer::html(200, "<html>"), Kind::Protocol),
    ] {
        let mut world = world();
        log_in(&mut world);
        world.server.fault_at("/userinfo", 1, Fault::Instead(answer));
        let error = world.who_am_i(&profile(), None, policy()).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
        assert_eq!(count(&world, "/userinfo"), 1);
    }
}
