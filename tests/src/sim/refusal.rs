//! The ways to say no, with the exact status, error code and headers of the RFCs.

use serde_json::json;

use super::http::Answer;

/// An answer that refuses a request, and the error code for the log.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The `error` of the answer; empty where a plain HTTP status says it all.
    pub(super) error: String,
    pub(super) answer: Answer,
}

impl Refusal {
    /// RFC 6749 §5.2, the shape of every OAuth error.
    pub(super) fn oauth(status: u16, error: &str, error_description: &str) -> Self {
        let body = json!({ "error": error, "error_description": error_description });
        Self { error: error.to_owned(), answer: Answer::json(status, &body) }
    }

    pub(super) fn invalid_request(error_description: &str) -> Self {
        Self::oauth(400, "invalid_request", error_description)
    }

    pub(super) fn invalid_grant(error_description: &str) -> Self {
        Self::oauth(400, "invalid_grant", error_description)
    }

    pub(super) fn invalid_scope(error_description: &str) -> Self {
        Self::oauth(400, "invalid_scope", error_description)
    }

    pub(super) fn unauthorized_client(error_description: &str) -> Self {
        Self::oauth(400, "unauthorized_client", error_description)
    }

    /// RFC 6749 §5.2: 401, and a challenge if the client used the `Authorization` header.
    pub(super) fn invalid_client(used_authorization_header: bool) -> Self {
        let mut refusal = Self::oauth(401, "invalid_client", "unknown client or wrong secret");
        if used_authorization_header {
            refusal.answer =
                refusal.answer.with_header("WWW-Authenticate", r#"Basic realm="simulator""#);
        }
        refusal
    }

    /// RFC 6750 §3.1: no error code when the request had no token at all.
    pub(super) fn no_bearer_token() -> Self {
        Self::bearer(401, "", r#"Bearer realm="simulator""#)
    }

    pub(super) fn invalid_token() -> Self {
        Self::bearer(
            401,
            "invalid_token",
            r#"Bearer realm="simulator", error="invalid_token", error_description="expired, revoked or unknown""#,
        )
    }

    pub(super) fn insufficient_scope(scope: &str) -> Self {
        let challenge =
            format!(r#"Bearer realm="simulator", error="insufficient_scope", scope="{scope}""#);
        Self::bearer(403, "insufficient_scope", &challenge)
    }

    pub(super) fn not_found() -> Self {
        Self::plain(Answer::new(404, "text/plain", "not found\n"))
    }

    /// RFC 9110 §15.5.6: 405 names the methods that are allowed.
    pub(super) fn method_not_allowed(allowed: &[&str]) -> Self {
        let answer = Answer::new(405, "text/plain", "method not allowed\n");
        Self::plain(answer.with_header("Allow", &allowed.join(", ")))
    }

    fn bearer(status: u16, error: &str, challenge: &str) -> Self {
        Self {
            error: error.to_owned(),
            answer: Answer::empty(status).with_header("WWW-Authenticate", challenge),
        }
    }

    fn plain(answer: Answer) -> Self {
        Self { error: String::new(), answer }
    }
}
