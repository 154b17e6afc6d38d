//! Ending a session at the server: Keycloak's way, and OpenID Connect RP-Initiated Logout.

use url::Url;

use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, Problem},
    flow::call::Call,
    http::Response,
    machine::machine,
    retry::{Resend, RetryPolicy},
    secret::{IdToken, RefreshToken},
    server::AuthorizationServer,
    time::Timestamp,
    wire::{answer::Answer, form::Form},
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
        form.push("refresh_token", refresh_token.expose());
        let request = client.post(server, Endpoint::EndSession, form)?;
        let call = Call::new(Endpoint::EndSession, request, read, policy, Resend::Freely);
        Ok(Self { call })
    }
}

machine!(EndSessionRequest => (), by call);

/// 204 is Keycloak's word that the session is over, said again for one that was over already. A page
/// with status 200 proves nothing: it may ask a person for confirmation.
fn read(response: &Response<'_>, now: Timestamp) -> Answer<()> {
    match response.status() {
        204 => Answer::Good(()),
        200..=299 => Answer::Broken(Problem::UnexpectedStatus),
        _ => super::revocation::done_or_dead(Endpoint::EndSession, response, now),
    }
}

/// Where to send a browser to end the session: RP-Initiated Logout §2. Nothing comes back from there
/// that would prove it. The address holds the ID token, if there is one, expired or not.
///
/// # Errors
/// [`Error::Config`] for a server without an end session endpoint.
pub fn end_session_url(
    server: &AuthorizationServer,
    client: &ClientIdentity,
    id_token: Option<&IdToken>,
) -> Result<Url, Error> {
    let mut url = server.require(Endpoint::EndSession)?.clone();
    let mut query = url.query_pairs_mut();
    if let Some(id_token) = id_token {
        query.append_pair("id_token_hint", id_token.expose());
    }
    query.append_pair("client_id", client.id());
    drop(query);
    Ok(url)
}
