//! The client credentials grant: RFC 6749 §4.4.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
};

use super::access_token_request::TokenRequest;
use crate::{
    client::ClientIdentity,
    deviations::ServiceUsers,
    error::{ConfigProblem, Error},
    flow::AccessTokenRequest,
    machine::{Credentials, Deadline, Failed, Io, Password, Reason},
    profile::Profile,
    retry::{Resend, RetryPolicy},
    server::AuthorizationServer,
    token::{Scope, Tokens},
    wire::form::Form,
};

/// A token for the profile's client itself, as its server wants to be asked.
pub(crate) async fn client_credentials(
    io: &Io,
    server: &AuthorizationServer,
    profile: &Profile,
    policy: RetryPolicy,
    deadline: Deadline,
) -> Result<Tokens, Failed> {
    let (client, scope, parameters) = (profile.client(), profile.scope(), profile.parameters());
    if let Some(users) = &profile.deviations().service_users {
        let request = TokenRequest::service_user(server, client, users, scope, policy)?;
        let request = request.with_parameters(parameters);
        match Box::pin(request.send(io, deadline, Reason::Retry)).await {
            Err(Failed { error: Error::Refused(_), .. }) => {}
            outcome => return outcome,
        }
    }
    let request = TokenRequest::client_credentials(server, client, scope, policy)?;
    Box::pin(request.with_parameters(parameters).send(io, deadline, Reason::Retry)).await
}

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

    /// The same where service accounts are users.
    fn service_user(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        users: &ServiceUsers,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let secret = client.secret().ok_or(Error::Config(ConfigProblem::MissingClientSecret))?;
        let username = format!("{}@{}", client.id(), users.domain);
        let password = Password::new(String::from(secret.expose()));
        let credentials = Credentials { username, password };
        let public = ClientIdentity::public(users.client_id.as_str())?;
        let request = Self::password(server, &public, credentials, scope, policy)?;
        // It is the client's own secret: no user is locked out by it.
        Ok(Self { for_itself: true, resend: Resend::Freely, ..request })
    }
}
