//! The device flow: RFC 8628. More of it is in the conformance table.

use aiod_auth_core::{Kind, Login, Step};

use super::*;

#[test]
fn a_login_from_discovery_to_tokens() {
    let mut world = world();
    world.after(seconds(7), Event::Approve);
    let login = Login::new(profile(), seconds(300), policy());
    let tokens = world.run(login).unwrap();
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
fn a_sleep_that_is_cut_short_near_the_deadline_does_not_bring_a_poll_forward() {
    // Found by fuzzing: what was slept was taken off twice.
    let mut world = world();
    let mut login = Login::new(profile(), seconds(6), policy());
    let mut slept = Duration::ZERO;
    let error = world
        .run_with(&mut login, |world, step| {
            if let Step::Wait(pause) = step {
                let cut_short = Duration::from_millis(700);
                world.pass(cut_short);
                slept += cut_short;
                pause.complete(cut_short);
                return None;
            }
            if let Step::Send(exchange) = &step {
                assert!(exchange.request().url().path() != "/token" || slept >= seconds(5));
            }
            Some(step)
        })
        .unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
}
