//! The grant of RFC 6749 §4.4: a client gets a token of its own.

use super::Tokens;
use crate::sim::Simulator;
use crate::sim::clients::{CLIENT_CREDENTIALS, Client, User};
use crate::sim::parameters::Parameters;
use crate::sim::refusal::Refusal;

impl Simulator {
    pub(super) fn client_credentials_grant(
        &mut self,
        now_ms: u64,
        client: &Client,
        form: &Parameters,
    ) -> Result<Tokens, Refusal> {
        client.must_be_allowed(CLIENT_CREDENTIALS)?;
        let requested_scope = form.get("scope");
        let scope = client.grant_scope(requested_scope, self.settings.ignore_unknown_scope)?;
        let itself = User::new(&client.client_id, &client.client_name, &[]);
        let session = self.sessions.begin(&client.client_id, itself, &scope);
        Ok(Tokens {
            access_token: self.new_access_token(now_ms, session, &scope),
            // RFC 6749 §4.4.3: a refresh token should not be included.
            refresh_token: None,
            scope,
            requested_scope: requested_scope.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::http::Request;
    use crate::sim::testing::{body, check, simulator};

    #[test]
    fn a_client_gets_a_token_of_its_own_and_no_refresh_token() {
        for (scope, outcome, answered) in [
            ("", "200", Some("profile")),
            ("openid roles", "200", None),
            ("admin", "400 invalid_scope", None),
        ] {
            let mut simulator = simulator();
            let form = [
                ("client_id", "bot"),
                ("client_secret", "bot-secret"),
                ("grant_type", CLIENT_CREDENTIALS),
                ("scope", scope),
            ];
            let request = Request::post("/token", &form);
            let body = body(&check(&mut simulator, 0, &request, outcome));
            assert_eq!(body["scope"].as_str(), answered, "{scope}");
            assert!(body.get("refresh_token").is_none());
            let issued = usize::from(outcome == "200");
            assert_eq!(simulator.grants(CLIENT_CREDENTIALS), issued);
        }
    }
}
