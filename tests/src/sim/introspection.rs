//! The introspection endpoint (RFC 7662).

use serde_json::{Value, json};

use super::Simulator;
use super::http::{Answer, Request};
use super::refusal::Refusal;
use super::sessions::Session;

impl Simulator {
    pub(super) fn introspect(&self, now_ms: u64, request: &Request) -> Result<Answer, Refusal> {
        let form = request.form()?;
        let client = self.authenticate(request, &form)?;
        // RFC 7662 §2.1: the caller must be authorized, and a public client proves nothing.
        if client.is_public() {
            return Err(Refusal::invalid_client(false));
        }
        let token = form.require("token")?;
        // RFC 7662 §2.2: of a token that is not good, nothing else is told.
        let body = self
            .describe_access_token(now_ms, token)
            .or_else(|| self.describe_refresh_token(now_ms, token))
            .unwrap_or_else(|| json!({ "active": false }));
        Ok(Answer::json(200, &body))
    }

    fn describe_access_token(&self, now_ms: u64, token: &str) -> Option<Value> {
        let (access_token, session) = self.sessions.access_token(token, now_ms)?;
        let mut body = self.describe_session(session);
        body["token_type"] = json!("Bearer");
        body["scope"] = json!(access_token.scope);
        body["iat"] = json!(access_token.issued_at_ms / 1000);
        body["exp"] = json!(access_token.expires_at_ms / 1000);
        Some(body)
    }

    fn describe_refresh_token(&self, now_ms: u64, token: &str) -> Option<Value> {
        let (refresh_token, session) = self.sessions.refresh_token(token, now_ms)?;
        if refresh_token.rotated_at_ms.is_some() {
            return None;
        }
        let mut body = self.describe_session(session);
        body["scope"] = json!(session.scope);
        body["iat"] = json!(refresh_token.issued_at_ms / 1000);
        body["exp"] = json!(refresh_token.expires_at_ms / 1000);
        Some(body)
    }

    fn describe_session(&self, session: &Session) -> Value {
        json!({
            "active": true,
            "iss": self.issuer,
            "client_id": session.client_id,
            "sub": session.subject.sub,
            "username": session.subject.preferred_username,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{body, check, log_in, simulator};

    fn introspection(token: &str) -> Request {
        let form = [("client_id", "bot"), ("client_secret", "bot-secret"), ("token", token)];
        Request::post("/introspect", &form)
    }

    #[test]
    fn good_tokens_are_described() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 5_000, "openid profile");
        for (token, token_type, exp) in [
            (&tokens.access_token, json!("Bearer"), 305),
            (&tokens.refresh_token, Value::Null, 1805),
        ] {
            let answer = check(&mut simulator, 5_000, &introspection(token), "200");
            let body = body(&answer);
            assert_eq!(body["active"], true);
            assert_eq!(body["client_id"], "demo");
            assert_eq!(body["username"], "alice");
            assert_eq!(body["scope"], "openid profile");
            assert_eq!(body["iat"], 5);
            assert_eq!(body["exp"], exp);
            assert_eq!(body["token_type"], token_type);
        }
    }

    #[test]
    fn of_other_tokens_nothing_is_told() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "openid");
        for (now_ms, token) in [(0, "garbage"), (300_000, &tokens.access_token)] {
            let answer = check(&mut simulator, now_ms, &introspection(token), "200");
            assert_eq!(body(&answer), json!({ "active": false }));
        }
    }

    #[test]
    fn only_confidential_clients_may_ask() {
        for (form, outcome) in [
            (&[("client_id", "demo"), ("token", "t")][..], "401 invalid_client"),
            (&[("token", "t")], "401 invalid_client"),
            (&[("client_id", "bot"), ("client_secret", "bot-secret")], "400 invalid_request"),
        ] {
            check(&mut simulator(), 0, &Request::post("/introspect", form), outcome);
        }
    }
}
