//! The end session endpoint: a page for the browser (OpenID Connect RP-Initiated Logout §2), or
//! what Keycloak adds to it: a POST with `client_id` and `refresh_token` ends that session.

use super::Simulator;
use super::http::{Answer, Request};
use super::pages;
use super::refusal::Refusal;

impl Simulator {
    pub(super) fn keycloak_logout(&mut self, request: &Request) -> Result<Answer, Refusal> {
        if request.method == "GET" {
            return Ok(end_session_page());
        }
        let form = request.form()?;
        // Without a refresh token, Keycloak shows its page, too.
        let Some(refresh_token) = form.get("refresh_token") else {
            return Ok(end_session_page());
        };
        let client = self.authenticate(request, &form)?;
        let session = self
            .sessions
            .owner(refresh_token)
            .filter(|_| self.sessions.is_refresh_token(refresh_token))
            .filter(|&(_, owner)| owner == client.client_id)
            .map(|(session, _)| session)
            .ok_or_else(|| Refusal::invalid_grant("Invalid refresh token"))?;
        self.sessions.end(session);
        Ok(Answer::empty(204))
    }
}

/// There is no session in the browser that it could end, so all it does is be there.
pub(super) fn end_session_page() -> Answer {
    pages::message(200, "Logged out", "You can close this window.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{check, log_in, simulator};

    const KEYCLOAK: &str = "/protocol/openid-connect/logout";

    #[test]
    fn keycloaks_logout_ends_the_session_and_may_be_repeated() {
        let mut simulator = simulator();
        simulator.settings.keycloak_logout = true;
        let tokens = log_in(&mut simulator, 0, "openid");
        let refresh_token = ("refresh_token", tokens.refresh_token.as_str());
        for (form, outcome) in [
            (&[][..], "200"),
            (&[refresh_token], "401 invalid_client"),
            (&[("client_id", "demo"), ("refresh_token", "garbage")], "400 invalid_grant"),
            (&[("client_id", "demo"), refresh_token], "204"),
            (&[("client_id", "demo"), refresh_token], "204"),
        ] {
            let alive = simulator.refresh_token_is_alive(0, &tokens.refresh_token);
            check(&mut simulator, 0, &Request::post(KEYCLOAK, form), outcome);
            let still_alive = simulator.refresh_token_is_alive(0, &tokens.refresh_token);
            assert_eq!(still_alive, alive && outcome != "204", "{outcome}");
        }
        assert!(!simulator.access_token_is_alive(0, &tokens.access_token));
    }

    #[test]
    fn only_the_endpoint_that_is_advertised_exists() {
        let mut simulator = simulator();
        for request in [Request::get("/end_session"), Request::post("/end_session", &[])] {
            check(&mut simulator, 0, &request, "200");
        }
        check(&mut simulator, 0, &Request::get(KEYCLOAK), "404");

        simulator.settings.keycloak_logout = true;
        check(&mut simulator, 0, &Request::get("/end_session"), "404");
        check(&mut simulator, 0, &Request::get(KEYCLOAK), "200");
    }
}
