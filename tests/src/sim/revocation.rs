//! The revocation endpoint (RFC 7009).

use super::Simulator;
use super::http::{Answer, Request};
use super::refusal::Refusal;

impl Simulator {
    pub(super) fn revoke(&mut self, request: &Request) -> Result<Answer, Refusal> {
        let form = request.form()?;
        let client = self.authenticate(request, &form)?;
        let token = form.require("token")?;
        // RFC 7009 §2.2: an unknown token is as good as revoked.
        let Some((session, owner)) = self.sessions.owner(token) else {
            return Ok(Answer::empty(200));
        };
        if owner != client.client_id {
            let error_description = "the token belongs to another client";
            return Err(Refusal::unauthorized_client(error_description));
        }
        // RFC 7009 §2.1: a refresh token takes the access tokens beside it along.
        if self.sessions.is_refresh_token(token) {
            self.sessions.end(session);
        } else {
            self.sessions.revoke_access_token(token);
        }
        Ok(Answer::empty(200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{check, log_in, simulator};

    fn revocation(token: &str) -> Request {
        Request::post("/revoke", &[("client_id", "demo"), ("token", token)])
    }

    #[test]
    fn revoking_a_refresh_token_ends_the_session() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "openid");
        check(&mut simulator, 0, &revocation(&tokens.refresh_token), "200");
        assert!(!simulator.refresh_token_is_alive(0, &tokens.refresh_token));
        assert!(!simulator.access_token_is_alive(0, &tokens.access_token));
    }

    #[test]
    fn revoking_an_access_token_leaves_the_refresh_token() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "openid");
        check(&mut simulator, 0, &revocation(&tokens.access_token), "200");
        assert!(simulator.refresh_token_is_alive(0, &tokens.refresh_token));
        assert!(!simulator.access_token_is_alive(0, &tokens.access_token));
    }

    #[test]
    fn an_unknown_or_dead_token_is_as_good_as_revoked() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "openid");
        check(&mut simulator, 0, &revocation("garbage"), "200");
        check(&mut simulator, 0, &revocation(&tokens.refresh_token), "200");
        check(&mut simulator, 0, &revocation(&tokens.refresh_token), "200");
    }

    #[test]
    fn a_bad_request_revokes_nothing() {
        let mut simulator = simulator();
        let tokens = log_in(&mut simulator, 0, "openid");
        let token = ("token", tokens.refresh_token.as_str());
        for (form, outcome) in [
            (&[token][..], "401 invalid_client"),
            (&[("client_id", "demo")], "400 invalid_request"),
            (
                &[("client_id", "bot"), ("client_secret", "bot-secret"), token],
                "400 unauthorized_client",
            ),
        ] {
            check(&mut simulator, 0, &Request::post("/revoke", form), outcome);
        }
        check(&mut simulator, 0, &Request::get("/revoke"), "405");
        assert!(simulator.refresh_token_is_alive(0, &tokens.refresh_token));
    }
}
