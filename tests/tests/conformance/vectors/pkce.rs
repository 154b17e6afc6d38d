//! Code verifiers and their S256 challenges: RFC 7636 §4.1, §4.2.

use aiod_auth_core::{CodeVerifier, Entropy, Kind};
use serde_json::Value;

use super::text;

pub(super) fn case(case: &Value) {
    let verifier = CodeVerifier::from_text(text(case, "code_verifier")).unwrap();
    assert_eq!(verifier.challenge(), text(case, "code_challenge"));
    assert_eq!(text(case, "code_challenge_method"), "S256");
    // Longer ones than ours are other programs'.
    let octets = case["octets_hex"].as_str().map(octets).unwrap_or_default();
    if let Ok(octets) = <[u8; 32]>::try_from(octets) {
        let ours = CodeVerifier::new(Entropy::new(octets));
        assert_eq!(ours.expose(), text(case, "code_verifier"));
    }
}

pub(super) fn refuse(case: &Value) {
    let error = CodeVerifier::from_text(text(case, "code_verifier")).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
