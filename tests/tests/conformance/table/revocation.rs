//! REV: revocation.

use aiod_auth_core::{
    AccessToken, AuthenticationMethod, Endpoint, Error, Kind, Method, RefreshToken,
    flow::RevocationRequest,
    session::{Demand, LoggedOut, Logout, Session},
};
use aiod_auth_store::{MemoryStore, Store};
use aiod_auth_tests::{
    sim::{Answer, Fault, Settings, serve, wall_clock_ms},
    verdict::Asked,
    world::World,
};
use aiod_auth_ureq::Client;
use serde_json::json;

use super::scene::*;
use crate::row::{
    Check::{Answers, Behaviour, Both},
    Row, row,
};

pub(crate) const ROWS: &[Row] = &[
    row("REV-01", "revokes over https only, loopback excepted", Behaviour(plain_http_is_refused)),
    row(
        "REV-02",
        "posts the token and a hint of its kind, authenticated",
        Behaviour(the_form_of_a_revocation),
    ),
    row(
        "REV-03",
        "takes any 2xx as done, whatever the body says, unless it is a web page: that is another server's",
        Answers(Asked::Revocation, DONE),
    ),
    row(
        "REV-04",
        "takes a refusal as done that says the token is dead already",
        Both(Asked::Revocation, DEAD, a_session_that_was_over_already_counts_as_logged_out),
    ),
    row(
        "REV-05",
        "takes a 503 as a token that still lives, and tries again when the server says",
        Both(Asked::Revocation, BUSY, || {
            a_server_that_is_busy_is_asked_again();
            a_server_that_is_away_leaves_everything_as_it_is();
        }),
    ),
    row(
        "REV-06",
        "types `unsupported_token_type`; a logout then is done with the refresh token alone",
        Both(Asked::Revocation, UNSUPPORTED, an_access_token_that_cannot_be_revoked_is_left_alone),
    ),
    row(
        "REV-07",
        "never uses a token after its revocation",
        Behaviour(|| {
            after_a_logout_no_user_is_logged_in();
            after_a_logout_a_client_has_no_tokens();
        }),
    ),
    row(
        "REV-08",
        "revokes the refresh token at a logout, an access token only where there is none",
        Behaviour(the_refresh_token_goes_first),
    ),
    row("REV-09", "never revokes by GET", Behaviour(a_revocation_is_a_post)),
];

const DONE: &[(&str, &str)] = &[
    ("200", "ok"),
    // What asks for a login to the network.
    ("200 <html><h1>Welcome to the hotel</h1>", "error:protocol"),
    ("200\nContent-Type: application/json\n\n\u{feff} <!DOCTYPE html>", "error:protocol"),
    (r#"200 {"ok":false}"#, "ok"),
    ("200 OK", "ok"),
    ("200 []", "ok"),
    // Keycloak does that.
    (r#"200 {"error":"invalid_token"}"#, "ok"),
    ("201", "ok"),
    ("202 {}", "ok"),
    ("204", "ok"),
    ("302\nLocation: https://as.example/login\n\n", "error:protocol"),
    ("404", "error:server; HTTP 404"),
];

const DEAD: &[(&str, &str)] = &[
    (r#"400 {"error":"invalid_token"}"#, "ok"),
    (r#"401 {"error":"invalid_token"}"#, "ok"),
    (r#"400 {"error":"invalid_grant"}"#, "ok"),
    (r#"401 {"error":"invalid_grant"}"#, "ok"),
    (r#"400 {"error":"invalid_request"}"#, "error:server; code invalid_request"),
    (r#"401 {"error":"invalid_client"}"#, "error:server; code invalid_client"),
    (r#"403 {"error":"unauthorized_client"}"#, "error:server; code unauthorized_client"),
    ("400 <html>", "error:server; no code"),
    ("401", "error:server; no code"),
];

const BUSY: &[(&str, &str)] = &[
    ("503\nRetry-After: 3\n\n", "retry; after 3 s"),
    ("503\nretry-after: 120\n\n<html>", "retry; after 120 s"),
    ("503", "retry"),
    ("500", "retry"),
    ("429", "retry"),
    (r#"503 {"error":"temporarily_unavailable"}"#, "retry"),
];

const UNSUPPORTED: &[(&str, &str)] = &[
    (
        r#"400 {"error":"unsupported_token_type"}"#,
        "error:server; HTTP 400; code unsupported_token_type",
    ),
    (
        r#"503 {"error":"unsupported_token_type"}"#,
        "error:server; HTTP 503; code unsupported_token_type",
    ),
];

fn plain_http_is_refused() {
    for address in
        ["http://as.example/revoke", "http://10.0.0.1/revoke", "http://127.0.0.1.evil.example/"]
    {
        let error = server_with(Endpoint::Revocation, address).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains("revocation_endpoint"), "{error}");
    }
    for address in ["https://other.example/revoke", "http://127.0.0.1:1/", "http://[::1]/revoke"] {
        server_with(Endpoint::Revocation, address).unwrap();
    }
    // Where the metadata says so, a logout sends the token nowhere.
    let mut world = world();
    log_in(&mut world);
    let metadata = json!({
        "issuer": aiod_auth_tests::world::ISSUER,
        "revocation_endpoint": "http://as.example/revoke",
    });
    let requests = world.server.log().len();
    world.server.fault_anywhere(1, instead(200, &metadata));
    assert_eq!(log_out(&mut world).unwrap_err().kind(), Kind::Protocol);
    assert_eq!(world.server.log().len() - requests, 1);
    assert!(stored(&world).is_some());
}

fn the_form_of_a_revocation() {
    let posting = confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    for (client, authorization, who) in [
        (public(), None, &["client_id=demo"][..]),
        (confidential(), Some(BASIC), &[]),
        (posting, None, &["client_id=bot", "client_secret=bot-secret"]),
    ] {
        let refresh = RefreshToken::new("a+b/c== &");
        let access = AccessToken::new("a+b/c== &").unwrap();
        let (server, policy) = (server(), policy());
        for (request, hint) in [
            (RevocationRequest::refresh_token(&server, &client, &refresh, policy), "refresh_token"),
            (RevocationRequest::access_token(&server, &client, &access, policy), "access_token"),
        ] {
            let request = first_request(&mut request.unwrap());
            assert_eq!(request.method(), Method::Post);
            assert_eq!(header(&request, "Authorization"), authorization);
            let hint = format!("token_type_hint={hint}");
            assert_eq!(form(&request), [who, &["token=a+b/c== &", &hint]].concat());
        }
    }
}

pub(super) fn log_out(world: &mut World) -> Result<LoggedOut, Error> {
    world.run(Logout::new(profile(), None, policy()))
}

/// The standard's way, and Keycloak's.
pub(super) fn both_ways() -> [World; 2] {
    [false, true]
        .map(|keycloak_logout| World::new(Settings { keycloak_logout, ..Settings::default() }))
}

fn a_session_that_was_over_already_counts_as_logged_out() {
    for mut world in both_ways() {
        log_in(&mut world);
        world.server.end_sessions();
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
        assert!(stored(&world).is_none());
    }
}

fn a_server_that_is_busy_is_asked_again() {
    let mut world = world();
    log_in(&mut world);
    let busy = Answer::empty(503).with_header("Retry-After", "3");
    world.server.fault_at("/revoke", 2, Fault::Instead(busy));
    assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
    let sent = millis_of(world.server.log(), "/revoke");
    assert_eq!(sent.len(), 3);
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 3000), "{sent:?}");
    assert!(stored(&world).is_none());
}

pub(super) fn a_server_that_is_away_leaves_everything_as_it_is() {
    for mut world in both_ways() {
        let tokens = log_in(&mut world).tokens;
        world.server.fault_anywhere(99, Fault::Instead(Answer::empty(503)));
        assert_eq!(log_out(&mut world).unwrap_err().kind(), Kind::Unavailable);
        let kept = stored(&world).unwrap();
        assert_eq!(refresh_token(&kept), refresh_token(&tokens));
        // The session goes on as if nothing had been.
        world.server.clear_faults();
        get_token(&mut world).unwrap();
        force_refresh(&mut world).unwrap();

        world.server.fault_anywhere(99, bad_gateway());
        let ignoring = Logout::new(profile(), None, policy()).ignoring_errors();
        let LoggedOut::Unconfirmed(error) = world.run(ignoring).unwrap() else { panic!() };
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(stored(&world).is_none());
    }
}

fn an_access_token_that_cannot_be_revoked_is_left_alone() {
    let mut world = world();
    let mut tokens = aiod_auth_core::Tokens::clone(&log_in(&mut world).tokens);
    tokens.refresh_token = None;
    world.store.save(&profile().key(), &tokens).unwrap();
    world.server.fault_at("/revoke", 1, refusal("unsupported_token_type"));
    assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::RemovedLocally));
    assert!(stored(&world).is_none());
    assert_eq!(count(&world, "/revoke"), 1);

    // A refresh token that can't be is a session that lives on.
    log_in(&mut world);
    world.server.fault_at("/revoke", 1, refusal("unsupported_token_type"));
    let error = log_out(&mut world).unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert!(error.to_string().contains("unsupported_token_type"), "{error}");
    assert!(stored(&world).is_some());
}

pub(super) fn after_a_logout_no_user_is_logged_in() {
    for mut world in both_ways() {
        let cached = log_in(&mut world);
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
        let requests = world.server.log().len();
        assert_eq!(get_token(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
        assert_eq!(force_refresh(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
        // Not even for a caller that still has the tokens cached.
        for demand in [Demand::new(), Demand::new().forced(), Demand::new().refreshed_early()] {
            let session = Session::token(profile(), demand, policy());
            let error = world.run(session.with_cached(Some(cached.clone()))).unwrap_err();
            assert_eq!(error.kind(), Kind::NotAuthenticated);
        }
        let who = world.who_am_i(&profile(), Some(cached), policy());
        assert_eq!(who.unwrap_err().kind(), Kind::NotAuthenticated);
        assert_eq!(world.server.log().len(), requests);
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::NotLoggedIn));
    }
}

fn after_a_logout_a_client_has_no_tokens() {
    let running = serve(Settings { interval: seconds(1), ..Settings::default() }).unwrap();
    let client = Client::new(profile_at(&running.base_url), MemoryStore::default());
    client.login(alice(&running)).unwrap();
    let tokens = client.token().unwrap();
    client.log_out().unwrap();
    let simulator = running.simulator();
    assert!(
        !simulator.access_token_is_alive(wall_clock_ms(), tokens.access_token().unwrap().expose())
    );
    assert!(!simulator.refresh_token_is_alive(wall_clock_ms(), refresh_token(&tokens)));
    let requests = simulator.log().len();
    drop(simulator);
    assert_eq!(client.token().unwrap_err().kind(), Kind::NotAuthenticated);
    assert_eq!(client.who_am_i().unwrap_err().kind(), Kind::NotAuthenticated);
    assert_eq!(running.simulator().log().len(), requests);
}

/// What was revoked, in order: the hint and the token.
fn revoked(world: &World) -> Vec<(String, String)> {
    let value = |form: &[(String, String)], wanted: &str| {
        let found = form.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let forms = forms_to(world, "/revoke");
    forms.iter().map(|form| (value(form, "token_type_hint"), value(form, "token"))).collect()
}

fn the_refresh_token_goes_first() {
    let mut world = world();
    let tokens = log_in(&mut world).tokens;
    log_out(&mut world).unwrap();
    assert_eq!(revoked(&world)[0], ("refresh_token".into(), refresh_token(&tokens).into()));
    let now_ms = now_ms(&world);
    assert!(!world.server.access_token_is_alive(now_ms, tokens.access_token().unwrap().expose()));

    let mut world = self::world();
    let mut tokens = aiod_auth_core::Tokens::clone(&log_in(&mut world).tokens);
    tokens.refresh_token = None;
    world.store.save(&profile().key(), &tokens).unwrap();
    log_out(&mut world).unwrap();
    let expected = ("access_token".to_owned(), tokens.access_token().unwrap().expose().to_owned());
    assert_eq!(revoked(&world), [expected]);
    assert!(!world.server.access_token_is_alive(now_ms, tokens.access_token().unwrap().expose()));
}

pub(super) fn a_revocation_is_a_post() {
    let mut world = world();
    log_in(&mut world);
    world.server.fault_at("/revoke", 1, bad_gateway());
    log_out(&mut world).unwrap();
    let sent = world.server.log().iter().filter(|sent| sent.request.path() == "/revoke");
    let sent: Vec<_> =
        sent.map(|sent| (sent.request.method.as_str(), sent.request.target.as_str())).collect();
    assert_eq!(sent, [("POST", "/revoke"); 2]);
}
