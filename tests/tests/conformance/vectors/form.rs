//! `application/x-www-form-urlencoded`: RFC 6749 appendix B.

use std::time::Duration;

use aiod_auth_core::{
    AuthenticationMethod, AuthorizationServer, ClientIdentity, ClientSecret, Endpoint, Entropy,
    Issuer, Kind, Parameters, RefreshToken, Request, Scope,
    flow::{
        AccessTokenRequest, AuthorizationRequest, DeviceAccessTokenRequest,
        DeviceAuthorizationRequest, Redirect, RevocationRequest,
    },
};
use aiod_auth_tests::scene::policy;
use aiod_auth_tests::verdict::{Answer, Asked, server, verdict};
use serde_json::Value;

use super::text;
use crate::requests::{authorization, first_request};

/// Every value goes out as a refresh token, which may be anything; and what a flow sends is sent whole.
pub(super) fn encode(case: &Value) {
    let (body, pairs) = (text(case, "body"), pairs(case));
    let written: Vec<&str> = body.split('&').filter(|pair| !pair.is_empty()).collect();
    assert_eq!(pairs.len(), written.len());
    for ((name, value), written) in pairs.iter().zip(written) {
        let written = written.strip_prefix(&format!("{name}=")).unwrap();
        let expected = format!("grant_type=refresh_token&refresh_token={written}");
        assert_eq!(sent(&refresh(value)), expected);
    }
    let value = |n: usize| pairs[n].1.as_str();
    let whole = match text(case, "id") {
        "form-02" => poll(value(1), value(2)),
        "form-03" => refresh(value(1)),
        "form-04" => revocation(value(0)),
        "form-13" => device(&bot()),
        _ => return,
    };
    assert_eq!(sent(&whole), body);
}

/// A parameter without a value is not sent.
pub(super) fn omit_empty(case: &Value) {
    let request = match text(case, "id") {
        "form-omit-01" => client_credentials(),
        "form-omit-02" => {
            let client = client("c").with_secret(ClientSecret::new("")).unwrap();
            device(&client.with_authentication_method(AuthenticationMethod::ClientSecretPost))
        }
        unknown => panic!("{unknown}"),
    };
    assert_eq!(sent(&request), text(case, "body"));
}

/// Answers may come as forms, too (GitHub). Each value in turn is what the server says to people, with
/// the other pairs around it.
pub(super) fn decode(case: &Value) {
    let (query, pairs) = (text(case, "query"), pairs(case));
    let written: Vec<&str> = query.split('&').collect();
    let places: Vec<usize> = (0..written.len()).filter(|n| !written[*n].is_empty()).collect();
    assert_eq!(places.len(), pairs.len());
    for (place, (_, value)) in places.into_iter().zip(&pairs) {
        let form = written.iter().enumerate().filter_map(|(n, pair)| match n == place {
            true => Some(as_description(pair)),
            // It would be there twice.
            false => Some((*pair).to_owned()).filter(|pair| !pair.starts_with("error")),
        });
        let form = form.collect::<Vec<_>>().join("&");
        assert_eq!(said(&form), *value, "{form}");
    }
    if pairs.is_empty() {
        assert_eq!(said(query), "");
    }
}

/// With the right `state` in the place of `s`, it is refused. Two of them are not the right one.
pub(super) fn refuse_in_authorization_response(case: &Value) {
    let server = AuthorizationServer::new(Issuer::new("https://as.example").unwrap())
        .with_endpoint(Endpoint::Authorization, "https://as.example/authorize")
        .unwrap();
    let request = AuthorizationRequest::new(
        &server,
        &client("c"),
        &Scope::default(),
        &Parameters::default(),
        "http://127.0.0.1:51004/",
        [Entropy::new([0; 32]), Entropy::new([1; 32])],
    )
    .unwrap();
    let state = format!("state={}", "A".repeat(43));
    let query = text(case, "query").replace("state=s", &state).replace("state=a", &state);
    match (text(case, "id"), request.returned(&query)) {
        ("form-refuse-02", Redirect::NotOurs) => {}
        (_, Redirect::Failed(error)) => assert_eq!(error.kind(), Kind::Protocol, "{error}"),
        (id, other) => panic!("{id}: {other:?}"),
    }
}

/// The pair with the name of what is said. An escape in the name stays one.
fn as_description(pair: &str) -> String {
    let value = pair.find('=').map_or("", |at| &pair[at..]);
    match pair.starts_with('%') {
        true => format!("%65rror_description{value}"),
        false => format!("error_description{value}"),
    }
}

/// What a refusal with these pairs says to people.
fn said(pairs: &str) -> String {
    let label = ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    let body = format!("{pairs}&error=teapot").into_bytes();
    let answer = Answer { status: 400, headers: vec![label], body };
    let verdict = verdict(Asked::ClientCredentials, &answer).unwrap();
    assert!(verdict.is("error:server; code teapot"), "{verdict}");
    let mut said = verdict.details.iter().filter_map(|detail| detail.strip_prefix("says "));
    said.next().unwrap_or_default().to_owned()
}

fn refresh(token: &str) -> Request {
    let (server, token, scope) = (server().unwrap(), RefreshToken::new(token), Scope::default());
    let machine = AccessTokenRequest::refresh(&server, &bot(), &token, &scope, policy());
    first_request(machine.unwrap())
}

fn poll(device_code: &str, client_id: &str) -> Request {
    let (server, client, scope) = (server().unwrap(), client(client_id), Scope::default());
    let (authorization, limit) = (authorization(device_code), Duration::from_secs(60));
    let machine = DeviceAccessTokenRequest::new(&server, &client, &authorization, &scope, limit);
    first_request(machine.unwrap())
}

fn revocation(token: &str) -> Request {
    let (server, token) = (server().unwrap(), RefreshToken::new(token));
    let machine = RevocationRequest::refresh_token(&server, &bot(), &token, policy());
    first_request(machine.unwrap())
}

fn device(client: &ClientIdentity) -> Request {
    let (server, scope) = (server().unwrap(), Scope::default());
    let machine = DeviceAuthorizationRequest::new(&server, client, &scope, policy());
    first_request(machine.unwrap())
}

fn client_credentials() -> Request {
    let (server, scope) = (server().unwrap(), Scope::default());
    let machine = AccessTokenRequest::client_credentials(&server, &bot(), &scope, policy());
    first_request(machine.unwrap())
}

/// By Basic: nothing of it is in the body.
fn bot() -> ClientIdentity {
    client("bot").with_secret(ClientSecret::new("secret")).unwrap()
}

fn client(id: &str) -> ClientIdentity {
    ClientIdentity::public(id).unwrap()
}

fn sent(request: &Request) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

fn pairs(case: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = case["pairs"].as_array().unwrap().iter();
    pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}
