//! Who the metadata is of.

use aiod_auth_core::{Error, Issuer, Kind, Machine, Step, flow::Discovery};
use serde_json::json;

use super::super::scene::*;

/// Asks one issuer, and is answered by one that calls itself something.
fn discover(asked: &str, answered: &str) -> Result<(), Error> {
    let mut discovery = Discovery::new(Issuer::new(asked).unwrap(), policy());
    let body = json!({"issuer": answered, "token_endpoint": "https://as.example/token"});
    answer(&mut discovery, 200, &body.to_string());
    let Step::Done(server) = discovery.poll(NOW)? else { panic!("{asked} and {answered}") };
    assert_eq!(server.issuer().as_str(), asked);
    Ok(())
}

pub(super) fn both_are_shown_and_nothing_is_used() {
    let error = discover("https://as.example/one", "https://evil.example/two").unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    for shown in ["https://as.example/one", "https://evil.example/two"] {
        assert!(error.to_string().contains(shown), "{error}");
    }
    assert!(error.hint().is_some());
    // What it calls itself is a server's text.
    let error = discover("https://as.example", "https://e.example/\u{1b}[31m\u{7}x").unwrap_err();
    assert!(!error.to_string().contains(['\u{1b}', '\u{7}']), "{error}");

    // A login goes no further: no code, no token.
    let mut world = world();
    let mut metadata = json!({"issuer": "http://127.0.0.1/"});
    for name in ["token", "device_authorization"] {
        metadata[format!("{name}_endpoint")] = format!("http://127.0.0.1/{name}").into();
    }
    world.server.fault_anywhere(1, instead(200, &metadata));
    let login = aiod_auth_core::Login::new(profile(), seconds(60), policy());
    assert_eq!(world.run(login).unwrap_err().kind(), Kind::Protocol);
    assert!(world.server.log().iter().all(|sent| sent.request.method == "GET"));
    assert!(world.prompts.is_empty());
}

pub(super) fn nothing_is_normalised() {
    for same in [
        "https://as.example",
        "https://as.example/",
        "https://AS.example/Realm",
        "https://as.example:443/x",
        "https://as.example/%7Ea",
        "https://as.example/a/../b",
        "https://as.example/caf\u{e9}",
        "http://127.0.0.1:8080/x/",
    ] {
        discover(same, same).unwrap();
    }
    for (asked, answered) in [
        ("https://as.example", "https://as.example/"),
        ("https://as.example/", "https://as.example"),
        ("https://as.example/a", "https://as.example/a/"),
        ("https://as.example/a", "https://as.example/A"),
        ("https://as.example", "https://AS.EXAMPLE"),
        ("https://AS.example", "https://as.example"),
        ("https://as.example", "HTTPS://as.example"),
        ("https://as.example", "https://as.example:443"),
        ("https://as.example:443", "https://as.example"),
        ("https://as.example/%7Ea", "https://as.example/~a"),
        ("https://as.example/%c3%a9", "https://as.example/%C3%A9"),
        ("https://as.example/caf\u{e9}", "https://as.example/cafe\u{301}"),
        ("https://as.example/b", "https://as.example/a/../b"),
        ("https://as.example", "https://as.example?"),
        ("https://as.example", "https://as.example\n"),
        ("https://as.example", "https://as.example."),
        ("http://127.0.0.1", "http://localhost"),
    ] {
        let error = discover(asked, answered).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol, "{asked} and {answered}");
    }
}

pub(super) fn what_is_no_issuer_is_refused() {
    for issuer in [
        "http://as.example",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.5:8080",
        "http://localhost.evil.example",
        "http://[2001:db8::1]",
        "https://as.example?tenant=1",
        "https://as.example/?",
        "https://as.example/#x",
        "https://as.example#",
        "https://user@as.example/",
        "https://user:secret@as.example/",
        "ftp://as.example",
        "file:///etc/issuer",
        "as.example",
        "//as.example",
        "/realms/lab",
        "https://",
        "",
        " ",
    ] {
        let error = Issuer::new(issuer).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{issuer:?}");
        assert!(!error.to_string().contains("secret"));
    }
    for issuer in [
        "https://as.example",
        "https://as.example:8443/realms/lab",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:8080/x",
        "http://localhost:3000",
    ] {
        assert_eq!(Issuer::new(issuer).unwrap().as_str(), issuer);
    }
}
