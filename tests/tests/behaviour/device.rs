//! The device flow: RFC 8628.

use aiod_auth_core::{Error, ErrorCode, Kind, Login, Machine, Prompt, Reply, Step, Tokens};

use super::*;

/// A login with a limit of 5 minutes, answered by whatever was planned.
fn login(world: &mut World) -> Result<Tokens, Error> {
    login_within(world, 300)
}

fn login_within(world: &mut World, limit: u64) -> Result<Tokens, Error> {
    let login = Login::new(profile(), None, seconds(limit), policy());
    world.run(login).map(|logged_in| logged_in.tokens)
}

fn prompt(world: &World) -> aiod_auth_core::flow::DevicePrompt {
    match world.prompts.last() {
        Some(Prompt::DeviceCode(prompt)) => prompt.clone(),
        other => panic!("{other:?}"),
    }
}

fn polls(world: &World) -> Vec<u64> {
    seconds_of(world, "/token")
}

#[test]
fn a_login_from_discovery_to_tokens() {
    let mut world = world();
    world.after(seconds(7), Event::Approve);
    let tokens = login(&mut world).unwrap();
    assert_eq!(
        world.transcript(),
        "0 s GET /.well-known/openid-configuration -> 200\n\
         0 s POST /device_authorization -> 200\n\
         5 s POST /token -> 400 authorization_pending\n\
         10 s POST /token -> 200"
    );
    assert_eq!(tokens.scope, "openid profile".parse().unwrap());
    assert_eq!(tokens.lifetime(), Some(seconds(300)));
    assert!(tokens.refresh_token.is_some());
}

#[test]
fn the_prompt_says_where_to_go_and_warns() {
    let mut world = world();
    world.after(seconds(1), Event::Approve);
    login(&mut world).unwrap();
    let prompt = prompt(&world);
    let text = prompt.to_string();
    for part in [
        prompt.user_code.as_str(),
        prompt.verification_uri.as_str(),
        prompt.verification_uri_complete.as_ref().unwrap().as_str(),
        "only if you started this login yourself",
        "10 min",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(prompt.page(), prompt.verification_uri_complete.as_ref().unwrap());
}

#[test]
fn a_missing_complete_address_just_is_not_shown() {
    let mut world = world();
    world.server.settings.send_verification_uri_complete = false;
    world.after(seconds(1), Event::Approve);
    login(&mut world).unwrap();
    assert_eq!(prompt(&world).page(), &prompt(&world).verification_uri);
}

#[test]
fn a_missing_interval_is_five_seconds() {
    let mut world = world();
    world.server.settings.send_interval = false;
    world.after(seconds(11), Event::Approve);
    login(&mut world).unwrap();
    assert_eq!(polls(&world), [5, 10, 15]);
}

#[test]
fn slow_down_adds_five_seconds_for_good() {
    let mut world = world();
    world.server.fault_at("/token", 1, instead(400, &oauth_error("slow_down")));
    world.after(seconds(17), Event::Approve);
    login(&mut world).unwrap();
    // 10 s, and an eighth more: the server's clock may not be ours.
    assert_eq!(polls(&world), [5, 16, 27]);
}

#[test]
fn slow_down_that_names_an_interval_is_believed_if_it_is_longer() {
    for (named, second) in [(15, 5 + 16), (2, 5 + 11)] {
        let mut world = world();
        let body = json!({"error": "slow_down", "interval": named});
        world.server.fault_at("/token", 1, instead(200, &body));
        world.after(seconds(6), Event::Approve);
        login(&mut world).unwrap();
        assert_eq!(polls(&world), [5, second], "{named}");
    }
}

#[test]
fn a_network_that_drops_is_waited_out() {
    let busy = Fault::Instead(Answer::empty(503).with_header("Retry-After", "30"));
    let faults: [(&str, Fault, [u64; 2]); 6] = [
        ("reset before", Fault::DropBefore, [5, 15]),
        ("502 page", bad_gateway(), [5, 15]),
        ("200 page of a portal", Fault::Instead(Answer::html(200, "<html>Hotel")), [5, 15]),
        ("503 with Retry-After", busy, [5, 35]),
        ("429", Fault::Instead(Answer::empty(429)), [5, 15]),
        ("server_error", instead(400, &oauth_error("server_error")), [5, 15]),
    ];
    for (name, fault, expected) in faults {
        let mut world = world();
        world.server.fault_at("/token", 1, fault);
        world.after(seconds(1), Event::Approve);
        login(&mut world).unwrap();
        assert_eq!(polls(&world), expected, "{name}");
    }
}

#[test]
fn timeouts_double_the_wait_up_to_a_minute_and_an_answer_ends_the_doubling() {
    let mut world = world();
    world.server.fault_at("/token", 5, Fault::DropBefore);
    login(&mut world).unwrap_err();
    let polls = polls(&world);
    let gaps: Vec<u64> = polls.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[..6], [10, 20, 40, 60, 60, 5]);
}

#[test]
fn an_always_pending_code_ends_exactly_at_its_deadline() {
    let mut world = world();
    world.server.settings.device_code_lifetime = seconds(12);
    let error = login(&mut world).unwrap_err();
    assert_eq!(error.kind(), Kind::Expired);
    assert_eq!(polls(&world), [5, 10]);
    let ended = world.now().saturating_duration_since(World::new(Settings::default()).now());
    assert_eq!(ended, seconds(12));
}

#[test]
fn the_callers_limit_ends_the_login_too() {
    let mut world = world();
    let error = login_within(&mut world, 11).unwrap_err();
    assert!(matches!(error, Error::TimedOut { limit } if limit == seconds(11)), "{error:?}");
    assert_eq!(polls(&world), [5, 10]);
}

#[test]
fn no_poll_outlives_the_deadline() {
    let mut world = world();
    world.server.settings.device_code_lifetime = seconds(12);
    world.server.fault_at("/token", 9, Fault::Delay(seconds(600)));
    assert_eq!(login(&mut world).unwrap_err().kind(), Kind::Expired);
    let ended = world.now().saturating_duration_since(World::new(Settings::default()).now());
    assert_eq!(ended, seconds(12));
}

#[test]
fn without_a_lifetime_the_code_lives_as_long_as_the_callers_limit() {
    let mut world = world();
    let body = json!({
        "device_code": "d", "user_code": "u", "verification_uri": "https://as.example/device",
    });
    world.server.fault_at("/device_authorization", 1, instead(200, &body));
    world.server.fault_at("/token", 99, instead(400, &oauth_error("authorization_pending")));
    assert_eq!(login_within(&mut world, 22).unwrap_err().kind(), Kind::TimedOut);
    assert_eq!(polls(&world), [5, 10, 15, 20]);
    assert!(!prompt(&world).to_string().contains("good for"));
}

#[test]
fn verdicts_end_the_login_with_their_kind() {
    for (code, kind) in [
        ("access_denied", Kind::AccessDenied),
        ("authorization_declined", Kind::AccessDenied),
        ("expired_token", Kind::Expired),
        ("invalid_grant", Kind::Server),
        ("invalid_client", Kind::Server),
        ("teapot", Kind::Server),
    ] {
        for status in [200, 400, 403] {
            let mut world = world();
            world.server.fault_at("/token", 1, instead(status, &oauth_error(code)));
            assert_eq!(login(&mut world).unwrap_err().kind(), kind, "{status} {code}");
            assert_eq!(polls(&world).len(), 1, "{status} {code}");
        }
    }
}

#[test]
fn a_person_who_refuses_is_believed() {
    let mut world = world();
    world.after(seconds(6), Event::Deny);
    let error = login(&mut world).unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert_eq!(error.server_error().unwrap().code, Some(ErrorCode::AccessDenied));
}

#[test]
fn a_login_that_is_cancelled_sends_nothing_more() {
    let mut world = world();
    let mut login = Login::new(profile(), None, seconds(300), policy());
    let error = world.run_with(&mut login, |_| Reply::Cancelled).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(polls(&world).is_empty());
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    for jump in [86_400, -86_400] {
        let mut world = world();
        world.server.settings.device_code_lifetime = seconds(60);
        world.after(seconds(3), Event::ClockJumps(jump));
        world.after(seconds(11), Event::Approve);
        login(&mut world).unwrap();
        assert_eq!(polls(&world), [5, 10, 15], "{jump}");
    }
}

#[test]
fn an_answer_that_lacks_what_is_needed_names_it() {
    let whole = json!({
        "device_code": "d", "user_code": "u", "verification_uri": "https://as.example/device",
    });
    for field in ["device_code", "user_code", "verification_uri"] {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(field);
        let mut world = world();
        world.server.fault_at("/device_authorization", 1, instead(200, &body));
        let error = login(&mut world).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        assert!(error.to_string().contains(&format!("`{field}` is missing")), "{error}");
    }
    for uri in ["file:///etc/passwd", "http://as.example/device", "javascript:alert(1)"] {
        let mut body = whole.clone();
        body["verification_uri"] = uri.into();
        let mut world = world();
        world.server.fault_at("/device_authorization", 1, instead(200, &body));
        assert_eq!(login(&mut world).unwrap_err().kind(), Kind::Protocol, "{uri}");
    }
}

#[test]
fn a_server_without_the_device_flow_is_a_matter_of_configuration() {
    let mut world = world();
    let metadata = json!({"issuer": ISSUER, "token_endpoint": format!("{ISSUER}/token")});
    world.server.fault_anywhere(1, instead(200, &metadata));
    let error = login(&mut world).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert_eq!(error.to_string(), "the server names no device_authorization_endpoint");
    assert_eq!(world.transcript().lines().count(), 1);
}

#[test]
fn a_sleep_that_is_cut_short_near_the_deadline_does_not_bring_a_poll_forward() {
    // Found by fuzzing: what was slept was taken off twice.
    let mut world = world();
    let mut login = Login::new(profile(), None, seconds(6), policy());
    let mut slept = Duration::ZERO;
    loop {
        match login.poll(world.now()) {
            Ok(Step::Wait(pause)) => {
                world.pass(Duration::from_millis(700));
                slept += Duration::from_millis(700);
                pause.complete(Duration::from_millis(700));
            }
            Ok(Step::Send(exchange)) => {
                assert!(exchange.request().url().path() != "/token" || slept >= seconds(5));
                world.perform::<()>(Step::Send(exchange));
            }
            Ok(step) => assert!(world.perform(step).is_none()),
            Err(error) => return assert_eq!(error.kind(), Kind::TimedOut),
        }
    }
}
