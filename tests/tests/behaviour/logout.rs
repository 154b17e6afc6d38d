//! Logging out.

use aiod_auth_core::{
    Kind,
    session::{LoggedOut, Logout},
};

use super::*;

fn log_out(world: &mut World) -> Result<LoggedOut, Error> {
    world.run(Logout::new(profile(), None, policy()))
}

fn both_ways() -> [World; 2] {
    [false, true]
        .map(|keycloak_logout| World::new(Settings { keycloak_logout, ..Settings::default() }))
}

#[test]
fn the_session_ends_at_the_server_then_here() {
    for mut world in both_ways() {
        let tokens = log_in(&mut world).tokens;
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
        let now_ms = world.now().as_unix_millis().unsigned_abs();
        assert!(!world.server.access_token_is_alive(now_ms, tokens.access_token.expose()));
        assert!(!world.server.refresh_token_is_alive(now_ms, refresh_token(&tokens)));
        assert!(stored(&world).is_none());
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::NobodyThere));
    }
}

#[test]
fn a_server_that_is_away_leaves_everything_as_it_is() {
    for mut world in both_ways() {
        log_in(&mut world);
        world.server.fault_anywhere(99, bad_gateway());
        assert_eq!(log_out(&mut world).unwrap_err().kind(), Kind::Unavailable);
        assert!(stored(&world).is_some());

        let ignoring = Logout::new(profile(), None, policy()).ignoring_errors();
        let LoggedOut::Unproven(error) = world.run(ignoring).unwrap() else { panic!() };
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(stored(&world).is_none());
    }
}

#[test]
fn a_page_proves_nothing_and_revocation_does() {
    let mut world = World::new(Settings { keycloak_logout: true, ..Settings::default() });
    let tokens = log_in(&mut world).tokens;
    let page = Fault::Instead(Answer::html(200, "<html>Do you want to log out?"));
    world.server.fault_at("/protocol/openid-connect/logout", 1, page);
    assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
    let now_ms = world.now().as_unix_millis().unsigned_abs();
    assert!(!world.server.refresh_token_is_alive(now_ms, refresh_token(&tokens)));
}

#[test]
fn a_session_that_was_over_already_counts_as_logged_out() {
    for mut world in both_ways() {
        log_in(&mut world);
        world.server.end_sessions();
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
        assert!(stored(&world).is_none());
    }
}

#[test]
fn a_503_from_revocation_means_that_the_token_lives() {
    let mut world = world();
    log_in(&mut world);
    let busy = Fault::Instead(Answer::empty(503).with_header("Retry-After", "3"));
    world.server.fault_at("/revoke", 1, busy);
    assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
    let revocations = seconds_of(&world, "/revoke");
    assert_eq!(revocations[1] - revocations[0], 3);
}
