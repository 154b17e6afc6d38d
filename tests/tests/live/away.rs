//! A server that is away, with the command. Nothing is lost then.
//!
//! The login is a real one; afterwards config.toml says that an endpoint is at a port where nothing
//! listens.

use std::net::TcpListener;

use crate::support::Workplace;

fn logged_in() -> Workplace {
    Workplace::new("aiod", "aiod-sdk").logged_in()
}

/// Lines for config.toml: these endpoints can't be reached.
fn away(endpoints: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let line = |endpoint: &&str| {
        format!("{endpoint} = \"http://{address}/protocol/openid-connect/logout\"\n")
    };
    endpoints.iter().map(line).collect()
}

const LOGOUT: [&str; 2] = ["end_session_endpoint", "revocation_endpoint"];

#[test]
fn a_logout_without_an_answer_forgets_nothing() {
    let place = logged_in().with_profile(&away(&LOGOUT));
    place.fails("logout", 5, "unavailable");
    assert!(place.record().is_some());
    place.json("status");
    // The server is back.
    let place = place.with_profile("");
    place.json("refresh");
    assert_eq!(place.json("logout")["outcome"], "ended");
}

#[test]
fn a_logout_that_ignores_errors_forgets_the_session_here() {
    let place = logged_in().with_profile(&away(&LOGOUT));
    let logout = place.run("logout --ignore-errors --json");
    assert_eq!(logout.json()["outcome"], "unconfirmed");
    assert!(logout.stderr.contains("may live on"), "{logout:?}");
    assert!(place.record().is_none());
}

#[test]
fn a_refresh_without_an_answer_keeps_the_session() {
    let place = logged_in().with_profile(&away(&["token_endpoint"]));
    let before = place.refresh_token();
    place.fails("refresh", 5, "unavailable");
    assert_eq!(place.refresh_token(), before);
    // The token that is there still serves, without the network.
    place.run("token").answer();
    place.with_profile("").json("refresh");
}
