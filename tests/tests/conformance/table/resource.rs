//! RES: resource indicators.

use std::sync::Arc;

use aiod_auth_core::{
    Error, Kind, Parameters, Profile,
    session::{Demand, Session},
};
use aiod_auth_tests::world::{Event, ISSUER, World};

use super::scene::*;
use crate::row::{Check::Behaviour, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "RES-01",
        "sends as a resource only an absolute URI without a fragment",
        Behaviour(a_resource_is_an_absolute_uri_without_a_fragment),
    ),
    row(
        "RES-02",
        "names the API, or several, in the request for a device code and in all for tokens",
        Behaviour(|| {
            every_request_names_the_apis();
            tokens_for_one_api_are_not_handed_out_for_another();
        }),
    ),
];

fn a_resource_is_an_absolute_uri_without_a_fragment() {
    for refused in
        ["/x", "x", "", "//api.example/", "api.example", "https://a/#f", "https://a/#", "https://"]
    {
        for outcome in [
            Parameters::default().with_resource(refused),
            Parameters::default().with("resource", refused),
        ] {
            assert_eq!(outcome.unwrap_err().kind(), Kind::Usage, "{refused:?}");
        }
    }
    for taken in
        ["https://api.example", "https://api.example/v1/", "http://10.0.0.1/", "urn:example:api"]
    {
        let profile = with_resources(&[taken]).unwrap();
        // As it was written: the server compares it.
        assert_eq!(profile.key().resource, [taken]);
        assert_eq!(resources_of_a_login(&profile)[0], [taken]);
    }
}

fn with_resources(resources: &[&str]) -> Result<Arc<Profile>, Error> {
    let parameters = resources
        .iter()
        .try_fold(Parameters::default(), |parameters, uri| parameters.with_resource(uri))?;
    Ok(Arc::new(profile_at(ISSUER).with_parameters(parameters)))
}

fn resources_of(world: &World, path: &str) -> Vec<Vec<String>> {
    let resources = |form: Vec<(String, String)>| {
        form.into_iter().filter(|(name, _)| name == "resource").map(|(_, uri)| uri).collect()
    };
    forms_to(world, path).into_iter().map(resources).collect()
}

/// Of the device request, a poll, and a refresh.
fn resources_of_a_login(profile: &Arc<Profile>) -> Vec<Vec<String>> {
    let mut world = world();
    world.after(seconds(1), Event::Approve);
    world.run(Session::login(Arc::clone(profile), seconds(60), policy())).unwrap();
    let forced = Session::token(Arc::clone(profile), Demand::new().forced(), policy());
    world.run(forced).unwrap();
    [resources_of(&world, "/device_authorization"), resources_of(&world, "/token")].concat()
}

pub(super) fn every_request_names_the_apis() {
    for resources in [&[][..], &["https://api.example/"], &["https://b.example/?x=1", "urn:a"]] {
        let sent = resources_of_a_login(&with_resources(resources).unwrap());
        assert_eq!(sent, [resources; 3]);

        // A client that logs in as itself.
        let parameters = with_resources(resources).unwrap().parameters().clone();
        let bot = Arc::new(Profile::clone(&bot()).with_parameters(parameters));
        let mut world = world();
        world.run(Session::token(bot, Demand::new(), policy())).unwrap();
        assert_eq!(resources_of(&world, "/token"), [resources]);
    }
}

fn tokens_for_one_api_are_not_handed_out_for_another() {
    let one = with_resources(&["https://one.example/"]).unwrap();
    let two = with_resources(&["https://two.example/"]).unwrap();
    let mut world = world();
    world.after(seconds(1), Event::Approve);
    let cached = world.run(Session::login(Arc::clone(&one), seconds(60), policy())).unwrap();
    let requests = world.server.log().len();
    for profile in [two, profile()] {
        let session = Session::token(profile, Demand::new(), policy());
        let error = world.run(session.with_cached(Some(cached.clone()))).unwrap_err();
        assert_eq!(error.kind(), Kind::NotAuthenticated);
    }
    world.run(Session::token(one, Demand::new(), policy())).unwrap();
    assert_eq!(world.server.log().len(), requests);
    // They are a set.
    let key = |resources: &[&str]| with_resources(resources).unwrap().key();
    assert_eq!(key(&["urn:a", "urn:b"]), key(&["urn:b", "urn:a", "urn:b"]));
    assert_ne!(key(&["urn:a", "urn:b"]), key(&["urn:a"]));
}
