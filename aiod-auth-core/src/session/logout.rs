//! Logging out: the session ends at the server first, then its record goes.

use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};

use super::store_access::{StoreCall, StoreOperation, StoreReply, TakeLock, Unlock, Version};
use crate::{
    error::{ConfigProblem, Endpoint, Error, ErrorCode},
    flow::{Discovery, EndSessionRequest, RevocationRequest},
    machine::{Flow, Step, machine, settle},
    profile::{Profile, RecordKey},
    retry::RetryPolicy,
    secret::RefreshToken,
    server::AuthorizationServer,
    session::{SessionTokens, tokens::newest},
    time::Timestamp,
    token::Tokens,
};

/// Ends the session at the server, proves it, and removes its record. Ends in [`LoggedOut`].
///
/// Without proof (the server is away, or answers with a page) it is an error and nothing is removed,
/// unless the caller said so.
#[derive(Debug)]
pub struct Logout {
    profile: Arc<Profile>,
    key: Arc<RecordKey>,
    policy: RetryPolicy,
    ignore_errors: bool,
    /// It has a record, which goes with it.
    is_kept: bool,
    held: Option<SessionTokens>,
    server: Option<Arc<AuthorizationServer>>,
    tokens: Option<Arc<Tokens>>,
    /// Another session, which ends then: what is stored, where what is held could not be saved.
    other: Option<Arc<Tokens>>,
    /// What the store held.
    seen: Version,
    spent: Duration,
    state: State,
}

/// How a logout ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LoggedOut {
    /// The server said that the session is over, and its record is gone.
    Ended,
    /// There was nothing to end at the server (a client's own token, which expires by itself), and
    /// its record is gone.
    Forgotten,
    /// The record is gone, or another login's by now; and the session may live on at the server: this is
    /// why.
    Unproven(Box<Error>),
    /// It is over as if it had [`Ended`](Self::Ended); but somebody has logged in anew meanwhile, with a
    /// program that takes no lock, and that login stays.
    Replaced,
    /// Nobody was logged in.
    NobodyThere,
}

#[derive(Debug)]
enum State {
    Start,
    Locking(TakeLock),
    Loading(StoreCall),
    Discovering(Box<Discovery>),
    EndingSession(Box<EndSessionRequest>),
    Revoking(Box<RevocationRequest>),
    Removing(StoreCall, LoggedOut),
    Unlocking(Unlock<LoggedOut>),
    Ended,
}

impl Logout {
    /// Logs out of `profile`: the stored session, or else the one that an earlier session ended in
    /// and could not save.
    #[must_use]
    pub fn new(profile: Arc<Profile>, held: Option<SessionTokens>, policy: RetryPolicy) -> Self {
        let key = Arc::new(profile.key());
        let state = State::Locking(TakeLock::new(&key, policy.time_limit));
        let held = held.filter(|held| held.key == key);
        Self {
            profile,
            key,
            policy,
            ignore_errors: false,
            is_kept: true,
            server: held.as_ref().and_then(|held| held.server.clone()),
            held,
            tokens: None,
            other: None,
            seen: Version::default(),
            spent: Duration::ZERO,
            state,
        }
    }

    /// Ends the session of a refresh token that somebody else got, and proves it as for any other. No
    /// store is asked for anything.
    #[must_use]
    pub fn of_refresh_token(
        profile: Arc<Profile>,
        refresh_token: RefreshToken,
        policy: RetryPolicy,
    ) -> Self {
        let tokens = Tokens::from_refresh_token(refresh_token, Timestamp::UNIX_EPOCH);
        let tokens = Some(Arc::new(tokens));
        Self { is_kept: false, tokens, state: State::Start, ..Self::new(profile, None, policy) }
    }

    /// Removes the record whatever the server says, or if it says nothing.
    #[must_use]
    pub const fn ignoring_errors(mut self) -> Self {
        self.ignore_errors = true;
        self
    }

    /// One state further, if the present one is through.
    fn advance(&mut self, now: Timestamp) -> Result<Option<LoggedOut>, Error> {
        match &mut self.state {
            State::Start => self.find_server(now),
            State::Locking(lock) => {
                if let Some(outcome) = lock.take_outcome(now) {
                    self.spent = self.spent.saturating_add(lock.spent());
                    outcome?;
                    self.state = State::Loading(StoreCall::new(&self.key, StoreOperation::Load));
                }
            }
            State::Loading(call) => {
                if let Some(outcome) = call.take_outcome(now) {
                    match outcome {
                        Ok(reply) => self.loaded(reply.into_loaded(), now),
                        // A damaged record: what it was for can't be ended.
                        Err(error) => self.unproven(error),
                    }
                }
            }
            State::Discovering(discovery) => {
                if let Some(outcome) = discovery.take_outcome(now) {
                    self.spent = self.spent.saturating_add(discovery.spent());
                    match outcome {
                        Ok(server) => {
                            self.server = Some(Arc::new(self.profile.discovered(server)));
                            self.end_session();
                        }
                        Err(error) => self.unproven(error),
                    }
                }
            }
            State::EndingSession(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spent = self.spent.saturating_add(request.spent());
                    match outcome {
                        Ok(()) => self.remove(LoggedOut::Ended),
                        // Not away, and no proof either: there is another way to get one.
                        Err(Error::Refused(_) | Error::InvalidResponse { .. }) => self.revoke(),
                        Err(error) => self.unproven(error),
                    }
                }
            }
            State::Revoking(request) => {
                if let Some(outcome) = request.take_outcome(now) {
                    self.spent = self.spent.saturating_add(request.spent());
                    self.revoked(outcome);
                }
            }
            State::Removing(call, _) => {
                if let Some(outcome) = call.take_outcome(now) {
                    let done = mem::replace(&mut self.state, State::Ended);
                    if let State::Removing(_, logged_out) = done {
                        self.end(outcome.map(|reply| match (reply, logged_out) {
                            (StoreReply::Conflict(_), LoggedOut::Ended | LoggedOut::Forgotten) => {
                                LoggedOut::Replaced
                            }
                            (_, logged_out) => logged_out,
                        }));
                    }
                }
            }
            State::Unlocking(unlock) => return unlock.take_outcome(now).transpose(),
            State::Ended => {}
        }
        Ok(None)
    }

    fn loaded(&mut self, stored: Option<Arc<Tokens>>, now: Timestamp) {
        self.seen = Version::of(stored.as_deref());
        self.tokens = newest(stored.clone(), self.held.as_ref());
        self.other = stored.filter(|stored| {
            let refresh_token = |tokens: &Tokens| tokens.refresh_token.clone();
            match (refresh_token(stored), self.tokens.as_deref().and_then(refresh_token)) {
                (Some(stored), Some(ends)) => !stored.same_as(&ends),
                (Some(_), None) => true,
                (None, _) => false,
            }
        });
        if self.tokens.is_none() {
            return self.end(Ok(LoggedOut::NobodyThere));
        }
        self.find_server(now);
    }

    fn find_server(&mut self, now: Timestamp) {
        let needed = [Endpoint::Revocation];
        self.server = self.profile.server_for(self.server.take(), &needed, now);
        if self.server.is_some() {
            self.end_session();
        } else {
            let discovery = self.profile.discovery(self.policy.after(self.spent));
            self.state = State::Discovering(discovery.into());
        }
    }

    /// Keycloak's own way first: it ends the whole session, revocation only this client's part.
    fn end_session(&mut self) {
        let (Some(server), Some(tokens)) = (&self.server, &self.tokens) else {
            return self.unproven(Error::Internal("logout"));
        };
        let (client, policy) = (self.profile.client(), self.policy.after(self.spent));
        match &tokens.refresh_token {
            Some(refresh_token) if server.ends_session_by_refresh_token() => {
                match EndSessionRequest::new(server, client, refresh_token, policy) {
                    Ok(request) => self.state = State::EndingSession(request.into()),
                    Err(error) => self.unproven(error),
                }
            }
            _ => self.revoke(),
        }
    }

    /// The refresh token, which takes its access tokens with it; an access token if there is none.
    fn revoke(&mut self) {
        let (Some(server), Some(tokens)) = (&self.server, &self.tokens) else {
            return self.unproven(Error::Internal("logout"));
        };
        let (client, policy) = (self.profile.client(), self.policy.after(self.spent));
        let request = match (&tokens.refresh_token, &tokens.access_token) {
            (Some(token), _) => RevocationRequest::refresh_token(server, client, token, policy),
            (None, Some(token)) => RevocationRequest::access_token(server, client, token, policy),
            (None, None) => return self.remove(LoggedOut::Forgotten),
        };
        match request {
            Ok(request) => self.state = State::Revoking(request.into()),
            Err(error) => self.revoked(Err(error)),
        }
    }

    fn revoked(&mut self, outcome: Result<(), Error>) {
        let session = self.tokens.as_ref().is_some_and(|tokens| tokens.refresh_token.is_some());
        match outcome {
            Ok(()) => self.remove(LoggedOut::Ended),
            Err(error) if session => self.unproven(error),
            // An access token that can't be revoked ends by itself.
            Err(Error::Config(ConfigProblem::MissingEndpoint(_))) => {
                self.remove(LoggedOut::Forgotten);
            }
            Err(Error::Refused(error)) if error.code == Some(ErrorCode::UnsupportedTokenType) => {
                self.remove(LoggedOut::Forgotten);
            }
            Err(error) => self.unproven(error),
        }
    }

    fn unproven(&mut self, error: Error) {
        if self.ignore_errors {
            self.remove(LoggedOut::Unproven(Box::new(error)));
        } else {
            self.end(Err(error));
        }
    }

    fn remove(&mut self, logged_out: LoggedOut) {
        if !self.is_kept {
            return self.end(Ok(logged_out));
        }
        if let (Some(other), LoggedOut::Ended | LoggedOut::Forgotten) =
            (self.other.take(), &logged_out)
        {
            self.tokens = Some(other);
            return self.end_session();
        }
        let call = StoreCall::new(&self.key, StoreOperation::Remove(self.seen.clone()));
        self.state = State::Removing(call, logged_out);
    }

    fn end(&mut self, outcome: Result<LoggedOut, Error>) {
        self.state = State::Unlocking(Unlock::new(&self.key, self.is_kept, outcome));
    }
}

impl Flow for Logout {
    type Output = LoggedOut;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<LoggedOut, Error>> {
        settle(self, |it| &mut it.state, State::Ended, |it| it.advance(now))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match &mut self.state {
            State::Locking(lock) => lock.step(),
            State::Loading(call) | State::Removing(call, _) => call.step(),
            State::Unlocking(unlock) => unlock.step(),
            State::Discovering(discovery) => discovery.step(),
            State::EndingSession(request) => request.step(),
            State::Revoking(request) => request.step(),
            State::Start | State::Ended => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent
    }
}

machine!(Logout => LoggedOut);
