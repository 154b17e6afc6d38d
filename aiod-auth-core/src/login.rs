//! A login from end to end: discovery, the flow, the person, the tokens.
//!
//! ```text
//!   Discovering --> Device: Authorizing --> Asking --> Polling --+--> Ended
//!        |                                                       |
//!        +--------> client credentials, refresh token: Requesting+
//! ```

use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};

use crate::{
    error::{Endpoint, Error},
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorization,
        DeviceAuthorizationRequest, Discovery,
    },
    machine::{Ask, Asks, Flow, Prompt, Reason, Reply, Step, machine, settle},
    profile::{LoginMethod, Profile},
    retry::RetryPolicy,
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// Logs in as a [`Profile`] says. Ends in [`LoggedIn`]; keeps nothing anywhere, which is what
/// [`Session`](crate::session::Session) is for.
#[derive(Debug)]
pub struct Login {
    profile: Arc<Profile>,
    policy: RetryPolicy,
    limit: Duration,
    refresh_token: Option<RefreshToken>,
    /// It is another one than the caller's, which it replaced.
    rotated: bool,
    server: Option<Arc<AuthorizationServer>>,
    spent: Duration,
    /// How much of that was a person's: it is not the server's.
    persons: Duration,
    state: State,
}

/// What a login ends in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The tokens.
    pub tokens: Tokens,
    /// The server, for the next machine: so it need not be discovered again.
    pub server: Arc<AuthorizationServer>,
}

#[derive(Debug)]
enum State {
    Start,
    Discovering(Box<Discovery>),
    Authorizing(Box<DeviceAuthorizationRequest>),
    Asking(Box<DeviceAuthorization>, Option<(Duration, Reply)>),
    Polling(Box<DeviceAccessTokenRequest>),
    Requesting(Box<AccessTokenRequest>),
    Ended,
}

impl Login {
    /// A new login, which may take as long as `limit` in all. A `server` that was discovered before
    /// need not be discovered again.
    #[must_use]
    pub fn new(
        profile: Arc<Profile>,
        server: Option<Arc<AuthorizationServer>>,
        limit: Duration,
        policy: RetryPolicy,
    ) -> Self {
        let (refresh_token, rotated, spent, state) = (None, false, Duration::ZERO, State::Start);
        Self {
            profile,
            policy,
            limit,
            persons: Duration::ZERO,
            refresh_token,
            rotated,
            server,
            spent,
            state,
        }
    }

    /// Logs in with a refresh token that somebody else got (some platforms call it an API key), and
    /// proves that it is alive by using it.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh_token: RefreshToken) -> Self {
        self.refresh_token = Some(refresh_token);
        self
    }

    /// After an error: a new refresh token, if the server gave one in place of the one that the login
    /// began with, which is dead then.
    pub fn take_new_refresh_token(&mut self) -> Option<RefreshToken> {
        self.refresh_token.take().filter(|_| self.rotated)
    }

    fn needed(&self) -> &'static [Endpoint] {
        if self.refresh_token.is_none() && self.profile.login() == LoginMethod::Device {
            return &[Endpoint::Token, Endpoint::DeviceAuthorization];
        }
        &[Endpoint::Token]
    }

    /// One state further, if the present one is through.
    fn advance(&mut self, now: Timestamp) -> Result<Option<Tokens>, Error> {
        match &mut self.state {
            State::Start => {
                let known = self.server.take();
                match self.profile.server_for(known, self.needed(), now) {
                    Some(server) => self.begin(server)?,
                    None => {
                        let discovery = self.profile.discovery(self.policy_now());
                        self.state = State::Discovering(discovery.into());
                    }
                }
            }
            State::Discovering(discovery) => {
                if let Some(outcome) = discovery.take_outcome(now) {
                    self.spent = self.spent.saturating_add(discovery.spent());
                    self.begin(Arc::new(self.profile.discovered(outcome?)))?;
                }
            }
            State::Authorizing(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spent = self.spent.saturating_add(request.spent());
                    self.state = State::Asking(outcome?.into(), None);
                }
            }
            State::Asking(authorization, Some((took, Reply::Shown))) => {
                let (authorization, took) = (authorization.clone(), *took);
                self.begin_polling(&authorization, took)?;
            }
            State::Asking(_, Some((_, Reply::Cancelled))) => return Err(Error::Cancelled),
            State::Polling(polls) => match polls.take_outcome(now) {
                // What the caller set is the limit for all of it.
                Some(Err(Error::TimedOut { .. })) => {
                    return Err(Error::TimedOut { limit: self.limit });
                }
                // The code is spent and the answer is of no use, but for a refresh token.
                Some(Err(error)) => match polls.take_new_refresh_token() {
                    Some(new) => {
                        self.spent = self.spent.saturating_add(polls.spent());
                        self.persons = polls.spent();
                        (self.refresh_token, self.rotated) = (Some(new), true);
                        let server = self.server.take().ok_or(Error::Internal("login"))?;
                        // Without time for it, that one is what there is to say.
                        self.begin(server).map_err(|_| error)?;
                    }
                    None => return Err(error),
                },
                outcome => return outcome.transpose(),
            },
            State::Requesting(request) => {
                let outcome = request.take_outcome(now).transpose();
                // The one that was sent is dead, and the answer is of no other use: once more.
                if let (Err(_), Some(new)) = (&outcome, request.take_new_refresh_token()) {
                    self.refresh_token = Some(new);
                    if !mem::replace(&mut self.rotated, true)
                        && let Some(server) = self.server.take()
                    {
                        self.spent = self.spent.saturating_add(request.spent());
                        self.begin(server)?;
                        return Ok(None);
                    }
                }
                return outcome;
            }
            State::Asking(_, None) | State::Ended => {}
        }
        Ok(None)
    }

    /// Within the time that the server has, and the login.
    fn policy_now(&self) -> RetryPolicy {
        let servers = self.spent.saturating_sub(self.persons);
        self.policy.after(servers).within(self.limit.saturating_sub(self.spent))
    }

    /// The server is known.
    fn begin(&mut self, server: Arc<AuthorizationServer>) -> Result<(), Error> {
        let (client, scope) = (self.profile.client(), self.profile.scope());
        let (parameters, policy) = (self.profile.parameters(), self.policy_now());
        // Before a person is asked: without it nothing comes of the login.
        server.require(Endpoint::Token)?;
        if self.refresh_token.is_some() {
            policy.check_time_for_refresh()?;
        }
        self.state = match (&self.refresh_token, self.profile.login()) {
            (Some(token), _) => State::Requesting(
                AccessTokenRequest::refresh(&server, client, token, scope, policy)?
                    .with_parameters(parameters)
                    .into(),
            ),
            (None, LoginMethod::ClientCredentials) => State::Requesting(
                AccessTokenRequest::client_credentials(&server, client, scope, policy)?
                    .with_parameters(parameters)
                    .into(),
            ),
            (None, LoginMethod::Auto | LoginMethod::Device) => State::Authorizing(
                DeviceAuthorizationRequest::new(&server, client, scope, policy)?
                    .with_parameters(parameters)
                    .into(),
            ),
        };
        self.server = Some(server);
        Ok(())
    }

    /// The person has been shown the code, which took some of its time.
    fn begin_polling(
        &mut self,
        authorization: &DeviceAuthorization,
        took: Duration,
    ) -> Result<(), Error> {
        let server = self.server.as_deref().ok_or(Error::Internal("login"))?;
        let (client, scope) = (self.profile.client(), self.profile.scope());
        let left = self.limit.saturating_sub(self.spent);
        let mut polls = DeviceAccessTokenRequest::new(server, client, authorization, scope, left)?
            .with_parameters(self.profile.parameters());
        polls.spend(took);
        self.state = State::Polling(polls.into());
        Ok(())
    }
}

impl Flow for Login {
    type Output = LoggedIn;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<LoggedIn, Error>> {
        let outcome = match settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))? {
            Ok(tokens) => match self.server.take() {
                Some(server) => Ok(LoggedIn { tokens, server }),
                None => Err(Error::Internal("login")),
            },
            Err(error) => Err(error),
        };
        Some(outcome)
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        if let State::Asking(authorization, _) = &self.state {
            let mut prompt = authorization.prompt().clone();
            // Nobody polls for longer, whatever the code is good for.
            prompt.expires_in = prompt.expires_in.map(|code| code.min(self.limit));
            return Ok(Step::Ask(Ask::new(self, Prompt::DeviceCode(prompt))));
        }
        let at_stake = self.rotated;
        match &mut self.state {
            State::Discovering(discovery) => discovery.step(),
            State::Authorizing(request) => request.step(),
            State::Polling(polls) => polls.step(),
            State::Requesting(request) => {
                let step = request.step()?;
                // The refresh token is nowhere else yet.
                Ok(if at_stake { step.waiting_for(Reason::Tokens) } else { step })
            }
            State::Start | State::Asking(..) | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(match &self.state {
            State::Discovering(discovery) => discovery.spent(),
            State::Authorizing(request) => request.spent(),
            State::Polling(polls) => polls.spent(),
            State::Requesting(request) => request.spent(),
            State::Start | State::Asking(..) | State::Ended => Duration::ZERO,
        })
    }
}

machine!(Login => LoggedIn);

impl Asks for Login {
    fn replied(&mut self, took: Duration, reply: Reply) {
        if let State::Asking(_, answer) = &mut self.state {
            *answer = Some((took, reply));
        }
    }
}
