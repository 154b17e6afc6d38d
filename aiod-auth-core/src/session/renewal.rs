//! Tokens that are good for at least as long as is asked for.
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
//!                         +--> Unlocking --> Ended
//! ```
//!
//! Nobody sees a new token before it is saved. A failure never removes anything. Where another login is
//! stored by the time that new tokens are to be saved, that one is left alone and used: from `Saving`
//! back to what comes after `Loading`, once.

use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};

use super::{
    Demand, Freshness, Kept, SessionTokens,
    policy::Wanted,
    refreshing::{Around, Refreshed, Refreshing, with_refresh_token},
    store_access::{StoreCall, StoreOperation, StoreReply, TakeLock, Unlock, Version},
    tokens::{ToSave, newest},
};
use crate::{
    error::{Endpoint, Error, ErrorCode, NotLoggedIn, ServerError, StoreFailure},
    flow::{AccessTokenRequest, Discovery},
    machine::{Flow, Step, settle},
    profile::{LoginMethod, Profile, RecordKey},
    retry::RetryPolicy,
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// Gets good tokens without asking a person, and keeps them.
#[derive(Debug)]
pub(super) struct Renewal {
    profile: Arc<Profile>,
    key: Arc<RecordKey>,
    policy: RetryPolicy,
    wanted: Wanted,
    server: Option<Arc<AuthorizationServer>>,
    /// Where somebody else has found it.
    known: Option<Arc<AuthorizationServer>>,
    /// What the caller holds.
    held: Option<SessionTokens>,
    left: Option<SessionTokens>,
    /// What the store held when it was looked at last.
    seen: Version,
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
enum State {
    Start,
    Loading(StoreCall),
    Discovering(Box<Discovery>),
    Locking(TakeLock),
    /// Before a refresh: can what comes of it be kept?
    Preparing(StoreCall, Arc<Tokens>, RefreshToken),
    Refreshing(Box<Refreshing>),
    Requesting(Box<AccessTokenRequest>),
    Saving(StoreCall, ToSave),
    Unlocking(Unlock<SessionTokens>),
    Ended,
}

impl Renewal {
    pub(super) fn new(profile: Arc<Profile>, demand: Demand, policy: RetryPolicy) -> Self {
        Self {
            key: Arc::new(profile.key()),
            profile,
            policy,
            wanted: Wanted::new(demand),
            server: None,
            known: None,
            held: None,
            left: None,
            seen: Version::default(),
            replaced: false,
            by_itself: false,
            unlocked: None,
            aging: false,
            spent: Duration::ZERO,
            locked: false,
            state: State::Start,
        }
    }

    /// What the caller holds: its tokens count where they could not be saved.
    pub(super) fn hold(&mut self, held: Option<SessionTokens>) {
        self.server = held.as_ref().and_then(|held| held.server.clone());
        self.held = held;
    }

    /// It may not have to be discovered.
    pub(super) fn know(&mut self, server: Option<Arc<AuthorizationServer>>) {
        self.known = server;
    }

    /// After an error: tokens that should have been saved and could not be, or that nothing renews.
    pub(super) fn take_left(&mut self) -> Option<SessionTokens> {
        self.left.take()
    }

    /// For the next machine: so it need not be discovered again.
    pub(super) fn take_server(&mut self) -> Option<Arc<AuthorizationServer>> {
        self.server.take()
    }

    /// One state further, if the present one is through.
    fn advance(&mut self, now: Timestamp) -> Result<Option<SessionTokens>, Error> {
        match &mut self.state {
            State::Start => {
                if let Some(held) = &self.held {
                    let tokens = Arc::clone(&held.tokens);
                    self.judge(&tokens, now);
                }
                self.load();
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
                            self.lock(now);
                        }
                        Err(error) => self.fail(error, now),
                    }
                }
            }
            State::Locking(lock) => {
                if let Some(outcome) = lock.take_outcome(now) {
                    let is_held = lock.is_held_by_another();
                    self.spend();
                    self.locked = outcome.is_ok();
                    match outcome {
                        Ok(()) => self.load(),
                        // A bot's secret may be mounted where nothing can be written.
                        Err(Error::Store(failure)) if self.by_itself && !is_held => {
                            self.unlocked = Some(failure);
                            if let Err(error) = self.renew(None) {
                                self.fail(error, now);
                            }
                        }
                        Err(error) => self.fail(error, now),
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
                        Ok(Refreshed::New(tokens)) => self.save(ToSave::from(*tokens)),
                        Ok(Refreshed::Found(tokens)) => {
                            let kept = self.kept(&tokens);
                            self.finish(tokens, kept);
                        }
                        Ok(Refreshed::Failed(error, Some(tokens))) => {
                            self.save(ToSave::with_error(*tokens, error));
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
                            None => self.save(ToSave::from(tokens)),
                        },
                        Err(error) => self.fail(error, now),
                    }
                }
            }
            State::Saving(call, saved) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let saved = saved.take();
                    self.spend();
                    self.saved(outcome, saved, now);
                }
            }
            State::Unlocking(unlock) => return unlock.take_outcome(now).transpose(),
            State::Ended => {}
        }
        Ok(None)
    }

    // What to do next.

    fn policy_now(&self) -> RetryPolicy {
        let mut policy = self.policy.after(self.spent);
        if self.aging {
            // While the old one is good, one try is enough.
            policy.attempts = 1;
        }
        policy
    }

    fn load(&mut self) {
        self.state = State::Loading(StoreCall::new(&self.key, StoreOperation::Load));
    }

    /// Before the lock: a server that is slow must not make others wait.
    fn find_server(&mut self, now: Timestamp) {
        let known = self.server.take().into_iter().chain(self.known.take());
        self.server = self.profile.server_for(known, &[Endpoint::Token], now);
        if self.server.is_some() {
            self.lock(now);
        } else {
            let discovery = self.profile.discovery(self.policy_now());
            self.state = State::Discovering(discovery.into());
        }
    }

    fn lock(&mut self, now: Timestamp) {
        // It may have become old while the server was looked for.
        self.aging &= self.wanted.first_while_good(now).is_some();
        let limit = if self.aging {
            // Whoever holds it is renewing already.
            Duration::ZERO
        } else {
            self.policy_now().time_limit
        };
        self.state = State::Locking(TakeLock::new(&self.key, limit));
    }

    fn renew(&mut self, tokens: Option<(Arc<Tokens>, RefreshToken)>) -> Result<(), Error> {
        self.state = match tokens {
            Some((tokens, refresh_token)) => {
                let call = StoreCall::new(&self.key, StoreOperation::Prepare);
                State::Preparing(call, tokens, refresh_token)
            }
            None => {
                let server = self.server.as_ref().ok_or(Error::Internal("renewal"))?;
                let (client, scope) = (self.profile.client(), self.profile.scope());
                let policy = self.policy_now();
                let request =
                    AccessTokenRequest::client_credentials(server, client, scope, policy)?;
                State::Requesting(request.with_parameters(self.profile.parameters()).into())
            }
        };
        Ok(())
    }

    fn refresh(&mut self, tokens: Arc<Tokens>, refresh_token: RefreshToken) -> Result<(), Error> {
        let server = self.server.as_ref().ok_or(Error::Internal("renewal"))?;
        let around = Around {
            profile: Arc::clone(&self.profile),
            server: Arc::clone(server),
            key: Arc::clone(&self.key),
            policy: self.policy_now(),
            seen: self.seen.clone(),
            held: self.held.clone(),
            wanted: self.wanted.clone(),
        };
        self.state = State::Refreshing(Refreshing::new(around, tokens, refresh_token)?.into());
        Ok(())
    }

    /// In place of those that were there, if they still are.
    fn save(&mut self, to_save: ToSave) {
        let operation =
            StoreOperation::SaveIfUnchanged(Arc::clone(&to_save.tokens), self.seen.clone());
        self.state = State::Saving(StoreCall::new(&self.key, operation), to_save);
    }

    // What came of it.

    fn loaded(&mut self, stored: Option<Arc<Tokens>>, now: Timestamp) {
        // A client that is to log in as itself takes no person's tokens, and no person's place.
        let is_mine =
            |tokens: &Arc<Tokens>| !self.is_only_itself() || tokens.refresh_token.is_none();
        let stored = stored.filter(is_mine);
        let tokens = newest(stored.clone(), self.held.as_ref()).filter(is_mine);
        self.seen = Version::of(stored.as_deref());
        if let Some(tokens) = &tokens {
            if self.wanted.freshness(tokens, now) == Freshness::Good {
                return self.finish(Arc::clone(tokens), self.kept(tokens));
            }
            self.judge(tokens, now);
            // Not one from a clock that was ahead: it would hold for as long as that.
            let ended = |at| at <= now && now.saturating_duration_since(at) < VERDICT_AGE_MAX;
            if tokens.session_ended_at.is_some_and(ended) {
                let verdict = Box::new(ServerError::remembered(Some(ErrorCode::InvalidGrant)));
                return self.fail(Error::SessionEnded(verdict), now);
            }
        }
        let last = tokens.clone().filter(|tokens| self.wanted.would_do(tokens, now));
        let any = Demand::new().valid_for(Duration::ZERO);
        let is_good = |tokens: &Arc<Tokens>| any.freshness(tokens, now) != Freshness::Stale;
        let still_good = tokens.clone().filter(is_good);
        let reason = NotLoggedIn::of(tokens.as_deref());
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
                    None => {
                        // Others than these were asked for, and nobody has said that these are dead.
                        self.left = still_good.map(|good| {
                            let kept = self.kept(&good);
                            self.outcome(good, kept)
                        });
                        self.fail(Error::NotAuthenticated(reason), now);
                    }
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

    /// Whether somebody said that nobody but the client itself logs in here.
    fn is_only_itself(&self) -> bool {
        self.profile.login() == LoginMethod::ClientCredentials && self.profile.login_is_decided()
    }

    /// Before anything is renewed: how good is what there is?
    fn judge(&mut self, tokens: &Arc<Tokens>, now: Timestamp) {
        if self.wanted.freshness(tokens, now) == Freshness::Aging && !self.locked {
            self.aging = true;
        }
        self.wanted.note_first(tokens);
    }

    fn saved(&mut self, outcome: Result<StoreReply, Error>, saved: ToSave, now: Timestamp) {
        let kept = match outcome {
            Ok(StoreReply::Conflict(_)) if self.is_only_itself() => {
                let failure = StoreFailure::new("the login of a person is stored")
                    .with_hint("choose another store for it");
                Kept::NotSaved(failure)
            }
            Ok(StoreReply::Conflict(another)) => return self.another(another, now),
            Ok(StoreReply::NoStore) => Kept::NoStore,
            Ok(StoreReply::Done | StoreReply::Loaded(_) | StoreReply::Locked(_)) => Kept::Saved,
            Err(Error::Store(failure)) => Kept::NotSaved(failure),
            Err(error) => return self.fail(error, now),
        };
        let ToSave { tokens, error } = saved;
        let Some(error) = error else { return self.finish(tokens, kept) };
        if kept != Kept::Saved {
            self.left = Some(self.outcome(tokens, kept));
        }
        self.fail(error, now);
    }

    /// Another login is stored by now, and what was to be saved is not.
    fn another(&mut self, another: Arc<Tokens>, now: Timestamp) {
        if self.wanted.freshness(&another, now) == Freshness::Good {
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

    // The end.

    fn finish(&mut self, tokens: Arc<Tokens>, kept: Kept) {
        self.end(Ok(self.outcome(tokens, kept)));
    }

    fn outcome(&self, tokens: Arc<Tokens>, kept: Kept) -> SessionTokens {
        SessionTokens::new(&self.key, tokens, self.server.clone(), kept)
    }

    /// An early renewal that fails is no failure.
    fn fail(&mut self, error: Error, now: Timestamp) {
        if self.aging
            && let Some(first) = self.wanted.first_while_good(now)
        {
            let kept = self.kept(&first);
            // What came with a broken answer and could not be saved: the refresh token is newer.
            let is_over = |left: &SessionTokens| left.tokens.session_ended_at.is_some();
            let left = self.left.take().filter(|left| !is_over(left));
            let mut outcome = left.unwrap_or_else(|| self.outcome(first, kept));
            outcome.renewal_failed = Some((now, Box::new(error)));
            return self.end(Ok(outcome));
        }
        self.end(Err(error));
    }

    fn end(&mut self, outcome: Result<SessionTokens, Error>) {
        self.state = State::Unlocking(Unlock::new(&self.key, self.locked, outcome));
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

impl Flow for Renewal {
    type Output = SessionTokens;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<SessionTokens, Error>> {
        // Giving back a lock that is not held needs no step, so a state may be through at once.
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::Loading(call) | State::Preparing(call, ..) => call.step(),
            State::Saving(call, _) => call.step(),
            State::Unlocking(unlock) => unlock.step(),
            State::Locking(lock) => lock.step(),
            State::Discovering(discovery) => discovery.step(),
            State::Refreshing(refreshing) => refreshing.step(),
            State::Requesting(request) => request.step(),
            State::Start | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(match &self.state {
            State::Loading(call) | State::Preparing(call, ..) => call.spent(),
            State::Saving(call, _) => call.spent(),
            State::Unlocking(unlock) => unlock.spent(),
            State::Locking(lock) => lock.spent(),
            State::Discovering(discovery) => discovery.spent(),
            State::Refreshing(refreshing) => refreshing.spent(),
            State::Requesting(request) => request.spent(),
            State::Start | State::Ended => Duration::ZERO,
        })
    }
}

/// A verdict is believed for so long without asking again, however many ask.
const VERDICT_AGE_MAX: Duration = Duration::from_secs(60);
