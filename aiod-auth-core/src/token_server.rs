//! The server that refreshes tokens, which Tiled does by a protocol of its own.

use alloc::boxed::Box;

use crate::{
    error::Error,
    flow::access_token_request::TokenRequest,
    machine::{Deadline, Failed, Io, Reason},
    profile::Profile,
    provider::tiled,
    retry::{Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    token::{Scope, Tokens},
};

/// The server that is asked for new tokens.
#[derive(Clone, Copy)]
pub(crate) enum TokenServer<'a> {
    /// An authorization server: RFC 6749 §6.
    OAuth(&'a AuthorizationServer),
    /// A Tiled server, which refreshes its own tokens, or leaves that to an OpenID provider.
    Tiled(&'a tiled::Server),
}

/// One use of a refresh token.
#[derive(Clone, Copy)]
pub(crate) struct Redemption<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) refresh_token: &'a RefreshToken,
    /// What it came with, where that is known.
    pub(crate) tokens_before: Option<&'a Tokens>,
    pub(crate) policy: RetryPolicy,
    pub(crate) resend: Resend,
}

impl<'a> Redemption<'a> {
    /// What the session was granted, and before that what is asked for.
    pub(crate) fn scope(&self) -> &'a Scope {
        self.tokens_before.map_or_else(|| self.profile.scope(), Tokens::session_scope)
    }
}

impl<'a> TokenServer<'a> {
    pub(crate) async fn redeem(
        self,
        io: &Io,
        redemption: Redemption<'_>,
        deadline: Deadline,
        reason: Reason,
    ) -> Result<Tokens, Failed> {
        let Redemption { profile, refresh_token, policy, resend, .. } = redemption;
        let scope = redemption.scope();
        match self {
            Self::OAuth(server) => {
                let client = profile.client();
                let request =
                    TokenRequest::refresh(server, client, refresh_token, scope, policy, resend)?;
                let request = request.with_parameters(profile.parameters());
                Box::pin(request.send(io, deadline, reason)).await
            }
            Self::Tiled(server) => {
                Box::pin(tiled::redeem(io, server, redemption, deadline, reason)).await
            }
        }
    }

    /// The authorization server for client credentials.
    pub(crate) const fn for_clients(self) -> Result<&'a AuthorizationServer, Error> {
        match self {
            Self::OAuth(server) => Ok(server),
            Self::Tiled(_) => Err(Error::Usage("a Tiled server has no client credentials")),
        }
    }
}

impl<'a> From<&'a AuthorizationServer> for TokenServer<'a> {
    fn from(server: &'a AuthorizationServer) -> Self {
        Self::OAuth(server)
    }
}
