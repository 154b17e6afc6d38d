//! The client credentials grant: RFC 6749 §4.4.

use alloc::string::ToString;

use super::access_token_request::TokenRequest;
use crate::{
    client::ClientIdentity,
    error::{ConfigProblem, Error},
    flow::AccessTokenRequest,
    retry::RetryPolicy,
    server::AuthorizationServer,
    token::Scope,
    wire::form::Form,
};

impl AccessTokenRequest {
    /// A token for the client itself, with `grant_type=client_credentials`. A refresh token that comes
    /// with it is dropped: the secret gets the next token.
    ///
    /// # Errors
    /// [`Error::Config`] for a client without a secret (RFC 6749 §4.4), or a server without a token
    /// endpoint.
    pub fn client_credentials(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        TokenRequest::client_credentials(server, client, scope, policy).map(Self::new)
    }
}

impl TokenRequest {
    pub(crate) fn client_credentials(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        if !client.is_confidential() {
            return Err(Error::Config(ConfigProblem::MissingClientSecret));
        }
        let wanted = scope.to_string();
        let mut form = Form::default();
        form.push("grant_type", "client_credentials");
        form.push("scope", &wanted);
        let request = Self::new(server, client, form, scope.clone(), policy)?;
        Ok(Self { for_itself: true, ..request })
    }
}
