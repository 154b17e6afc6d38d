//! What goes out: the device request and the polls.

use aiod_auth_core::{
    AuthenticationMethod, Kind, Login, Method, Scope,
    flow::{DeviceAccessTokenRequest, DeviceAuthorizationRequest},
    session::{Demand, Session},
};
use aiod_auth_tests::{
    sim::Fault,
    world::{Event, ISSUER, World},
};
use serde_json::json;

use super::super::scene::*;

pub(super) fn the_client_says_who_it_is() {
    let posting = confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    let no_scope = Scope::default();
    for (client, scope, authorization, expected) in [
        (public(), scope("write read"), None, &["client_id=demo", "scope=read write"][..]),
        (public(), no_scope.clone(), None, &["client_id=demo"]),
        (confidential(), scope("read"), Some(BASIC), &["scope=read"]),
        (confidential(), no_scope.clone(), Some(BASIC), &[]),
        (posting, no_scope, None, &["client_id=bot", "client_secret=bot-secret"]),
    ] {
        let machine = DeviceAuthorizationRequest::new(&server(), &client, &scope, policy());
        let request = first_request(&mut machine.unwrap());
        assert_eq!(request.method(), Method::Post);
        assert_eq!(request.url().query(), None);
        assert_eq!(header(&request, "Authorization"), authorization);
        assert_eq!(form(&request), expected);
    }
}

/// However a login ends, and whatever is asked of the session afterwards.
pub(super) fn one_login_is_one_device_request() {
    let ends = [
        refusal("expired_token"),
        refusal("access_denied"),
        refusal("invalid_grant"),
        refusal("authorization_pending"),
        Fault::DropBefore,
        Fault::NotJson,
        bad_gateway(),
    ];
    for end in ends {
        let mut world = world();
        world.server.fault_at("/token", 999, end.clone());
        let login = Session::login(profile(), seconds(900), policy());
        let kind = world.run(login).unwrap_err().kind();
        if end == refusal("expired_token") {
            assert_eq!(kind, Kind::Expired);
        }
        get_token(&mut world).unwrap_err();
        assert_eq!(count(&world, "/device_authorization"), 1, "{end:?}");
        assert_eq!(world.prompts.len(), 1, "{end:?}");
    }

    // After the session has ended, no demand for a token starts a login by itself.
    let (mut world, _) = with_an_old_token();
    world.server.end_sessions();
    for _ in 0..5 {
        assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::SessionEnded);
        world.pass(seconds(61));
    }
    assert_eq!(world.prompts.len(), 1);
    // And one that may, asks once.
    world.server.settings.device_code_lifetime = seconds(12);
    let asking = Session::token(profile(), Demand::new(), policy()).or_login(seconds(900));
    assert_eq!(world.run(asking).unwrap_err().kind(), Kind::Expired);
    assert_eq!(world.prompts.len(), 2);
}

pub(super) fn a_poll_brings_the_device_code_as_it_came() {
    const GRANT: &str = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
    let posting = confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    for device_code in ["plain", "a+b/c==", "a b&c=d%20", "1.2_3~4-5", "\u{e9}\u{20ac}"] {
        let code = format!("device_code={device_code}");
        for (client, proof, who) in [
            (public(), None, &["client_id=demo"][..]),
            (confidential(), Some(BASIC), &[]),
            (posting.clone(), None, &["client_id=bot", "client_secret=bot-secret"]),
        ] {
            let waiting = authorization(device_code, seconds(5));
            let mut polls = DeviceAccessTokenRequest::new(
                &server(),
                &client,
                &waiting,
                &scope("read"),
                seconds(60),
            )
            .unwrap();
            for _ in 0..3 {
                let request = first_request(&mut polls);
                assert_eq!(request.method(), Method::Post);
                assert_eq!(header(&request, "Authorization"), proof);
                assert_eq!(form(&request), [who, &[&code, GRANT]].concat());
                answer(&mut polls, 400, r#"{"error":"authorization_pending"}"#);
            }
        }
    }
    // On the wire, nothing of it is left to be mistaken.
    let waiting = authorization("a+b/c==", seconds(5));
    let polls =
        DeviceAccessTokenRequest::new(&server(), &public(), &waiting, &scope("read"), seconds(60));
    let body = first_request(&mut polls.unwrap()).body().to_vec();
    assert!(String::from_utf8(body).unwrap().contains("device_code=a%2Bb%2Fc%3D%3D&"));
}

pub(super) fn a_server_without_the_endpoint_is_a_matter_of_configuration() {
    let whole = json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/token"),
        "device_authorization_endpoint": format!("{ISSUER}/device_authorization"),
    });
    let log_in = |world: &mut World| {
        world.after(seconds(1), Event::Approve);
        world.run(Login::new(profile(), seconds(300), policy()))
    };
    for (name, without) in [
        ("device_authorization_endpoint", None),
        ("device_authorization_endpoint", Some(json!(null))),
        ("device_authorization_endpoint", Some(json!(""))),
        // Nothing would come of asking a user.
        ("token_endpoint", None),
    ] {
        let mut metadata = whole.clone();
        match without {
            Some(value) => metadata[name] = value,
            None => drop(metadata.as_object_mut().unwrap().remove(name)),
        }
        let mut world = world();
        world.server.fault_anywhere(1, instead(200, &metadata));
        let error = log_in(&mut world).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        // What a user needs comes as one of two.
        let or = if name == "token_endpoint" { "" } else { " and no authorization_endpoint" };
        assert_eq!(error.to_string(), format!("the server names no {name}{or}"));
        assert!(error.hint().is_some());
        assert_eq!(world.server.log().len(), 1);
        assert!(world.prompts.is_empty());
    }
    let mut world = world();
    world.server.fault_anywhere(1, instead(200, &whole));
    log_in(&mut world).unwrap();
}
