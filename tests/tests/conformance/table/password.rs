//! PWD: the password grant.

use std::time::Duration;

use aiod_auth_core::{
    Ask, Credentials, Kind, LoginMethod, Machine as _, Password, Profile, Step,
    flow::AccessTokenRequest, provider::tiled,
};
use aiod_auth_tests::{
    memory::Canary,
    sim::{self, Settings},
};

use super::scene::*;
use crate::row::{Check::Behaviour, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row("PWD-01", "asks for a password only where a profile says so", Behaviour(never_by_itself)),
    row(
        "PWD-02",
        "keeps a password no longer than it takes",
        Behaviour(it_is_in_nothing_that_stays),
    ),
    row(
        "PWD-03",
        "sends user name and password as they were typed, but no line break and no null character, at Tiled too",
        Behaviour(as_it_was_typed),
    ),
];

fn never_by_itself() {
    assert_ne!(Profile::new("https://as.example", "demo").unwrap().login(), LoginMethod::Password);
    for with in Loop::both() {
        // A server that knows nothing else.
        let settings = Settings { device_flow: false, password_flow: true, ..Settings::default() };
        let running = sim::serve(settings).unwrap();
        let mut login =
            aiod_auth_core::Login::new(profile_at(&running.base_url).into(), seconds(10), policy());
        assert_eq!(with.run(&mut login).unwrap_err().kind(), Kind::Config);
        let simulator = running.simulator();
        assert!(simulator.log().iter().all(|sent| sent.request.path() != "/token"));
    }
}

fn credentials(username: &str, password: &str) -> Credentials {
    Credentials { username: username.to_owned(), password: Password::new(password) }
}

/// Cut the wiping in `Wiped`, or keep the request beyond its answer: a copy is found.
fn it_is_in_nothing_that_stays() {
    // In one place, and nowhere in a text of this test's.
    const CANARY: Canary = Canary::new(*b"canary-7f0c1e52a9d84b36bd01cc9ef");
    let mut password = Vec::with_capacity(32);
    CANARY.push_to(&mut password);
    let password = String::from_utf8(password).unwrap();
    let is_secret = |text: String| !text.contains("canary");
    let credentials = Credentials { username: "alice".into(), password: Password::new(password) };
    assert!(CANARY.is_in_memory(true));
    assert!(is_secret(format!("{credentials:?}")));
    let mut request =
        AccessTokenRequest::password(&server(), &public(), credentials, &scope("openid"), policy())
            .unwrap();
    let sent = first_request(&mut request);
    assert!(is_secret(format!("{sent:?} {request:?}")));
    assert!(CANARY.is_in_memory(true));
    drop(sent);
    answer(&mut request, 200, r#"{"access_token":"a","token_type":"Bearer"}"#);
    assert!(CANARY.is_in_memory(true));
    assert!(matches!(request.poll(NOW), Ok(Step::Done(_))));
    assert!(is_secret(format!("{request:?}")));
    assert!(CANARY.is_in_memory(false), "the machine is there, and the password is not");
}

fn as_it_was_typed() {
    let ask = |username: &str, password: &str| {
        let credentials = credentials(username, password);
        AccessTokenRequest::password(&server(), &public(), credentials, &scope(""), policy())
    };
    // Not normalised: this "é" is two characters.
    let (username, password) = ("bj\u{f6}rn & co", " p=e\u{301}+%20\t\"");
    let sent = form(&first_request(&mut ask(username, password).unwrap()));
    assert_eq!(
        sent,
        [
            "client_id=demo".to_owned(),
            "grant_type=password".to_owned(),
            format!("password={password}"),
            format!("username={username}"),
        ]
    );
    // An empty one is one.
    assert!(
        form(&first_request(&mut ask("alice", "").unwrap()))
            .iter()
            .any(|pair| pair.starts_with("username="))
    );
    for (username, password) in [("a\n", "p"), ("a", "p\r"), ("a", "\0p")] {
        assert_eq!(ask(username, password).unwrap_err().kind(), Kind::Usage);
        assert_eq!(at_tiled(credentials(username, password)), "error:usage");
    }
    assert_eq!(at_tiled(credentials("a", "p")), "sent");
}

/// Tiled has a protocol of its own.
fn at_tiled(credentials: Credentials) -> String {
    let settings = tiled::Settings::new(tiled::Api::new("http://127.0.0.1:8480").unwrap());
    let profile = settings.profile().unwrap();
    let mut login = aiod_auth_core::Login::new(profile.into(), seconds(10), policy());
    let description = r#"{"authentication":{"providers":[{"provider":"x","mode":"internal",
        "links":{"auth_endpoint":"http://127.0.0.1:8480/api/v1/auth/provider/x/token"}}]}}"#;
    answer(&mut login, 200, description);
    match login.poll(NOW) {
        Ok(Step::Ask(Ask::Password(asked))) => asked.answer(Duration::ZERO, credentials),
        other => panic!("{other:?}"),
    }
    match login.poll(NOW) {
        Ok(Step::Send(_)) => "sent".into(),
        Ok(other) => panic!("{other:?}"),
        Err(failed) => format!("error:{}", failed.error.kind()),
    }
}
