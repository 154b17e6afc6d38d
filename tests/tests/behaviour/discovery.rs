//! Discovery: RFC 8414, OpenID Connect Discovery.

use aiod_auth_core::{AuthorizationServer, Endpoint, Kind, flow::Discovery};

use super::*;

fn discover(world: &mut World, issuer: &str) -> Result<AuthorizationServer, Error> {
    world.run(Discovery::new(Issuer::new(issuer).unwrap(), policy()))
}

#[test]
fn the_three_places_are_tried_in_order() {
    let mut world = world();
    world.server.settings.openid_configuration = false;
    discover(&mut world, ISSUER).unwrap();
    assert_eq!(
        world.transcript(),
        "0 s GET /.well-known/openid-configuration -> 404\n\
         0 s GET /.well-known/oauth-authorization-server -> 200"
    );

    let error = discover(&mut world, &format!("{ISSUER}/realms/lab")).unwrap_err();
    assert_eq!(
        world.transcript(),
        "0 s GET /realms/lab/.well-known/openid-configuration -> 404\n\
         0 s GET /.well-known/oauth-authorization-server/realms/lab -> 404\n\
         0 s GET /.well-known/openid-configuration/realms/lab -> 404"
    );
    assert_eq!((error.kind(), error.hint()), (Kind::Protocol, Some("check the issuer")));
}

#[test]
fn another_issuer_is_refused_and_both_are_shown() {
    let mut world = world();
    let error = discover(&mut world, &format!("{ISSUER}/")).unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(
        error.to_string().contains("\"http://127.0.0.1\", not \"http://127.0.0.1/\""),
        "{error}"
    );
}

#[test]
fn an_endpoint_on_plain_http_beyond_loopback_is_refused_by_whoever_needs_it() {
    for (member, refused) in [("token_endpoint", true), ("userinfo_endpoint", false)] {
        let mut world = world();
        let mut metadata = json!({
            "issuer": ISSUER,
            "token_endpoint": format!("{ISSUER}/token"),
            "device_authorization_endpoint": format!("{ISSUER}/device_authorization"),
        });
        metadata[member] = "http://as.example/x".into();
        world.server.fault_anywhere(1, instead(200, &metadata));
        world.after(seconds(1), Event::Approve);
        let outcome = world.run(Session::login(profile(), seconds(60), policy()));
        let Err(error) = outcome else {
            assert!(!refused, "{member}");
            continue;
        };
        assert!(refused && error.kind() == Kind::Protocol, "{error}");
        assert!(error.to_string().contains("`token_endpoint`"), "{error}");
        assert!(!world.transcript().contains("POST"));
    }
}

#[test]
fn a_server_that_is_away_is_asked_three_times_in_one_place() {
    let mut world = world();
    world.server.fault_anywhere(9, bad_gateway());
    let error = discover(&mut world, ISSUER).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (Kind::Unavailable, true));
    assert_eq!(world.transcript().lines().count(), 3);
    assert!(
        world.now().saturating_duration_since(World::new(Settings::default()).now()) < seconds(5)
    );
}

#[test]
fn a_redirect_is_not_followed_and_says_where_it_points() {
    let mut world = world();
    let moved = Fault::Instead(Answer::redirect(302, "https://login.example/x?secret=y"));
    world.server.fault_anywhere(9, moved);
    let error = discover(&mut world, ISSUER).unwrap_err();
    assert!(error.to_string().contains("a redirect to https://login.example"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn what_is_given_by_hand_wins_and_spares_the_question() {
    let mut world = world();
    let given = Profile::new(ISSUER, "demo").unwrap();
    let given = given.with_endpoint(Endpoint::Token, &format!("{ISSUER}/token")).unwrap();
    let given = given
        .with_endpoint(Endpoint::DeviceAuthorization, &format!("{ISSUER}/device_authorization"))
        .unwrap();
    world.after(seconds(1), Event::Approve);
    world.run(Session::login(Arc::new(given), seconds(60), policy())).unwrap();
    assert!(world.transcript().starts_with("0 s POST /device_authorization"));
}
