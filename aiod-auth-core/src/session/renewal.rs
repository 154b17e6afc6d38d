//! The session: a token that is good for at least as long as is asked for.
//!
//! ```text
//!   Loading --good--> Ended
//!      | not good
//!   Discovering --> Locking --> Loading, again: somebody else may have been faster
//!                                  | still not good
//!              Preparing, Refreshing, or Requesting (client credentials)
//!                         |    |
//!                  no tokens   new tokens, or a new refresh token in a broken answer
//!                         |    +--> Saving --> Unlocking --> Ended
//!                         |
//!                         +--> Unlocking --> PreparingLogin, LoggingIn, if that is allowed
//!                                                           +--> Locking --> Saving …
//! ```
//!
//! Nobody sees a new token before it is saved. A failure never removes anything. Where another login is
//! stored by the time that new tokens are to be saved, that one is left alone and used: from `Saving`
//! back to `Loading`, once.

use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};

use super::{
    Demand, Freshness, Kept, SessionTokens,
    policy::Wanted,
    refreshing::{Around, Refreshed, Refreshing, with_refresh_token},
    store_access::{Seen, StoreCall, StoreOperation, StoreReply, TakeLock},
    tokens::newest,
};
use crate::{
    error::{Endpoint, Error, ServerError, StoreFailure},
    flow::{AccessTokenRequest, Discovery},
    login::Login,
    machine::{Flow, Step, machine},
    profile::{LoginMethod, Profile, RecordKey},
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
    key: Arc<RecordKey>,
    policy: RetryPolicy,
    job: Job,
    server: Option<Arc<AuthorizationServer>>,
    /// What the caller holds.
    held: Option<SessionTokens>,
    unsaved: Option<SessionTokens>,
    /// What the store held when it was looked at last.
    seen: Seen,
    /// It held another login when this one's tokens were to be saved.
    replaced: bool,
    /// The new token will cost nothing that could be lost: a client gets it by itself.
    by_itself: bool,
    /// Why there is no lock, and it goes on without: nothing is saved then.
    unlocked: Option<StoreFailure>,
    /// What was there is still good: the renewal is early.
    aging: bool,
    spent: Duration,
    locked: bool,
    state: State,
}

#[derive(Debug)]
enum Job {
    /// Good tokens; if a login is needed, log in within this limit, or don't.
    Token { wanted: Wanted, login_limit: Option<Duration> },
    /// A new login, with a refresh token from elsewhere, if there is one.
    Login { limit: Duration, refresh_token: Option<RefreshToken> },
    /// Tokens from elsewhere.
    Keep(Arc<Tokens>),
}

#[derive(Debug)]
enum State {
    Start,
    /// Before a login: can what comes of it be kept?
    PreparingLogin(StoreCall, Duration),
    Loading(StoreCall),
    Discovering(Box<Discovery>),
    /// With what to save, after a login.
    Locking(TakeLock, Option<ToSave>),
    /// Before a refresh: can what comes of it be kept?
    Preparing(StoreCall, Arc<Tokens>, RefreshToken),
    Refreshing(Box<Refreshing>),
    Requesting(Box<AccessTokenRequest>),
    LoggingIn(Box<Login>),
    Saving(StoreCall, ToSave),
    Unlocking(StoreCall, Next),
    Ended,
}

/// Tokens, and the error that comes all the same.
#[derive(Debug)]
struct ToSave {
    tokens: Arc<Tokens>,
    error: Option<Error>,
}

impl From<Tokens> for ToSave {
    fn from(tokens: Tokens) -> Self {
        Self { tokens: Arc::new(tokens), error: None }
    }
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
        Self::new(profile, Job::Token { wanted: Wanted::new(demand), login_limit: None }, policy)
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

    /// Keeps tokens that somebody else got, in place of those that are there. Nobody is asked whether
    /// they are any good, or this profile's. If the store fails, it is an error: somebody has them still.
    #[must_use]
    pub fn keep(profile: Arc<Profile>, tokens: Tokens, policy: RetryPolicy) -> Self {
        Self::new(profile, Job::Keep(Arc::new(tokens.without_what_is_no_token())), policy)
    }

    fn new(profile: Arc<Profile>, job: Job, policy: RetryPolicy) -> Self {
        Self {
            key: Arc::new(profile.key()),
            profile,
            policy,
            job,
            server: None,
            held: None,
            unsaved: None,
            seen: Seen::default(),
            replaced: false,
            by_itself: false,
            unlocked: None,
            aging: false,
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
        self.held = held.filter(|held| held.key == self.key);
        self.server = self.held.as_ref().and_then(|held| held.server.clone());
        self
    }

    /// After an error: tokens that should have been saved and could not be. Hold on to them.
    pub fn take_unsaved(&mut self) -> Option<SessionTokens> {
        self.unsaved.take()
    }

    /// One state further, if the present one is through.
    fn advance(&mut self, now: Timestamp) -> Result<Option<SessionTokens>, Error> {
        match &mut self.state {
            State::Start => match &self.job {
                Job::Token { .. } => {
                    if let Some(held) = &self.held {
                        let tokens = Arc::clone(&held.tokens);
                        self.judge(&tokens, now);
                    }
                    self.load();
                }
                Job::Login { limit, .. } => self.prepare_login(*limit),
                Job::Keep(tokens) => {
                    let tokens = Arc::clone(tokens);
                    self.lock(Some(ToSave { tokens, error: None }));
                }
            },
            State::PreparingLogin(call, limit) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let limit = *limit;
                    match outcome {
                        Ok(_) => self.log_in(limit),
                        Err(error) => self.end(Err(error)),
                    }
                }
            }
            State::Loading(call) => {
                if let Some(outcome) = call.take_outcome(now) {
                    self.spend();
                    match outcome {
                        Ok(reply) => self.loaded(reply.into_loaded(), now),
                        Err(error) => self.fail(error, now),
                    }
                }
            }
            State::Discovering(discovery) => {
                if let Some(outcome) = discovery.take_outcome(now) {
                    self.spend();
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
                    let (to_save, is_held) = (to_save.take(), lock.is_held_by_another());
                    self.spend();
                    self.locked = outcome.is_ok();
                    match (outcome, to_save) {
                        (Ok(()), None) => self.load(),
                        (Ok(()), Some(to_save)) => self.keep_login(to_save),
                        (Err(Error::Store(failure)), Some(to_save)) if !self.only_keeps() => {
                            self.not_lost(to_save, Kept::NotSaved(failure), now);
                        }
                        // A bot's secret may be mounted where nothing can be written.
                        (Err(Error::Store(failure)), None) if self.by_itself && !is_held => {
                            self.unlocked = Some(failure);
                            if let Err(error) = self.renew(None) {
                                self.fail(error, now);
                            }
                        }
                        (Err(error), _) => self.fail(error, now),
                    }
                }
            }
            State::Preparing(call, tokens, refresh_token) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let (tokens, refresh_token) = (Arc::clone(tokens), refresh_token.clone());
                    self.spend();
                    let refreshing = outcome.and_then(|_| self.refresh(tokens, refresh_token));
                    if let Err(error) = refreshing {
                        self.fail(error, now);
                    }
                }
            }
            State::Refreshing(refreshing) => {
                if let Some(outcome) = refreshing.take_outcome(now) {
                    self.seen = refreshing.seen();
                    self.spend();
                    match outcome {
                        Ok(Refreshed::New(tokens)) => self.renewed(ToSave::from(*tokens)),
                        Ok(Refreshed::Found(tokens)) => {
                            let kept = self.kept(&tokens);
                            self.finish(tokens, kept);
                        }
                        Ok(Refreshed::Failed(error, Some(tokens))) => {
                            let error = Some(error);
                            self.renewed(ToSave { error, ..ToSave::from(*tokens) });
                        }
                        Ok(Refreshed::Failed(error, None)) | Err(error) => self.fail(error, now),
                    }
                }
            }
            State::Requesting(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spend();
                    match outcome {
                        Ok(tokens) => match self.unlocked.take() {
                            Some(failure) => self.finish(tokens.into(), Kept::NotSaved(failure)),
                            None => self.renewed(ToSave::from(tokens)),
                        },
                        Err(error) => self.fail(error, now),
                    }
                }
            }
            State::LoggingIn(login) => {
                // A person's time is not the server's: it is not counted.
                if let Some(outcome) = login.take_outcome(now) {
                    match outcome {
                        Ok(logged_in) => {
                            self.server = Some(logged_in.server);
                            self.lock(Some(ToSave::from(logged_in.tokens)));
                        }
                        // The server did log in, and its answer was of no use but for that.
                        Err(error) => match login.take_new_refresh_token() {
                            Some(refresh_token) if !matches!(error, Error::SessionEnded(_)) => {
                                let tokens = Tokens::renewable(refresh_token, now);
                                let error = Some(error);
                                self.lock(Some(ToSave { error, ..ToSave::from(tokens) }));
                            }
                            Some(_) | None => self.end(Err(error)),
                        },
                    }
                }
            }
            State::Saving(call, saved) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let (tokens, error) = (Arc::clone(&saved.tokens), saved.error.take());
                    self.spend();
                    self.saved(outcome, ToSave { tokens, error }, now);
                }
            }
            State::Unlocking(call, _) => {
                if call.take_outcome(now).is_some() {
                    self.locked = false;
                    if let State::Unlocking(_, next) = mem::replace(&mut self.state, State::Ended) {
                        match next {
                            Next::End(outcome) => return outcome.map(Some),
                            Next::LogIn(limit) => self.prepare_login(limit),
                        }
                    }
                }
            }
            State::Ended => {}
        }
        Ok(None)
    }

    // What to do next.

    fn prepare_login(&mut self, limit: Duration) {
        let call = StoreCall::new(&self.key, StoreOperation::Prepare);
        self.state = State::PreparingLogin(call, limit);
    }

    fn load(&mut self) {
        self.state = State::Loading(StoreCall::new(&self.key, StoreOperation::Load));
    }

    /// Before the lock: a server that is slow must not make others wait.
    fn find_server(&mut self, now: Timestamp) {
        self.server = self.profile.server_for(self.server.take(), &[Endpoint::Token], now);
        if self.server.is_some() {
            self.lock(None);
        } else {
            let discovery = self.profile.discovery(self.policy.after(self.spent));
            self.state = State::Discovering(discovery.into());
        }
    }

    fn lock(&mut self, to_save: Option<ToSave>) {
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

    fn renew(&mut self, tokens: Option<(Arc<Tokens>, RefreshToken)>) -> Result<(), Error> {
        self.state = match tokens {
            Some((tokens, refresh_token)) => {
                let call = StoreCall::new(&self.key, StoreOperation::Prepare);
                State::Preparing(call, tokens, refresh_token)
            }
            None => {
                let server = self.server.as_ref().ok_or(Error::Internal("session"))?;
                let (client, scope) = (self.profile.client(), self.profile.scope());
                let policy = self.policy.after(self.spent);
                let request =
                    AccessTokenRequest::client_credentials(server, client, scope, policy)?;
                State::Requesting(request.with_parameters(self.profile.parameters()).into())
            }
        };
        Ok(())
    }

    fn refresh(&mut self, tokens: Arc<Tokens>, refresh_token: RefreshToken) -> Result<(), Error> {
        let (Some(server), Job::Token { wanted, .. }) = (&self.server, &self.job) else {
            return Err(Error::Internal("session"));
        };
        let around = Around {
            profile: Arc::clone(&self.profile),
            server: Arc::clone(server),
            key: Arc::clone(&self.key),
            policy: self.policy.after(self.spent),
            seen: self.seen.clone(),
            held: self.held.clone(),
            wanted: wanted.clone(),
        };
        self.state = State::Refreshing(Refreshing::new(around, tokens, refresh_token)?.into());
        Ok(())
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

    /// In place of whatever was there; but a login that failed takes nobody's place.
    fn keep_login(&mut self, to_save: ToSave) {
        let tokens = Arc::clone(&to_save.tokens);
        let operation = match &to_save.error {
            None => StoreOperation::Save(tokens),
            Some(_) => StoreOperation::Renew(tokens, Seen::default()),
        };
        self.save(operation, to_save);
    }

    /// In place of those that were there, if they still are.
    fn renewed(&mut self, to_save: ToSave) {
        let operation = StoreOperation::Renew(Arc::clone(&to_save.tokens), self.seen.clone());
        self.save(operation, to_save);
    }

    fn save(&mut self, operation: StoreOperation, to_save: ToSave) {
        self.state = State::Saving(StoreCall::new(&self.key, operation), to_save);
    }

    // What came of it.

    fn loaded(&mut self, stored: Option<Arc<Tokens>>, now: Timestamp) {
        self.seen = Seen::of(stored.as_deref());
        let tokens = newest(stored, self.held.as_ref());
        let Job::Token { wanted, .. } = &self.job else {
            return self.end(Err(Error::Internal("session")));
        };
        if let Some(tokens) = &tokens {
            if wanted.freshness(tokens, now) == Freshness::Good {
                return self.finish(Arc::clone(tokens), self.kept(tokens));
            }
            self.judge(tokens, now);
            // Not one from a clock that was ahead: it would hold for as long as that.
            let ended = |at| at <= now && now.saturating_duration_since(at) < VERDICT_AGE_MAX;
            if tokens.session_ended_at.is_some_and(ended) {
                let verdict = Box::new(ServerError::remembered());
                return self.fail(Error::SessionEnded(verdict), now);
            }
        }
        let last = tokens.clone().filter(|tokens| self.would_do(tokens, now));
        let refreshable = tokens.and_then(with_refresh_token);
        let renewable = match (refreshable, self.profile.login(), self.profile.login_is_decided()) {
            // A client that may log in as itself never takes the place of a person who has.
            (Some(session), LoginMethod::Auto | LoginMethod::Device, _)
            | (Some(session), LoginMethod::ClientCredentials, false) => Some(session),
            (_, LoginMethod::ClientCredentials, _) => None,
            (None, LoginMethod::Auto | LoginMethod::Device, _) => {
                // Nothing renews it, and it is good for a while: the freshest there is.
                return match last {
                    Some(tokens) => self.finish(Arc::clone(&tokens), self.kept(&tokens)),
                    None => self.fail(Error::NotAuthenticated, now),
                };
            }
        };
        self.by_itself = renewable.is_none();
        if !self.locked {
            self.find_server(now);
        } else if let Err(error) = self.renew(renewable) {
            self.fail(error, now);
        }
    }

    /// Whether they can be used, for less long than is asked for.
    fn would_do(&self, tokens: &Tokens, now: Timestamp) -> bool {
        matches!(&self.job, Job::Token { wanted, .. } if wanted.would_do(tokens, now))
    }

    /// Before anything is renewed: how good is what there is?
    fn judge(&mut self, tokens: &Arc<Tokens>, now: Timestamp) {
        let Job::Token { wanted, .. } = &mut self.job else { return };
        if wanted.freshness(tokens, now) == Freshness::Aging && !self.locked {
            self.aging = true;
            // While the old one is good, one try is enough.
            self.policy.attempts = 1;
        }
        wanted.note_first(tokens);
    }

    fn saved(&mut self, outcome: Result<StoreReply, Error>, saved: ToSave, now: Timestamp) {
        let kept = match outcome {
            Ok(StoreReply::Another(another)) => return self.another(another, saved, now),
            Ok(StoreReply::NotKept) => Kept::NoStore,
            Ok(StoreReply::Done | StoreReply::Loaded(_) | StoreReply::Locked(_)) => Kept::Saved,
            Err(Error::Store(failure)) if !self.only_keeps() => Kept::NotSaved(failure),
            Err(error) => return self.fail(error, now),
        };
        self.not_lost(saved, kept, now);
    }

    /// Another login is stored by now, and what was to be saved is not.
    fn another(&mut self, another: Arc<Tokens>, unsaved: ToSave, now: Timestamp) {
        let Job::Token { wanted, .. } = &self.job else {
            let taken = StoreFailure::new("the stored login is another one");
            return self.not_lost(unsaved, Kept::NotSaved(taken), now);
        };
        if wanted.freshness(&another, now) == Freshness::Good {
            return self.finish(another, Kept::Saved);
        }
        if mem::replace(&mut self.replaced, true) {
            let failure = StoreFailure::new("another program keeps changing the stored login")
                .with_hint("wait for it, or end it");
            return self.fail(Error::Store(failure), now);
        }
        // What was renewed is not theirs, and what is held is what it was renewed from.
        self.held = None;
        self.loaded(Some(another), now);
    }

    /// The tokens are kept, or the caller is told that they aren't.
    fn not_lost(&mut self, ToSave { tokens, error }: ToSave, kept: Kept, now: Timestamp) {
        let Some(error) = error else { return self.finish(tokens, kept) };
        if kept != Kept::Saved {
            self.unsaved = Some(self.outcome(tokens, kept));
        }
        self.fail(error, now);
    }

    // The end.

    fn finish(&mut self, tokens: Arc<Tokens>, kept: Kept) {
        self.end(Ok(self.outcome(tokens, kept)));
    }

    fn outcome(&self, tokens: Arc<Tokens>, kept: Kept) -> SessionTokens {
        let (key, server) = (Arc::clone(&self.key), self.server.clone());
        SessionTokens { key, tokens, server, kept, renewal_failed: None }
    }

    /// An early renewal that fails is no failure; neither is one that a login can mend.
    fn fail(&mut self, error: Error, now: Timestamp) {
        let Job::Token { wanted, login_limit } = &self.job else {
            return self.end(Err(error));
        };
        if self.aging
            && let Some(first) = wanted.first_while_good(now)
        {
            let kept = self.kept(&first);
            // What came with a broken answer and could not be saved: the refresh token is newer.
            let unsaved = self.unsaved.take();
            let mut outcome = unsaved.unwrap_or_else(|| self.outcome(first, kept));
            outcome.renewal_failed = Some((now, Box::new(error)));
            return self.end(Ok(outcome));
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

    /// Whoever gave the tokens has them still.
    const fn only_keeps(&self) -> bool {
        matches!(self.job, Job::Keep(_))
    }

    fn kept(&self, tokens: &Arc<Tokens>) -> Kept {
        match &self.held {
            Some(held) if Arc::ptr_eq(&held.tokens, tokens) => held.kept.clone(),
            _ => Kept::Saved,
        }
    }

    fn spend(&mut self) {
        self.spent = self.spent();
    }
}

impl Flow for Session {
    type Output = SessionTokens;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<SessionTokens, Error>> {
        // Giving back a lock that is not held needs no step, so a state may be through at once.
        loop {
            let before = mem::discriminant(&self.state);
            if let Some(outcome) = self.advance(now).transpose() {
                self.state = State::Ended;
                return Some(outcome);
            }
            if mem::discriminant(&self.state) == before {
                return None;
            }
        }
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::PreparingLogin(call, _) | State::Loading(call) => call.step(),
            State::Preparing(call, ..) => call.step(),
            State::Saving(call, _) | State::Unlocking(call, _) => call.step(),
            State::Locking(lock, _) => lock.step(),
            State::Discovering(discovery) => discovery.step(),
            State::Refreshing(refreshing) => refreshing.step(),
            State::Requesting(request) => request.step(),
            State::LoggingIn(login) => login.step(),
            State::Start | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(match &self.state {
            State::PreparingLogin(call, _) | State::Loading(call) => call.spent(),
            State::Preparing(call, ..) => call.spent(),
            State::Saving(call, _) | State::Unlocking(call, _) => call.spent(),
            State::Locking(lock, _) => lock.spent(),
            State::Discovering(discovery) => discovery.spent(),
            State::Refreshing(refreshing) => refreshing.spent(),
            State::Requesting(request) => request.spent(),
            State::Start | State::LoggingIn(_) | State::Ended => Duration::ZERO,
        })
    }
}

machine!(Session => SessionTokens);

/// A verdict is believed for so long without asking again, however many ask.
const VERDICT_AGE_MAX: Duration = Duration::from_secs(60);
