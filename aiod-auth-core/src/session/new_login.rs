//! New tokens that take the place of whatever is stored: of a login, or from elsewhere.
//!
//! ```text
//!   Preparing --the store could not save--> Ended
//!      |
//!   LoggingIn --nothing came of it--------> Ended
//!      | tokens, or in a broken answer a refresh token
//!   Locking --> Saving --> Unlocking -----> Ended
//! ```
//!
//! Tokens from elsewhere begin at `Locking`.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{
    Kept, SessionTokens,
    store_access::{StoreCall, StoreOperation, StoreReply, TakeLock, Unlock, Version},
    tokens::ToSave,
};
use crate::{
    error::{Error, StoreFailure},
    login::Login,
    machine::{Flow, Step, settle},
    profile::{Profile, RecordKey},
    retry::RetryPolicy,
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// Logs in, and keeps what comes of it.
#[derive(Debug)]
pub(super) struct NewLogin {
    profile: Arc<Profile>,
    key: Arc<RecordKey>,
    policy: RetryPolicy,
    limit: Duration,
    refresh_token: Option<RefreshToken>,
    /// Whoever gave the tokens has them still: not to save them is an error.
    only_keeps: bool,
    /// Known before, or found by the login.
    pub(super) server: Option<Arc<AuthorizationServer>>,
    unsaved: Option<SessionTokens>,
    spent: Duration,
    locked: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before a person is asked, or a refresh token spent: can what comes of it be kept?
    Preparing(StoreCall),
    LoggingIn(Box<Login>),
    Locking(TakeLock, Option<ToSave>),
    Saving(StoreCall, ToSave),
    Unlocking(Unlock<SessionTokens>),
    Ended,
}

impl NewLogin {
    /// A login that may take as long as `limit`.
    pub(super) fn new(profile: Arc<Profile>, limit: Duration, policy: RetryPolicy) -> Self {
        let key = Arc::new(profile.key());
        let state = State::Preparing(StoreCall::new(&key, StoreOperation::Prepare));
        Self {
            profile,
            key,
            policy,
            limit,
            refresh_token: None,
            only_keeps: false,
            server: None,
            unsaved: None,
            spent: Duration::ZERO,
            locked: false,
            state,
        }
    }

    /// With this one in place of a person.
    pub(super) fn with_refresh_token(mut self, refresh_token: RefreshToken) -> Self {
        self.refresh_token = Some(refresh_token);
        self
    }

    /// Tokens that somebody else got.
    pub(super) fn of_tokens(profile: Arc<Profile>, tokens: Tokens, policy: RetryPolicy) -> Self {
        let mut login = Self::new(profile, policy.time_limit, policy);
        login.only_keeps = true;
        login.lock(ToSave::from(tokens));
        login
    }

    /// After an error: tokens that should have been saved and could not be.
    pub(super) fn take_unsaved(&mut self) -> Option<SessionTokens> {
        self.unsaved.take()
    }

    /// One state further, if the present one is through.
    fn advance(&mut self, now: Timestamp) -> Result<Option<SessionTokens>, Error> {
        match &mut self.state {
            State::Preparing(call) => {
                if let Some(outcome) = call.take_outcome(now) {
                    self.spent = self.spent();
                    match outcome {
                        Ok(_) => self.log_in(),
                        Err(error) => self.end(Err(error)),
                    }
                }
            }
            State::LoggingIn(login) => {
                // A person's time is not the server's: it is not counted.
                if let Some(outcome) = login.take_outcome(now) {
                    match outcome {
                        Ok(logged_in) => {
                            self.server = Some(logged_in.server);
                            self.lock(ToSave::from(logged_in.tokens));
                        }
                        // The server did log in, and its answer was of no use but for that.
                        Err(error) => match login.take_new_refresh_token() {
                            Some(refresh_token) if !matches!(error, Error::SessionEnded(_)) => {
                                let tokens = Tokens::from_refresh_token(refresh_token, now);
                                self.lock(ToSave::with_error(tokens, error));
                            }
                            Some(_) | None => self.end(Err(error)),
                        },
                    }
                }
            }
            State::Locking(lock, to_save) => {
                if let Some(outcome) = lock.take_outcome(now) {
                    let to_save = to_save.take().ok_or(Error::Internal("new login"))?;
                    self.spent = self.spent();
                    self.locked = outcome.is_ok();
                    match outcome {
                        Ok(()) => self.save(to_save),
                        Err(error) => self.not_saved(error, to_save),
                    }
                }
            }
            State::Saving(call, saved) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let saved = saved.take();
                    self.spent = self.spent();
                    self.saved(outcome, saved);
                }
            }
            State::Unlocking(unlock) => return unlock.take_outcome(now).transpose(),
            State::Ended => {}
        }
        Ok(None)
    }

    fn log_in(&mut self) {
        let (profile, server) = (Arc::clone(&self.profile), self.server.clone());
        let mut login = Login::new(profile, server, self.limit, self.policy);
        if let Some(token) = self.refresh_token.take() {
            login = login.with_refresh_token(token);
        }
        self.state = State::LoggingIn(login.into());
    }

    /// However long the person took.
    fn lock(&mut self, to_save: ToSave) {
        let lock = TakeLock::new(&self.key, self.policy.time_limit);
        self.state = State::Locking(lock, Some(to_save));
    }

    /// In place of whatever was there; but a login that failed takes nobody's place.
    fn save(&mut self, to_save: ToSave) {
        let tokens = Arc::clone(&to_save.tokens);
        let operation = match &to_save.error {
            None => StoreOperation::Save(tokens),
            Some(_) => StoreOperation::SaveIfUnchanged(tokens, Version::default()),
        };
        self.state = State::Saving(StoreCall::new(&self.key, operation), to_save);
    }

    fn saved(&mut self, outcome: Result<StoreReply, Error>, saved: ToSave) {
        let kept = match outcome {
            Ok(StoreReply::NoStore) => Kept::NoStore,
            Ok(StoreReply::Conflict(_)) => {
                Kept::NotSaved(StoreFailure::new("another login is stored"))
            }
            Ok(StoreReply::Done | StoreReply::Loaded(_) | StoreReply::Locked(_)) => Kept::Saved,
            Err(error) => return self.not_saved(error, saved),
        };
        self.end_with(saved, kept);
    }

    /// The caller is told so, and has them.
    fn not_saved(&mut self, error: Error, to_save: ToSave) {
        if let Error::Store(failure) = &error
            && !self.only_keeps
        {
            return self.end_with(to_save, Kept::NotSaved(failure.clone()));
        }
        self.end(Err(error));
    }

    fn end_with(&mut self, ToSave { tokens, error }: ToSave, kept: Kept) {
        let is_saved = kept == Kept::Saved;
        let session = SessionTokens::new(&self.key, tokens, self.server.clone(), kept);
        match error {
            None => self.end(Ok(session)),
            Some(error) => {
                self.unsaved = Some(session).filter(|_| !is_saved);
                self.end(Err(error));
            }
        }
    }

    fn end(&mut self, outcome: Result<SessionTokens, Error>) {
        self.state = State::Unlocking(Unlock::new(&self.key, self.locked, outcome));
    }
}

impl Flow for NewLogin {
    type Output = SessionTokens;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<SessionTokens, Error>> {
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::Preparing(call) | State::Saving(call, _) => call.step(),
            State::Unlocking(unlock) => unlock.step(),
            State::LoggingIn(login) => login.step(),
            State::Locking(lock, _) => lock.step(),
            State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent.saturating_add(match &self.state {
            State::Preparing(call) | State::Saving(call, _) => call.spent(),
            State::Unlocking(unlock) => unlock.spent(),
            State::Locking(lock, _) => lock.spent(),
            State::LoggingIn(_) | State::Ended => Duration::ZERO,
        })
    }
}
