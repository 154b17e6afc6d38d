//! OUT: ending the session.

use std::collections::BTreeMap;

use aiod_auth_core::{
    AuthorizationServer, Endpoint, IdToken, Issuer, Kind, Method, Parameters, RefreshToken,
    flow::{Discovery, EndSessionPage, EndSessionRequest},
    session::{LoggedOut, Logout},
};
use aiod_auth_store::Store;
use aiod_auth_tests::{
    sim::{Answer, Fault, Settings},
    verdict::Asked,
    world::{ISSUER, World},
};
use serde_json::json;
use url::Url;

use super::{
    revocation::{a_server_that_is_away_leaves_everything_as_it_is, both_ways, log_out},
    scene::*,
};
use crate::{
    quirks::session_behaviour,
    row::{
        Check::{Behaviour, Both},
        Row, row,
    },
};

pub(crate) const ROWS: &[Row] = &[
    row(
        "OUT-01",
        "takes the end session endpoint from the metadata, with its own query",
        Behaviour(|| {
            the_endpoint_keeps_its_query();
            an_endpoint_that_must_not_be_used_is_not();
        }),
    ),
    row(
        "OUT-02",
        "makes it an address for a browser; without one it revokes, or logs out Keycloak's way",
        Both(Asked::EndSession, KEYCLOAK, || {
            a_browser_is_given_an_address();
            keycloak_is_sent_the_refresh_token();
            a_page_is_not_for_programs();
            session_behaviour::another_servers_logout_is_a_page();
            a_page_proves_nothing_and_revocation_does();
        }),
    ),
    row(
        "OUT-03",
        "sends the ID token as a hint, expired or not, and always its client id",
        Behaviour(the_hint_is_the_id_token_as_it_is),
    ),
    row(
        "OUT-04",
        "sends where to return to only if told so, then with a `state` that is checked",
        Behaviour(|| {
            only_what_was_given_is_sent();
            nothing_of_it_goes_in_by_another_way();
            the_user_comes_back_with_the_state();
        }),
    ),
    row(
        "OUT-05",
        "removes local tokens only after the server said yes, or if told to ignore it",
        Behaviour(|| {
            a_server_that_is_away_leaves_everything_as_it_is();
            whatever_is_no_yes_leaves_everything_as_it_is();
            the_session_ends_at_the_server_then_here();
        }),
    ),
];

/// 204 is Keycloak's word for it.
const KEYCLOAK: &[(&str, &str)] = &[
    ("204", "ok"),
    (r#"400 {"error":"invalid_grant"}"#, "ok"),
    (r#"400 {"error":"invalid_token"}"#, "ok"),
    ("200 <html>Do you want to log out?", "error:protocol; an unexpected status"),
    ("200", "error:protocol; an unexpected status"),
    ("302\nLocation: https://as.example/bye\n\n", "error:protocol"),
    (r#"401 {"error":"invalid_client"}"#, "error:server; code invalid_client"),
    ("403 <html>", "error:server; HTTP 403"),
    ("503\nRetry-After: 3\n\n", "retry; after 3 s"),
];

fn discover(metadata: &serde_json::Value) -> AuthorizationServer {
    let mut world = world();
    world.server.fault_anywhere(1, instead(200, metadata));
    world.run(Discovery::new(Issuer::new(ISSUER).unwrap(), policy())).unwrap()
}

fn with_end_session(address: &str) -> AuthorizationServer {
    discover(&json!({"issuer": ISSUER, "end_session_endpoint": address}))
}

fn parameters(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

fn the_endpoint_keeps_its_query() {
    for (address, own) in [
        ("https://as.example/bye", &[][..]),
        ("https://as.example/bye?tenant=1", &[("tenant", "1")]),
        ("https://other.example/bye?a=b%26c&d=+e", &[("a", "b&c"), ("d", " e")]),
    ] {
        let server = with_end_session(address);
        assert_eq!(server.endpoint(Endpoint::EndSession).unwrap().as_str(), address);
        let page = EndSessionPage::new(&server, &public()).unwrap();
        assert!(page.url().as_str().starts_with(address), "{}", page.url());
        let mut found = parameters(page.url());
        assert_eq!(found.remove("client_id").as_deref(), Some("demo"));
        let own: BTreeMap<_, _> =
            own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(found, own);
    }
}

fn an_endpoint_that_must_not_be_used_is_not() {
    for address in ["http://as.example/bye", "https://as.example/#/bye", "javascript:bye()"] {
        let error = EndSessionPage::new(&with_end_session(address), &public()).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol, "{address}");
        let given = server_with(Endpoint::EndSession, address);
        assert_eq!(given.unwrap_err().kind(), Kind::Config, "{address}");
    }
    let none = discover(&json!({"issuer": ISSUER}));
    assert_eq!(EndSessionPage::new(&none, &public()).unwrap_err().kind(), Kind::Config);
}

fn a_browser_is_given_an_address() {
    let page = EndSessionPage::new(&server(), &public()).unwrap();
    assert_eq!(page.url().as_str(), "https://as.example/end_session_endpoint?client_id=demo");
}

fn keycloak_is_sent_the_refresh_token() {
    let old = RefreshToken::new("a+b/c== &");
    for (client, authorization, who) in
        [(public(), None, &["client_id=demo"][..]), (confidential(), Some(BASIC), &[])]
    {
        let request = EndSessionRequest::new(&server(), &client, &old, policy());
        let request = first_request(&mut request.unwrap());
        assert_eq!(request.method(), Method::Post);
        assert_eq!(request.url().query(), None);
        assert_eq!(header(&request, "Authorization"), authorization);
        assert_eq!(form(&request), [who, &["refresh_token=a+b/c== &"]].concat());
    }
    let mut world = World::new(Settings { keycloak_logout: true, ..Settings::default() });
    log_in(&mut world);
    assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
    assert!(world.transcript().ends_with("POST /protocol/openid-connect/logout -> 204"));
    assert_eq!(count(&world, "/revoke"), 0);
}

/// An end session endpoint that is a page, as the standard has it, gets no request without a browser.
fn a_page_is_not_for_programs() {
    let mut world = world();
    log_in(&mut world);
    assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
    assert!(world.transcript().ends_with("POST /revoke -> 200"));
    assert_eq!(count(&world, "/end_session"), 0);
}

fn a_page_proves_nothing_and_revocation_does() {
    let mut world = World::new(Settings { keycloak_logout: true, ..Settings::default() });
    let tokens = log_in(&mut world).tokens;
    let page = Fault::Instead(Answer::html(200, "<html>Do you want to log out?"));
    world.server.fault_at("/protocol/openid-connect/logout", 1, page);
    assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
    let now_ms = now_ms(&world);
    assert!(!world.server.refresh_token_is_alive(now_ms, refresh_token(&tokens)));
}

fn page() -> EndSessionPage {
    EndSessionPage::new(&server(), &public()).unwrap()
}

/// `name=value`, in order.
fn sent(page: &EndSessionPage) -> Vec<String> {
    page.url().query_pairs().map(|(name, value)| format!("{name}={value}")).collect()
}

fn the_hint_is_the_id_token_as_it_is() {
    // Expired in 1970, unsigned, or no JWT at all: it is not looked into.
    for text in ["eyJhbGciOiJub25lIn0.eyJleHAiOjF9.", "a+b/c==", "not.a.jwt&x"] {
        let page = page().with_id_token_hint(&IdToken::new(text));
        assert_eq!(sent(&page), ["client_id=demo", &format!("id_token_hint={text}")]);
        assert!(!format!("{page:?}").contains(text));
    }
    let bot = EndSessionPage::new(&server(), &confidential()).unwrap();
    assert_eq!(sent(&bot), ["client_id=bot"], "and not its secret");
}

fn only_what_was_given_is_sent() {
    assert_eq!(sent(&page()), ["client_id=demo"]);
    let back = Url::parse("https://app.example/bye?a=b&c").unwrap();
    let returning = page().with_post_logout_redirect_uri(&back, "s+1 &");
    assert_eq!(
        sent(&returning),
        ["client_id=demo", "post_logout_redirect_uri=https://app.example/bye?a=b&c", "state=s+1 &",]
    );
    let parameters =
        [("logout_hint", "alice"), ("ui_locales", "de fr"), ("logout_uri", "https://x")]
            .iter()
            .try_fold(Parameters::default(), |all, (name, value)| all.with(name, value))
            .unwrap();
    assert_eq!(
        sent(&page().with_parameters(&parameters)),
        ["client_id=demo", "logout_hint=alice", "ui_locales=de fr", "logout_uri=https://x"]
    );
}

/// Neither twice, nor a way back without a `state`.
fn nothing_of_it_goes_in_by_another_way() {
    for name in ["client_id", "id_token_hint", "post_logout_redirect_uri", "state"] {
        let error = Parameters::default().with(name, "https://evil.example").unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{name}");
    }
}

fn the_user_comes_back_with_the_state() {
    let back = |query: &str| Url::parse(&format!("https://app.example/bye{query}")).unwrap();
    let page = page().with_post_logout_redirect_uri(&back(""), "s+1 &");
    for good in ["?state=s%2B1+%26", "?x=y&state=s%2b1%20%26#fragment"] {
        page.returned(&back(good)).unwrap();
    }
    for bad in [
        "",
        "?state",
        "?state=",
        "?state=s",
        "?state=S%2B1+%26",
        "?state=s%2B1+%26x",
        "?State=s%2B1+%26",
        "?state=s%2B1+%26&state=s%2B1+%26",
        "?state=other&state=s%2B1+%26",
        "#state=s%2B1+%26",
    ] {
        let error = page.returned(&back(bad)).unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol, "{bad}");
        assert!(!error.to_string().contains("s+1"), "{error}");
    }
    // This page was opened without a `state`.
    for query in ["", "?state=", "?state=s"] {
        self::page().returned(&back(query)).unwrap_err();
    }
}

fn whatever_is_no_yes_leaves_everything_as_it_is() {
    for fault in [
        bad_gateway(),
        Fault::DropBefore,
        Fault::Instead(Answer::empty(500)),
        Fault::Instead(Answer::empty(404)),
        Fault::Instead(Answer::redirect(302, "https://as.example/bye")),
        refusal("invalid_client"),
        refusal("invalid_request"),
        refusal("server_error"),
    ] {
        for mut world in both_ways() {
            let tokens = log_in(&mut world).tokens;
            world.server.fault_at("/revoke", 99, fault.clone());
            world.server.fault_at("/protocol/openid-connect/logout", 99, fault.clone());
            log_out(&mut world).unwrap_err();
            let kept = stored(&world).unwrap();
            assert_eq!(refresh_token(&kept), refresh_token(&tokens), "{fault:?}");
            assert!(kept.session_ended_at.is_none());
            assert!(world.store.try_lock(&profile().key()).unwrap().is_some());

            let ignoring = Logout::new(profile(), None, policy()).ignoring_errors();
            assert!(matches!(world.run(ignoring).unwrap(), LoggedOut::Unconfirmed(_)), "{fault:?}");
            assert!(stored(&world).is_none());
        }
    }
}

fn the_session_ends_at_the_server_then_here() {
    for mut world in both_ways() {
        let tokens = log_in(&mut world).tokens;
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::Ended));
        let now_ms = now_ms(&world);
        assert!(
            !world.server.access_token_is_alive(now_ms, tokens.access_token().unwrap().expose())
        );
        assert!(!world.server.refresh_token_is_alive(now_ms, refresh_token(&tokens)));
        assert!(stored(&world).is_none());
        assert!(matches!(log_out(&mut world).unwrap(), LoggedOut::NotLoggedIn));
    }
}
