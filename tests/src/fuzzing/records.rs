//! The store around a session, and what a session may do with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aiod_auth_core::{
    Error, RefreshToken, StoreFailure, Tokens,
    session::{Persisted, SessionTokens, StoreOperation, StoreReply},
};

use super::script::Stored;

/// One record, and what happened to it.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) stored: Option<Arc<Tokens>>,
    /// The job is a logout: the record may be removed.
    may_remove: bool,
    /// A stored refresh token may be sent only under the lock.
    needs_lock: bool,
    locked: bool,
    /// The store answered something that doesn't fit, as a broken one would.
    pub(super) broken: bool,
    /// Access tokens that were saved, or loaded.
    kept: BTreeSet<String>,
    failed: bool,
    no_store: bool,
    /// Another process has the lock.
    busy: bool,
    /// Refresh tokens that this job's login brought.
    given: BTreeSet<String>,
    /// Refresh tokens that a login or a refresh brought, and that are nowhere else yet: no store has saved them, and
    /// no caller was handed them.
    unsaved: BTreeSet<String>,
    /// The refresh token that went out last.
    sent: String,
    /// By new refresh token, the old one that was spent for it: the old one is dead once the new one is saved.
    came_for: BTreeMap<String, String>,
}

impl Records {
    /// A new job begins.
    pub(super) fn begin(&mut self, may_remove: bool, needs_lock: bool) {
        let stored = self.stored.take();
        *self = Self { stored, may_remove, needs_lock, ..Self::default() };
    }

    /// A login's answer holds these, and the good one is this login: it is nowhere else.
    pub(super) fn given(&mut self, good: Option<String>, all: Vec<String>) {
        self.unsaved.extend(good);
        self.given.extend(all);
    }

    /// A refresh token goes out.
    pub(super) fn spends_refresh_token(&mut self, sent: &str) {
        sent.clone_into(&mut self.sent);
        let may = self.locked || !self.needs_lock || self.given.contains(sent);
        assert!(may, "a refresh token is spent without the lock");
    }

    /// A refresh brought a new refresh token, or none. The one that was sent is dead then; or as soon
    /// as anything is kept that may be one.
    pub(super) fn rotated(&mut self, good: Option<String>, all: Vec<String>) {
        if good.is_some() {
            self.unsaved.remove(&self.sent);
        }
        self.unsaved.extend(good);
        self.came_for.extend(all.into_iter().map(|new| (new, self.sent.clone())));
    }

    /// It is where it can't get lost, and those that it came for may.
    pub(super) fn keep_refresh_token(&mut self, refresh_token: Option<&RefreshToken>) {
        let mut kept = refresh_token.map(|token| token.expose().to_owned());
        while let Some(token) = kept {
            self.unsaved.remove(&token);
            kept = self.came_for.remove(&token);
        }
    }

    pub(super) fn perform(
        &mut self,
        operation: &StoreOperation,
        outcome: Stored,
        others: Tokens,
    ) -> Result<StoreReply, StoreFailure> {
        self.check(operation);
        match outcome {
            Stored::Done => Ok(self.done(operation)),
            Stored::Fails => {
                self.failed = true;
                Err(StoreFailure::new("the disk is full"))
            }
            Stored::NotKept => {
                self.no_store = true;
                let saves = matches!(
                    operation,
                    StoreOperation::Save(_) | StoreOperation::SaveIfUnchanged(..)
                );
                self.broken |= !saves;
                Ok(StoreReply::NoStore)
            }
            Stored::Busy => {
                self.failed = true;
                self.busy |= matches!(operation, StoreOperation::TryLock);
                self.broken |= !matches!(operation, StoreOperation::TryLock);
                Ok(StoreReply::Busy { place: "place".into(), lease_left: None })
            }
            Stored::Overwritten => {
                self.stored = Some(Arc::new(others));
                Ok(self.done(operation))
            }
        }
    }

    fn check(&self, operation: &StoreOperation) {
        match operation {
            // A process that is stuck with the lock costs no approved login.
            StoreOperation::Save(_) => {
                assert!(self.locked || self.busy, "saved without the lock");
            }
            StoreOperation::SaveIfUnchanged(..) => {
                assert!(self.locked, "saved without the lock");
            }
            StoreOperation::Remove(_) => {
                assert!(self.may_remove, "a record is removed without a logout");
                assert!(self.locked, "removed without the lock");
            }
            StoreOperation::Load
            | StoreOperation::TryLock
            | StoreOperation::Prepare
            | StoreOperation::Unlock => {}
        }
    }

    fn done(&mut self, operation: &StoreOperation) -> StoreReply {
        match operation {
            StoreOperation::Load => self.loaded(),
            StoreOperation::SaveIfUnchanged(_, seen) | StoreOperation::Remove(seen)
                if !seen.matches(self.stored.as_deref()) =>
            {
                // A refresh then uses the one that is there.
                if let StoreOperation::SaveIfUnchanged(tokens, _) = operation {
                    self.keep_refresh_token(tokens.refresh_token.as_ref());
                }
                self.keep(self.stored.clone().as_deref());
                self.stored.clone().map_or(StoreReply::Done, StoreReply::Conflict)
            }
            StoreOperation::TryLock => {
                self.locked = true;
                StoreReply::Locked(true)
            }
            StoreOperation::Prepare => StoreReply::Done,
            StoreOperation::Save(tokens) | StoreOperation::SaveIfUnchanged(tokens, _) => {
                self.keep(Some(tokens));
                self.keep_refresh_token(tokens.refresh_token.as_ref());
                self.stored = Some(Arc::clone(tokens));
                StoreReply::Done
            }
            StoreOperation::Remove(_) => {
                self.stored = None;
                StoreReply::Done
            }
            StoreOperation::Unlock => {
                self.locked = false;
                StoreReply::Done
            }
        }
    }

    fn loaded(&mut self) -> StoreReply {
        self.keep(self.stored.clone().as_deref());
        StoreReply::Loaded(self.stored.clone())
    }

    fn keep(&mut self, tokens: Option<&Tokens>) {
        self.kept.extend(tokens.and_then(access_token).map(str::to_owned));
    }

    /// A job hands out tokens.
    pub(super) fn hands_out(&mut self, session: &SessionTokens, cached: Option<&SessionTokens>) {
        let was_cached = cached.is_some_and(|cached| Arc::ptr_eq(&cached.tokens, &session.tokens));
        let Some(access_token) = access_token(&session.tokens) else {
            panic!("handed out without an access token")
        };
        match &session.persisted {
            Persisted::Saved => assert!(
                was_cached || self.kept.contains(access_token) || self.broken,
                "handed out as saved before the store said so"
            ),
            Persisted::NoStore => assert!(was_cached || self.no_store, "there is a store"),
            Persisted::NotSaved(_) => {
                assert!(was_cached || self.failed || self.broken, "no operation failed");
            }
        }
    }

    /// The tokens that are cached, or handed to the caller, after a job.
    pub(super) fn hands_over(&mut self, session: Option<&SessionTokens>) {
        let tokens = session.map(|session| &session.tokens);
        self.keep_refresh_token(tokens.and_then(|tokens| tokens.refresh_token.as_ref()));
    }

    /// A job is through, with or without tokens.
    pub(super) fn end(&mut self, error: Option<&Error>) {
        if let Some(Error::SessionEnded(_)) = error {
            // The server said that it is dead.
            self.unsaved.remove(&self.sent);
        }
        let lost = &self.unsaved;
        assert!(
            lost.is_empty() || self.broken,
            "neither the store nor the caller was given {lost:?}"
        );
    }
}

fn access_token(tokens: &Tokens) -> Option<&str> {
    tokens.access_token.as_ref().map(aiod_auth_core::AccessToken::expose)
}
