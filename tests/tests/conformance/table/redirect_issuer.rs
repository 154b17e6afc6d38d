//! ISS: RFC 9207.

use aiod_auth_core::{Endpoint, Kind};
use serde_json::json;

use super::{browser::*, scene::*};
use crate::row::{
    Check::{As, Behaviour},
    Row, row,
};

pub(crate) const ROWS: &[Row] = &[
    row(
        "ISS-01",
        "takes no other `iss` than the issuer's, to the letter",
        Behaviour(to_the_letter),
    ),
    row(
        "ISS-02",
        "takes no redirect without `iss` from a server that announces it",
        Behaviour(what_is_announced_has_to_come),
    ),
    row("ISS-03", "takes one that was not announced if it is the issuer's", As(&["ISS-01"])),
    row("ISS-04", "trusts no error with another `iss`", Behaviour(an_error_of_another_is_none)),
    row(
        "ISS-05",
        "sends a code to the server that it asked, and to no other; knows two profiles that put one issuer's \
         endpoint at two addresses",
        Behaviour(the_code_goes_to_the_server_that_was_asked),
    ),
];

fn to_the_letter() {
    let request = usual_request();
    for (iss, expected) in [
        ("https://as.example", "code c"),
        ("https%3A%2F%2Fas.example", "code c"),
        ("https://as.example/", "error:protocol"),
        ("https://AS.example", "error:protocol"),
        ("https://as.example:443", "error:protocol"),
        ("http://as.example", "error:protocol"),
        ("https://evil.example", "error:protocol"),
    ] {
        assert_eq!(returned(&request, &format!("code=c&state=STATE&iss={iss}")), expected, "{iss}");
    }
    let twice = "code=c&state=STATE&iss=https://as.example&iss=https://as.example";
    assert_eq!(returned(&request, twice), "error:protocol");
}

fn what_is_announced_has_to_come() {
    for with in Loop::both() {
        // The simulator announces it.
        let running = running(|_| ());
        let outcome = log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            let back = sent_back(&prompt);
            let (without, iss) = back.split_once("&iss=").unwrap();
            assert!(!iss.contains('&'), "{iss}");
            assert_eq!(get(without).0, 400);
        });
        assert_eq!(outcome.unwrap_err().kind(), Kind::Protocol);
        assert_eq!(running.simulator().grants("authorization_code"), 0);
    }
}

fn an_error_of_another_is_none() {
    let query = "error=access_denied&state=STATE&iss=https://evil.example";
    assert_eq!(returned(&usual_request(), query), "error:protocol");
}

fn the_code_goes_to_the_server_that_was_asked() {
    let at = |issuer: &str, endpoint, address: &str| {
        profile_at(issuer).with_endpoint(endpoint, address).unwrap()
    };
    for endpoint in Endpoint::NAMED {
        let one = at("https://as.example", endpoint, "https://as.example/a");
        let same = at("https://as.example", endpoint, "https://AS.example:443/a");
        let elsewhere = at("https://as.example", endpoint, "https://evil.example/a");
        assert_eq!(one.contradiction(&elsewhere), Some(endpoint));
        assert_eq!(elsewhere.contradiction(&one), Some(endpoint));
        assert_eq!(one.contradiction(&same), None);
        // Another issuer is another server; what is left to discovery is the issuer's.
        assert_eq!(
            one.contradiction(&at("https://as.example/b", endpoint, "https://b.example/a")),
            None
        );
        assert_eq!(one.contradiction(&profile_at("https://as.example")), None);
    }
    for with in Loop::both() {
        let (one, other) = (running(|_| ()), running(|_| ()));
        // It claims to be the other one.
        let lie = json!({ "issuer": other.base_url, "token_endpoint": format!("{}/token", other.base_url),
            "authorization_endpoint": format!("{}/authorize", one.base_url) });
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
        {
            one.simulator().fault_at(path, 1, instead(200, &lie));
        }
        let outcome = log_in_by(&with, browser_profile(&one.base_url), |_| ());
        assert_eq!(outcome.unwrap_err().kind(), Kind::Protocol);
        assert_eq!(other.simulator().log().len(), 0);
        log_in_by(&with, browser_profile(&one.base_url), |prompt| {
            get(&sent_back(&prompt));
        })
        .unwrap();
        assert_eq!(one.simulator().grants("authorization_code"), 1);
        assert_eq!(other.simulator().log().len(), 0);
    }
}
