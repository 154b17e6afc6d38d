//! The session: a token that is good for at least as long as is asked for.
//!
//! ```text
//!   Loading --good--> Ended
//!      | not good
//!   Discovering --> Locking --> Loading, again: somebody else may have been faster
//!                                  |
//!                      Refreshing, or Requesting (client credentials)
//!                         |    |
//!      no verdict, or "session ended"   new tokens, or a new refresh token alone
//!                         |    |
//!                  Rereading   +--> Saving --> Unlocking --> Ended
//!                         |
//!            another refresh token: Refreshing with that, once
//!            lost: Resting, then Refreshing with the same, once
//!            else: Unlocking --> LoggingIn, if allowed --> Locking --> Saving …
//! ```
//!
//! Nobody sees a new token before it is saved. A failure never removes anything.

use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};

use super::{
    policy::{Demand, Freshness},
    store_access::{StoreCall, StoreOperation, StoreReply, TakeLock},
};
use crate::{
    error::{Endpoint, Error, ServerError, StoreFailure},
    flow::{AccessTokenRequest, Discovery},
    login::Login,
    machine::{Flow, Pause, Reason, Sleeps, Step, machine},
    profile::{LoginMethod, Profile, RecordKey},
    retry::{Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// Gets tokens, renews them, keeps them. Ends in [`SessionTokens`].
#[derive(Debug)]
pub struct Session {
    profile: Arc<Profile>,
    key: Arc<RecordKey>,
    policy: RetryPolicy,
    job: Job,
    server: Option<Arc<AuthorizationServer>>,
    /// What the caller holds.
    held: Option<SessionTokens>,
    /// What was there when the job began: a forced renewal wants others than these.
    first: Option<Arc<Tokens>>,
    /// What was there is still good: the renewal is early.
    aging: bool,
    /// What is being renewed.
    renewing: Option<Renewing>,
    spent: Duration,
    locked: bool,
    state: State,
}

/// What a session ends in: tokens, and where they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionTokens {
    /// The tokens.
    pub tokens: Arc<Tokens>,
    /// The server, where the job had to know it: for the next job.
    pub server: Option<Arc<AuthorizationServer>>,
    /// Whether they are in the store.
    pub kept: Kept,
    /// An early renewal that failed, and when. These tokens are the old ones, and still good.
    pub renewal_failed: Option<(Timestamp, Box<Error>)>,
}

impl SessionTokens {
    /// How good they are for a demand. After an early renewal that failed, none is due for a minute.
    #[must_use]
    pub fn freshness(&self, demand: &Demand, now: Timestamp) -> Freshness {
        match (demand.freshness(&self.tokens, now), &self.renewal_failed) {
            (Freshness::Aging, Some((at, _)))
                if now.saturating_duration_since(*at) < EARLY_RENEWAL_PAUSE =>
            {
                Freshness::Good
            }
            (freshness, _) => freshness,
        }
    }
}

/// A verdict is believed for so long without asking again, however many ask.
const VERDICT_AGE_MAX: Duration = Duration::from_secs(60);

const EARLY_RENEWAL_PAUSE: Duration = Duration::from_secs(60);

/// Whether tokens are in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth possibility")]
pub enum Kept {
    /// They are.
    Saved,
    /// There is no store.
    NoStore,
    /// The store failed. Losing these tokens may mean a new login.
    NotSaved(StoreFailure),
}

#[derive(Debug)]
enum Job {
    /// Good tokens; if a login is needed, log in within this limit, or don't.
    Token {
        demand: Demand,
        login_limit: Option<Duration>,
    },
    Login {
        limit: Duration,
        refresh_token: Option<RefreshToken>,
    },
}

#[derive(Debug)]
struct Renewing {
    tokens: Arc<Tokens>,
    refresh_token: RefreshToken,
    /// It was sent before, and no answer came.
    lost_once: bool,
    /// It is another one than the first that was refused.
    second: bool,
}

#[derive(Debug)]
enum State {
    Start,
    Loading(StoreCall),
    Discovering(Box<Discovery>),
    Locking(TakeLock, Option<Arc<Tokens>>),
    Refreshing(Box<AccessTokenRequest>),
    Rereading(StoreCall, Error),
    Resting(Duration),
    Requesting(Box<AccessTokenRequest>),
    LoggingIn(Box<Login>),
    Saving(StoreCall, Arc<Tokens>, Option<Error>),
    Unlocking(StoreCall, Next),
    Ended,
}

/// What comes after the lock was given back.
#[derive(Debug)]
enum Next {
    End(Box<Result<SessionTokens, Error>>),
    LogIn(Duration),
}

impl Session {
    /// Tokens as good as `demand` says, without asking a person.
    #[must_use]
    pub fn token(profile: Arc<Profile>, demand: Demand, policy: RetryPolicy) -> Self {
        Self::new(profile, Job::Token { demand, login_limit: None }, policy)
    }

    /// A new login, whatever there is, which may take as long as `limit`.
    #[must_use]
    pub fn login(profile: Arc<Profile>, limit: Duration, policy: RetryPolicy) -> Self {
        Self::new(profile, Job::Login { limit, refresh_token: None }, policy)
    }

    /// A new login with a refresh token that somebody else got. It is proven by using it: a dead one
    /// is [`Error::SessionEnded`], and nothing is kept.
    #[must_use]
    pub fn login_with_refresh_token(
        profile: Arc<Profile>,
        refresh_token: RefreshToken,
        policy: RetryPolicy,
    ) -> Self {
        let limit = policy.time_limit;
        Self::new(profile, Job::Login { limit, refresh_token: Some(refresh_token) }, policy)
    }

    fn new(profile: Arc<Profile>, job: Job, policy: RetryPolicy) -> Self {
        Self {
            key: Arc::new(profile.key()),
            profile,
            policy,
            job,
            server: None,
            held: None,
            first: None,
            aging: false,
            renewing: None,
            spent: Duration::ZERO,
            locked: false,
            state: State::Start,
        }
    }

    /// If nobody is logged in or the session has ended, logs in, within `limit`.
    #[must_use]
    pub fn or_login(mut self, limit: Duration) -> Self {
        if let Job::Token { login_limit, .. } = &mut self.job {
            *login_limit = Some(limit);
        }
        self
    }

    /// Says what an earlier session ended in. Its server need not be discovered again; its tokens
    /// count where they could not be saved.
    #[must_use]
    pub fn with_held(mut self, held: Option<SessionTokens>) -> Self {
        self.server = held.as_ref().and_then(|held| held.server.clone());
        self.held = held;
        self
    }

    /// One state further, if the present one is through.
    fn advance(&mut self, now: Timestamp) -> Result<Option<SessionTokens>, Error> {
        match &mut self.state {
            State::Start => match &self.job {
                Job::Token { .. } => self.load(),
                Job::Login { limit, .. } => self.log_in(*limit),
            },
            State::Loading(call) => {
                if let Some(outcome) = call.take_outcome(now) {
                    self.spend(State::spent);
                    match outcome {
                        Ok(reply) => self.loaded(reply, now),
                        Err(error) => self.fail(error, now),
                    }
                }
            }
            State::Discovering(discovery) => {
                if let Some(outcome) = discovery.take_outcome(now) {
                    self.spend(State::spent);
                    match outcome {
                        Ok(server) => {
                            self.server = Some(Arc::new(self.profile.discovered(server)));
                            self.lock(None);
                        }
                        Err(error) => self.fail(error, now),
                    }
                }
            }
            State::Locking(lock, to_save) => {
                if let Some(outcome) = lock.take_outcome(now) {
                    let to_save = to_save.take();
                    self.spend(State::spent);
                    self.locked = outcome.is_ok();
                    match (outcome, to_save) {
                        (Ok(()), None) => self.load(),
                        (Ok(()), Some(tokens)) => self.save(tokens, None),
                        (Err(error), None) => self.fail(error, now),
                        (Err(Error::Store(failure)), Some(tokens)) => {
                            self.finish(tokens, Kept::NotSaved(failure));
                        }
                        (Err(error), Some(_)) => self.fail(error, now),
                    }
                }
            }
            State::Refreshing(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    let new_refresh_token = request.take_new_refresh_token();
                    self.spend(State::spent);
                    self.refreshed(outcome, new_refresh_token, now);
                }
            }
            State::Rereading(call, error) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let error = mem::replace(error, Error::Finished);
                    self.spend(State::spent);
                    match outcome {
                        Ok(reply) => self.reread(reply, error, now),
                        Err(_) => self.fail(error, now),
                    }
                }
            }
            State::Resting(Duration::ZERO) => self.refresh(now),
            State::Requesting(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spend(State::spent);
                    match outcome {
                        Ok(tokens) => self.save(Arc::new(tokens), None),
                        Err(error) => self.fail(error, now),
                    }
                }
            }
            State::LoggingIn(login) => {
                if let Some(outcome) = login.take_outcome(now) {
                    // A person's time is not the server's: it does not count.
                    match outcome {
                        Ok(logged_in) => {
                            self.server = Some(logged_in.server);
                            self.lock(Some(Arc::new(logged_in.tokens)));
                        }
                        Err(error) => self.end(Err(error)),
                    }
                }
            }
            State::Saving(call, tokens, error) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let (tokens, error) = (Arc::clone(tokens), error.take());
                    self.spend(State::spent);
                    self.saved(outcome, tokens, error, now);
                }
            }
            State::Unlocking(call, _) => {
                if call.take_outcome(now).is_some() {
                    self.locked = false;
                    if let State::Unlocking(_, next) = mem::replace(&mut self.state, State::Ended) {
                        match next {
                            Next::End(outcome) => return outcome.map(Some),
                            Next::LogIn(limit) => self.log_in(limit),
                        }
                    }
                }
            }
            State::Resting(_) | State::Ended => {}
        }
        Ok(None)
    }

    // What to do next.

    fn load(&mut self) {
        self.state = State::Loading(StoreCall::new(&self.key, StoreOperation::Load));
    }

    fn lock(&mut self, to_save: Option<Arc<Tokens>>) {
        let limit = if to_save.is_some() {
            // However long the person took.
            self.policy.time_limit
        } else if self.aging {
            // Whoever holds it is renewing already.
            Duration::ZERO
        } else {
            self.policy.after(self.spent).time_limit
        };
        self.state = State::Locking(TakeLock::new(&self.key, limit), to_save);
    }

    fn save(&mut self, tokens: Arc<Tokens>, error: Option<Error>) {
        let operation = StoreOperation::Save(Arc::clone(&tokens));
        self.state = State::Saving(StoreCall::new(&self.key, operation), tokens, error);
    }

    fn log_in(&mut self, limit: Duration) {
        let (profile, server) = (Arc::clone(&self.profile), self.server.clone());
        let mut login = Login::new(profile, server, limit, self.policy);
        if let Job::Login { refresh_token, .. } = &mut self.job
            && let Some(token) = refresh_token.take()
        {
            login = login.with_refresh_token(token);
        }
        self.state = State::LoggingIn(login.into());
    }

    fn refresh(&mut self, now: Timestamp) {
        let (Some(server), Some(renewing)) = (&self.server, &self.renewing) else {
            return self.fail(Error::Internal("session"), now);
        };
        let request = AccessTokenRequest::refreshing(
            server,
            self.profile.client(),
            &renewing.refresh_token,
            &renewing.tokens.scope,
            self.policy.after(self.spent),
            // The store is looked at before a token goes out a second time.
            Resend::Never,
        );
        match request {
            Ok(request) => self.state = State::Refreshing(request.into()),
            Err(error) => self.fail(error, now),
        }
    }

    fn request_with_client_credentials(&mut self, now: Timestamp) {
        let Some(server) = &self.server else {
            return self.fail(Error::Internal("session"), now);
        };
        let (client, scope) = (self.profile.client(), self.profile.scope());
        let policy = self.policy.after(self.spent);
        match AccessTokenRequest::client_credentials(server, client, scope, policy) {
            Ok(request) => self.state = State::Requesting(request.into()),
            Err(error) => self.fail(error, now),
        }
    }

    // What came of it.

    fn loaded(&mut self, reply: StoreReply, now: Timestamp) {
        let tokens = self.newest(reply);
        if let Some(tokens) = &tokens
            && self.freshness(tokens, now) == Freshness::Good
        {
            return self.finish(Arc::clone(tokens), self.kept(tokens));
        }
        if self.first.is_none() {
            self.first.clone_from(&tokens);
            self.aging = tokens
                .as_ref()
                .is_some_and(|tokens| self.freshness(tokens, now) == Freshness::Aging);
            if self.aging {
                // While the old one is good, one try is enough.
                self.policy.attempts = 1;
            }
        }
        if let Some(tokens) = &tokens
            && tokens
                .session_ended_at
                .is_some_and(|at| now.saturating_duration_since(at) < VERDICT_AGE_MAX)
        {
            return self.fail(Error::SessionEnded(Box::new(ServerError::remembered())), now);
        }
        let refresh_token = tokens.as_ref().and_then(|tokens| tokens.refresh_token.clone());
        let by_client_credentials = self.profile.login() == LoginMethod::ClientCredentials;
        match (tokens, refresh_token) {
            _ if by_client_credentials && self.locked => self.request_with_client_credentials(now),
            (Some(tokens), Some(refresh_token)) if self.locked => {
                let (lost_once, second) = (false, false);
                self.renewing = Some(Renewing { tokens, refresh_token, lost_once, second });
                self.refresh(now);
            }
            (Some(_), Some(_)) => self.find_server(now),
            _ if by_client_credentials => self.find_server(now),
            (_, None) | (None, _) => self.fail(Error::NotAuthenticated, now),
        }
    }

    /// Before the lock: a server that is slow must not make others wait.
    fn find_server(&mut self, now: Timestamp) {
        let given = || self.profile.given_server(&[Endpoint::Token]).map(Arc::new);
        self.server = self.server.take().filter(|server| server.is_current(now)).or_else(given);
        if self.server.is_some() {
            self.lock(None);
        } else {
            let issuer = self.profile.issuer().clone();
            let policy = self.policy.after(self.spent);
            self.state = State::Discovering(Discovery::new(issuer, policy).into());
        }
    }

    fn refreshed(
        &mut self,
        outcome: Result<Tokens, Error>,
        new_refresh_token: Option<RefreshToken>,
        now: Timestamp,
    ) {
        let Some(renewing) = &self.renewing else {
            return self.fail(Error::Internal("session"), now);
        };
        match outcome {
            Ok(tokens) => {
                let tokens = tokens.inheriting(&renewing.tokens);
                self.save(Arc::new(tokens), None);
            }
            Err(error @ Error::SessionEnded(_)) if renewing.second => {
                self.session_ended(error, now);
            }
            Err(error @ Error::OutcomeUnknown { .. }) if renewing.lost_once => {
                self.fail(error, now);
            }
            Err(error @ (Error::SessionEnded(_) | Error::OutcomeUnknown { .. })) => {
                let call = StoreCall::new(&self.key, StoreOperation::Load);
                self.state = State::Rereading(call, error);
            }
            Err(error) => match new_refresh_token {
                Some(new) => {
                    let mut tokens = Tokens::clone(&renewing.tokens);
                    tokens.refresh_token = Some(new);
                    self.save(Arc::new(tokens), Some(error));
                }
                None => self.fail(error, now),
            },
        }
    }

    /// Somebody who doesn't take the lock (a platform's own client) may have written meanwhile.
    fn reread(&mut self, reply: StoreReply, error: Error, now: Timestamp) {
        let stored = self.newest(reply);
        let Some(renewing) = &mut self.renewing else {
            return self.fail(error, now);
        };
        if let Some(tokens) = &stored
            && let Some(other) = &tokens.refresh_token
            && !other.same_as(&renewing.refresh_token)
        {
            renewing.tokens = Arc::clone(tokens);
            renewing.refresh_token = other.clone();
            renewing.second = true;
            let tokens = Arc::clone(tokens);
            return match self.freshness(&tokens, now) {
                Freshness::Good => self.finish(Arc::clone(&tokens), self.kept(&tokens)),
                Freshness::Aging | Freshness::Stale => self.refresh(now),
            };
        }
        if matches!(error, Error::OutcomeUnknown { .. }) {
            renewing.lost_once = true;
            self.state = State::Resting(self.policy.delay(1));
        } else {
            self.session_ended(error, now);
        }
    }

    /// The record stays, marked, until a new login replaces it.
    fn session_ended(&mut self, error: Error, now: Timestamp) {
        let Some(renewing) = &self.renewing else {
            return self.fail(error, now);
        };
        let mut tokens = Tokens::clone(&renewing.tokens);
        tokens.session_ended_at = Some(now);
        self.save(Arc::new(tokens), Some(error));
    }

    fn saved(
        &mut self,
        outcome: Result<StoreReply, Error>,
        tokens: Arc<Tokens>,
        error: Option<Error>,
        now: Timestamp,
    ) {
        let kept = match outcome {
            Ok(StoreReply::NotKept) => Kept::NoStore,
            Ok(_) => Kept::Saved,
            Err(Error::Store(failure)) => Kept::NotSaved(failure),
            Err(error) => return self.fail(error, now),
        };
        match error {
            None => self.finish(tokens, kept),
            Some(error) => self.fail(error, now),
        }
    }

    // The end.

    fn finish(&mut self, tokens: Arc<Tokens>, kept: Kept) {
        let server = self.server.clone();
        self.end(Ok(SessionTokens { tokens, server, kept, renewal_failed: None }));
    }

    /// An early renewal that fails is no failure; neither is one that a login can mend.
    fn fail(&mut self, error: Error, now: Timestamp) {
        let Job::Token { demand, login_limit } = &self.job else {
            return self.end(Err(error));
        };
        if let Some(first) = &self.first
            && self.aging
            && demand.freshness(first, now) != Freshness::Stale
        {
            return self.end(Ok(SessionTokens {
                tokens: Arc::clone(first),
                server: self.server.clone(),
                kept: self.kept(first),
                renewal_failed: Some((now, Box::new(error))),
            }));
        }
        match (&error, *login_limit) {
            (Error::SessionEnded(_) | Error::NotAuthenticated, Some(limit)) => {
                self.unlock(Next::LogIn(limit));
            }
            _ => self.end(Err(error)),
        }
    }

    fn end(&mut self, outcome: Result<SessionTokens, Error>) {
        self.unlock(Next::End(Box::new(outcome)));
    }

    fn unlock(&mut self, next: Next) {
        let mut call = StoreCall::new(&self.key, StoreOperation::Unlock);
        if !self.locked {
            call.skip();
        }
        self.state = State::Unlocking(call, next);
    }

    // What is known.

    /// The newer one of what is stored and what the caller holds and could not save.
    fn newest(&self, reply: StoreReply) -> Option<Arc<Tokens>> {
        let stored = match reply {
            StoreReply::Loaded(stored) => stored,
            StoreReply::Locked(_) | StoreReply::Done | StoreReply::NotKept => None,
        };
        let unsaved = self.held.as_ref().filter(|held| held.kept != Kept::Saved);
        match (stored, unsaved) {
            (Some(stored), Some(held)) if held.tokens.issued_at <= stored.issued_at => Some(stored),
            (_, Some(held)) => Some(Arc::clone(&held.tokens)),
            (stored, None) => stored,
        }
    }

    fn kept(&self, tokens: &Arc<Tokens>) -> Kept {
        match &self.held {
            Some(held) if Arc::ptr_eq(&held.tokens, tokens) => held.kept.clone(),
            _ => Kept::Saved,
        }
    }

    /// Others than those that were there at first are new enough for a forced renewal.
    fn freshness(&self, tokens: &Tokens, now: Timestamp) -> Freshness {
        let Job::Token { demand, .. } = &self.job else {
            return Freshness::Stale;
        };
        let mut demand = *demand;
        if let Some(first) = &self.first {
            demand.force &= first.access_token.same_as(&tokens.access_token);
        }
        demand.freshness(tokens, now)
    }

    fn spend(&mut self, of: impl Fn(&State) -> Duration) {
        self.spent = self.spent.saturating_add(of(&self.state));
    }
}

impl State {
    fn spent(&self) -> Duration {
        match self {
            Self::Loading(call) | Self::Rereading(call, _) => call.spent(),
            Self::Saving(call, ..) | Self::Unlocking(call, _) => call.spent(),
            Self::Locking(lock, _) => lock.spent(),
            Self::Discovering(discovery) => discovery.spent(),
            Self::Refreshing(request) | Self::Requesting(request) => request.spent(),
            Self::LoggingIn(login) => login.spent(),
            Self::Start | Self::Resting(_) | Self::Ended => Duration::ZERO,
        }
    }
}

impl Flow for Session {
    type Output = SessionTokens;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<SessionTokens, Error>> {
        // Giving back a lock that is not held needs no step, so a state may be through at once.
        for _ in 0..4 {
            let before = mem::discriminant(&self.state);
            if let Some(outcome) = self.advance(now).transpose() {
                self.state = State::Ended;
                return Some(outcome);
            }
            if mem::discriminant(&self.state) == before {
                break;
            }
        }
        None
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        if let State::Resting(delay) = self.state {
            return Ok(Step::Wait(Pause::new(self, delay, Reason::Retry)));
        }
        match &mut self.state {
            State::Loading(call) | State::Rereading(call, _) => call.step(),
            State::Saving(call, ..) | State::Unlocking(call, _) => call.step(),
            State::Locking(lock, _) => lock.step(),
            State::Discovering(discovery) => discovery.step(),
            State::Refreshing(request) | State::Requesting(request) => request.step(),
            State::LoggingIn(login) => login.step(),
            State::Start | State::Resting(_) | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(self.state.spent())
    }
}

machine!(Session => SessionTokens);

impl Sleeps for Session {
    fn slept(&mut self, slept: Duration) {
        self.spent = self.spent.saturating_add(slept);
        if let State::Resting(delay) = &mut self.state {
            *delay = delay.saturating_sub(slept);
        }
    }
}
