//! The token endpoint: five grants, one kind of answer (RFC 6749 §5).

mod authorization_code_grant;
mod client_credentials_grant;
mod device_code_grant;
mod password_grant;
mod refresh_grant;

use serde_json::json;

use super::Simulator;
use super::clients::{
    AUTHORIZATION_CODE, CLIENT_CREDENTIALS, Client, DEVICE_CODE, PASSWORD, REFRESH_TOKEN, User,
    is_within,
};
use super::http::{Answer, Request};
use super::refusal::Refusal;
use super::sessions::SessionId;

impl Simulator {
    pub(super) fn token(&mut self, now_ms: u64, request: &Request) -> Result<Answer, Refusal> {
        let form = request.form()?;
        let client = self.authenticate(request, &form)?;
        let grant_type = form.require("grant_type")?;
        let tokens = match grant_type {
            DEVICE_CODE => self.device_code_grant(now_ms, &client, &form)?,
            REFRESH_TOKEN => self.refresh_grant(now_ms, &client, &form)?,
            AUTHORIZATION_CODE => self.authorization_code_grant(now_ms, &client, &form)?,
            PASSWORD if self.settings.password_flow => {
                self.password_grant(now_ms, &client, &form)?
            }
            CLIENT_CREDENTIALS => self.client_credentials_grant(now_ms, &client, &form)?,
            _ => {
                let error_description = "no such grant type here";
                return Err(Refusal::oauth(400, "unsupported_grant_type", error_description));
            }
        };
        Ok(self.token_answer(&tokens))
    }

    fn tokens_of_user(
        &mut self,
        now_ms: u64,
        client: &Client,
        user: User,
        scope: String,
        requested_scope: Option<String>,
    ) -> Tokens {
        let session = self.sessions.begin(&client.client_id, user, &scope);
        let refreshes = client.must_be_allowed(REFRESH_TOKEN).is_ok();
        Tokens {
            access_token: self.new_access_token(now_ms, session, &scope),
            refresh_token: refreshes.then(|| self.new_refresh_token(now_ms, session)),
            scope,
            requested_scope,
        }
    }

    fn new_access_token(&mut self, now_ms: u64, session: SessionId, scope: &str) -> String {
        let token = self.random.token("access");
        let lifetime = self.settings.access_token_lifetime;
        self.sessions.add_access_token(&token, session, scope, now_ms, lifetime);
        token
    }

    fn new_refresh_token(&mut self, now_ms: u64, session: SessionId) -> String {
        let token = self.random.token("refresh");
        let lifetime = self.settings.refresh_token_lifetime;
        self.sessions.add_refresh_token(&token, session, now_ms, lifetime);
        token
    }

    /// RFC 6749 §5.1.
    fn token_answer(&self, tokens: &Tokens) -> Answer {
        let mut body = json!({ "access_token": tokens.access_token, "token_type": "Bearer" });
        if self.settings.send_expires_in {
            body["expires_in"] = json!(self.settings.access_token_lifetime.as_secs());
        }
        if let Some(refresh_token) = &tokens.refresh_token {
            body["refresh_token"] = json!(refresh_token);
            if self.settings.send_refresh_expires_in {
                body["refresh_expires_in"] = json!(self.settings.refresh_token_lifetime.as_secs());
            }
        }
        if self.settings.always_send_scope || tokens.scope_is_another_than_requested() {
            body["scope"] = json!(tokens.scope);
        }
        Answer::json(200, &body)
    }
}

/// What a successful grant gives.
struct Tokens {
    access_token: String,
    refresh_token: Option<String>,
    scope: String,
    requested_scope: Option<String>,
}

impl Tokens {
    fn scope_is_another_than_requested(&self) -> bool {
        let Some(requested) = &self.requested_scope else {
            return true;
        };
        // Scopes are sets: their order means nothing (RFC 6749 §3.3).
        !(is_within(requested, &self.scope) && is_within(&self.scope, requested))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{body, check, simulator};

    const BOT: [(&str, &str); 2] = [("client_id", "bot"), ("client_secret", "bot-secret")];

    #[test]
    fn a_bad_request_is_refused() {
        for (form, outcome) in [
            (&[][..], "401 invalid_client"),
            (&[("grant_type", "client_credentials")], "401 invalid_client"),
            (&[("client_id", "demo")], "400 invalid_request"),
            (&[("client_id", "demo"), ("grant_type", "")], "400 invalid_request"),
            (&[("client_id", "demo"), ("grant_type", "password")], "400 unsupported_grant_type"),
            (
                &[("client_id", "demo"), ("grant_type", "client_credentials")],
                "400 unauthorized_client",
            ),
            (
                &[BOT[0], BOT[1], ("grant_type", REFRESH_TOKEN), ("refresh_token", "r")],
                "400 unauthorized_client",
            ),
            (
                &[BOT[0], BOT[1], ("grant_type", DEVICE_CODE), ("device_code", "d")],
                "400 unauthorized_client",
            ),
            (&[BOT[0], BOT[1], BOT[1], ("grant_type", CLIENT_CREDENTIALS)], "400 invalid_request"),
        ] {
            let answer = check(&mut simulator(), 0, &Request::post("/token", form), outcome);
            let (_, error) = outcome.split_once(' ').unwrap();
            assert_eq!(body(&answer)["error"], error);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        check(&mut simulator(), 0, &Request::get("/token"), "405");
    }

    #[test]
    fn the_answer_has_the_optional_members_that_the_settings_name() {
        let mut simulator = simulator();
        let form = [BOT[0], BOT[1], ("grant_type", CLIENT_CREDENTIALS), ("scope", "openid")];
        let request = Request::post("/token", &form);
        for (always_send_scope, send_expires_in) in [(false, true), (true, false)] {
            simulator.settings.always_send_scope = always_send_scope;
            simulator.settings.send_expires_in = send_expires_in;
            let body = body(&check(&mut simulator, 0, &request, "200"));
            assert_eq!(body["token_type"], "Bearer");
            assert_eq!(body.get("scope").is_some(), always_send_scope);
            assert_eq!(body.get("expires_in").is_some(), send_expires_in);
        }
    }
}
