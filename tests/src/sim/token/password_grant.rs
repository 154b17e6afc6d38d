//! The grant of RFC 6749 §4.3.2. The password of `alice` is `alice-password`.

use super::Tokens;
use crate::sim::Simulator;
use crate::sim::clients::Client;
use crate::sim::parameters::Parameters;
use crate::sim::refusal::Refusal;

impl Simulator {
    pub(super) fn password_grant(
        &mut self,
        now_ms: u64,
        client: &Client,
        form: &Parameters,
    ) -> Result<Tokens, Refusal> {
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
