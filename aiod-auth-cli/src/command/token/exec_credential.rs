//! `--format exec-credential`: client-go's credential plugin protocol, for kubectl.

use std::env;

use aiod_auth_core::Timestamp;
use serde_json::{Value, json};

use super::handout::Handout;

/// The `ExecCredential` object with a token in it. Without an end it is used for as long as the
/// caller runs.
pub(super) fn answer(handout: &Handout<'_>) -> Value {
    let mut status = json!({ "token": handout.token });
    if let Some(expires_at) = &handout.expires_at {
        status["expirationTimestamp"] = json!(Timestamp::to_string(expires_at));
    }
    let asked = env::var("KUBERNETES_EXEC_INFO").unwrap_or_default();
    json!({ "apiVersion": api_version(&asked), "kind": "ExecCredential", "status": status })
}

/// The version that kubectl asked in: it takes no other. Both have the same form.
fn api_version(asked: &str) -> &'static str {
    let asked: Value = serde_json::from_str(asked).unwrap_or_default();
    match asked["apiVersion"].as_str() {
        Some("client.authentication.k8s.io/v1beta1") => "client.authentication.k8s.io/v1beta1",
        _ => "client.authentication.k8s.io/v1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_is_answered_in_the_version_it_asked_in() {
        let asked = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"interactive":true}}"#;
        assert_eq!(api_version(asked), "client.authentication.k8s.io/v1beta1");
        assert_eq!(api_version(&asked.replace("beta1", "")), "client.authentication.k8s.io/v1");
        assert_eq!(api_version(""), "client.authentication.k8s.io/v1");
    }
}
