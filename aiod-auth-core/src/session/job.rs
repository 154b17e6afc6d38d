//! The session: tokens that are good for at least as long as is asked for, or new ones.
//!
//! ```text
//!   Renewing --good tokens, or an error--> Ended
//!      | a login is needed, and the caller wants one then
//!   LoggingIn ---------------------------> Ended
//! ```

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{Demand, SessionTokens, new_login::NewLogin, renewal::Renewal};
use crate::{
    error::Error,
    machine::{Flow, Step, machine, settle},
    profile::Profile,
    retry::RetryPolicy,
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// Gets tokens, renews them, keeps them. Ends in [`SessionTokens`].
#[derive(Debug)]
pub struct Session {
    profile: Arc<Profile>,
    policy: RetryPolicy,
    /// If a login is needed, log in within this limit, or don't.
    login_limit: Option<Duration>,
    left: Option<SessionTokens>,
    spent: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Renewing(Box<Renewal>),
    LoggingIn(Box<NewLogin>),
    Ended,
}

impl Session {
    /// Tokens as good as `demand` says, without asking a person.
    #[must_use]
    pub fn token(profile: Arc<Profile>, demand: Demand, policy: RetryPolicy) -> Self {
        let renewal = Renewal::new(Arc::clone(&profile), demand, policy);
        Self::new(profile, policy, State::Renewing(renewal.into()))
    }

    /// A new login, whatever there is, which may take as long as `limit`.
    #[must_use]
    pub fn login(profile: Arc<Profile>, limit: Duration, policy: RetryPolicy) -> Self {
        let login = NewLogin::new(Arc::clone(&profile), limit, policy);
        Self::new(profile, policy, State::LoggingIn(login.into()))
    }

    /// A new login with a refresh token that somebody else got. It is proven by using it: a dead one
    /// is [`Error::SessionEnded`], and nothing is kept.
    #[must_use]
    pub fn login_with_refresh_token(
        profile: Arc<Profile>,
        refresh_token: RefreshToken,
        policy: RetryPolicy,
    ) -> Self {
        let login = NewLogin::new(Arc::clone(&profile), policy.time_limit, policy);
        let login = login.with_refresh_token(refresh_token);
        Self::new(profile, policy, State::LoggingIn(login.into()))
    }

    /// Keeps tokens that somebody else got, in place of those that are there. Nobody is asked whether
    /// they are any good, or this profile's. If the store fails, it is an error: somebody has them still.
    #[must_use]
    pub fn keep(profile: Arc<Profile>, tokens: Tokens, policy: RetryPolicy) -> Self {
        let login = NewLogin::of_tokens(Arc::clone(&profile), tokens, policy);
        Self::new(profile, policy, State::LoggingIn(login.into()))
    }

    const fn new(profile: Arc<Profile>, policy: RetryPolicy, state: State) -> Self {
        Self { profile, policy, login_limit: None, left: None, spent: Duration::ZERO, state }
    }

    /// If nobody is logged in or the session has ended, logs in, within `limit`.
    #[must_use]
    pub const fn or_login(mut self, limit: Duration) -> Self {
        self.login_limit = Some(limit);
        self
    }

    /// By one who may know the server, which need not be discovered then.
    pub(super) fn that_knows(mut self, server: Option<Arc<AuthorizationServer>>) -> Self {
        if let State::Renewing(renewal) = &mut self.state {
            renewal.know(server);
        }
        self
    }

    /// Says what an earlier session ended in. Its server need not be discovered again; where there is no
    /// new login, its tokens count if they could not be saved.
    #[must_use]
    pub fn with_held(mut self, held: Option<SessionTokens>) -> Self {
        let held = held.filter(|held| *held.key == self.profile.key());
        match &mut self.state {
            State::Renewing(renewal) => renewal.hold(held),
            State::LoggingIn(login) => login.server = held.and_then(|held| held.server),
            State::Ended => {}
        }
        self
    }

    /// How patient it is: for [`Held::after`](super::Held::after).
    #[must_use]
    pub const fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// After an error: tokens that are there all the same. They should have been saved and could not be,
    /// or they are still good and nothing renews them. Hold on to them.
    #[must_use]
    pub const fn left(&self) -> Option<&SessionTokens> {
        self.left.as_ref()
    }

    /// One state further, if the present one is through.
    fn advance(&mut self, now: Timestamp) -> Result<Option<SessionTokens>, Error> {
        match &mut self.state {
            State::Renewing(renewal) => {
                let Some(outcome) = renewal.take_outcome(now) else { return Ok(None) };
                self.spent = self.spent.saturating_add(renewal.spent());
                self.left = renewal.take_left();
                match (outcome, self.login_limit) {
                    (Err(error), Some(limit)) if error.asks_for_login() => {
                        let mut login =
                            NewLogin::new(Arc::clone(&self.profile), limit, self.policy);
                        login.server = renewal.take_server();
                        self.state = State::LoggingIn(login.into());
                        Ok(None)
                    }
                    (outcome, _) => outcome.map(Some),
                }
            }
            State::LoggingIn(login) => {
                let Some(outcome) = login.take_outcome(now) else { return Ok(None) };
                self.spent = self.spent.saturating_add(login.spent());
                self.left = login.take_unsaved().or_else(|| self.left.take());
                outcome.map(Some)
            }
            State::Ended => Ok(None),
        }
    }
}

impl Flow for Session {
    type Output = SessionTokens;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<SessionTokens, Error>> {
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::Renewing(renewal) => renewal.step(),
            State::LoggingIn(login) => login.step(),
            State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(match &self.state {
            State::Renewing(renewal) => renewal.spent(),
            State::LoggingIn(login) => login.spent(),
            State::Ended => Duration::ZERO,
        })
    }
}

machine!(Session => SessionTokens);
