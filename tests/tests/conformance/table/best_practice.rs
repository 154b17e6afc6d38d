//! BCP: RFC 9700, what is left for a client. Much of it is another row's.

use std::{collections::BTreeSet, sync::Arc};

use aiod_auth_core::{
    AuthorizationServer, Endpoint, Issuer, Kind, Login, MetadataCache, Request,
    flow::{Discovery, IntrospectionRequest},
    session::{Demand, Logout, Session, WhoAmI},
};
use aiod_auth_tests::{
    sim::{CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN},
    world::{ISSUER, World},
};

use super::{resource, scene::*};
use crate::{
    row::{
        Check::{As, Behaviour, Later},
        Row, row,
    },
    sessions::run_seeing,
};

pub(crate) const ROWS: &[Row] = &[
    row("BCP-01", "is no open redirector", As(&["AC-10"])),
    row("BCP-02", "prevents forged requests", As(&["AC-02", "PKCE-06"])),
    row(
        "BCP-03",
        "keeps what is for one server from every other",
        Behaviour(|| {
            one_servers_tokens_are_not_anothers();
            one_servers_secrets_are_not_sent_to_another();
        }),
    ),
    row("BCP-04", "prevents the injection of codes", As(&["AC-06", "PKCE-05"])),
    row("BCP-05", "uses no implicit grant", Behaviour(three_grants_and_no_other)),
    row("BCP-06", "can hold sender-constrained tokens", Later("sender-constrained tokens")),
    row(
        "BCP-07",
        "asks for no more scope than it was told to, and names its resource",
        Behaviour(|| {
            no_more_scope_than_wanted();
            resource::every_request_names_the_apis();
        }),
    ),
    row("BCP-08", "uses no password grant, unless a profile says so", As(&["BCP-05", "PWD-01"])),
    row("BCP-09", "uses the server's metadata", As(&["DISC-11"])),
    row("BCP-10", "takes no `state` twice", As(&["AC-02"])),
    row("BCP-11", "puts no token into a query", Behaviour(no_query_has_a_token)),
    row("BCP-12", "carries nothing in `state` that could be tampered with", As(&["AC-02"])),
    row("BCP-13", "survives rotation with detection of reuse", As(&["REF-03", "REF-06"])),
];

/// All that can be done with a server, in one world, and every secret of it.
fn everything() -> (World, Vec<String>) {
    let mut world = world();
    let mut secrets = vec!["bot-secret".to_owned()];
    for keycloak_logout in [false, true] {
        world.server.settings.keycloak_logout = keycloak_logout;
        let first = log_in(&mut world).tokens;
        let second = force_refresh(&mut world).unwrap().tokens;
        world.who_am_i(&profile(), None, policy()).unwrap();
        let bot = world.run(Session::token(bot(), Demand::new().forced(), policy())).unwrap();
        let server = world.run(Discovery::new(Issuer::new(ISSUER).unwrap(), policy())).unwrap();
        let token = second.access_token().unwrap();
        let asked = IntrospectionRequest::new(&server, &confidential(), token, policy());
        world.run(asked.unwrap()).unwrap();
        world.run(Logout::new(profile(), None, policy())).unwrap();
        for tokens in [&first, &second, &bot.tokens] {
            secrets.push(tokens.access_token().unwrap().expose().to_owned());
            secrets.extend(tokens.refresh_token.iter().map(|token| token.expose().to_owned()));
        }
    }
    let device_codes: Vec<_> = forms_to(&world, "/token")
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| (name == "device_code").then_some(value))
        .collect();
    assert_eq!(device_codes.len(), 2);
    secrets.extend(device_codes);
    (world, secrets)
}

fn three_grants_and_no_other() {
    let (world, _) = everything();
    let mut grants = BTreeSet::new();
    for (name, value) in forms_to(&world, "/token").into_iter().flatten() {
        assert!(!["password", "username", "response_type", "assertion"].contains(&&*name));
        if name == "grant_type" {
            grants.insert(value);
        }
    }
    let three = [CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN].map(str::to_owned);
    assert_eq!(grants, three.into());
    assert!(world.server.log().iter().all(|sent| !sent.request.target.contains("response_type")));
}

fn no_query_has_a_token() {
    let (world, secrets) = everything();
    assert!(world.server.log().len() > 15);
    for sent in world.server.log() {
        let target = &sent.request.target;
        assert!(!target.contains('?'), "{target}");
        assert!(secrets.iter().all(|secret| !target.contains(&**secret)), "{target}");
    }
}

fn no_more_scope_than_wanted() {
    for wanted in ["", "openid", "openid profile"] {
        let profile = Arc::new(profile_at(ISSUER).with_scope(scope(wanted)));
        let mut world = world();
        world.after(seconds(1), aiod_auth_tests::world::Event::Approve);
        world.run(Session::login(Arc::clone(&profile), seconds(60), policy())).unwrap();
        let forced = Session::token(profile, Demand::new().forced(), policy());
        world.run(forced).unwrap();
        let sent = |path| {
            let pairs = forms_to(&world, path).into_iter().flatten();
            pairs.filter(|(name, _)| name == "scope").map(|(_, sent)| sent).collect::<Vec<_>>()
        };
        let expected: Vec<_> =
            Some(wanted.to_owned()).filter(|wanted| !wanted.is_empty()).into_iter().collect();
        assert_eq!(sent("/device_authorization"), expected);
        assert!(sent("/token").is_empty());
    }
}

fn one_servers_tokens_are_not_anothers() {
    let mut world = world();
    let cached = log_in(&mut world);
    let requests = world.server.log().len();
    for other in ["http://127.0.0.1/", "http://127.0.0.1/realms/lab", "https://as.example"] {
        let other = Arc::new(profile_at(other));
        assert_ne!(other.key(), profile().key());
        for demand in [Demand::new(), Demand::new().forced()] {
            let session = Session::token(Arc::clone(&other), demand, policy());
            let error = world.run(session.with_cached(Some(cached.clone()))).unwrap_err();
            assert_eq!(error.kind(), Kind::NotAuthenticated);
        }
        let error = WhoAmI::new(other, &cached, policy()).unwrap_err();
        assert_eq!(error.kind(), Kind::NotAuthenticated);
    }
    assert_eq!(world.server.log().len(), requests);
}

/// A caller that mixes up the servers it knows.
fn one_servers_secrets_are_not_sent_to_another() {
    let evil = || {
        let server = AuthorizationServer::new(Issuer::new("https://evil.example").unwrap());
        let server = server.with_endpoint(Endpoint::Token, "https://evil.example/token").unwrap();
        MetadataCache::of(server)
    };
    let mut world = world();
    let mut at_home = 0;
    let mut see = |request: &Request| {
        assert_eq!(request.url().host_str(), Some("127.0.0.1"));
        at_home += 1;
    };
    let login = Login::new(bot(), seconds(60), policy()).with_metadata(&evil());
    run_seeing(&mut world, login, &mut see).unwrap();

    log_in(&mut world);
    let forced = Session::token(profile(), Demand::new().forced(), policy());
    run_seeing(&mut world, forced.with_metadata(&evil()), &mut see).unwrap();
    assert_eq!(at_home, 4, "metadata and a token, twice");
}
