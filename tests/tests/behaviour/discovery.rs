//! Discovery: RFC 8414, OpenID Connect Discovery. More of it is in the conformance table.

use aiod_auth_core::flow::Discovery;

use super::*;

#[test]
fn a_redirect_is_not_followed_and_says_where_it_points() {
    let mut world = world();
    let moved = Fault::Instead(Answer::redirect(302, "https://login.example/x?secret=y"));
    world.server.fault_anywhere(9, moved);
    let discovery = Discovery::new(Issuer::new(ISSUER).unwrap(), policy());
    let error = world.run(discovery).unwrap_err();
    assert!(error.to_string().contains("a redirect to https://login.example"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}
