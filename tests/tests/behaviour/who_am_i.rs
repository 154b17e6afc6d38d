//! Who is logged in.

use aiod_auth_core::{Kind, session::WhoAmI};
use aiod_auth_tests::{sim::REFRESH_TOKEN, world::Asked};

use super::*;

fn who_am_i(world: &mut World) -> Result<Asked, Error> {
    world.who_am_i(&profile(), None, policy())
}

#[test]
fn the_server_says_who_it_is() {
    let mut world = world();
    log_in(&mut world);
    let answer = who_am_i(&mut world).unwrap();
    assert_eq!(answer.userinfo.name.as_deref(), Some("Alice Example"));
    assert_eq!(answer.userinfo.subject.as_deref(), Some("sub-alice"));
    assert!(!answer.userinfo.roles.is_empty());
}

#[test]
fn a_missing_scope_is_named_and_nothing_is_refreshed() {
    let mut world = world();
    log_in(&mut world);
    let challenge =
        "Bearer error=\"insufficient_scope\", error_description=\"Missing openid scope\"";
    let refused = Fault::Instead(Answer::empty(403).with_header("WWW-Authenticate", challenge));
    world.server.fault_at("/userinfo", 1, refused);
    let error = who_am_i(&mut world).unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert_eq!(error.server_error().unwrap().description.as_deref(), Some("Missing openid scope"));
    assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
}

/// As AI-on-Demand's profile, at the simulator.
fn with_api() -> Arc<Profile> {
    let profile = Profile::clone(&profile());
    Arc::new(profile.with_current_user_at(&format!("{ISSUER}/authorization_test")).unwrap())
}

#[test]
fn an_api_that_the_profile_names_says_who_it_is() {
    let mut world = world();
    log_in(&mut world);
    let answer = world.who_am_i(&with_api(), None, policy()).unwrap();
    assert_eq!(answer.userinfo.name.as_deref(), Some("Alice Example"));
    assert_eq!(answer.userinfo.roles, ["edit_aiod_resources", "crawler_example"]);
    assert_eq!(answer.userinfo.subject, None);
    assert_eq!(world.transcript(), "5 s GET /authorization_test -> 200");
}

#[test]
fn an_api_that_refuses_a_token_gets_a_new_one_once() {
    // As FastAPI answers: with a challenge that says nothing, or with one that names the error.
    for challenge in ["Bearer", "Bearer error=\"invalid_token\""] {
        let mut world = world();
        log_in(&mut world);
        let detail = json!({"detail": "Invalid authentication token"});
        let refused = Answer::json(401, &detail).with_header("WWW-Authenticate", challenge);
        world.server.fault_at("/authorization_test", 1, Fault::Instead(refused.clone()));
        world.who_am_i(&with_api(), None, policy()).unwrap();
        assert_eq!(world.server.grants(REFRESH_TOKEN), 1);

        world.server.fault_at("/authorization_test", 2, Fault::Instead(refused));
        let error = world.who_am_i(&with_api(), None, policy()).unwrap_err();
        assert_eq!(error.kind(), Kind::NotAuthenticated, "{error}");
        assert_eq!(world.server.grants(REFRESH_TOKEN), 2);
    }
}

#[test]
fn an_api_may_leave_out_roles_and_not_the_name() {
    for (body, expected) in [
        (json!({"name": "alice"}), Ok(("alice", 0))),
        (json!({"name": "alice", "roles": null}), Ok(("alice", 0))),
        (json!({"name": "alice", "roles": []}), Ok(("alice", 0))),
        (json!({"name": "alice", "roles": "admin"}), Ok(("alice", 0))),
        (json!({"name": "alice", "roles": ["a", "b"], "sub": "x"}), Ok(("alice", 2))),
        (
            json!({"roles": ["a"]}),
            Err("the API gave a malformed answer (HTTP 200): `name` is missing"),
        ),
        (
            json!({"name": 1}),
            Err("the API gave a malformed answer (HTTP 200): `name` has the wrong type or format"),
        ),
    ] {
        let mut world = world();
        log_in(&mut world);
        world.server.fault_at("/authorization_test", 1, Fault::Instead(Answer::json(200, &body)));
        let outcome = world.who_am_i(&with_api(), None, policy());
        let outcome = outcome.map(|answer| answer.userinfo).map_err(|error| error.to_string());
        let outcome = outcome
            .as_ref()
            .map(|userinfo| (userinfo.name.as_deref().unwrap_or_default(), userinfo.roles.len()));
        assert_eq!(outcome.map_err(String::as_str), expected, "{body}");
    }
}

#[test]
fn an_api_that_is_away_is_tried_again_and_nothing_is_refreshed() {
    let mut world = world();
    log_in(&mut world);
    for request in 1..=3 {
        world.server.fault_at("/authorization_test", request, Fault::Instead(Answer::empty(503)));
    }
    let error = world.who_am_i(&with_api(), None, policy()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(world.server.grants(REFRESH_TOKEN), 0);
}

#[test]
fn a_question_takes_no_longer_than_the_policy_says() {
    let mut world = world();
    log_in(&mut world);
    world.pass(seconds(300));
    let session = get_token(&mut world).unwrap();
    world.latency = seconds(15);
    world.server.fault_at("/userinfo", 9, Fault::Delay(seconds(60)));
    let began = world.now();
    let question = WhoAmI::new(profile(), &session, policy()).unwrap();
    assert_eq!(world.run(question).unwrap_err().kind(), Kind::Unavailable);
    let took = world.now().saturating_duration_since(began);
    // The world counts in whole milliseconds.
    let limit = policy().time_limit;
    assert!((limit - Duration::from_millis(1)..=limit).contains(&took), "{took:?}");
    // What was got before is kept.
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
    world.server.clear_faults();
    who_am_i(&mut world).unwrap();
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
}

#[test]
fn a_token_that_is_rejected_is_refreshed_once_and_a_second_rejection_is_said() {
    let rejected = Answer::empty(401).with_header("WWW-Authenticate", "Bearer");
    for (rejections, is_named) in [(1, true), (2, false)] {
        let mut world = world();
        log_in(&mut world);
        world.server.fault_at("/userinfo", rejections, Fault::Instead(rejected.clone()));
        let outcome = who_am_i(&mut world).map(|asked| asked.userinfo.name);
        assert_eq!(outcome.is_ok(), is_named, "{outcome:?}");
        let is_said = outcome.is_err_and(|error| matches!(error, Error::TokenRejected(_)));
        assert_eq!(is_said, !is_named);
        assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
    }
}

/// Cut the comparison of the keys in `WhoAmI::new`: this fails.
#[test]
fn another_profiles_token_goes_nowhere() {
    let mut world = world();
    let session = log_in(&mut world);
    let other = Profile::new("https://other.example", "demo").unwrap();
    let error = WhoAmI::new(Arc::new(other), &session, policy()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAuthenticated);
}

/// NET-13.
#[test]
fn a_token_goes_to_no_address_that_cannot_be_trusted() {
    for address in ["http://api.example/", "ftp://api.example/", "api.example", "https://a@b/"] {
        let error = Profile::clone(&profile()).with_current_user_at(address).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{address}");
    }
}

#[test]
fn without_a_login_no_request_is_sent() {
    let mut world = world();
    assert_eq!(who_am_i(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
    assert_eq!(world.transcript(), "");
}
