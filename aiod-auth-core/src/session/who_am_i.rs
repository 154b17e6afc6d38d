//! Who is logged in: whom the profile says, an API that it names, else the server's userinfo endpoint.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::SessionTokens;
use crate::{
    error::{Endpoint, Error},
    flow::{CurrentUserRequest, Discovery, Userinfo, UserinfoRequest},
    machine::{Flow, Step, machine, settle},
    profile::Profile,
    retry::RetryPolicy,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// Asks who a token is for: the server, or the API that the profile names. Ends in [`Userinfo`].
///
/// A token can die at any time, which is [`Error::TokenRejected`]:
/// [`Demand::after_rejection`](super::Demand::after_rejection) says with which one to ask once more.
#[derive(Debug)]
#[doc(alias = "get_current_user")]
pub struct WhoAmI {
    profile: Arc<Profile>,
    policy: RetryPolicy,
    /// `None`: they are another profile's, and go nowhere.
    tokens: Option<Arc<Tokens>>,
    server: Option<Arc<AuthorizationServer>>,
    discovered: Option<Arc<AuthorizationServer>>,
    spent: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Discovering(Box<Discovery>),
    Asking(Box<UserinfoRequest>),
    AskingApi(Box<CurrentUserRequest>),
    Ended,
}

impl WhoAmI {
    /// Asks as `profile`, with what a session of it ended in.
    #[must_use]
    pub fn new(profile: Arc<Profile>, session: &SessionTokens, policy: RetryPolicy) -> Self {
        let own = Some(session).filter(|session| *session.key == profile.key());
        Self {
            policy,
            tokens: own.map(|own| Arc::clone(&own.tokens)),
            server: own.and_then(|own| own.server.clone()),
            discovered: None,
            spent: Duration::ZERO,
            state: State::Start,
            profile,
        }
    }

    /// The server, if it had to be discovered: for the next machine, so it need not be again.
    #[must_use]
    pub const fn discovered(&self) -> Option<&Arc<AuthorizationServer>> {
        self.discovered.as_ref()
    }

    fn advance(&mut self, now: Timestamp) -> Result<Option<Userinfo>, Error> {
        match &mut self.state {
            State::Start => self.ask(now)?,
            State::Discovering(discovery) => {
                if let Some(outcome) = discovery.take_outcome(now) {
                    self.spent = self.spent.saturating_add(discovery.spent());
                    self.discovered = Some(Arc::new(self.profile.discovered(outcome?)));
                    self.server.clone_from(&self.discovered);
                    self.ask(now)?;
                }
            }
            State::Asking(request) => return request.take_outcome(now).transpose(),
            State::AskingApi(request) => return request.take_outcome(now).transpose(),
            State::Ended => {}
        }
        Ok(None)
    }

    fn ask(&mut self, now: Timestamp) -> Result<(), Error> {
        let tokens = self.tokens.as_deref().ok_or(Error::NotAuthenticated)?;
        let policy = self.policy.after(self.spent);
        if let Some(address) = self.profile.current_user() {
            let request = CurrentUserRequest::new(address, tokens, policy);
            self.state = State::AskingApi(request.into());
            return Ok(());
        }
        let known = self.server.take();
        self.server = self.profile.server_for(known, &[Endpoint::Userinfo], now);
        self.state = match &self.server {
            Some(server) => State::Asking(UserinfoRequest::new(server, tokens, policy)?.into()),
            None => State::Discovering(self.profile.discovery(policy).into()),
        };
        Ok(())
    }
}

impl Flow for WhoAmI {
    type Output = Userinfo;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Userinfo, Error>> {
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::Discovering(discovery) => discovery.step(),
            State::Asking(request) => request.step(),
            State::AskingApi(request) => request.step(),
            State::Start | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent
    }
}

machine!(WhoAmI => Userinfo);
