//! Tokens for an authorization code: RFC 6749 §4.1.3, RFC 7636 §4.5.

use super::{AuthorizationCode, AuthorizationRequest};
use crate::{
    client::ClientIdentity,
    error::Error,
    flow::{AccessTokenRequest, access_token_request::TokenRequest},
    retry::{Resend, RetryPolicy},
    server::AuthorizationServer,
    token::Scope,
    wire::form::Form,
};

impl AccessTokenRequest {
    /// Tokens for the code that came back for `request`. The code goes out once: a lost connection or an
    /// unavailable server ends the login (RFC 6749 §4.1.2).
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a token endpoint.
    pub fn authorization_code(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        request: &AuthorizationRequest,
        code: AuthorizationCode,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        TokenRequest::authorization_code(server, client, request, code, scope, policy)
            .map(Self::new)
    }
}

impl TokenRequest {
    #[expect(clippy::needless_pass_by_value, reason = "a code is used once")]
    pub(crate) fn authorization_code(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        request: &AuthorizationRequest,
        code: AuthorizationCode,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let mut form = Form::default();
        form.push("grant_type", "authorization_code");
        form.push_secret("code", code.expose());
        form.push("redirect_uri", request.redirect_uri());
        form.push_secret("code_verifier", request.code_verifier().expose());
        let token_request = Self::new(server, client, form, scope.clone(), policy)?;
        Ok(Self { resend: Resend::IfNotSent, ..token_request })
    }
}
