//! Ending a session at the server without a browser: Keycloak's way.

use alloc::{boxed::Box, sync::Arc};

use super::send::OneRequest;
use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, Problem},
    machine::{Runner, public_machine},
    retry::RetryPolicy,
    secret::RefreshToken,
    server::AuthorizationServer,
    wire::{
        answer::{Answer, Received},
        form::Form,
    },
};

/// Ends a Keycloak session with its refresh token, without a browser: all its tokens die.
#[derive(Debug)]
pub struct EndSessionRequest(Runner<OneRequest<()>>);

public_machine!(EndSessionRequest => (), Error);

impl EndSessionRequest {
    /// Posts the refresh token to the end session endpoint.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without that endpoint.
    pub fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        refresh_token: &RefreshToken,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        end_session(server, client, refresh_token, policy).map(|it| Self(Runner::new(it)))
    }
}

pub(crate) fn end_session(
    server: &AuthorizationServer,
    client: &ClientIdentity,
    refresh_token: &RefreshToken,
    policy: RetryPolicy,
) -> Result<OneRequest<()>, Error> {
    let mut form = Form::default();
    form.push_secret("refresh_token", refresh_token.expose());
    Ok(OneRequest {
        endpoint: Endpoint::EndSession,
        request: Box::new(client.post(server, Endpoint::EndSession, form)?),
        read,
        policy,
        deviations: Arc::clone(&server.deviations),
    })
}

/// 204 is Keycloak's word that the session is over, said again for one that was over already. A page
/// with status 200 proves nothing: it may ask a user for confirmation.
pub(crate) fn read(received: &Received<'_>) -> Answer<()> {
    match received.response.status() {
        204 => Answer::Good(()),
        200..=299 => Answer::Malformed(Problem::UnexpectedStatus),
        _ => super::revocation::done_or_dead(Endpoint::EndSession, received),
    }
}
