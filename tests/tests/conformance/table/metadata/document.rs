//! What metadata says, and what counts of it.

use std::sync::Arc;

use aiod_auth_core::{
    AuthorizationServer, Endpoint, Error, Issuer, Kind, Login, Profile, RefreshToken,
    flow::{
        AccessTokenRequest, DeviceAuthorizationRequest, Discovery, RevocationRequest,
        UserinfoRequest,
    },
};
use aiod_auth_tests::world::{Event, ISSUER, World};
use serde_json::{Value, json};

use super::super::scene::*;

fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/token"),
        "device_authorization_endpoint": format!("{ISSUER}/device_authorization"),
        "revocation_endpoint": format!("{ISSUER}/revoke"),
        "userinfo_endpoint": format!("{ISSUER}/userinfo"),
    })
}

fn discover(metadata: &Value) -> AuthorizationServer {
    let mut world = world();
    world.server.fault_anywhere(1, instead(200, metadata));
    world.run(Discovery::new(Issuer::new(ISSUER).unwrap(), policy())).unwrap()
}

/// A login at a server that says this of itself.
fn log_in(world: &mut World, profile: Profile, metadata: &Value) -> Result<(), Error> {
    world.server.fault_at("/.well-known/openid-configuration", 1, instead(200, metadata));
    world.after(seconds(1), Event::Approve);
    world.run(Login::new(Arc::new(profile), seconds(60), policy())).map(drop)
}

const BAD: [&str; 7] = [
    "http://as.example/x",
    "http://10.0.0.1/x",
    "http://127.0.0.1.evil.example/x",
    "https://user@as.example/x",
    "https://as.example/x#fragment",
    "ftp://as.example/x",
    "/token",
];

pub(super) fn a_bad_endpoint_is_refused_by_a_flow_that_needs_it() {
    type Begin = fn(&AuthorizationServer) -> Result<(), Error>;
    let begin: [(&str, Begin); 4] = [
        ("token_endpoint", |server| {
            let old = RefreshToken::new("old");
            AccessTokenRequest::refresh(server, &public(), &old, &scope("a"), policy()).map(drop)
        }),
        ("device_authorization_endpoint", |server| {
            DeviceAuthorizationRequest::new(server, &public(), &scope("a"), policy()).map(drop)
        }),
        ("revocation_endpoint", |server| {
            let old = RefreshToken::new("old");
            RevocationRequest::refresh_token(server, &public(), &old, policy()).map(drop)
        }),
        ("userinfo_endpoint", |server| {
            let access = aiod_auth_core::AccessToken::new("a").unwrap();
            let tokens = aiod_auth_core::Tokens::new(access, NOW);
            UserinfoRequest::new(server, &tokens, policy()).map(drop)
        }),
    ];
    for (bad, _) in &begin {
        for address in BAD {
            let mut metadata = metadata();
            metadata[bad] = address.into();
            let server = discover(&metadata);
            for (name, begin) in &begin {
                let outcome = begin(&server);
                if name != bad {
                    outcome.unwrap();
                    continue;
                }
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), Kind::Protocol, "{name} {address}");
                assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
            }
        }
    }
    // Nothing is sent after the metadata, to any endpoint.
    for name in ["token_endpoint", "device_authorization_endpoint"] {
        let mut metadata = metadata();
        metadata[name] = "http://as.example/x".into();
        let mut world = world();
        let error = log_in(&mut world, profile_at(ISSUER), &metadata).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        assert_eq!(world.server.log().len(), 1);
    }
    // A bad endpoint that no flow needs is no error.
    let mut metadata = metadata();
    metadata["userinfo_endpoint"] = "http://as.example/x".into();
    log_in(&mut world(), profile_at(ISSUER), &metadata).unwrap();
}

pub(super) fn authentication_methods_have_a_default() {
    let sent = |methods: Value| {
        let mut metadata = metadata();
        metadata["token_endpoint_auth_methods_supported"] = methods;
        let (server, client) = (discover(&metadata), confidential());
        let request =
            AccessTokenRequest::client_credentials(&server, &client, &scope("a"), policy());
        let request = first_request(&mut request.map_err(|error| error.kind())?);
        let body = form(&request).iter().any(|pair| pair == "client_secret=bot-secret");
        let basic = header(&request, "Authorization") == Some(BASIC);
        assert_ne!(body, basic);
        Ok(if basic { "basic" } else { "post" })
    };
    for (methods, expected) in [
        (json!(null), Ok("basic")),
        (json!([]), Ok("basic")),
        (json!(["client_secret_basic"]), Ok("basic")),
        // DISC-15: no lists of texts.
        (json!("client_secret_post"), Ok("basic")),
        (json!(7), Ok("basic")),
        (json!({}), Ok("basic")),
        (json!(["client_secret_post", 1]), Ok("basic")),
        (json!(["client_secret_post"]), Ok("post")),
        (json!(["client_secret_post", "client_secret_basic"]), Ok("basic")),
        (json!(["private_key_jwt", "client_secret_post", "x"]), Ok("post")),
        (json!(["none"]), Err(Kind::Config)),
        (json!(["private_key_jwt"]), Err(Kind::Config)),
    ] {
        assert_eq!(sent(methods.clone()), expected, "{methods}");
    }
}

pub(super) fn lists_are_often_short() {
    for (name, list) in [
        ("grant_types_supported", json!(["authorization_code"])),
        ("grant_types_supported", json!(["implicit"])),
        ("grant_types_supported", json!([])),
        ("grant_types_supported", json!(null)),
        ("scopes_supported", json!(["email"])),
        ("scopes_supported", json!([])),
        ("response_types_supported", json!([])),
    ] {
        let mut metadata = metadata();
        metadata[name] = list;
        log_in(&mut world(), profile_at(ISSUER), &metadata).unwrap();
    }
    let mut metadata = metadata();
    metadata["grant_types_supported"] = json!(["urn:ietf:params:oauth:grant-type:device_code"]);
    metadata.as_object_mut().unwrap().remove("device_authorization_endpoint");
    let error = log_in(&mut world(), profile_at(ISSUER), &metadata).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
}

/// One endpoint is configured, the rest come from the metadata.
pub(crate) fn what_is_given_by_hand_wins() {
    let mut metadata = metadata();
    metadata["token_endpoint"] = format!("{ISSUER}/another/token").into();
    let given = profile_at(ISSUER).with_endpoint(Endpoint::Token, &format!("{ISSUER}/token"));
    let mut world = world();
    log_in(&mut world, given.unwrap(), &metadata).unwrap();
    assert_eq!(
        world.transcript(),
        "0 s GET /.well-known/openid-configuration -> not processed, answered 200\n\
         0 s POST /device_authorization -> 200\n\
         5 s POST /token -> 200"
    );
    // Without it, the metadata's is the one.
    let mut world = self::world();
    log_in(&mut world, profile_at(ISSUER), &metadata).unwrap_err();
    assert_eq!(count(&world, "/token"), 0);
    assert!(count(&world, "/another/token") > 0);
    // It also stands in for one that must not be used.
    metadata["token_endpoint"] = "http://as.example/token".into();
    let given = profile_at(ISSUER).with_endpoint(Endpoint::Token, &format!("{ISSUER}/token"));
    log_in(&mut self::world(), given.unwrap(), &metadata).unwrap();
}

pub(super) fn what_is_given_by_hand_spares_the_question() {
    let given = profile_at(ISSUER)
        .with_endpoint(Endpoint::Token, &format!("{ISSUER}/token"))
        .and_then(|profile| {
            let address = format!("{ISSUER}/device_authorization");
            profile.with_endpoint(Endpoint::DeviceAuthorization, &address)
        })
        .unwrap();
    let mut world = world();
    log_in(&mut world, given, &metadata()).unwrap();
    assert_eq!(world.transcript(), "0 s POST /device_authorization -> 200\n5 s POST /token -> 200");
}
