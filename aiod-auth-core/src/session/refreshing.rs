//! One refresh, until there is a verdict: the part of a session that must not lose a token.
//!
//! ```text
//!   Sending --verdict, or new tokens--> Ended
//!      ^   \
//!      |    "session ended", or no answer came
//!      |         \
//!      |       Rereading the store: what does it hold now?
//!      |         |   another refresh token: with that one, once
//!      +---------+   no answer: Resting, then with the same one, once
//! ```

use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};

use super::{
    Freshness, SessionTokens,
    policy::Wanted,
    store_access::{StoreCall, StoreOperation, Version},
    tokens::newest,
};
use crate::{
    error::{Endpoint, Error, Problem, Unreachable},
    flow::AccessTokenRequest,
    machine::{Flow, Pause, Reason, Sleeps, Step, settle},
    profile::{Profile, RecordKey},
    retry::{Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
    wire::id_token::{Person, person},
};

/// Refreshes under the store's lock, which the session holds. It writes nothing: what is to be saved
/// is in its outcome.
#[derive(Debug)]
pub(super) struct Refreshing {
    around: Around,
    tokens: Arc<Tokens>,
    refresh_token: RefreshToken,
    /// It was sent before, and no answer came.
    lost_once: bool,
    /// It is another one than the first, which was refused.
    second: bool,
    spent: Duration,
    state: State,
}

/// What a refresh has to know.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) profile: Arc<Profile>,
    pub(super) server: Arc<AuthorizationServer>,
    pub(super) key: Arc<RecordKey>,
    pub(super) policy: RetryPolicy,
    /// What the store held when it was looked at last.
    pub(super) seen: Version,
    pub(super) held: Option<SessionTokens>,
    pub(super) wanted: Wanted,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Refreshed {
    /// New tokens, to be saved before anybody sees them.
    New(Box<Tokens>),
    /// Somebody who takes no lock (a platform's own client) has stored these, and they are good.
    Found(Arc<Tokens>),
    /// Nothing; but this is to be saved: a new refresh token that came with a broken answer, or the
    /// mark that the session has ended.
    Failed(Error, Option<Box<Tokens>>),
}

#[derive(Debug)]
enum State {
    Sending(Box<AccessTokenRequest>),
    Rereading(StoreCall, Error),
    Resting(Duration),
    Ended,
}

impl Refreshing {
    pub(super) fn new(
        around: Around,
        tokens: Arc<Tokens>,
        refresh_token: RefreshToken,
    ) -> Result<Self, Error> {
        let (lost_once, second, spent) = (false, false, Duration::ZERO);
        let state = State::Ended;
        let mut refreshing =
            Self { around, tokens, refresh_token, lost_once, second, spent, state };
        refreshing.send()?;
        Ok(refreshing)
    }

    /// Which login the store held when it was looked at last.
    pub(super) fn seen(&self) -> Version {
        self.around.seen.clone()
    }

    fn send(&mut self) -> Result<(), Error> {
        let mut policy = self.around.policy.after(self.spent);
        if self.lost_once {
            policy.attempts = 1;
        }
        if let Err(error) = policy.check_time_for_refresh() {
            let unknown = Error::OutcomeUnknown {
                endpoint: Endpoint::Token,
                attempts: 1,
                cause: Unreachable::NoAnswer("no answer"),
            };
            return Err(if self.lost_once { unknown } else { error });
        }
        let request = AccessTokenRequest::refreshing(
            &self.around.server,
            self.around.profile.client(),
            &self.refresh_token,
            self.tokens.session_scope(),
            policy,
            // The store is looked at before a token goes out a second time.
            Resend::Never,
        )?;
        let request = request.with_parameters(self.around.profile.parameters());
        self.state = State::Sending(request.into());
        Ok(())
    }

    fn advance(&mut self, now: Timestamp) -> Result<Option<Refreshed>, Error> {
        match &mut self.state {
            State::Sending(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    let new_refresh_token = request.take_new_refresh_token();
                    self.spent = self.spent.saturating_add(request.spent());
                    return self.answered(outcome, new_refresh_token);
                }
            }
            State::Rereading(call, error) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let error = mem::replace(error, Error::Finished);
                    self.spent = self.spent.saturating_add(call.spent());
                    return match outcome {
                        Ok(reply) => self.reread(reply.into_loaded(), error, now),
                        // What can't be read must not be overwritten, by a mark least of all.
                        Err(_) => Err(error),
                    };
                }
            }
            State::Resting(Duration::ZERO) => self.send()?,
            State::Resting(_) | State::Ended => {}
        }
        Ok(None)
    }

    fn answered(
        &mut self,
        outcome: Result<Tokens, Error>,
        mut new_refresh_token: Option<RefreshToken>,
    ) -> Result<Option<Refreshed>, Error> {
        let broken =
            |problem| Error::InvalidResponse { endpoint: Endpoint::Token, status: None, problem };
        let error = match outcome {
            Ok(mut tokens) => {
                match person(
                    self.tokens.id_token.as_ref(),
                    tokens.id_token.as_ref(),
                    self.around.profile.client().id(),
                ) {
                    Person::Same => {
                        return Ok(Some(Refreshed::New(Box::new(tokens.inheriting(&self.tokens)))));
                    }
                    Person::Unknown => {
                        tokens.id_token = None;
                        return Ok(Some(Refreshed::New(Box::new(tokens.inheriting(&self.tokens)))));
                    }
                    Person::Other => return Err(broken(Problem::OtherSubject)),
                    Person::Refused(problem) => {
                        new_refresh_token = tokens.refresh_token.take();
                        broken(problem)
                    }
                }
            }
            Err(error) => error,
        };
        if let Some(new) = new_refresh_token {
            let mut tokens = Tokens::clone(&self.tokens);
            tokens.refresh_token = Some(new);
            return Ok(Some(Refreshed::Failed(error, Some(Box::new(tokens)))));
        }
        let verdict = matches!(error, Error::SessionEnded(_));
        let lost = matches!(error, Error::OutcomeUnknown { .. });
        let away = matches!(error, Error::Unreachable { .. });
        if self.lost_once && (lost || away) {
            // Whatever happened to the second send, nobody knows what came of the first.
            return Err(Error::OutcomeUnknown {
                endpoint: Endpoint::Token,
                attempts: 2,
                cause: Unreachable::NoAnswer("no answer"),
            });
        }
        if !verdict && !lost {
            return Err(error);
        }
        let call = StoreCall::new(&self.around.key, StoreOperation::Load);
        self.state = State::Rereading(call, error);
        Ok(None)
    }

    fn reread(
        &mut self,
        stored: Option<Arc<Tokens>>,
        error: Error,
        now: Timestamp,
    ) -> Result<Option<Refreshed>, Error> {
        self.around.seen = Version::of(stored.as_deref());
        let others = [stored.clone(), newest(None, self.around.held.as_ref())];
        for (tokens, other) in others.into_iter().flatten().filter_map(with_refresh_token) {
            if other.same_as(&self.refresh_token) || self.second {
                continue;
            }
            if self.around.wanted.freshness(&tokens, now) == Freshness::Good {
                return Ok(Some(Refreshed::Found(tokens)));
            }
            self.refresh_token = other;
            self.tokens = tokens;
            self.second = true;
            self.send()?;
            return Ok(None);
        }
        if let Error::OutcomeUnknown { .. } = error {
            self.lost_once = true;
            self.state = State::Resting(self.around.policy.delay(1).max(Duration::from_millis(1)));
            return Ok(None);
        }
        // The record stays, marked, until a new login replaces it.
        let refused = stored.and_then(with_refresh_token);
        let refused = refused.filter(|(_, stored)| stored.same_as(&self.refresh_token));
        Ok(Some(Refreshed::Failed(
            error,
            refused.map(|(tokens, _)| {
                let mut tokens = Tokens::clone(&tokens);
                tokens.session_ended_at = Some(now);
                Box::new(tokens)
            }),
        )))
    }
}

pub(super) fn with_refresh_token(tokens: Arc<Tokens>) -> Option<(Arc<Tokens>, RefreshToken)> {
    let refresh_token = tokens.refresh_token.clone()?;
    Some((tokens, refresh_token))
}

impl Flow for Refreshing {
    type Output = Refreshed;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Refreshed, Error>> {
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        if let State::Resting(delay) = self.state {
            return Ok(Step::Wait(Pause::new(self, delay, Reason::Retry)));
        }
        match &mut self.state {
            State::Sending(request) => request.step(),
            State::Rereading(call, _) => call.step(),
            State::Resting(_) | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent
    }
}

impl Sleeps for Refreshing {
    fn slept(&mut self, slept: Duration) {
        self.spent = self.spent.saturating_add(slept);
        if let State::Resting(delay) = &mut self.state {
            *delay = delay.saturating_sub(slept);
        }
    }
}
