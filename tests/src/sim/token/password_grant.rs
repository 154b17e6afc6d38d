//! The grant of RFC 6749 §4.3.2. The password of `alice` is `alice-password`.

use super::Tokens;
use crate::sim::Simulator;
use crate::sim::clients::{Client, PASSWORD};
use crate::sim::parameters::Parameters;
use crate::sim::refusal::Refusal;

impl Simulator {
    pub(super) fn password_grant(
        &mut self,
        now_ms: u64,
        client: &Client,
        form: &Parameters,
    ) -> Result<Tokens, Refusal> {
        client.must_be_allowed(PASSWORD)?;
        let (username, password) = (form.require("username")?, form.require("password")?);
        let user = self.user(username).cloned();
        let user = user
            .filter(|_| password == format!("{username}-password"))
            .ok_or_else(|| Refusal::invalid_grant("wrong user name or password"))?;
        let requested_scope = form.get("scope");
        let scope = client.grant_scope(requested_scope, self.settings.ignore_unknown_scope)?;
        let requested_scope = requested_scope.map(str::to_owned);
        Ok(self.tokens_of_user(now_ms, client, user, scope, requested_scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::http::Request;
    use crate::sim::testing::{check, simulator};

    #[test]
    fn a_password_is_taken_from_a_client_that_may_send_it() {
        for (is_allowed, password, outcome) in [
            (true, "alice-password", "200"),
            (true, "wrong", "400 invalid_grant"),
            (false, "alice-password", "400 unauthorized_client"),
        ] {
            let mut simulator = simulator();
            simulator.settings.password_flow = true;
            if is_allowed {
                simulator.clients[0].grant_types.push(PASSWORD);
            }
            let form = [
                ("client_id", "demo"),
                ("grant_type", PASSWORD),
                ("username", "alice"),
                ("password", password),
            ];
            check(&mut simulator, 0, &Request::post("/token", &form), outcome);
        }
    }
}
