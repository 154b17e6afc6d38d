//! Who is logged in.

use aiod_auth_core::{
    Kind,
    session::{WhoAmI, WhoAmIAnswer},
};
use aiod_auth_tests::sim::REFRESH_TOKEN;

use super::*;

fn who_am_i(world: &mut World) -> Result<WhoAmIAnswer, Error> {
    world.run(WhoAmI::new(profile(), None, policy()))
}

#[test]
fn the_server_says_who_it_is() {
    let mut world = world();
    log_in(&mut world);
    let answer = who_am_i(&mut world).unwrap();
    assert_eq!(answer.userinfo.name.as_deref(), Some("Alice Example"));
    assert!(!answer.userinfo.subject.is_empty());
    assert!(!answer.userinfo.roles.is_empty());
}

#[test]
fn a_missing_scope_is_named_and_nothing_is_renewed() {
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

#[test]
fn nobody_is_nobody_without_a_request() {
    let mut world = world();
    assert_eq!(who_am_i(&mut world).unwrap_err().kind(), Kind::NotAuthenticated);
    assert_eq!(world.transcript(), "");
}
