//! What takes more than one answer: refresh, rotation, revocation, logout.

use std::time::Duration;

use aiod_auth_core::{
    Kind, Machine, RefreshToken, RetryPolicy, Step,
    flow::RevocationRequest,
    session::{Demand, LoggedOut, Logout, Session, SessionTokens},
};
use aiod_auth_store::{Lock, Store, perform};
use aiod_auth_tests::{
    sim::{REFRESH_TOKEN, Settings},
    world::{ISSUER, World},
};

use super::around::*;

/// Three processes with one store want a token at once, and the server forgives no second use.
pub(super) fn one_of_several_refreshes() {
    let (mut world, _) = logged_in(Settings::default());
    world.pass(seconds(300));
    let mut sessions: Vec<_> = (0..3)
        .map(|_| (Session::token(profile(), Demand::new(), RetryPolicy::default()), None))
        .collect();
    let mut tokens: Vec<SessionTokens> = Vec::new();
    let mut steps = 0;
    while !sessions.is_empty() {
        steps += 1;
        assert!(steps < 10_000, "they never end");
        sessions.retain_mut(|(session, lock)| match one_step(&mut world, session, lock) {
            Some(outcome) => {
                tokens.push(outcome);
                false
            }
            None => true,
        });
    }
    assert_eq!(world.server.grants(REFRESH_TOKEN), 1);
    let stored = world.store.load(&profile().key()).unwrap().unwrap();
    assert!(stored.session_ended_at.is_none());
    for got in &tokens {
        assert!(got.tokens.has_same_access_token(&stored));
    }
    // The one that was stored is the living one.
    world.pass(seconds(300));
    token(&mut world).unwrap();
}

fn one_step(
    world: &mut World,
    session: &mut Session,
    lock: &mut Option<Lock>,
) -> Option<SessionTokens> {
    match session.poll(world.now()).unwrap() {
        Step::Store(access) => {
            let outcome = perform(Some(&world.store), access.request(), lock);
            access.complete(Duration::ZERO, outcome);
            None
        }
        step @ (Step::Send(_) | Step::Show(_) | Step::Ask(_) | Step::Wait(_) | Step::Done(_)) => {
            world.perform(step)
        }
    }
}

pub(super) fn a_token_is_revoked_by_a_form() {
    let (server, old) = (server(), RefreshToken::new("old"));
    let policy = RetryPolicy::default();
    let mut request = RevocationRequest::refresh_token(&server, &client(), &old, policy).unwrap();
    let request = sent(&mut request);
    assert_eq!(request.url().query(), None);
    assert_eq!(body(&request), "token=old&token_type_hint=refresh_token&client_id=client");
}

pub(super) fn a_logout_that_ignores_errors_goes_on() {
    let (mut world, _) = logged_in(Settings::default());
    world.server.fault_at("/revoke", 2, instead("403 {}"));
    let log_out = || Logout::new(profile(), None, RetryPolicy::default());
    assert_eq!(world.run(log_out()).unwrap_err().kind(), Kind::Server);
    assert!(world.store.load(&profile().key()).unwrap().is_some());

    let outcome = world.run(log_out().ignoring_errors()).unwrap();
    assert!(matches!(outcome, LoggedOut::Unconfirmed(error) if error.kind() == Kind::Server));
    assert!(world.store.load(&profile().key()).unwrap().is_none());
}

pub(super) fn after_a_logout_nothing_is_used() {
    let (mut world, _) = logged_in(Settings::default());
    world.run(Logout::new(profile(), None, RetryPolicy::default())).unwrap();
    world.transcript();
    assert_eq!(token(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
    assert_eq!(world.transcript(), "");
}

pub(super) fn a_session_ends_by_refresh_token_at_keycloak_only() {
    for (keycloak_logout, path) in [(true, "/protocol/openid-connect/logout"), (false, "/revoke")] {
        let (mut world, _) = logged_in(Settings { keycloak_logout, ..Settings::default() });
        world.run(Logout::new(profile(), None, RetryPolicy::default())).unwrap();
        let transcript = world.transcript();
        let posts: Vec<_> = transcript.lines().filter(|line| line.contains("POST")).collect();
        assert!(posts.len() == 1 && posts[0].contains(path), "{transcript}");
    }
    another_servers_logout_is_a_page();
}

/// `/oidc/logout`, Auth0's, is not Keycloak's path: it is for a browser.
pub(crate) fn another_servers_logout_is_a_page() {
    for path in ["/oidc/logout", "/logout", "/protocol/openid-connect/logout/x"] {
        let (mut world, _) = logged_in(Settings::default());
        let document = format!(
            r#"200 {{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","revocation_endpoint":"{ISSUER}/revoke","end_session_endpoint":"{ISSUER}{path}"}}"#
        );
        world.server.fault_at("/.well-known/openid-configuration", 1, instead(&document));
        world.run(Logout::new(profile(), None, RetryPolicy::default())).unwrap();
        let transcript = world.transcript();
        let posts: Vec<_> = transcript.lines().filter(|line| line.contains("POST")).collect();
        assert!(posts.len() == 1 && posts[0].contains("/revoke"), "{transcript}");
        assert!(!transcript.contains(path), "{transcript}");
    }
}
