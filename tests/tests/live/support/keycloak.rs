//! Keycloak without this project's code in between: what it really thinks of a token.

use std::env;

use serde_json::Value;
use ureq::{Agent, Body, http::Response};

/// The address of a realm.
pub(crate) fn issuer(realm: &str) -> String {
    format!("{}/realms/{realm}", base())
}

/// The address of Keycloak, without a slash at the end.
pub(crate) fn base() -> String {
    let base = env::var(ADDRESS).unwrap_or_else(|_| {
        panic!("{ADDRESS} must be the address of a Keycloak, or run tests/live/run.sh, which starts one")
    });
    base.trim_end_matches('/').to_owned()
}

const ADDRESS: &str = "AIOD_AUTH_LIVE_KEYCLOAK";

/// The HTTP status with which the userinfo endpoint takes this access token: 200 if it is alive and
/// has the scope `openid`, 401 if it is dead.
pub(crate) fn userinfo_status(realm: &str, access_token: &str) -> u16 {
    let request = agent().get(address(realm, "userinfo"));
    let request = request.header("authorization", format!("Bearer {access_token}"));
    request.call().unwrap().status().as_u16()
}

/// Whether a resource server of the realm `aiod` would take this access token.
pub(crate) fn is_active(access_token: &str) -> bool {
    introspect(access_token)["active"].as_bool().unwrap()
}

/// What a resource server of the realm `aiod` is told about this access token.
pub(crate) fn introspect(access_token: &str) -> Value {
    let (_, said) = post(
        "aiod",
        "token/introspect",
        &[("client_id", "aiod-api"), ("client_secret", "aiod-api-secret"), ("token", access_token)],
    );
    said
}

/// A refresh token that alice got somewhere else, with her password.
pub(crate) fn refresh_token_from_elsewhere(client_id: &str) -> String {
    let (_, tokens) = post(
        "aiod",
        "token",
        &[
            ("grant_type", "password"),
            ("client_id", client_id),
            ("username", "alice"),
            ("password", "alice-password"),
        ],
    );
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

/// Ends a session as an administrator would: the command is not told.
pub(crate) fn end_session(client_id: &str, refresh_token: &str) {
    let form = [("client_id", client_id), ("refresh_token", refresh_token)];
    assert_eq!(post("aiod", "logout", &form).0, 204);
}

/// Where the server sends a browser that comes to this page.
pub(crate) fn visit(page: &url::Url) -> url::Url {
    let answer = agent().get(page.as_str()).call().unwrap();
    let location =
        answer.headers().get("location").unwrap_or_else(|| panic!("{}", answer.status()));
    location.to_str().unwrap().parse().unwrap()
}

/// Sends a form, and returns the status and the JSON that came back.
pub(crate) fn post(realm: &str, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let mut answer = send(realm, path, form);
    let body = answer.body_mut().read_to_string().unwrap();
    let json = serde_json::from_str(&body).unwrap_or_default();
    (answer.status().as_u16(), json)
}

fn send(realm: &str, path: &str, form: &[(&str, &str)]) -> Response<Body> {
    let request = agent().post(address(realm, path));
    request.send_form(form.iter().copied()).unwrap()
}

fn address(realm: &str, path: &str) -> String {
    format!("{}/protocol/openid-connect/{path}", issuer(realm))
}

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.proxy(None).build().new_agent()
}
