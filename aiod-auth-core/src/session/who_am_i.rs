//! Who is logged in, with a token that is renewed once if the server refuses it.
//!
//! The profile says whom to ask: an API that it names, else the server's userinfo endpoint.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{Demand, Session, SessionTokens};
use crate::{
    error::{Endpoint, Error},
    flow::{CurrentUserRequest, Discovery, Userinfo, UserinfoRequest},
    machine::{Flow, Step, machine, settle},
    profile::Profile,
    retry::RetryPolicy,
    time::Timestamp,
};

/// Gets a token, and asks who it is for: the server, or the API that the profile names. Ends in a
/// [`WhoAmIAnswer`].
#[derive(Debug)]
#[doc(alias = "get_current_user")]
pub struct WhoAmI {
    profile: Arc<Profile>,
    policy: RetryPolicy,
    session: Option<SessionTokens>,
    /// A token was refused, and this is the second try.
    renewed: bool,
    spent: Duration,
    state: State,
}

/// Who is logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WhoAmIAnswer {
    /// What the server says.
    pub userinfo: Userinfo,
    /// The tokens that it was asked with: they may be new.
    pub session: SessionTokens,
}

#[derive(Debug)]
enum State {
    GettingToken(Box<Session>),
    Discovering(Box<Discovery>),
    Asking(Box<UserinfoRequest>),
    AskingApi(Box<CurrentUserRequest>),
    Ended,
}

impl WhoAmI {
    /// Asks as `profile`, with what an earlier session ended in.
    #[must_use]
    pub fn new(profile: Arc<Profile>, held: Option<SessionTokens>, policy: RetryPolicy) -> Self {
        let session =
            Session::token(Arc::clone(&profile), Demand::default(), policy).with_held(held);
        let state = State::GettingToken(session.into());
        Self { profile, policy, session: None, renewed: false, spent: Duration::ZERO, state }
    }

    /// After an error: the tokens that it asked with, which may be new. Hold on to them.
    pub fn take_session(&mut self) -> Option<SessionTokens> {
        self.session.take()
    }

    fn advance(&mut self, now: Timestamp) -> Result<Option<WhoAmIAnswer>, Error> {
        match &mut self.state {
            State::GettingToken(session) => {
                if let Some(outcome) = session.take_outcome(now) {
                    self.spent = self.spent.saturating_add(session.spent());
                    match outcome {
                        Ok(tokens) => self.session = Some(tokens),
                        Err(error) => {
                            // Else what the first half got, which may not be saved either.
                            if let Some(left) = session.take_unsaved() {
                                self.session = Some(left);
                            }
                            return Err(error);
                        }
                    }
                    self.ask(now)?;
                }
            }
            State::Discovering(discovery) => {
                if let Some(outcome) = discovery.take_outcome(now) {
                    self.spent = self.spent.saturating_add(discovery.spent());
                    let server = Arc::new(self.profile.discovered(outcome?));
                    if let Some(session) = &mut self.session {
                        session.server = Some(server);
                    }
                    self.ask(now)?;
                }
            }
            State::Asking(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spent = self.spent.saturating_add(request.spent());
                    return self.answered(outcome);
                }
            }
            State::AskingApi(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spent = self.spent.saturating_add(request.spent());
                    return self.answered(outcome);
                }
            }
            State::Ended => {}
        }
        Ok(None)
    }

    fn answered(
        &mut self,
        outcome: Result<Userinfo, Error>,
    ) -> Result<Option<WhoAmIAnswer>, Error> {
        match (outcome, self.session.take()) {
            (Ok(userinfo), Some(session)) => Ok(Some(WhoAmIAnswer { userinfo, session })),
            // RFC 6750 §3.1: a token can die at any time. Once: no loop.
            (Err(Error::TokenRejected(error)), Some(session))
                if !self.renewed && !error.wants_dpop() =>
            {
                self.renewed = true;
                self.renew(session);
                Ok(None)
            }
            (Err(error), session) => {
                self.session = session;
                Err(error)
            }
            (Ok(_), None) => Err(Error::Internal("who am i")),
        }
    }

    fn ask(&mut self, now: Timestamp) -> Result<(), Error> {
        let Some(session) = &mut self.session else {
            return Err(Error::Internal("who am i"));
        };
        let policy = self.policy.after(self.spent);
        if let Some(address) = self.profile.current_user() {
            let request = CurrentUserRequest::new(address, &session.tokens, policy);
            self.state = State::AskingApi(request.into());
            return Ok(());
        }
        let known = session.server.take();
        session.server = self.profile.server_for(known, &[Endpoint::Userinfo], now);
        self.state = match &session.server {
            Some(server) => {
                State::Asking(UserinfoRequest::new(server, &session.tokens, policy)?.into())
            }
            None => State::Discovering(self.profile.discovery(policy).into()),
        };
        Ok(())
    }

    fn renew(&mut self, held: SessionTokens) {
        let demand = Demand { force: true, ..Demand::default() };
        let policy = self.policy.after(self.spent);
        self.session = Some(held.clone());
        let session =
            Session::token(Arc::clone(&self.profile), demand, policy).with_held(Some(held));
        self.state = State::GettingToken(session.into());
    }
}

impl Flow for WhoAmI {
    type Output = WhoAmIAnswer;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<WhoAmIAnswer, Error>> {
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::GettingToken(session) => session.step(),
            State::Discovering(discovery) => discovery.step(),
            State::Asking(request) => request.step(),
            State::AskingApi(request) => request.step(),
            State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent
    }
}

machine!(WhoAmI => WhoAmIAnswer);
