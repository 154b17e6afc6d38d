//! A login from end to end: discovery, the flow, the user, the tokens.

use alloc::{boxed::Box, sync::Arc};
use core::{future::Future, pin::Pin, time::Duration};

use crate::{
    error::{ConfigProblem, Endpoint, Error, Kind},
    flow::{
        AuthorizationRequest, DevicePrompt, Redirect,
        access_token_request::TokenRequest,
        client_credentials::client_credentials,
        device_access_token::{PollingEnd, Polls},
        device_authorization::CodeRequest,
        send::no_time,
    },
    machine::{
        Deadline, EmptyPassword, Failed, Io, ListenQuestion, Listening, PasswordQuestion, Prompt,
        Reason, RedirectQuestion, Runner, Start, public_machine,
    },
    metadata_cache::MetadataCache,
    profile::{LoginMethod, Profile},
    provider::tiled,
    retry::{REFRESH_TIME_MIN, Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    token::Tokens,
    token_server::{Redemption, TokenServer},
};

/// Logs in as a [`Profile`] says. Ends in [`Tokens`], and stores nothing:
/// [`Session`](crate::session::Session) does.
#[derive(Debug)]
pub struct Login(Runner<LoginJob>);

public_machine!(Login => Tokens, Failed);

impl Login {
    /// A new login, which may take as long as `limit` in all.
    #[must_use]
    pub fn new(profile: Arc<Profile>, limit: Duration, policy: RetryPolicy) -> Self {
        Self(Runner::new(LoginJob::new(profile, limit, policy)))
    }

    /// Logs in with a refresh token from elsewhere (some platforms call it an API key), and proves that
    /// it is alive by using it.
    #[must_use]
    pub fn with_refresh_token(self, refresh_token: RefreshToken) -> Self {
        Self(self.0.configure(|job| job.refresh_token = Some(refresh_token)))
    }

    /// Uses the servers of this cache, and adds the one that is discovered.
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
    /// The refresh token to use instead of asking a user.
    pub(crate) refresh_token: Option<RefreshToken>,
    pub(crate) metadata: MetadataCache,
    /// Found on the way: what the server says to the user once the tokens are kept.
    pub(crate) confirmation: Option<Box<tiled::Confirmation>>,
}

impl Start for LoginJob {
    type Output = Tokens;
    type Error = Failed;

    async fn run(mut self, io: Io) -> Result<Tokens, Failed> {
        let end = Deadline::within(&io, self.limit);
        let tokens = self.log_in(&io, end).await?;
        self.confirm(&io, &tokens).await;
        Ok(tokens)
    }
}

impl LoginJob {
    /// With a user, and with no server that is known.
    pub(crate) fn new(profile: Arc<Profile>, limit: Duration, policy: RetryPolicy) -> Self {
        let (refresh_token, metadata) = (None, MetadataCache::default());
        Self { profile, limit, policy, refresh_token, metadata, confirmation: None }
    }

    /// Logs in until `end`. (`self.limit`, which that was made of, is for errors and prompts.)
    pub(crate) async fn log_in(&mut self, io: &Io, end: Deadline) -> Result<Tokens, Failed> {
        let (limit, asks_user) = (self.limit, self.refresh_token.is_none());
        let mut outcome = Box::pin(self.log_in_until(io, end)).await;
        if let Err(Failed { error, .. }) = &mut outcome
            && asks_user
            && end.has_passed(io)
            && error.kind() == Kind::Unavailable
        {
            let cause = Some(Box::new(error.clone()));
            *error = Error::TimedOut { limit, cause };
        }
        outcome
    }

    async fn log_in_until(&mut self, io: &Io, end: Deadline) -> Result<Tokens, Failed> {
        // The policy's limit is for requests alone. While the user is waited for, only `end` counts.
        let deadline = Deadline::within(io, self.policy.time_limit).min(end);
        if let Some(settings) = self.profile.tiled() {
            let settings = Arc::clone(settings);
            return Box::pin(tiled::log_in(io, self, settings, deadline, end)).await;
        }
        let refresh_token = self.refresh_token.take();
        let needed = self.needed(refresh_token.is_some());
        let found = self.metadata.find(io, &self.profile, needed, &self.policy, deadline);
        let server = Box::pin(found).await?;
        // Before the user is asked: no login succeeds without a token endpoint.
        server.require(Endpoint::Token)?;
        match (refresh_token, self.profile.login()) {
            (Some(token), _) => {
                let server = TokenServer::OAuth(&server);
                Box::pin(self.redeem(io, server, token, deadline, Reason::Retry)).await
            }
            (None, LoginMethod::ClientCredentials) => {
                let (profile, policy) = (&self.profile, self.policy);
                Box::pin(client_credentials(io, &server, profile, policy, deadline)).await
            }
            (None, LoginMethod::Password) => Box::pin(self.by_password(io, &server, end)).await,
            (None, LoginMethod::AuthorizationCode) => {
                Box::pin(self.by_browser(io, &server, end, None)).await
            }
            (None, LoginMethod::Auto | LoginMethod::Device) => match self.instead(&server) {
                Some(because) => Box::pin(self.by_browser(io, &server, end, Some(because))).await,
                None if has_none_for_users(&server) => {
                    Err(Error::Config(ConfigProblem::NoEndpointForUsers).into())
                }
                None => Box::pin(self.by_device(io, &server, deadline, end)).await,
            },
        }
    }

    /// Shows the user what the server says of a login.
    pub(crate) async fn confirm(&mut self, io: &Io, tokens: &Tokens) {
        if let Some(confirmation) = self.confirmation.take() {
            Box::pin(confirmation.show(io, tokens)).await;
        }
    }

    fn needed(&self, has_refresh_token: bool) -> &'static [Endpoint] {
        match self.profile.login() {
            _ if has_refresh_token => &[Endpoint::Token],
            LoginMethod::ClientCredentials | LoginMethod::Password => &[Endpoint::Token],
            LoginMethod::AuthorizationCode => &[Endpoint::Token, Endpoint::Authorization],
            LoginMethod::Auto | LoginMethod::Device => match self.profile.gives_browser_alone() {
                true => &[Endpoint::Token, Endpoint::Authorization],
                false => &[Endpoint::Token, Endpoint::DeviceAuthorization],
            },
        }
    }

    /// Why the login is by browser, if the profile leaves that open and the server has no device flow. One
    /// whose address can't be used is there: that is said, and mended, sooner than a browser is waited for.
    fn instead(&self, server: &AuthorizationServer) -> Option<&'static str> {
        let is_free = !self.profile.login_is_explicit();
        let has_browser = server.endpoint(Endpoint::Authorization).is_some();
        (is_free && has_browser && !server.names(Endpoint::DeviceAuthorization))
            .then_some("the server has no device flow")
    }

    /// RFC 6749 §4.3.
    async fn by_password(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        end: Deadline,
    ) -> Result<Tokens, Failed> {
        let (client, scope) = (self.profile.client(), self.profile.scope());
        let question = PasswordQuestion {
            username: None,
            is_retry: false,
            limit: end.left(io),
            empty: EmptyPassword::IsSent,
        };
        let credentials = io.password(question).await.map_err(|why| why.into_error(self.limit))?;
        let request = TokenRequest::password(server, client, credentials, scope, self.policy)?
            .with_parameters(self.profile.parameters());
        self.send_for_user(io, server.into(), request, end).await
    }

    /// RFC 8252: in the user's browser, which is redirected to a port of this machine.
    async fn by_browser(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        end: Deadline,
        chosen_because: Option<&'static str>,
    ) -> Result<Tokens, Failed> {
        let (client, scope) = (self.profile.client(), self.profile.scope());
        let parameters = self.profile.parameters();
        let address = self.profile.redirect_address();
        server.require(Endpoint::Authorization)?;
        let listening = io.listen(ListenQuestion { address: address.clone() }).await;
        let Listening { bound, entropy } = listening.map_err(|why| why.into_error(self.limit))?;
        let redirect_uri = address.at(bound);
        let request =
            AuthorizationRequest::new(server, client, scope, parameters, redirect_uri, entropy)?;
        let request = Arc::new(request);
        let code = loop {
            let (request, limit) = (Arc::clone(&request), end.left(io));
            if limit.is_zero() {
                return Err(Error::TimedOut { limit: self.limit, cause: None }.into());
            }
            let question = RedirectQuestion { request, chosen_because, limit };
            match io.redirect(question).await.map_err(|why| why.into_error(self.limit))? {
                Redirect::Code(code) => break code,
                Redirect::Failed(error) => return Err(error.into()),
                // RFC 6749 §10.12: a redirect of another login is ignored.
                Redirect::NotOurs => {}
            }
        };
        let request =
            TokenRequest::authorization_code(server, client, &request, code, scope, self.policy)?
                .with_parameters(parameters);
        self.send_for_user(io, server.into(), request, end).await
    }

    /// For requests about what the user gave: there is time for an answer even if the user took almost all of the
    /// limit.
    pub(crate) fn deadline_for_user(&self, io: &Io, end: Deadline) -> Deadline {
        let end = end.max(Deadline::within(io, REFRESH_TIME_MIN));
        Deadline::within(io, self.policy.time_limit).min(end)
    }

    /// Sends a request that spends what the user gave, a code or a password.
    pub(crate) async fn send_for_user(
        &self,
        io: &Io,
        server: TokenServer<'_>,
        request: TokenRequest,
        end: Deadline,
    ) -> Result<Tokens, Failed> {
        let deadline = self.deadline_for_user(io, end);
        match Box::pin(request.send(io, deadline, Reason::Retry)).await {
            Err(Failed { error, salvaged: Some(salvaged), .. }) => {
                Box::pin(self.redeem_salvaged(io, server, salvaged, error, deadline)).await
            }
            outcome => outcome,
        }
    }

    /// RFC 8628: a code for the user, and polling until it is approved.
    pub(crate) async fn by_device(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        deadline: Deadline,
        end: Deadline,
    ) -> Result<Tokens, Failed> {
        let polling = Box::pin(self.ask_for_code(io, server, deadline, end)).await?;
        self.approved(io, server.into(), polling, end).await
    }

    /// Waits for the user's approval.
    pub(crate) async fn approved(
        &self,
        io: &Io,
        server: TokenServer<'_>,
        polling: impl Future<Output = Result<Tokens, Failed>>,
        end: Deadline,
    ) -> Result<Tokens, Failed> {
        let (error, salvaged) = match polling.await {
            Err(Failed { error, salvaged: Some(salvaged), .. }) => (error, salvaged),
            outcome => return outcome,
        };
        // The device code is spent, and only the refresh token of the malformed answer can be used.
        let deadline = Deadline::within(io, self.policy.time_limit).min(end);
        Box::pin(self.redeem_salvaged(io, server, salvaged, error, deadline)).await
    }

    /// RFC 8628 §3.1 to §3.3. Returns the polling for the user's approval.
    async fn ask_for_code(
        &self,
        io: &Io,
        server: &AuthorizationServer,
        deadline: Deadline,
        end: Deadline,
    ) -> Result<Polling, Error> {
        let (client, scope) = (self.profile.client(), self.profile.scope());
        let parameters = self.profile.parameters();
        let request = CodeRequest::new(server, client, scope, parameters, self.policy)?;
        let authorization = request.send(io, deadline).await?;
        let polls = Polls::new(server, client, &authorization, scope, parameters, self.limit)?;
        let polling_end = self.show_code(io, &polls, authorization.prompt, end).await;
        Ok(Box::pin(polls.poll(io.clone(), polling_end)))
    }

    /// Shows the code to the user. Returns when the polling for the approval ends.
    pub(crate) async fn show_code(
        &self,
        io: &Io,
        polls: &Polls,
        mut prompt: DevicePrompt,
        end: Deadline,
    ) -> PollingEnd {
        // The code's lifetime counts from here, so the time that it takes to show it is a part of it.
        let polling_end = polls.end(io).with_caller(end, self.limit);
        prompt.expires_in = prompt.expires_in.map(|code| code.min(self.limit));
        io.show(Prompt::DeviceCode(Arc::new(prompt))).await;
        polling_end
    }

    /// Uses a refresh token from elsewhere. If the answer is malformed but has a new refresh token, the one
    /// that was sent is dead: the new one is used in its turn.
    pub(crate) async fn redeem(
        &self,
        io: &Io,
        server: TokenServer<'_>,
        token: RefreshToken,
        deadline: Deadline,
        reason: Reason,
    ) -> Result<Tokens, Failed> {
        check_time_for_refresh(io, deadline)?;
        match server.redeem(io, self.redemption(&token), deadline, reason).await {
            Err(Failed { error, salvaged: Some(salvaged), .. }) => {
                Box::pin(self.redeem_salvaged(io, server, salvaged, error, deadline)).await
            }
            outcome => outcome,
        }
    }

    /// Uses the refresh token of a malformed answer, which is stored nowhere else. If it gets no tokens for
    /// now, it is returned with the error.
    async fn redeem_salvaged(
        &self,
        io: &Io,
        server: TokenServer<'_>,
        salvaged: Box<Tokens>,
        error: Error,
        deadline: Deadline,
    ) -> Result<Tokens, Failed> {
        let Some(token) = &salvaged.refresh_token else { return Err(error.into()) };
        if check_time_for_refresh(io, deadline).is_err() {
            return Err(Failed { salvaged: Some(salvaged), ..error.into() });
        }
        let outcome = server.redeem(io, self.redemption(token), deadline, Reason::Tokens).await;
        outcome.map_err(|failed| match failed {
            // The salvaged token is dead: there is nothing to return.
            Failed { error: error @ Error::SessionEnded(_), .. } => error.into(),
            failed => Failed { salvaged: failed.salvaged.or(Some(salvaged)), ..failed },
        })
    }

    fn redemption<'a>(&'a self, refresh_token: &'a RefreshToken) -> Redemption<'a> {
        let (profile, policy) = (&*self.profile, self.policy);
        let (tokens_before, resend) = (None, Resend::OnceUnanswered);
        Redemption { profile, refresh_token, tokens_before, policy, resend }
    }
}

/// Boxed, so that a login that waits for its user needs little memory beside it.
type Polling = Pin<Box<dyn Future<Output = Result<Tokens, Failed>> + Send + Sync>>;

/// Whether a user can log in neither by device nor by browser.
fn has_none_for_users(server: &AuthorizationServer) -> bool {
    ![Endpoint::DeviceAuthorization, Endpoint::Authorization]
        .into_iter()
        .any(|endpoint| server.names(endpoint))
}

/// Refuses to begin a refresh whose answer might not be waited for: a rotated refresh token would be lost.
pub(crate) fn check_time_for_refresh(io: &Io, deadline: Deadline) -> Result<(), Error> {
    if deadline.left(io) >= REFRESH_TIME_MIN {
        return Ok(());
    }
    Err(no_time(Endpoint::Token))
}

#[cfg(test)]
mod tests;
