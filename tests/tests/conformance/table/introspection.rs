//! INT: introspection.

use aiod_auth_core::{
    AccessToken, AuthenticationMethod, ClientIdentity, ClientSecret, Endpoint, Error, Kind, Method,
    Tokens,
    flow::{Discovery, Introspection, IntrospectionRequest},
};
use aiod_auth_tests::{
    verdict::Asked,
    world::{ISSUER, World},
};

use super::scene::*;
use crate::row::{
    Check::{Answers, Behaviour, Both},
    Row, row,
};

pub(crate) const ROWS: &[Row] = &[
    row(
        "INT-01",
        "posts the token, as a client with a secret or with a token of its own",
        Behaviour(|| {
            the_caller_authenticates();
            without_credentials_no_introspection_is_sent();
        }),
    ),
    row("INT-02", "requires `active` to be true or false", Answers(Asked::Introspection, ACTIVE)),
    row(
        "INT-03",
        "takes `active: false` as an answer, and reads nothing else of it",
        Both(Asked::Introspection, INACTIVE, a_dead_token_is_inactive_and_no_error),
    ),
    row(
        "INT-04",
        "takes a 401 as one about itself, not about the token",
        Both(Asked::Introspection, REFUSED, a_wrong_secret_is_no_dead_token),
    ),
    row(
        "INT-05",
        "has nothing to cache an answer in: each one is asked for",
        Behaviour(what_was_active_is_asked_again),
    ),
    row(
        "INT-06",
        "reads the members that RFC 7662 names but `cnf`, and ignores others",
        Both(Asked::Introspection, MEMBERS, the_simulators_answer_is_read),
    ),
];

const ACTIVE: &[(&str, &str)] = &[
    (r#"200 {"active":true}"#, "ok; active"),
    (r#"200 {"active":false}"#, "ok; inactive"),
    ("200 {}", "error:protocol; `active` is missing"),
    (r#"200 {"active":null}"#, "error:protocol; `active` is missing"),
    (r#"200 {"Active":true}"#, "error:protocol; `active` is missing"),
    (r#"200 {"active":"true"}"#, "error:protocol; `active` has the wrong type or format"),
    (r#"200 {"active":"false"}"#, "error:protocol; `active` has the wrong type or format"),
    (r#"200 {"active":1}"#, "error:protocol; `active` has the wrong type or format"),
    (r#"200 {"active":0}"#, "error:protocol; `active` has the wrong type or format"),
    (r#"200 {"active":[true]}"#, "error:protocol; `active` has the wrong type or format"),
    (r#"200 {"active":{}}"#, "error:protocol; `active` has the wrong type or format"),
    (r#"200 {"active":false,"active":true}"#, "error:protocol; `active` is there twice"),
    ("200 true", "error:protocol; not a JSON object"),
    ("200 <html>", "error:protocol; a web page"),
    ("200", "error:protocol; the body is empty"),
    ("204", "error:protocol; the body is empty"),
];

const INACTIVE: &[(&str, &str)] = &[
    (r#"200 {"active":false,"exp":9}"#, "ok; inactive"),
    (r#"200 {"active":false,"exp":"soon","scope":{},"aud":7,"sub":[]}"#, "ok; inactive"),
    (r#"200 {"active":false,"sub":"a","sub":"b"}"#, "ok; inactive"),
    (r#"200 {"active":false,"username":"alice"}"#, "ok; inactive"),
];

const REFUSED: &[(&str, &str)] = &[
    (r#"401 {"error":"invalid_client"}"#, "error:server; HTTP 401; code invalid_client"),
    ("401", "error:server; HTTP 401; no code"),
    ("401\nWWW-Authenticate: Basic realm=\"x\"\n\n", "error:server; HTTP 401"),
    (r#"401 {"error":"invalid_token"}"#, "error:server; HTTP 401; code invalid_token"),
    (r#"400 {"error":"invalid_request"}"#, "error:server; HTTP 400"),
    ("403", "error:server; HTTP 403"),
    (r#"401 {"active":false}"#, "error:server; HTTP 401"),
    (r#"200 {"error":"invalid_client","active":true}"#, "error:server; code invalid_client"),
    ("503\nRetry-After: 3\n\n", "retry; after 3 s"),
    (r#"503 {"active":false}"#, "retry"),
];

const MEMBERS: &[(&str, &str)] = &[
    (
        r#"200 {"active":true,"scope":"read write","client_id":"c","username":"alice","token_type":"Bearer","sub":"s","iss":"https://as.example","jti":"j"}"#,
        "ok; active; scope read write; client c; username alice; type Bearer; subject s; issuer https://as.example; id j",
    ),
    (
        r#"200 {"active":true,"exp":1767225660,"iat":1767225600,"nbf":1767225601}"#,
        "ok; expires 2026-01-01T00:01:00Z; issued 2026-01-01T00:00:00Z; not before 2026-01-01T00:00:01Z",
    ),
    (r#"200 {"active":true,"exp":1767225660.0}"#, "ok; expires 2026-01-01T00:01:00Z"),
    (r#"200 {"active":true,"aud":"a"}"#, "ok; audience a"),
    (r#"200 {"active":true,"aud":["a","b"]}"#, "ok; audience a; audience b"),
    (r#"200 {"active":true,"aud":[]}"#, "ok; active"),
    (r#"200 {"active":true,"aud":null,"scope":null,"exp":null,"sub":null}"#, "ok; active"),
    (r#"200 {"active":true,"cnf":{"jkt":"x"},"realm_access":{"roles":[]},"x":[{}]}"#, "ok; active"),
    // A malformed member that decides about access is not guessed at.
    (r#"200 {"active":true,"aud":7}"#, "error:protocol; `aud` has the wrong type or format"),
    (r#"200 {"active":true,"sub":7}"#, "error:protocol; `sub` has the wrong type or format"),
    (r#"200 {"active":true,"exp":true}"#, "error:protocol; `exp` has the wrong type or format"),
    (r#"200 {"active":true,"sub":"a","sub":"b"}"#, "error:protocol; `sub` is there twice"),
];

fn the_caller_authenticates() {
    let posting = confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    let token = AccessToken::new("a+b/c== &").unwrap();
    let sent = |request: Result<IntrospectionRequest, Error>| first_request(&mut request.unwrap());
    let own = Tokens::new(AccessToken::new("own").unwrap(), NOW);
    for (request, authorization, who) in [
        (
            IntrospectionRequest::new(&server(), &confidential(), &token, policy()),
            Some(BASIC),
            &[][..],
        ),
        (
            IntrospectionRequest::new(&server(), &posting, &token, policy()),
            None,
            &["client_id=bot", "client_secret=bot-secret"],
        ),
        (
            IntrospectionRequest::with_bearer(&server(), &own, &token, policy()),
            Some("Bearer own"),
            &[],
        ),
    ] {
        let request = sent(request);
        assert_eq!(request.method(), Method::Post);
        assert_eq!(request.url().query(), None);
        assert_eq!(header(&request, "Authorization"), authorization);
        assert_eq!(header(&request, "Accept"), Some("application/json"));
        let token = ["token=a+b/c== &", "token_type_hint=access_token"];
        assert_eq!(form(&request), [who, &token].concat());
    }
}

fn without_credentials_no_introspection_is_sent() {
    let token = AccessToken::new("a").unwrap();
    let id = || ClientIdentity::public("bot").unwrap();
    let with = |secret| id().with_secret(ClientSecret::new(secret)).unwrap();
    let none = AuthenticationMethod::None;
    for client in [id(), with(""), with("bot-secret").with_authentication_method(none)] {
        let request = IntrospectionRequest::new(&server(), &client, &token, policy());
        assert_eq!(request.unwrap_err().kind(), Kind::Config);
    }
    let without = server_with(Endpoint::Token, "https://as.example/token").unwrap();
    let request = IntrospectionRequest::new(&without, &confidential(), &token, policy());
    assert_eq!(request.unwrap_err().kind(), Kind::Config);
    assert!(server_with(Endpoint::Introspection, "http://as.example/introspect").is_err());
}

/// What the simulator says of a token, as whom.
fn introspect(
    world: &mut World,
    client: &ClientIdentity,
    token: &AccessToken,
) -> Result<Introspection, Error> {
    let issuer = aiod_auth_core::Issuer::new(ISSUER).unwrap();
    let server = world.run(Discovery::new(issuer, policy())).unwrap();
    world.run(IntrospectionRequest::new(&server, client, token, policy())?)
}

fn a_dead_token_is_inactive_and_no_error() {
    let mut world = world();
    let garbage = AccessToken::new("garbage").unwrap();
    let answer = introspect(&mut world, &confidential(), &garbage).unwrap();
    assert_eq!(answer, Introspection::Inactive);
    let tokens = log_in(&mut world).tokens;
    world.server.end_sessions();
    let answer = introspect(&mut world, &confidential(), tokens.access_token().unwrap()).unwrap();
    assert_eq!(answer, Introspection::Inactive);
}

fn a_wrong_secret_is_no_dead_token() {
    let mut world = world();
    let token = log_in(&mut world).tokens.access_token.clone().unwrap();
    let wrong = ClientIdentity::public("bot").unwrap();
    let wrong = wrong.with_secret(ClientSecret::new("wrong")).unwrap();
    let error = introspect(&mut world, &wrong, &token).unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert!(error.hint().unwrap().contains("client secret"), "{:?}", error.hint());
    assert_eq!(count(&world, "/introspect"), 1);
}

fn what_was_active_is_asked_again() {
    let mut world = world();
    world.server.settings.access_token_lifetime = seconds(10);
    let token = log_in(&mut world).tokens.access_token.clone().unwrap();
    for (asked, expected) in [(1, true), (2, true), (3, false)] {
        let answer = introspect(&mut world, &confidential(), &token).unwrap();
        assert_eq!(matches!(answer, Introspection::Active(_)), expected);
        assert_eq!(count(&world, "/introspect"), asked);
        world.pass(seconds(5));
    }
}

fn the_simulators_answer_is_read() {
    let mut world = world();
    let tokens = log_in(&mut world).tokens;
    let answer = introspect(&mut world, &confidential(), tokens.access_token().unwrap()).unwrap();
    let Introspection::Active(token) = answer else { panic!("{answer:?}") };
    assert_eq!(token.scope, Some(tokens.scope.clone()));
    assert_eq!(token.client_id.as_deref(), Some("demo"));
    assert_eq!(token.username.as_deref(), Some("alice"));
    assert_eq!(token.issuer.as_deref(), Some(ISSUER));
    assert_eq!((token.issued_at, token.expires_at), (Some(tokens.issued_at), tokens.expires_at));
}
