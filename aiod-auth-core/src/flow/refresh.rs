//! Refreshing an access token: RFC 6749 §6.

use alloc::boxed::Box;

use super::access_token_request::TokenRequest;
use crate::{
    client::ClientIdentity,
    error::{Error, ServerError},
    flow::AccessTokenRequest,
    retry::{Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    token::Scope,
    wire::{
        class::{RefreshRefusal, refresh_refusal},
        form::Form,
    },
};

impl AccessTokenRequest {
    /// A new access token for a refresh token. The scope is that of the session: none is sent, so
    /// that a narrowed answer can't shrink what the refresh token stands for.
    ///
    /// If the connection ends without an answer it is sent once more, with the same refresh token.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a token endpoint. As an outcome
    /// [`Error::SessionEnded`] for the verdict `invalid_grant`, and [`Error::OutcomeUnknown`].
    pub fn refresh(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        refresh_token: &RefreshToken,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let request = TokenRequest::refresh(
            server,
            client,
            refresh_token,
            scope,
            policy,
            Resend::OnceUnanswered,
        )?;
        Ok(Self::new(request))
    }
}

impl TokenRequest {
    pub(crate) fn refresh(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        refresh_token: &RefreshToken,
        scope: &Scope,
        policy: RetryPolicy,
        resend: Resend,
    ) -> Result<Self, Error> {
        let mut form = Form::default();
        form.push("grant_type", "refresh_token");
        form.push_secret("refresh_token", refresh_token.expose());
        let request = Self::new(server, client, form, scope.clone(), policy)?;
        Ok(request.spending(refresh_token, resend, refused))
    }
}

/// Only a refusal of the refresh token itself ends the session. Any other refusal (of the client's secret,
/// say) may be mended without a new login.
fn refused(mut error: Box<ServerError>) -> Error {
    match refresh_refusal(error.code.as_ref()) {
        RefreshRefusal::SessionEnded => Error::SessionEnded(error),
        RefreshRefusal::Unclear => {
            error.advise_login();
            Error::Refused(error)
        }
    }
}
