//! A login from end to end: discovery, the flow, the user, the tokens.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use crate::{
    error::{Endpoint, Error},
    flow::{
        access_token_request::TokenRequest, device_access_token::Polls,
        device_authorization::CodeRequest, send::no_time,
    },
    machine::{Deadline, Failed, Flow, Io, Prompt, Reason, Start, public_machine},
    metadata_cache::MetadataCache,
    profile::{LoginMethod, Profile},
    retry::{REFRESH_TIME_MIN, Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    token::Tokens,
};

/// Logs in as a [`Profile`] says. Ends in [`Tokens`]; keeps nothing anywhere, which is what
/// [`Session`](crate::session::Session) is for.
#[derive(Debug)]
pub struct Login(Flow<LoginJob>);

public_machine!(Login => Tokens, Failed);

impl Login {
    /// A new login, which may take as long as `limit` in all.
    #[must_use]
    pub fn new(profile: Arc<Profile>, limit: Duration, policy: RetryPolicy) -> Self {
        Self(Flow::new(LoginJob {
            profile,
            limit,
            policy,
            refresh_token: None,
            metadata: MetadataCache::default(),
        }))
    }

    /// Logs in with a refresh token from elsewhere (some platforms call it an API key), and proves that
    /// it is alive by using it.
    #[must_use]
    pub fn with_refresh_token(self, refresh_token: RefreshToken) -> Self {
        Self(self.0.configure(|job| job.refresh_token = Some(refresh_token)))
    }

    /// Servers that need not be discovered again.
    #[must_use]
    pub fn with_metadata(self, metadata: &MetadataCache) -> Self {
        Self(self.0.configure(|job| job.metadata = metadata.clone()))
    }
}

/// What a login needs to know.
pub(crate) struct LoginJob {
    pub(crate) profile: Arc<Profile>,
    pub(crate) limit: Duration,
    pub(crate) policy: RetryPolicy,
    /// In place of a user.
    pub(crate) refresh_token: Option<RefreshToken>,
    pub(crate) metadata: MetadataCache,
}

impl Start for LoginJob {
    type Output = Tokens;
    type Error = Failed;

    async fn run(self, io: Io) -> Result<Tokens, Failed> {
        self.log_in(&io).await
    }
}

impl LoginJob {
    pub(crate) async fn log_in(mut self, io: &Io) -> Result<Tokens, Failed> {
        let end = Deadline::within(io, self.limit);
        // The user's time is not the server's.
        let deadline = Deadline::within(io, self.policy.time_limit).min(end);
        let refresh_token = self.refresh_token.take();
        let by_device = refresh_token.is_none() && self.profile.login() == LoginMethod::Device;
        let needed: &[Endpoint] = match by_device {
            true => &[Endpoint::Token, Endpoint::DeviceAuthorization],
            false => &[Endpoint::Token],
        };
        let found = self.metadata.find(io, &self.profile, needed, &self.policy, deadline).await;
        let server = found?;
        // Before the user is asked: without it nothing comes of the login.
        server.require(Endpoint::Token)?;
        match (refresh_token, self.profile.login()) {
            (Some(token), _) => self.redeem(io, &server, token, deadline, Reason::Retry).await,
            (None, LoginMethod::ClientCredentials) => {
                self.client_credentials(&server)?.send(io, deadline, Reason::Retry).await
            }
            (None, LoginMethod::Auto | LoginMethod::Device) => {
                self.by_device(io, &server, deadline, end).await
            }
        }
    }

    /// RFC 8628: a code for the user, and polling until it is approved.
    async fn by_device(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        deadline: Deadline,
        end: Deadline,
    ) -> Result<Tokens, Failed> {
        let (client, scope) = (self.profile.client(), self.profile.scope());
        let parameters = self.profile.parameters();
        let request = CodeRequest::new(server, client, scope, parameters, self.policy)?;
        let authorization = request.send(io, deadline).await?;
        let polls = Polls::new(server, client, &authorization, scope, parameters, self.limit)?;
        // The code's life counts from here, and polling includes the time that it takes to show it.
        let polling_end = polls.end(io).with_caller(end, self.limit);
        let mut prompt = authorization.prompt;
        prompt.expires_in = prompt.expires_in.map(|code| code.min(self.limit));
        io.show(Prompt::DeviceCode(Arc::new(prompt))).await;
        match Box::pin(polls.poll(io, polling_end)).await {
            Err(Failed { error, salvaged: Some(salvaged) }) => {
                // The code is spent and the answer is of no use, but for a refresh token.
                let deadline = Deadline::within(io, self.policy.time_limit).min(end);
                self.redeem_salvaged(io, server, *salvaged, error, deadline).await
            }
            outcome => outcome,
        }
    }

    /// Uses a refresh token from elsewhere. If the answer is of no use but for another refresh token, the
    /// one that was sent is dead: once more with the new one.
    async fn redeem(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        token: RefreshToken,
        deadline: Deadline,
        reason: Reason,
    ) -> Result<Tokens, Failed> {
        check_time_for_refresh(io, deadline)?;
        match self.refresh(server, &token)?.send(io, deadline, reason).await {
            Err(Failed { error, salvaged: Some(salvaged) }) => {
                self.redeem_salvaged(io, server, *salvaged, error, deadline).await
            }
            outcome => outcome,
        }
    }

    /// The refresh token is nowhere else. Without time or luck, the error is why there is nothing but it.
    async fn redeem_salvaged(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        salvaged: Tokens,
        error: Error,
        deadline: Deadline,
    ) -> Result<Tokens, Failed> {
        let Some(token) = &salvaged.refresh_token else { return Err(error.into()) };
        if check_time_for_refresh(io, deadline).is_err() {
            return Err(Failed::with(error, Some(salvaged)));
        }
        let outcome = self.refresh(server, token)?.send(io, deadline, Reason::Tokens).await;
        outcome.map_err(|failed| match failed {
            // It is dead.
            Failed { error: error @ Error::SessionEnded(_), .. } => error.into(),
            Failed { error, salvaged: newer } => {
                Failed { error, salvaged: newer.or(Some(Box::new(salvaged))) }
            }
        })
    }

    fn refresh(
        &self,
        server: &AuthorizationServer,
        token: &RefreshToken,
    ) -> Result<TokenRequest, Error> {
        let (client, scope) = (self.profile.client(), self.profile.scope());
        TokenRequest::refresh(server, client, token, scope, self.policy, Resend::Once)
            .map(|request| request.with_parameters(self.profile.parameters()))
    }

    fn client_credentials(&self, server: &AuthorizationServer) -> Result<TokenRequest, Error> {
        let (client, scope) = (self.profile.client(), self.profile.scope());
        TokenRequest::client_credentials(server, client, scope, self.policy)
            .map(|request| request.with_parameters(self.profile.parameters()))
    }
}

/// An answer that is not waited for would be lost, and a rotated refresh token with it.
pub(crate) fn check_time_for_refresh(io: &Io, deadline: Deadline) -> Result<(), Error> {
    if deadline.left(io) >= REFRESH_TIME_MIN {
        return Ok(());
    }
    Err(no_time(Endpoint::Token))
}
