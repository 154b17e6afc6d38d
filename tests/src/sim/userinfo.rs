//! The userinfo endpoint (OpenID Connect Core §5.3), and what stands for the API of AI-on-Demand:
//! both protected as RFC 6750 says.

use serde_json::json;

use super::Simulator;
use super::clients::is_within;
use super::http::{Answer, Request};
use super::refusal::Refusal;

impl Simulator {
    pub(super) fn userinfo(&self, now_ms: u64, request: &Request) -> Result<Answer, Refusal> {
        let token = bearer_token(request).ok_or_else(Refusal::no_bearer_token)?;
        let found = self.sessions.access_token(token, now_ms);
        let (access_token, session) = found.ok_or_else(Refusal::invalid_token)?;
        if !is_within("openid", &access_token.scope) {
            return Err(Refusal::insufficient_scope("openid"));
        }
        let user = &session.subject;
        let body = json!({
            "sub": user.sub,
            "name": user.name,
            "preferred_username": user.preferred_username,
            "roles": user.roles,
        });
        Ok(Answer::json(200, &body))
    }

    /// AI-on-Demand's API says who is logged in, whatever the scope.
    pub(super) fn authorization_test(
        &self,
        now_ms: u64,
        request: &Request,
    ) -> Result<Answer, Refusal> {
        let token = bearer_token(request).ok_or_else(Refusal::no_bearer_token)?;
        let found = self.sessions.access_token(token, now_ms);
        let (_, session) = found.ok_or_else(Refusal::invalid_token)?;
        let body = json!({"name": session.subject.name, "roles": session.subject.roles});
        Ok(Answer::json(200, &body))
    }
}

/// RFC 6750 §2.1; the form and the query of §2.2 and §2.3 are not read.
fn bearer_token(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{body, check, log_in, simulator};

    fn bearer(token: &str) -> Request {
        Request::get("/userinfo").with_header("Authorization", &format!("Bearer {token}"))
    }

    #[test]
    fn a_good_token_tells_whose_it_is() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "openid");
        let get = bearer(&tokens.access_token);
        let mut post = get.clone();
        post.method = "POST".to_owned();
        for request in [get, post] {
            let body = body(&check(&mut simulator, 0, &request, "200"));
            assert_eq!(body["sub"], "sub-alice");
            assert_eq!(body["name"], "Alice Example");
            assert_eq!(body["preferred_username"], "alice");
            assert_eq!(body["roles"], json!(["edit_aiod_resources", "crawler_example"]));
        }
    }

    #[test]
    fn a_request_without_a_token_is_challenged_without_an_error_code() {
        let answer = check(&mut simulator(), 0, &Request::get("/userinfo"), "401");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some(r#"Bearer realm="simulator""#));
    }

    #[test]
    fn a_token_that_is_not_good_is_invalid() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "openid");
        for (now_ms, token, outcome) in [
            (0, "garbage", "401 invalid_token"),
            (0, tokens.refresh_token.as_str(), "401 invalid_token"),
            (299_999, tokens.access_token.as_str(), "200"),
            (300_000, tokens.access_token.as_str(), "401 invalid_token"),
        ] {
            check(&mut simulator, now_ms, &bearer(token), outcome);
        }
    }

    #[test]
    fn a_token_without_openid_has_insufficient_scope() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "profile");
        let request = bearer(&tokens.access_token);
        let answer = check(&mut simulator, 0, &request, "403 insufficient_scope");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"scope="openid""#));
    }
}
