//! PKCE: RFC 7636.

use aiod_auth_core::{CodeVerifier, Entropy, Kind};
use serde_json::json;

use super::{browser::*, scene::*};
use crate::row::{
    Check::{As, Behaviour},
    Row, row,
};

pub(crate) const ROWS: &[Row] = &[
    row("PKCE-01", "makes a verifier of 43 to 128 unreserved characters", Behaviour(verifiers)),
    row("PKCE-02", "makes it of 32 random octets", As(&["PKCE-01"])),
    row("PKCE-03", "uses S256", Behaviour(the_challenge_is_the_hash)),
    row("PKCE-04", "never falls back to `plain`", Behaviour(plain_is_no_way_out)),
    row("PKCE-05", "makes a new verifier for each request", Behaviour(each_login_has_its_own)),
    row(
        "PKCE-06",
        "sends it to every server, with `state`, whatever its metadata says",
        Behaviour(metadata_without_a_word_is_enough),
    ),
    row(
        "PKCE-07",
        "takes `invalid_grant` for the code as final",
        Behaviour(a_refused_code_is_final),
    ),
];

fn verifiers() {
    for seed in [0, 1, 127, 255] {
        let verifier = CodeVerifier::new(Entropy::new([seed; 32]));
        let text = verifier.expose();
        assert_eq!(text.len(), 43);
        let is_unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(text.chars().all(is_unreserved), "{seed}");
    }
    for text in ["", &"a".repeat(42), &"a".repeat(129), &format!("{}+", "a".repeat(43))] {
        assert!(CodeVerifier::from_text(text).is_err(), "{text}");
    }
}

/// RFC 7636 appendix B.
fn the_challenge_is_the_hash() {
    let verifier = CodeVerifier::from_text("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

fn plain_is_no_way_out() {
    for with in Loop::both() {
        let running = running(|_| ());
        let mut metadata = metadata_of(&running.base_url);
        metadata["code_challenge_methods_supported"] = json!(["plain"]);
        running.simulator().fault_at(
            "/.well-known/openid-configuration",
            1,
            instead(200, &metadata),
        );
        let outcome = log_in_by(&with, browser_profile(&running.base_url), |_| ());
        assert_eq!(outcome.unwrap_err().kind(), Kind::Config);
        assert!(running.simulator().log().iter().all(|sent| sent.request.path() != "/authorize"));
    }
}

fn metadata_of(base: &str) -> serde_json::Value {
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
    })
}

fn each_login_has_its_own() {
    let server = server_at("https://as.example/authorize");
    let challenge = |seed| parameter(request_with(&server, seed).unwrap().url(), "code_challenge");
    assert_ne!(challenge(2), challenge(3));
    let both = Loop::both();
    let running = running(|_| ());
    for with in &both {
        log_in_by(with, browser_profile(&running.base_url), |prompt| {
            get(&sent_back(&prompt));
        })
        .unwrap();
    }
    let simulator = running.simulator();
    let pages = simulator.log().iter().filter(|sent| sent.request.path() == "/authorize");
    let secrets: Vec<_> = pages
        .flat_map(|sent| {
            let page = format!("http://as.test{}", sent.request.target).parse().unwrap();
            [parameter(&page, "code_challenge"), parameter(&page, "state")]
        })
        .collect();
    let distinct: std::collections::BTreeSet<_> = secrets.iter().collect();
    assert_eq!((secrets.len(), distinct.len()), (4, 4));
}

fn metadata_without_a_word_is_enough() {
    for with in Loop::both() {
        let running = running(|_| ());
        let metadata = metadata_of(&running.base_url);
        running.simulator().fault_at(
            "/.well-known/openid-configuration",
            1,
            instead(200, &metadata),
        );
        log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            for name in ["state", "code_challenge"] {
                assert_eq!(parameter(prompt.authorization_url(), name).unwrap().len(), 43);
            }
            get(&sent_back(&prompt));
        })
        .unwrap();
    }
}

fn a_refused_code_is_final() {
    for with in Loop::both() {
        let running = running(|_| ());
        running.simulator().fault_at("/token", 1, refusal("invalid_grant"));
        let outcome = log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            get(&sent_back(&prompt));
        });
        assert_eq!(outcome.unwrap_err().kind(), Kind::Server);
        let simulator = running.simulator();
        let sent = simulator.log().iter().filter(|sent| sent.request.path() == "/token");
        assert_eq!(sent.count(), 1);
    }
}
