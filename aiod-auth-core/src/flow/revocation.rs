//! Revoking a token: RFC 7009.

use alloc::{boxed::Box, sync::Arc};

use super::send::OneRequest;
use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, ErrorCode, Problem},
    machine::{Runner, public_machine},
    retry::RetryPolicy,
    secret::{AccessToken, RefreshToken},
    server::AuthorizationServer,
    token::Tokens,
    wire::{
        answer::{self, Answer, Received},
        form::Form,
    },
};

/// Says that a token is no longer needed. Done when the server says that it is dead, or was.
///
/// ```
/// use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer, Machine, RetryPolicy, Step, Timestamp, ClientIdentity, RefreshToken, flow::RevocationRequest};
///
/// # let server = AuthorizationServer::new(Issuer::new("https://as.example")?)
/// #     .with_endpoint(Endpoint::Revocation, "https://as.example/revoke")?;
/// # let now = Timestamp::UNIX_EPOCH;
/// let client = ClientIdentity::public("my-tool")?;
/// let token = RefreshToken::new("secret");
/// let mut machine =
///     RevocationRequest::refresh_token(&server, &client, &token, RetryPolicy::default())?;
/// let Ok(Step::Send(exchange)) = machine.poll(now) else { panic!() };
/// assert_eq!(exchange.request().url().as_str(), "https://as.example/revoke");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RevocationRequest(Runner<OneRequest<()>>);

public_machine!(RevocationRequest => (), Error);

impl RevocationRequest {
    /// Revokes a refresh token, and with it what was made from it (RFC 7009 §2.1).
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a revocation endpoint.
    pub fn refresh_token(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        token: &RefreshToken,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        revocation(server, client, token.expose(), "refresh_token", policy)
            .map(|it| Self(Runner::new(it)))
    }

    /// Revokes an access token alone.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a revocation endpoint.
    pub fn access_token(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        token: &AccessToken,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        revocation(server, client, token.expose(), "access_token", policy)
            .map(|it| Self(Runner::new(it)))
    }
}

pub(crate) fn of_tokens(
    server: &AuthorizationServer,
    client: &ClientIdentity,
    tokens: &Tokens,
    policy: RetryPolicy,
) -> Result<OneRequest<()>, Error> {
    match &tokens.refresh_token {
        Some(token) => revocation(server, client, token.expose(), "refresh_token", policy),
        None => {
            let token = tokens.access_token()?;
            revocation(server, client, token.expose(), "access_token", policy)
        }
    }
}

fn revocation(
    server: &AuthorizationServer,
    client: &ClientIdentity,
    token: &str,
    token_type_hint: &str,
    policy: RetryPolicy,
) -> Result<OneRequest<()>, Error> {
    let mut form = Form::default();
    form.push_secret("token", token);
    form.push("token_type_hint", token_type_hint);
    Ok(OneRequest {
        endpoint: Endpoint::Revocation,
        request: Box::new(client.post(server, Endpoint::Revocation, form)?),
        read,
        policy,
        deviations: Arc::clone(&server.deviations),
    })
}

fn read(received: &Received<'_>) -> Answer<()> {
    done_or_dead(Endpoint::Revocation, received)
}

/// RFC 7009 §2.2: the status alone says that it is done (Keycloak writes an error into a 200). A
/// token that is already dead is what was wanted (Google: 400 `invalid_token`). But a web page is that of
/// something in between, which asks for a login to the network, say: the server has seen nothing.
pub(super) fn done_or_dead(endpoint: Endpoint, received: &Received<'_>) -> Answer<()> {
    if received.response.is_success() {
        return match received.response.is_page() {
            true => Answer::Malformed(Problem::Html),
            false => Answer::Good(()),
        };
    }
    match answer::read(endpoint, received, |_| Ok(())) {
        Answer::Refused(refused)
            if matches!(
                refused.error.code,
                Some(ErrorCode::InvalidToken | ErrorCode::InvalidGrant)
            ) =>
        {
            Answer::Good(())
        }
        answer @ (Answer::Good(())
        | Answer::Refused(_)
        | Answer::Unavailable { .. }
        | Answer::Malformed(_)) => answer,
    }
}
