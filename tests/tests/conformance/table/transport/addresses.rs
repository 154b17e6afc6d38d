//! Where requests go, and where not.

use aiod_auth_core::{
    AuthorizationServer, Endpoint, Error, Issuer, Kind, MetadataCache, Problem, Profile,
    session::{Demand, Logout, Session, WhoAmI},
};
use aiod_auth_tests::verdict::{Answer, Asked, verdict};
use serde_json::json;

use crate::{
    loops::answers::REDIRECTS,
    machines::{posting, public, server, server_with},
    sessions::{get_token, log_in, policy, profile, run_seeing, seconds, world},
};

pub(crate) fn https_loopback_excepted() {
    let good = [
        "https://as.example",
        "http://127.0.0.1:1",
        "http://127.8.9.10",
        "http://[::1]:8080",
        "http://localhost",
        "http://localhost:8080",
        "HTTPS://as.example",
    ];
    let plain = [
        "http://as.example",
        "http://127.0.0.1.evil.example",
        "http://10.0.0.1",
        "http://192.168.1.1",
        "http://localhost.example",
        "http://localhost.evil.example",
        "http://evillocalhost",
        "http://a.localhost",
        "http://[::2]",
        "http://[fe80::1]",
        "http://0.0.0.0",
        "http://128.0.0.1",
        "HTTP://as.example",
    ];
    let neither = [
        "ftp://as.example",
        "file:///etc/passwd",
        "as.example",
        "//as.example",
        "javascript:1",
        "",
    ];
    let issuer = || Issuer::new("https://as.example").unwrap();
    for endpoint in Endpoint::NAMED {
        let given = |address| AuthorizationServer::new(issuer()).with_endpoint(endpoint, address);
        for address in good {
            Issuer::new(address).unwrap();
            given(address).unwrap();
        }
        for address in plain {
            let profile = Profile::with_client(issuer(), public());
            for error in [
                Issuer::new(address).unwrap_err(),
                Profile::new(address, "client").unwrap_err(),
                given(address).unwrap_err(),
                profile.with_endpoint(endpoint, address).unwrap_err(),
            ] {
                assert_eq!(error.kind(), Kind::Config, "{endpoint} {address}");
                assert!(error.hint().unwrap().contains("https"), "{:?}", error.hint());
            }
            // A bad address in metadata is the server's mistake, and an error only for a request to it.
            let server = server_with(&json!({ endpoint.metadata_name(): address }));
            assert_eq!(server.endpoint(endpoint), None, "{endpoint} {address}");

            // The caller allowed it.
            let allowed = Issuer::allowing_insecure_http(address).unwrap();
            AuthorizationServer::new(allowed).with_endpoint(endpoint, address).unwrap();
        }
        for address in neither {
            assert_eq!(Issuer::new(address).unwrap_err().kind(), Kind::Config, "{address}");
            let error = Issuer::allowing_insecure_http(address).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{address}");
            assert_eq!(given(address).unwrap_err().kind(), Kind::Config, "{address}");
        }
    }
    assert_eq!(posting(&server(), &public()).len(), 6, "with https all of them begin");
}

/// Of every endpoint, with every status of a redirect, to anywhere.
pub(crate) fn a_redirect_is_no_answer_anywhere() {
    for asked in [
        Asked::Device,
        Asked::Poll,
        Asked::Refresh,
        Asked::ClientCredentials,
        Asked::Revocation,
        Asked::EndSession,
        Asked::Userinfo,
        Asked::Introspection,
    ] {
        for status in REDIRECTS.into_iter().chain([300, 304, 399]) {
            for (location, to) in [
                ("https://evil.example/collect?x=y", " to https://evil.example"),
                ("https://as.example/elsewhere", " to https://as.example"),
                ("https://user:word@evil.example:8443/", " to https://evil.example:8443"),
            ] {
                let body = r#"{"access_token":"a","token_type":"Bearer","sub":"x","active":true}"#;
                let answer = Answer::parse(&format!("{status}\nLocation: {location}\n\n{body}"));
                let found = verdict(asked, &answer).unwrap();
                let expected = format!("{}; a redirect{to}", protocol(asked));
                assert!(found.is(&expected), "{asked:?} {status} {location}: {found}");
            }
            let found = verdict(asked, &Answer::parse(&format!("{status} {{}}"))).unwrap();
            let expected = format!("{}; a redirect", protocol(asked));
            assert!(found.is(&expected), "{asked:?} {status}: {found}");
        }
    }
    let error = Error::InvalidResponse {
        endpoint: Endpoint::Token,
        status: Some(307),
        problem: Problem::Redirect { to: Some("https://evil.example".to_owned()) },
    };
    let text = error.to_string();
    assert!(text.contains("307") && text.contains("https://evil.example"), "{text}");
}

/// What a caller holds may be from another server: it is not asked, and gets nothing.
pub(crate) fn tokens_go_to_their_own_server() {
    let other = Issuer::new("https://other.example").unwrap();
    let mut other = AuthorizationServer::new(other);
    for endpoint in Endpoint::NAMED {
        let address = format!("https://other.example/{}", endpoint.metadata_name());
        other = other.with_endpoint(endpoint, &address).unwrap();
    }
    let other = || MetadataCache::of(other.clone());

    let mut world = world();
    let cached = log_in(&mut world);
    let mut seen = 0;
    let mut at_home = |request: &aiod_auth_core::Request| {
        seen += 1;
        assert_eq!(request.url().host_str(), Some("127.0.0.1"), "{request:?}");
    };
    let question = WhoAmI::new(profile(), &cached, policy()).unwrap();
    run_seeing(&mut world, question.with_metadata(&other()), &mut at_home).unwrap();
    world.pass(seconds(300));
    let refresh = Session::token(profile(), Demand::new(), policy()).with_cached(Some(cached));
    let cached = run_seeing(&mut world, refresh.with_metadata(&other()), &mut at_home).unwrap();
    let logout = Logout::new(profile(), Some(cached), policy()).with_metadata(&other());
    run_seeing(&mut world, logout, &mut at_home).unwrap();
    assert!(seen >= 6, "{seen}");
    get_token(&mut world).unwrap_err();
}

/// To a poll it is a portal's, unless it stays.
fn protocol(asked: Asked) -> &'static str {
    if asked == Asked::Poll { "retry; stays error:protocol" } else { "error:protocol" }
}
