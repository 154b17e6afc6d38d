//! Ending a session at the server without a browser: Keycloak's way.

use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, Problem},
    flow::call::Call,
    machine::machine,
    retry::{Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    wire::{
        answer::{Answer, Received},
        form::Form,
    },
};

/// Ends a Keycloak session with its refresh token, without a browser: all its tokens die.
#[derive(Debug)]
pub struct EndSessionRequest {
    call: Call<()>,
}

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
        let mut form = Form::default();
        form.push_secret("refresh_token", refresh_token.expose());
        let request = client.post(server, Endpoint::EndSession, form)?;
        let call = Call::new(Endpoint::EndSession, request, read, policy, Resend::Freely)
            .with_deviations(&server.deviations);
        Ok(Self { call })
    }
}

machine!(EndSessionRequest => (), by call);

/// 204 is Keycloak's word that the session is over, said again for one that was over already. A page
/// with status 200 proves nothing: it may ask a person for confirmation.
fn read(received: &Received<'_>) -> Answer<()> {
    match received.response.status() {
        204 => Answer::Good(()),
        200..=299 => Answer::Broken(Problem::UnexpectedStatus),
        _ => super::revocation::done_or_dead(Endpoint::EndSession, received),
    }
}
