//! What a machine asks of a store, and its replies.

use alloc::{string::String, sync::Arc};
use core::time::Duration;

use crate::{profile::RecordKey, secret::RefreshToken, time::Timestamp, token::Tokens};

/// One operation on one record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreRequest {
    /// Which record.
    pub key: Arc<RecordKey>,
    /// What to do with it.
    pub operation: StoreOperation,
}

/// What to do with a record.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to know them all")]
pub enum StoreOperation {
    /// Read it. Answer: [`StoreReply::Loaded`].
    Load,
    /// Take its lock if it is free, and hold it until [`Unlock`](Self::Unlock) or until the machine
    /// is through. Answer: [`StoreReply::Locked`], or what says more of it.
    TryLock,
    /// Find out whether it could be written, as far as that can be known: a refresh token is about to be
    /// spent, or a user asked. Answer: [`StoreReply::Done`].
    Prepare,
    /// Write it, so that it survives a crash once this is answered. Answer: [`StoreReply::Done`].
    Save(Arc<Tokens>),
    /// The same, if [`Version::matches`] there. Else change nothing; answer: [`StoreReply::Conflict`].
    SaveIfUnchanged(Arc<Tokens>, Version),
    /// Remove it, if [`Version::matches`] there. Answer: as to [`SaveIfUnchanged`](Self::SaveIfUnchanged).
    Remove(Version),
    /// Give its lock back. Answer: [`StoreReply::Done`].
    Unlock,
}

/// Which login it was that a machine found in a record.
///
/// A platform's own client may write the record without asking for the lock. What has waited for a
/// server must not overwrite or remove a login that was written meanwhile, so a store is told what was
/// there, and looks again.
///
/// ```
/// use aiod_auth_core::{RefreshToken, Timestamp, Tokens, session::Version};
///
/// // In a store of your own: another program has logged in since this was loaded.
/// let loaded = Tokens::from_refresh_token(RefreshToken::new("one"), Timestamp::UNIX_EPOCH);
/// let stored = Tokens::from_refresh_token(RefreshToken::new("two"), Timestamp::UNIX_EPOCH);
/// let version = Version::of(Some(&loaded));
/// assert!(version.matches(Some(&loaded)));
/// assert!(!version.matches(Some(&stored)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Version(Option<Arc<RefreshToken>>);

impl Version {
    /// What was loaded. Machines make it; this is for tests of a store or a driver.
    #[must_use]
    pub fn of(stored: Option<&Tokens>) -> Self {
        Self(stored.and_then(|tokens| tokens.refresh_token.clone()).map(Arc::new))
    }

    /// Whether anything was loaded that has a refresh token.
    pub(crate) const fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it is just the refresh token in these.
    pub(crate) fn is_of(&self, stored: &Tokens) -> bool {
        self.0.as_ref().is_some_and(|seen| stored.has(seen))
    }

    /// Whether no other login than this one is stored now. A login is told by its refresh token: one
    /// without any (a client's own, which costs nothing) is no other one. Neither is one that has gone,
    /// whose tokens are saved, since nothing is lost by that; nor one that is marked as ended.
    #[must_use]
    pub fn matches(&self, stored: Option<&Tokens>) -> bool {
        let alive = stored.filter(|tokens| tokens.session_ended_at.is_none());
        match (&self.0, alive.and_then(|tokens| tokens.refresh_token.as_ref())) {
            (Some(seen), Some(now)) => seen.same_as(now),
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to know them all")]
pub enum StoreReply {
    /// The record, if there is one.
    Loaded(Option<Arc<Tokens>>),
    /// Whether the lock was free and is now held.
    Locked(bool),
    /// Another handle has the lock.
    Busy {
        /// Of which record, for people: no secret.
        place: String,
        /// The lock is a lease, which ends after this time at the latest, also if its holder has died.
        lease_left: Option<Duration>,
    },
    /// The lock was free and is now held. An earlier process began a refresh under it then, and died: what
    /// the server answered may have been lost.
    LockedAfterInterruption(Timestamp),
    /// It is done.
    Done,
    /// It is not done: another login is stored by now, this one.
    Conflict(Arc<Tokens>),
    /// There is no store.
    NoStore,
}

impl StoreReply {
    /// The record; nothing where the answer is to another question.
    pub(crate) fn into_loaded(self) -> Option<Arc<Tokens>> {
        if let Self::Loaded(tokens) = self { tokens } else { None }
    }
}

impl StoreRequest {
    /// For tests of a store or a driver.
    #[must_use]
    pub const fn new(key: Arc<RecordKey>, operation: StoreOperation) -> Self {
        Self { key, operation }
    }

    /// What a driver without a store answers: there is nothing, and the lock is free.
    #[must_use]
    pub const fn answered_without_store(&self) -> StoreReply {
        match &self.operation {
            StoreOperation::Load => StoreReply::Loaded(None),
            StoreOperation::TryLock => StoreReply::Locked(true),
            StoreOperation::Save(_) | StoreOperation::SaveIfUnchanged(..) => StoreReply::NoStore,
            StoreOperation::Prepare | StoreOperation::Remove(_) | StoreOperation::Unlock => {
                StoreReply::Done
            }
        }
    }
}
