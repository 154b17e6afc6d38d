//! AC: the authorization code grant.

use aiod_auth_core::{ClientSecret, Entropy, Kind, Parameters, flow::AuthorizationRequest};
use aiod_auth_tests::sim::{AUTHORIZATION_CODE, Answer, Fault};

use super::{browser::*, scene::*};
use crate::row::{
    Check::{As, Behaviour},
    Row, row,
};

pub(crate) const ROWS: &[Row] = &[
    row(
        "AC-01",
        "sends response_type=code, client_id, and always redirect_uri, state and an S256 challenge",
        Behaviour(the_page_says_all_that_is_needed),
    ),
    row(
        "AC-02",
        "takes no redirect without this login's own `state`, and waits on",
        Behaviour(|| {
            without_the_state_it_is_not_ours();
            a_stray_redirect_changes_nothing();
        }),
    ),
    row("AC-03", "ignores parameters that it doesn't know", Behaviour(unknown_parameters_are_fine)),
    row(
        "AC-04",
        "refuses a parameter that comes twice, and a code with an error",
        Behaviour(twice_is_refused),
    ),
    row(
        "AC-05",
        "reads an error after `state` and `iss` only",
        Behaviour(an_error_needs_the_state),
    ),
    row(
        "AC-06",
        "sends code, the same redirect_uri, client_id and the verifier for the tokens",
        Behaviour(the_code_goes_out_with_what_belongs_to_it),
    ),
    row(
        "AC-07",
        "uses a code once",
        Behaviour(|| {
            a_code_goes_out_once();
            a_second_visit_is_told_that_it_is_done();
        }),
    ),
    row("AC-08", "takes no token from a redirect", Behaviour(tokens_in_a_redirect_are_refused)),
    row(
        "AC-09",
        "shows a page without script or foreign content, and nothing of the request in it",
        Behaviour(the_page_is_plain),
    ),
    row("AC-10", "is no open redirector", Behaviour(nothing_leads_elsewhere)),
    row("AC-11", "uses PKCE always", As(&["AC-01"])),
];

fn the_page_says_all_that_is_needed() {
    let request = request_to(&server_at("https://as.example/authorize?tenant=1")).unwrap();
    let page = request.url();
    for (name, expected) in [
        ("tenant", "1"),
        ("response_type", "code"),
        ("client_id", "demo"),
        ("redirect_uri", "http://127.0.0.1:51004/cb"),
        ("state", STATE),
        ("code_challenge_method", "S256"),
        ("scope", "openid"),
    ] {
        assert_eq!(parameter(page, name).as_deref(), Some(expected), "{page}");
    }
    assert_eq!(parameter(page, "code_challenge").unwrap().len(), 43);
    assert!(!page.as_str().contains(request.code_verifier().expose()));
}

fn without_the_state_it_is_not_ours() {
    let request = usual_request();
    for query in [
        "code=c",
        "code=c&state=",
        "code=c&state=guessed",
        "code=c&state=STATE&state=STATE",
        "code=c&state=STATE&state=guessed",
        "code=c&state=STATEx",
        "error=access_denied&state=guessed",
        "",
    ] {
        assert_eq!(returned(&request, query), "not ours", "{query}");
    }
    assert_eq!(returned(&request, "code=c&state=STATE"), "code c");
}

fn a_stray_redirect_changes_nothing() {
    for with in Loop::both() {
        let running = running(|_| ());
        log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            let stray = format!("{}?code=stolen&state=guessed", prompt.redirect_uri());
            assert_eq!(get(&stray).0, 400);
            assert_eq!(get(&sent_back(&prompt)).0, 200);
        })
        .unwrap();
        assert_eq!(running.simulator().grants(AUTHORIZATION_CODE), 1);
    }
}

fn unknown_parameters_are_fine() {
    let query = "code=c&state=STATE&session_state=1&scope=a&authuser=0&prompt=none&hd=x";
    assert_eq!(returned(&usual_request(), query), "code c");
}

fn twice_is_refused() {
    let request = usual_request();
    for query in [
        "code=c&code=d&state=STATE",
        "code=c&code=c&state=STATE",
        "code=c&error=access_denied&state=STATE",
        "state=STATE",
        "code=&state=STATE",
    ] {
        assert_eq!(returned(&request, query), "error:protocol", "{query}");
    }
}

fn an_error_needs_the_state() {
    let request = usual_request();
    assert_eq!(returned(&request, "error=access_denied&state=STATE"), "error:access_denied");
    assert_eq!(returned(&request, "error=server_error&state=guessed"), "not ours");
    let other_issuer = "error=access_denied&state=STATE&iss=https://evil.example";
    assert_eq!(returned(&request, other_issuer), "error:protocol");
}

fn the_code_goes_out_with_what_belongs_to_it() {
    for with in Loop::both() {
        let running = running(|_| ());
        log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            assert_eq!(get(&sent_back(&prompt)).0, 200);
        })
        .unwrap();
        let simulator = running.simulator();
        let bodies: Vec<_> = simulator
            .log()
            .iter()
            .filter(|sent| sent.request.path() == "/token")
            .map(|sent| url::form_urlencoded::parse(&sent.request.body).into_owned().collect())
            .collect::<Vec<std::collections::BTreeMap<String, String>>>();
        let [body] = bodies.as_slice() else { panic!("{}", bodies.len()) };
        let asked = simulator.log().iter().find(|sent| sent.request.path() == "/authorize");
        let page = format!("http://as.test{}", asked.unwrap().request.target).parse().unwrap();
        assert_eq!(body["grant_type"], "authorization_code");
        assert_eq!(body["client_id"], "demo");
        assert_eq!(Some(body["redirect_uri"].clone()), parameter(&page, "redirect_uri"));
        assert_eq!(body["code_verifier"].len(), 43);
    }
}

/// Whatever becomes of its answer: the flow starts again.
fn a_code_goes_out_once() {
    let away = Fault::Instead(Answer::empty(503));
    for fault in [Fault::DropBefore, Fault::DropAfter, away] {
        for with in Loop::both() {
            let running = running(|_| ());
            running.simulator().fault_at("/token", 1, fault.clone());
            let outcome = log_in_by(&with, browser_profile(&running.base_url), |prompt| {
                assert_eq!(get(&sent_back(&prompt)).0, 200);
            });
            assert_eq!(outcome.unwrap_err().kind(), Kind::Unavailable, "{fault:?}");
            let simulator = running.simulator();
            let sent = simulator.log().iter().filter(|sent| sent.request.path() == "/token");
            assert!(sent.count() <= 1, "{fault:?}");
        }
    }
}

/// Close the port at the redirect, and the second one is reset.
fn a_second_visit_is_told_that_it_is_done() {
    for with in Loop::both() {
        let running = running(|_| ());
        let [first, second] = log_in_twice_at_once(&with, browser_profile(&running.base_url));
        assert_eq!((first.0, second.0), (200, 409), "{}", second.1);
        assert!(second.1.contains("This login is already done"), "{}", second.1);
        assert_eq!(running.simulator().grants(AUTHORIZATION_CODE), 1);
    }
}

/// RFC 8252 §8.5: PKCE and `state` are there for a client with a secret, too.
pub(super) fn a_secret_takes_the_place_of_nothing() {
    let server = server_at("https://as.example/authorize");
    let client = public().with_secret(ClientSecret::new("shipped")).unwrap();
    let request = AuthorizationRequest::new(
        &server,
        &client,
        &scope("openid"),
        &Parameters::default(),
        "http://127.0.0.1:51004/cb",
        [Entropy::new([1; 32]), Entropy::new([2; 32])],
    )
    .unwrap();
    let page = request.url();
    assert_eq!(parameter(page, "state").as_deref(), Some(STATE));
    assert_eq!(parameter(page, "code_challenge").unwrap().len(), 43);
    assert!(!page.as_str().contains("shipped"));
}

fn tokens_in_a_redirect_are_refused() {
    let request = usual_request();
    for query in ["access_token=t&state=STATE", "code=c&state=STATE&id_token=t"] {
        assert_eq!(returned(&request, query), "error:protocol", "{query}");
    }
}

fn the_page_is_plain() {
    for with in Loop::both() {
        let running = running(|_| ());
        log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            let back = sent_back(&prompt);
            let (status, page) = get(&back);
            assert_eq!(status, 200);
            for field in [
                "Referrer-Policy: no-referrer",
                "Cache-Control: no-store",
                "Content-Security-Policy: default-src 'none'",
                "X-Content-Type-Options: nosniff",
            ] {
                assert!(page.contains(field), "{field}: {page}");
            }
            let (_, query) = back.split_once('?').unwrap();
            for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
                assert!(!page.contains(&*value), "{name}: {page}");
            }
            assert!(!page.contains("<script") && !page.contains("src="), "{page}");
        })
        .unwrap();
    }
}

fn nothing_leads_elsewhere() {
    for with in Loop::both() {
        let running = running(|settings| settings.browser_user = None);
        let error = log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            let uri = prompt.redirect_uri();
            for query in ["redirect=https://evil.example", "next=//evil.example&state=x"] {
                let (status, answer) = get(&format!("{uri}?{query}"));
                assert_eq!(status, 400);
                assert!(!answer.to_lowercase().contains("location:"), "{answer}");
            }
            // A denial ends the login at once.
            get(&sent_back(&prompt));
        });
        assert_eq!(error.unwrap_err().kind(), Kind::AccessDenied);
    }
}
