//! Client id and secret in an `Authorization` header: RFC 6749 §2.3.1.

use aiod_auth_core::{
    AuthenticationMethod, ClientIdentity, ClientSecret, Error, Kind, RetryPolicy, Scope,
    flow::AccessTokenRequest,
};
use aiod_auth_tests::verdict::server;
use serde_json::Value;

use super::text;
use crate::requests::first_request;

/// Client credentials are asked for, and this is the header.
pub(super) fn case(case: &Value) {
    let client = client(case).unwrap();
    let (server, scope, policy) = (server().unwrap(), Scope::default(), RetryPolicy::default());
    let machine = AccessTokenRequest::client_credentials(&server, &client, &scope, policy);
    let request = first_request(machine.unwrap());
    let headers = request.headers().filter(|(name, _)| *name == "Authorization");
    let headers: Vec<&str> = headers.map(|(_, value)| value).collect();
    assert_eq!(headers, [text(case, "authorization")]);
    assert_eq!(request.body(), b"grant_type=client_credentials");
}

/// It is no client, and so sends nothing.
pub(super) fn refuse(case: &Value) {
    assert_eq!(client(case).unwrap_err().kind(), Kind::Config);
}

fn client(case: &Value) -> Result<ClientIdentity, Error> {
    let secret = ClientSecret::new(text(case, "client_secret"));
    let client = ClientIdentity::public(text(case, "client_id"))?.with_secret(secret)?;
    Ok(client.with_authentication_method(AuthenticationMethod::ClientSecretBasic))
}

#[test]
fn an_empty_client_id_is_no_client() {
    assert_eq!(ClientIdentity::public("").unwrap_err().kind(), Kind::Config);
}
