//! Where metadata is looked for, and for how long it counts.

use std::time::Duration;

use aiod_auth_core::{
    AuthorizationServer, Endpoint, Error, Issuer, Kind, MetadataCache, Method, Request, Response,
    flow::Discovery,
    session::{Demand, Session, SessionTokens},
};
use aiod_auth_tests::{
    drive,
    sim::{Answer, Fault, Settings, serve},
    world::{Event, ISSUER, World},
};
use serde_json::json;

use super::super::scene::*;

/// Every place that is asked if none has anything.
fn places(issuer: &str) -> Vec<String> {
    let mut discovery = Discovery::new(Issuer::new(issuer).unwrap(), policy());
    let requests = drive::all_requests(&mut discovery, NOW, &Response::new(404, [], b""));
    let place = |request: &Request| {
        assert_eq!((request.method(), request.body().len()), (Method::Get, 0));
        request.url().to_string()
    };
    requests.iter().map(place).collect()
}

/// The issuer, and what it is in two parts: before and after the insertion.
const ISSUERS: &[(&str, &str, &str)] = &[
    ("https://as.example", "https://as.example", ""),
    ("https://as.example/", "https://as.example", ""),
    ("https://as.example:8443", "https://as.example:8443", ""),
    ("https://as.example/one", "https://as.example", "/one"),
    // One slash at the end goes, and no more.
    ("https://as.example/one/", "https://as.example", "/one"),
    ("https://as.example/one//", "https://as.example", "/one/"),
    ("https://as.example/realms/lab", "https://as.example", "/realms/lab"),
    ("https://as.example/a%20b/%C3%A9", "https://as.example", "/a%20b/%C3%A9"),
    ("https://192.0.2.7/x", "https://192.0.2.7", "/x"),
    ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443", "/x"),
    ("http://localhost:8080/x", "http://localhost:8080", "/x"),
    ("https://as.example/.well-known", "https://as.example", "/.well-known"),
];

pub(super) fn oauth_metadata_is_between_host_and_path() {
    for (issuer, host, path) in ISSUERS {
        let expected = format!("{host}/.well-known/oauth-authorization-server{path}");
        assert_eq!(places(issuer)[1], expected, "{issuer}");
    }
}

pub(super) fn openid_metadata_is_behind_the_path() {
    for (issuer, host, path) in ISSUERS {
        let expected = format!("{host}{path}/.well-known/openid-configuration");
        assert_eq!(places(issuer)[0], expected, "{issuer}");
        // And before it, where there is one.
        let inserted = format!("{host}/.well-known/openid-configuration{path}");
        let inserted = (!path.is_empty()).then_some(inserted);
        assert_eq!(places(issuer).get(2), inserted.as_ref(), "{issuer}");
    }
}

fn discover(world: &mut World, issuer: &str) -> Result<AuthorizationServer, Error> {
    world.run(Discovery::new(Issuer::new(issuer).unwrap(), policy()))
}

const REALM: &str = "http://127.0.0.1/realms/lab";

fn metadata() -> Fault {
    let found = json!({"issuer": REALM, "token_endpoint": format!("{REALM}/token")});
    instead(200, &found)
}

pub(super) fn the_third_place_is_used_if_it_is_the_first_with_something() {
    let others = [
        Fault::Instead(Answer::empty(404)),
        Fault::Instead(Answer::html(404, "<html>")),
        Fault::Instead(Answer::html(200, "<html>")),
        Fault::Instead(Answer::empty(403)),
        Fault::Instead(Answer::redirect(302, "https://as.example/login")),
        instead(201, &json!({"issuer": REALM})),
        instead(200, &json!([])),
    ];
    for nothing in others {
        let mut world = world();
        world.server.fault_anywhere(2, nothing.clone());
        world.server.fault_at("/.well-known/openid-configuration/realms/lab", 1, metadata());
        let server = discover(&mut world, REALM).unwrap();
        let token_endpoint = server.endpoint(Endpoint::Token).unwrap();
        assert_eq!(token_endpoint.as_str(), format!("{REALM}/token"));
        let asked: Vec<_> =
            world.server.log().iter().map(|sent| sent.request.target.as_str()).collect();
        let expected = [
            "/realms/lab/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/realms/lab",
            "/.well-known/openid-configuration/realms/lab",
        ];
        assert_eq!(asked, expected, "{nothing:?}");
    }
}

/// No metadata at any place: the first that others may ask says why.
pub(super) fn a_place_that_is_closed_is_the_reason() {
    for first in [401, 403] {
        let mut world = world();
        world.server.fault_anywhere(1, Fault::Instead(Answer::empty(first)));
        world.server.fault_anywhere(2, Fault::Instead(Answer::empty(404)));
        let error = discover(&mut world, REALM).unwrap_err();
        assert!(
            matches!(error, Error::InvalidResponse { status: Some(said), .. } if said == first),
            "{error}"
        );
    }
}

pub(super) fn the_first_place_with_something_is_the_last_that_is_asked() {
    for nothing in 0..3 {
        let mut world = world();
        if nothing > 0 {
            world.server.fault_anywhere(nothing, Fault::Instead(Answer::empty(404)));
        }
        world.server.fault_anywhere(1, metadata());
        discover(&mut world, REALM).unwrap();
        assert_eq!(world.server.log().len(), nothing + 1);
    }
    // The simulator's own, without the first.
    let mut world = World::new(Settings { openid_configuration: false, ..Settings::default() });
    discover(&mut world, ISSUER).unwrap();
    assert_eq!(
        world.transcript(),
        "0 s GET /.well-known/openid-configuration -> 404\n\
         0 s GET /.well-known/oauth-authorization-server -> 200"
    );
}

pub(super) fn nowhere_is_a_matter_of_the_issuer() {
    let mut world = world();
    let error = discover(&mut world, REALM).unwrap_err();
    assert_eq!((error.kind(), error.hint().as_deref()), (Kind::Protocol, Some("check the issuer")));
    assert_eq!(world.server.log().len(), 3);
}

pub(super) fn nothing_but_pages_is_no_metadata() {
    for fault in [
        Fault::Instead(Answer::html(200, "<html>Hotel")),
        instead(200, &json!([])),
        instead(201, &json!({"issuer": ISSUER})),
        Fault::Instead(Answer::empty(204)),
        Fault::Instead(Answer::redirect(301, "https://as.example/login")),
    ] {
        let mut world = world();
        world.server.fault_anywhere(9, fault.clone());
        let error = discover(&mut world, ISSUER).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol, "{fault:?}");
        assert_eq!(world.server.log().len(), 2, "{fault:?}");
    }
}

fn discoveries(world: &World) -> usize {
    count(world, "/.well-known/openid-configuration")
}

fn long_session() -> World {
    World::new(Settings { refresh_token_lifetime: seconds(86_400), ..Settings::default() })
}

fn refresh_with(world: &mut World, metadata: &MetadataCache) -> Result<SessionTokens, Error> {
    let forced = Session::token(profile(), Demand::new().forced(), policy());
    world.run(forced.with_metadata(metadata))
}

pub(super) fn metadata_is_kept_for_an_hour() {
    let (mut world, metadata) = (long_session(), MetadataCache::default());
    world.after(seconds(1), Event::Approve);
    let login = Session::login(profile(), seconds(300), policy());
    world.run(login.with_metadata(&metadata)).unwrap();
    assert_eq!(discoveries(&world), 1);
    for (minutes, asked) in [(20, 1), (20, 1), (19, 1), (2, 2), (50, 2), (11, 3)] {
        world.pass(seconds(minutes * 60));
        refresh_with(&mut world, &metadata).unwrap();
        assert_eq!(discoveries(&world), asked, "after {minutes} more minutes");
    }
    // A machine that shares nothing has to ask.
    force_refresh(&mut world).unwrap();
    assert_eq!(discoveries(&world), 4);
}

pub(super) fn a_failure_is_tried_again_and_not_kept() {
    let later = Fault::Instead(Answer::empty(503).with_header("Retry-After", "3"));
    // A server that can't answer at one place may do so at the other one; one that drops connections
    // does so everywhere.
    let transient = [
        (later, 2),
        (bad_gateway(), 2),
        (Fault::Instead(Answer::empty(500)), 2),
        (Fault::DropBefore, 1),
    ];
    for (fault, places) in transient {
        let mut world = world();
        world.server.fault_anywhere(2 * places, fault.clone());
        discover(&mut world, ISSUER).unwrap();
        assert_eq!(world.server.log().len(), 2 * places + 1, "{fault:?}");

        // Three times in all; and the next machine asks anew.
        let mut world = self::world();
        world.server.fault_anywhere(3 * places, fault.clone());
        let error = discover(&mut world, ISSUER).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (Kind::Unavailable, true), "{fault:?}");
        assert_eq!(discoveries(&world), 3, "{fault:?}");
        discover(&mut world, ISSUER).unwrap();
    }
    // With a cache, too.
    let (mut world, metadata) = (long_session(), MetadataCache::default());
    log_in(&mut world);
    refresh_with(&mut world, &metadata).unwrap();
    world.pass(seconds(3700));
    world.server.fault_anywhere(6, bad_gateway());
    let error = refresh_with(&mut world, &metadata).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(count(&world, "/token"), 2, "nothing but the login and the first refresh");
    assert_eq!(discoveries(&world), 5);
    refresh_with(&mut world, &metadata).unwrap();
    assert_eq!(discoveries(&world), 6);
}

pub(super) fn a_failure_at_one_place_is_none_at_the_other() {
    for trouble in [bad_gateway(), Fault::Instead(Answer::empty(429))] {
        let mut world = world();
        world.server.fault_at("/.well-known/openid-configuration", 9, trouble);
        discover(&mut world, ISSUER).unwrap();
        assert_eq!(world.server.log().len(), 2);

        // If the other places have no metadata, the place that failed may have it, and is asked again.
        let mut world = self::world();
        world.server.fault_at("/.well-known/openid-configuration", 1, bad_gateway());
        world.server.fault_at(
            "/.well-known/oauth-authorization-server",
            1,
            instead(404, &json!({})),
        );
        discover(&mut world, ISSUER).unwrap();
        assert_eq!(world.server.log().len(), 3);
    }
}

pub(super) fn both_loops_try_again() {
    for real in Loop::both() {
        let running = serve(Settings::default()).unwrap();
        let mut quick = policy();
        quick.first_delay = Duration::from_millis(50);
        // At both places.
        running.simulator().fault_anywhere(2, bad_gateway());
        running.simulator().fault_anywhere(1, Fault::DropBefore);
        let issuer = Issuer::new(&running.base_url).unwrap();
        let server = real.run(&mut Discovery::new(issuer, quick)).unwrap();
        assert!(server.endpoint(Endpoint::Token).is_some());
        assert_eq!(running.simulator().log().len(), 4);
    }
}
