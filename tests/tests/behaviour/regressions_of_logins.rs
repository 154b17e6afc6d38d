//! What went wrong once with logins, and with what they know of a server.

use aiod_auth_core::{Kind, Prompt, flow::Discovery};

use super::*;

const METADATA: &str = "/.well-known/openid-configuration";

fn device_code(page: &str) -> Value {
    json!({"device_code": "d", "user_code": "U", "verification_uri": page})
}

#[test]
fn a_page_may_have_a_fragment() {
    let mut world = world();
    let page = "https://as.example/app/#/device";
    world.server.fault_at("/device_authorization", 1, instead(200, &device_code(page)));
    // The simulator doesn't know this device code.
    let error = world.run(Session::login(profile(), seconds(300), policy())).unwrap_err();
    assert_eq!(error.kind(), Kind::Server, "{error}");
    let [Prompt::DeviceCode(prompt)] = &*world.prompts else { panic!("{:?}", world.prompts) };
    assert_eq!(prompt.verification_uri.as_str(), page);
}

#[test]
fn a_login_takes_no_longer_than_its_limit() {
    for (profile, path) in
        [(profile(), "/device_authorization"), (bot("bot", "bot-secret"), "/token")]
    {
        let mut world = world();
        world.server.fault_at(METADATA, 1, Fault::Delay(seconds(9)));
        world.server.fault_at(path, 1, Fault::Delay(seconds(9)));
        let started = world.now();
        let error = world.run(Session::login(profile, seconds(10), policy())).unwrap_err();
        let took = world.now().saturating_duration_since(started);
        assert!(took <= seconds(10), "{took:?} {error}");
    }
}

/// The user may have approved: nobody heard of it.
#[test]
fn a_login_that_no_poll_could_end_says_why() {
    let dropped = "connection reset";
    for (fault, said, hint) in [
        (Fault::DropBefore, dropped, "check the network"),
        (instead(503, &json!({})), "HTTP 503", "check the network"),
        (instead(200, &json!([])), "not a JSON object", ""),
    ] {
        let mut world = world();
        for nth in 1..=20 {
            world.server.fault_at("/token", nth, fault.clone());
        }
        let error = world.run(Session::login(profile(), seconds(60), policy())).unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        let found = error.hint().unwrap_or_default();
        assert!(found.contains(hint) && !found.contains("in time"), "{found}");
    }
    // Once it has answered, it is the user who is waited for.
    let mut world = world();
    world.server.fault_at("/token", 1, Fault::DropBefore);
    let error = world.run(Session::login(profile(), seconds(60), policy())).unwrap_err();
    assert!(error.to_string().ends_with("not approved within 60 s"), "{error}");
}

#[test]
fn a_429_with_a_code_of_its_own_does_not_end_a_login() {
    let mut world = world();
    world.after(seconds(12), Event::Approve);
    world.server.fault_at("/token", 1, instead(429, &oauth_error("too_many_requests")));
    world.run(Session::login(profile(), seconds(300), policy())).unwrap();
}

#[test]
fn a_malformed_endpoint_that_no_flow_needs_is_no_error() {
    let mut world = world();
    let body = json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/token"),
        "end_session_endpoint": "https://app.example/#/logout",
    });
    world.server.fault_at(METADATA, 1, instead(200, &body));
    world.run(Discovery::new(Issuer::new(ISSUER).unwrap(), policy())).unwrap();
}

#[test]
fn spaces_around_an_issuer_do_not_count() {
    let mut world = world();
    let issuer = Issuer::new(&format!(" {ISSUER} ")).unwrap();
    assert_eq!(issuer, Issuer::new(ISSUER).unwrap());
    world.run(Discovery::new(issuer, policy())).unwrap();
}

/// A forced login that fails leaves the stored tokens usable.
#[test]
fn a_login_that_was_needed_and_given_up_lets_nothing_go() {
    let mut world = world();
    let mut tokens = Tokens::clone(&log_in(&mut world).tokens);
    tokens.refresh_token = None;
    world.store.save(&profile().key(), &tokens).unwrap();
    let session = Session::token(profile(), Demand::new().forced(), policy());
    let error = world.run(session.or_login(seconds(20))).unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    let salvaged = world.salvaged.unwrap();
    assert!(salvaged.has_same_access_token(&tokens));
}
