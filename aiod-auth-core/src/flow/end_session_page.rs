//! Where to send a browser to end the session: OpenID Connect RP-Initiated Logout §2.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};

use url::Url;

use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, Problem},
    parameters::Parameters,
    secret::IdToken,
    server::AuthorizationServer,
    wire::answer,
};

/// A visit of a browser to the server, which ends the user's session there, or asks whether to.
/// Nothing comes back that would prove it: [`EndSessionRequest`](crate::flow::EndSessionRequest) and
/// [`RevocationRequest`](crate::flow::RevocationRequest) do.
pub struct EndSessionPage {
    /// May hold an ID token: no `Debug`.
    url: Url,
    state: Option<String>,
}

impl EndSessionPage {
    /// The server's page, told which client asks.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without an end session endpoint.
    pub fn new(server: &AuthorizationServer, client: &ClientIdentity) -> Result<Self, Error> {
        let mut url = Url::clone(server.require(Endpoint::EndSession)?);
        url.query_pairs_mut().append_pair("client_id", client.id());
        Ok(Self { url, state: None })
    }

    /// Says whose session it is. The ID token may have expired. Without it most servers ask the user.
    #[must_use]
    pub fn with_id_token_hint(mut self, id_token: &IdToken) -> Self {
        self.url.query_pairs_mut().append_pair("id_token_hint", id_token.expose());
        self
    }

    /// Where the server sends the browser afterwards: an address that is registered for this client.
    /// `state` is a random text, which comes back with it: see [`returned`](Self::returned).
    #[must_use]
    pub fn with_post_logout_redirect_uri(mut self, uri: &Url, state: &str) -> Self {
        self.url
            .query_pairs_mut()
            .append_pair("post_logout_redirect_uri", uri.as_str())
            .append_pair("state", state);
        self.state = Some(state.to_owned());
        self
    }

    /// `logout_hint`, `ui_locales`, or what a server asks for in their place: Cognito's `logout_uri`.
    #[must_use]
    pub fn with_parameters(mut self, parameters: &Parameters) -> Self {
        let mut query = self.url.query_pairs_mut();
        for (name, value) in parameters.iter() {
            query.append_pair(name, value);
        }
        drop(query);
        self
    }

    /// The page. It may hold an ID token: open it, and don't log it.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Holds the address that the browser came back to against what was asked.
    ///
    /// # Errors
    /// [`Error::InvalidResponse`] for another `state`, none, or two: another party sent the browser.
    pub fn returned(&self, to: &Url) -> Result<(), Error> {
        let states: alloc::vec::Vec<String> = to
            .query_pairs()
            .filter(|(name, _)| name == "state")
            .map(|(_, value)| value.to_string())
            .collect();
        match (&self.state, states.as_slice()) {
            (Some(sent), [came]) if sent == came => Ok(()),
            _ => Err(answer::malformed(Endpoint::EndSession, None, Problem::Invalid("state"))),
        }
    }
}

impl core::fmt::Debug for EndSessionPage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("EndSessionPage(…)")
    }
}
