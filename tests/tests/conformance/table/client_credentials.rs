//! CC: client credentials.

use std::sync::Arc;

use aiod_auth_core::{
    AuthenticationMethod, ClientIdentity, ClientSecret, Error, Issuer, Kind, LoginMethod, Profile,
    Scope,
    flow::AccessTokenRequest,
    session::{Demand, Session, SessionTokens},
};
use aiod_auth_tests::{
    sim::{CLIENT_CREDENTIALS, REFRESH_TOKEN},
    verdict::Asked,
    world::{ISSUER, World},
};
use serde_json::json;

use super::scene::*;
use crate::row::{
    Check::{Behaviour, Both},
    Row, row,
};

pub(crate) const ROWS: &[Row] = &[
    row(
        "CC-01",
        "uses client credentials only as a confidential client",
        Behaviour(a_client_that_proves_nothing_sends_nothing),
    ),
    row(
        "CC-02",
        "expects no refresh token, and gets the next token by the same grant",
        Both(Asked::ClientCredentials, REFRESH_TOKENS, the_next_token_comes_by_the_same_grant),
    ),
    row(
        "CC-03",
        "authenticates on each such request; names a scope only if one is wanted",
        Behaviour(|| {
            every_request_is_authenticated();
            a_try_again_is_authenticated_as_well();
        }),
    ),
];

const REFRESH_TOKENS: &[(&str, &str)] = &[
    (r#"200 {"access_token":"a"}"#, "ok; no refresh token"),
    (r#"200 {"access_token":"a","refresh_token":"r"}"#, "ok; no refresh token"),
    (r#"200 {"access_token":"a","refresh_token":null}"#, "ok; no refresh token"),
    (
        r#"200 {"access_token":"a","refresh_token":"r","refresh_expires_in":60,"expires_in":30}"#,
        "ok; no refresh token; expires in 30 s",
    ),
    // Here a refusal is of the client: there is no session to end.
    (r#"400 {"error":"invalid_grant"}"#, "error:server; code invalid_grant"),
];

fn token(world: &mut World, profile: &Arc<Profile>) -> Result<SessionTokens, Error> {
    world.run(Session::token(Arc::clone(profile), Demand::new(), policy()))
}

fn a_client_that_proves_nothing_sends_nothing() {
    let id = || ClientIdentity::public("bot").unwrap();
    let with = |secret| id().with_secret(ClientSecret::new(secret)).unwrap();
    for client in [
        id(),
        with(""),
        with("bot-secret").with_authentication_method(AuthenticationMethod::None),
        id().with_authentication_method(AuthenticationMethod::ClientSecretBasic),
        id().with_authentication_method(AuthenticationMethod::ClientSecretPost),
    ] {
        let request =
            AccessTokenRequest::client_credentials(&server(), &client, &scope("read"), policy());
        assert_eq!(request.unwrap_err().kind(), Kind::Config, "{client:?}");

        let mut world = world();
        let profile = Profile::with_client(Issuer::new(ISSUER).unwrap(), client.clone())
            .with_login(LoginMethod::ClientCredentials);
        let error = token(&mut world, &profile.into()).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{client:?}");
        assert_eq!(count(&world, "/token"), 0, "{client:?}");
    }
}

fn the_next_token_comes_by_the_same_grant() {
    for refresh_token in [json!("r"), json!(null)] {
        let mut world = world();
        let body = json!({"access_token": "a", "refresh_token": refresh_token, "expires_in": 60});
        world.server.fault_at("/token", 1, instead(200, &body));
        let first = token(&mut world, &bot()).unwrap();
        assert!(first.tokens.refresh_token.is_none());
        token(&mut world, &bot()).unwrap();
        assert_eq!(count(&world, "/token"), 1);
        world.pass(seconds(60));
        token(&mut world, &bot()).unwrap();
        world.pass(seconds(300));
        token(&mut world, &bot()).unwrap();
        assert_eq!(world.server.grants(CLIENT_CREDENTIALS), 2);
        assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
        assert!(world.prompts.is_empty());
    }
}

fn every_request_is_authenticated() {
    let posting = confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    let grant = "grant_type=client_credentials";
    for (client, scope, authorization, expected) in [
        (confidential(), scope("write read"), Some(BASIC), &[grant, "scope=read write"][..]),
        (confidential(), Scope::default(), Some(BASIC), &[grant]),
        (posting, Scope::default(), None, &["client_id=bot", "client_secret=bot-secret", grant]),
    ] {
        let request = AccessTokenRequest::client_credentials(&server(), &client, &scope, policy());
        let request = first_request(&mut request.unwrap());
        assert_eq!(header(&request, "Authorization"), authorization);
        assert_eq!(form(&request), expected);
    }
}

fn a_try_again_is_authenticated_as_well() {
    let mut world = world();
    world.server.fault_at("/token", 2, bad_gateway());
    token(&mut world, &bot()).unwrap();
    world.pass(seconds(300));
    token(&mut world, &bot()).unwrap();
    let log = world.server.log().iter();
    let sent: Vec<_> = log
        .filter(|sent| sent.request.path() == "/token")
        .map(|sent| (sent.request.header("Authorization"), sent.request.body.as_slice()))
        .collect();
    assert_eq!(sent, [(Some(BASIC), b"grant_type=client_credentials".as_slice()); 4]);
}
