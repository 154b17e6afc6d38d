//! The grant of RFC 6749 §4.1.3: an authorization code, once, with its verifier (RFC 7636 §4.5).

use super::Tokens;
use crate::sim::Simulator;
use crate::sim::clients::{AUTHORIZATION_CODE, Client};
use crate::sim::parameters::Parameters;
use crate::sim::refusal::Refusal;

impl Simulator {
    pub(super) fn authorization_code_grant(
        &mut self,
        now_ms: u64,
        client: &Client,
        form: &Parameters,
    ) -> Result<Tokens, Refusal> {
        client.must_be_allowed(AUTHORIZATION_CODE)?;
        let presented = form.require("code")?;
        let redirect_uri = form.require("redirect_uri")?;
        let code_verifier = form.require("code_verifier")?;
        let code = self
            .authorization_codes
            .iter_mut()
            .find(|code| code.code == presented && code.client_id == client.client_id)
            .ok_or_else(|| Refusal::invalid_grant("no such code"))?;
        if std::mem::replace(&mut code.is_used, true) {
            return Err(Refusal::invalid_grant("the code was used before"));
        }
        if now_ms >= code.expires_at_ms {
            return Err(Refusal::invalid_grant("the code has expired"));
        }
        if code.redirect_uri != redirect_uri {
            return Err(Refusal::invalid_grant("redirect_uri is another one"));
        }
        if !code.matches(code_verifier) {
            return Err(Refusal::invalid_grant("code_verifier is another one"));
        }
        let (user, scope) = (code.user.clone(), code.scope.clone());
        let requested_scope = code.requested_scope.clone();
        Ok(self.tokens_of_user(now_ms, client, user, scope, requested_scope))
    }
}
