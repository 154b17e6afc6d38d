//! Which way to authenticate, and that it is one.

use aiod_auth_core::{
    AccessToken, AuthenticationMethod, ClientIdentity, ClientSecret, Endpoint, Kind, RefreshToken,
    RetryPolicy,
    flow::{AccessTokenRequest, IntrospectionRequest, RevocationRequest},
};
use aiod_auth_tests::sim::{CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN};
use serde_json::{Value, json};

use crate::{
    machines::{
        confidential, form, headers, machine, parameter, posting, posting_for, public, requests,
        scope, sent_by, server, server_with,
    },
    sessions::{bot, get_token_as, instead, log_in_as, oauth_error, world},
};

pub(crate) fn with_basic_nothing_of_the_client_is_in_the_body() {
    for (name, request) in requests(posting(&server(), &confidential())) {
        assert_eq!(headers(&request, "authorization").len(), 1, "{name}");
        for absent in ["client_id", "client_secret", "client_assertion", "client_assertion_type"] {
            assert_eq!(parameter(&request, absent), None, "{name} {absent}");
        }
        assert!(!form(&request).iter().any(|(_, value)| value == "secret-of-the-client"), "{name}");
    }
    let post = confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    for (name, request) in requests(posting(&server(), &post)) {
        assert!(headers(&request, "authorization").is_empty(), "{name}");
        assert_eq!(parameter(&request, "client_id").as_deref(), Some("client"), "{name}");
        let secret = parameter(&request, "client_secret");
        assert_eq!(secret.as_deref(), Some("secret-of-the-client"), "{name}");
        assert_eq!(parameter(&request, "client_assertion"), None, "{name}");
    }
}

pub(crate) fn a_public_client_says_its_id() {
    let none = confidential().with_authentication_method(AuthenticationMethod::None);
    for client in [public(), none] {
        let requests = requests(posting(&server(), &client));
        assert_eq!(requests.len(), 6);
        for (name, request) in requests {
            assert_eq!(parameter(&request, "client_id").as_deref(), Some("client"), "{name}");
            assert!(headers(&request, "authorization").is_empty(), "{name}");
            assert_eq!(parameter(&request, "client_secret"), None, "{name}");
        }
    }
}

pub(crate) fn an_empty_secret_is_left_out() {
    let client = public().with_secret(ClientSecret::new("")).unwrap();
    let post = client.clone().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    for client in [client, post] {
        for (name, request) in requests(posting(&server(), &client)) {
            assert_eq!(parameter(&request, "client_id").as_deref(), Some("client"), "{name}");
            assert_eq!(parameter(&request, "client_secret"), None, "{name}");
            assert!(headers(&request, "authorization").is_empty(), "{name}");
        }
    }
}

/// How a refresh is authenticated at a server with this list of methods.
fn at_token_endpoint(client: &ClientIdentity, methods: &Value) -> Result<&'static str, Kind> {
    let server = server_with(&json!({ "token_endpoint_auth_methods_supported": methods }));
    let (token, policy) = (RefreshToken::new("r"), RetryPolicy::default());
    let refresh = AccessTokenRequest::refresh(&server, client, &token, &scope("a"), policy);
    let request = sent_by(&mut machine(refresh.map_err(|error| error.kind())?));
    Ok(method_of(&request))
}

fn method_of(request: &aiod_auth_core::Request) -> &'static str {
    let header = headers(request, "authorization").first().is_some_and(|v| v.starts_with("Basic "));
    match (header, parameter(request, "client_secret")) {
        (true, None) => "basic",
        (false, Some(_)) => "post",
        (false, None) => "none",
        (true, Some(_)) => panic!("two at once"),
    }
}

pub(crate) fn the_strongest_that_both_know() {
    for (methods, expected) in [
        (json!(null), Ok("basic")),
        (json!([]), Ok("basic")),
        (json!(["client_secret_post"]), Ok("post")),
        (json!(["client_secret_basic"]), Ok("basic")),
        (json!(["client_secret_post", "client_secret_basic"]), Ok("basic")),
        (json!(["none", "client_secret_post"]), Ok("post")),
        (json!(["private_key_jwt", "client_secret_jwt", "client_secret_post"]), Ok("post")),
        (json!(["private_key_jwt"]), Err(Kind::Config)),
        (json!(["private_key_jwt", "tls_client_auth", "none"]), Err(Kind::Config)),
        (json!(["Client_Secret_Post"]), Err(Kind::Config)),
    ] {
        assert_eq!(at_token_endpoint(&confidential(), &methods), expected, "{methods}");
        // What is configured wins.
        for (method, configured) in [
            (AuthenticationMethod::ClientSecretBasic, "basic"),
            (AuthenticationMethod::ClientSecretPost, "post"),
            (AuthenticationMethod::None, "none"),
        ] {
            let client = confidential().with_authentication_method(method);
            assert_eq!(at_token_endpoint(&client, &methods), Ok(configured), "{methods}");
        }
        // A client without a secret has no choice.
        assert_eq!(at_token_endpoint(&public(), &methods), Ok("none"), "{methods}");
    }
    let basic = public().with_authentication_method(AuthenticationMethod::ClientSecretBasic);
    assert_eq!(at_token_endpoint(&basic, &json!(null)), Err(Kind::Config));
    // For every endpoint but revocation.
    let server = server_with(&json!({
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }));
    for (name, request) in requests(posting(&server, &confidential())) {
        let expected = if name.starts_with("revoke") { "basic" } else { "post" };
        assert_eq!(method_of(&request), expected, "{name}");
    }
}

pub(crate) fn revocation_has_a_list_of_its_own() {
    for (token, revocation, expected) in [
        (json!(null), json!(null), Ok("basic")),
        (json!(["client_secret_post"]), json!(null), Ok("basic")),
        (json!(["client_secret_post"]), json!([]), Ok("basic")),
        (json!(["client_secret_basic"]), json!(["client_secret_post"]), Ok("post")),
        (json!(["client_secret_post"]), json!(["client_secret_basic"]), Ok("basic")),
        (json!(["private_key_jwt"]), json!(["client_secret_post"]), Ok("post")),
        (json!(["client_secret_post"]), json!(["private_key_jwt"]), Err(Kind::Config)),
    ] {
        let server = server_with(&json!({
            "token_endpoint_auth_methods_supported": token,
            "revocation_endpoint_auth_methods_supported": revocation,
        }));
        let (old, policy) = (RefreshToken::new("r"), RetryPolicy::default());
        let found = RevocationRequest::refresh_token(&server, &confidential(), &old, policy)
            .map(|revoke| method_of(&sent_by(&mut machine(revoke))))
            .map_err(|error| error.kind());
        assert_eq!(found, expected, "{token} {revocation}");
    }
}

pub(crate) fn introspection_has_a_list_of_its_own_or_the_token_endpoints() {
    for (token, introspection, expected) in [
        (json!(null), json!(null), Ok("basic")),
        (json!(["client_secret_post"]), json!(null), Ok("post")),
        (json!(["client_secret_post"]), json!([]), Ok("post")),
        (json!(["client_secret_basic"]), json!(["client_secret_post"]), Ok("post")),
        (json!(["client_secret_post"]), json!(["client_secret_basic"]), Ok("basic")),
        (json!(["private_key_jwt"]), json!(["client_secret_post"]), Ok("post")),
        (json!(["private_key_jwt"]), json!(null), Err(Kind::Config)),
        (json!(["client_secret_post"]), json!(["private_key_jwt"]), Err(Kind::Config)),
    ] {
        let server = server_with(&json!({
            "token_endpoint_auth_methods_supported": token,
            "introspection_endpoint_auth_methods_supported": introspection,
        }));
        let (access, policy) = (AccessToken::new("a").unwrap(), RetryPolicy::default());
        let found = IntrospectionRequest::new(&server, &confidential(), &access, policy)
            .map(|introspect| method_of(&sent_by(&mut machine(introspect))))
            .map_err(|error| error.kind());
        assert_eq!(found, expected, "{token} {introspection}");
    }
}

pub(crate) fn a_refused_client_is_not_tried_again() {
    let bot = bot("bot", "bot-secret");
    for status in [400, 401, 403] {
        let mut world = world();
        world.server.fault_at("/token", 9, instead(status, &oauth_error("invalid_client")));
        let error = get_token_as(&mut world, &bot).unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{error}");
        let asked = world.server.log().iter().filter(|seen| seen.request.path() == "/token");
        assert_eq!(asked.count(), 1, "{status}");
    }
}

/// In a whole life: a login, a refresh, a logout.
pub(crate) fn every_request_is_authenticated() {
    for (name, request) in requests(posting(&server(), &confidential())) {
        assert_eq!(method_of(&request), "basic", "{name}");
    }
    assert!(posting_for(&server(), &confidential(), &scope("")).is_ok());

    let mut world = world();
    let mut web = aiod_auth_tests::sim::Client::confidential("web", "web-secret");
    web.grant_types = vec![DEVICE_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS];
    world.server.clients.push(web);
    let profile = bot("web", "web-secret");
    let profile = std::sync::Arc::new(
        aiod_auth_core::Profile::clone(&profile)
            .with_login(aiod_auth_core::LoginMethod::Device)
            .with_scope(scope("openid")),
    );
    log_in_as(&mut world, &profile);
    world.pass(std::time::Duration::from_secs(300));
    get_token_as(&mut world, &profile).unwrap();
    let logout = aiod_auth_core::session::Logout::new(profile, None, RetryPolicy::default());
    world.run(logout).unwrap();
    let posts: Vec<_> =
        world.server.log().iter().filter(|seen| seen.request.method == "POST").collect();
    let paths: Vec<_> = posts.iter().map(|seen| seen.request.path()).collect();
    assert_eq!(paths, ["/device_authorization", "/token", "/token", "/revoke"]);
    for seen in posts {
        let authorization = seen.request.header("authorization");
        assert_eq!(authorization, Some("Basic d2ViOndlYi1zZWNyZXQ="), "{seen}");
    }
    assert!(server().endpoint(Endpoint::Revocation).is_some());
}
