//! The contract of all stores, and the bridge from what sessions ask for.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use aiod_auth_core::{
    RecordKey, StoreFailure, Timestamp, Tokens,
    session::{StoreOperation, StoreReply, StoreRequest, Version},
};

use crate::{Listed, StoreError};

/// A place where tokens are kept. Every method may block.
///
/// Readers take no lock: while one process saves, all others see the old record or the new one,
/// never a mixture. A caller that wants to replace what it has read takes the lock before it reads, and
/// saves before it gives the lock back: a save that is interrupted under the lock is finished by the next
/// process that takes it.
///
/// ```
/// use aiod_auth_core::{RecordKey, Tokens};
/// use aiod_auth_store::{Lock, MemoryStore, Store, StoreError};
///
/// /// Tokens that nothing may change. (A store of your own passes `contract_tests`, feature `contract-tests`.)
/// #[derive(Debug)]
/// struct ReadOnly(MemoryStore);
///
/// impl Store for ReadOnly {
///     fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
///         self.0.load(key)
///     }
///     fn save(&self, _: &RecordKey, _: &Tokens) -> Result<(), StoreError> {
///         Err(StoreError::Other("this store is read-only".into()))
///     }
///     fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
///         self.0.remove(key)
///     }
///     fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
///         self.0.try_lock(key)
///     }
///     // Before a refresh token is spent that could not be kept.
///     fn prepare(&self, _: &RecordKey) -> Result<(), StoreError> {
///         Err(StoreError::Other("this store is read-only".into()))
///     }
///     fn location(&self, _: &RecordKey) -> String {
///         "a read-only store".into()
///     }
/// }
/// # let _ = ReadOnly(MemoryStore::default());
/// ```
pub trait Store: fmt::Debug + Send + Sync {
    /// The tokens for a key, if there are any. They are as they were saved, but times may have lost
    /// what is finer than a second: they are never later than they were.
    ///
    /// # Errors
    /// What stands there can't be read. It is left as it is.
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError>;

    /// Keeps the tokens for a key, in place of those before. Once this returns, they survive a
    /// crash.
    ///
    /// They need not be under the record's own name: where that failed at the very end, they are safe
    /// beside it, and a warning is logged. The next process that takes the lock puts them there, so for the
    /// caller that is `Ok`.
    ///
    /// # Errors
    /// They may be nowhere but with the caller. What stands there is whole: what was there before, or these.
    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError>;

    /// Keeps the tokens for a key, as [`save`](Self::save) does, if no other login stands there than was
    /// loaded; else changes nothing, and returns that one. Where other programs write without the lock,
    /// a store looks as late as it can. A look that fails is no reason to lose the tokens.
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        match conflict(self, key, version) {
            Some(another) => Ok(Some(another)),
            None => self.save(key, tokens).map(|()| None),
        }
    }

    /// Forgets the tokens for a key. It is no error if there are none.
    ///
    /// # Errors
    /// They may still be there.
    fn remove(&self, key: &RecordKey) -> Result<(), StoreError>;

    /// Forgets the tokens for a key, if no other login stands there than was loaded; else changes nothing, and
    /// returns that one. Where there is more than one place for a login, it may be one that counts from now on.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        match conflict(self, key, version) {
            Some(another) => Ok(Some(another)),
            None => self.remove(key).map(|()| None),
        }
    }

    /// Takes the lock of a key, and finishes what a process that died under it could not. `None`: another
    /// handle has it, in this process or in another one. To wait and to try again is the caller's business.
    ///
    /// # Errors
    /// It can't be had; or a save that was interrupted can't be finished, so that what
    /// [`load`](Self::load) gives may be out of date.
    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError>;

    /// Where the lock is a lease: after what time one that another handle has is free at the latest, also if its
    /// holder has died. `None`: nothing of the kind is known.
    ///
    /// # Errors
    /// It can't be asked.
    fn lease_left(&self, key: &RecordKey) -> Result<Option<Duration>, StoreError> {
        let _ = key;
        Ok(None)
    }

    /// Tries all that saving tokens for this key needs: a refresh token is about to be spent, or a user
    /// asked. A store that can't know says nothing; one that wraps another passes it on. Under the lock, what
    /// was tried stays ready for the save.
    ///
    /// # Errors
    /// They could not be saved.
    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        let _ = key;
        Ok(())
    }

    /// All records that are here and can be read, without what is secret in them. Those that can't be read are
    /// left out, with a warning in the log.
    ///
    /// # Errors
    /// The place can't be read; or it can't say what it has, which is what a store that doesn't override this
    /// answers.
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        Err(StoreError::Other(CANNOT_LIST.into()))
    }

    /// Where the tokens for a key are, as the user knows it: a path, or `memory`.
    fn location(&self, key: &RecordKey) -> String;
}

pub(crate) const CANNOT_LIST: &str = "this token store can't say which logins it has";

/// For how long a session holds a lock, at most: the 60 s that a job has
/// ([`RetryPolicy::time_limit`](aiod_auth_core::RetryPolicy::time_limit), as it is by default), and what the
/// store itself takes for its last save. A program with a longer limit holds it for that much longer.
///
/// A lock with a lease needs one of this length. A lease that runs out all the same is no harm to the tokens:
/// a save is refused only if the record was written since it was loaded.
pub const LOCK_HELD_MAX: Duration = Duration::from_secs(90);

/// The lock of one record. It is given back when this is dropped, or when the process ends, however
/// it ends.
///
/// ```
/// use aiod_auth_core::Profile;
/// use aiod_auth_store::{MemoryStore, Store};
///
/// let (store, key) = (MemoryStore::default(), Profile::new("https://auth.example.org", "my-tool")?.key());
/// let lock = store.try_lock(&key)?;
/// assert!(lock.is_some() && store.try_lock(&key)?.is_none());
/// drop(lock);
/// assert!(store.try_lock(&key)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lock {
    interrupted_at: Option<Timestamp>,
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "held until it is dropped"))]
    guard: Guard,
}

type Guard = Box<dyn Any + Send + Sync>;

impl Lock {
    /// From whatever gives the lock back when it is dropped.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self { interrupted_at: None, guard: Box::new(guard) }
    }

    /// Says when an earlier process began a refresh under this lock, and died.
    #[must_use]
    pub const fn after_interruption(mut self, at: Option<Timestamp>) -> Self {
        self.interrupted_at = at;
        self
    }

    /// What it was made from, if that is of this kind.
    #[cfg(feature = "redis")]
    pub(crate) fn guard<T: 'static>(&self) -> Option<&T> {
        self.guard.downcast_ref()
    }

    /// When an earlier process began a refresh that was interrupted, if that is known: its answer may have
    /// been lost, so it is the likely reason if the server refuses the stored refresh token now.
    #[must_use]
    pub const fn interrupted_refresh(&self) -> Option<Timestamp> {
        self.interrupted_at
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// Does what a session asks for with `Step::Store`. This is all that an adapter needs.
///
/// The lock stands with the caller, who keeps it from one call to the next, for as long as the
/// session runs. Without a store, the answers are those of
/// [`StoreRequest::answered_without_store`].
///
/// ```
/// use aiod_auth_core::{Profile, session::{StoreOperation, StoreReply, StoreRequest}};
/// use aiod_auth_store::{MemoryStore, perform};
/// use std::sync::Arc;
///
/// // In a driver of your own: what a machine asks for, and the lock that it may hold between two steps.
/// let (store, mut lock) = (MemoryStore::default(), None);
/// let key = Arc::new(Profile::new("https://auth.example.org", "my-tool")?.key());
/// let request = StoreRequest::new(key, StoreOperation::Load);
/// let reply = perform(Some(&store), &request, &mut lock);
/// assert!(matches!(reply, Ok(StoreReply::Loaded(None))));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
///
/// # Errors
/// What [`StoreError`] says, as a text.
pub fn perform(
    store: Option<&dyn Store>,
    request: &StoreRequest,
    lock: &mut Option<Lock>,
) -> Result<StoreReply, StoreFailure> {
    let Some(store) = store else {
        return Ok(request.answered_without_store());
    };
    let key = &request.key;
    Ok(match &request.operation {
        StoreOperation::Load => StoreReply::Loaded(store.load(key)?.map(Arc::new)),
        StoreOperation::TryLock => {
            *lock = store.try_lock(key)?;
            match lock {
                Some(lock) => locked(lock),
                None => StoreReply::Busy {
                    place: store.location(key),
                    lease_left: store.lease_left(key).ok().flatten(),
                },
            }
        }
        StoreOperation::Prepare => {
            store.prepare(key)?;
            StoreReply::Done
        }
        StoreOperation::Save(tokens) => {
            store.save(key, tokens)?;
            StoreReply::Done
        }
        StoreOperation::SaveIfUnchanged(tokens, version) => {
            match store.save_if_unchanged(key, tokens, version)? {
                Some(another) => StoreReply::Conflict(Arc::new(another)),
                None => StoreReply::Done,
            }
        }
        StoreOperation::Remove(version) => match store.remove_if_unchanged(key, version)? {
            Some(another) => StoreReply::Conflict(Arc::new(another)),
            None => StoreReply::Done,
        },
        StoreOperation::Unlock => {
            *lock = None;
            StoreReply::Done
        }
    })
}

pub(crate) fn locked(lock: &Lock) -> StoreReply {
    match lock.interrupted_refresh() {
        Some(at) => StoreReply::LockedAfterInterruption(at),
        None => StoreReply::Locked(true),
    }
}

/// The login that is stored now, if it is another one than was loaded. One that can't be read is the
/// business of what is to be done.
pub(crate) fn conflict<S: Store + ?Sized>(
    store: &S,
    key: &RecordKey,
    version: &Version,
) -> Option<Tokens> {
    let stored = store.load(key).ok().flatten()?;
    (!version.matches(Some(&stored))).then_some(stored)
}

/// A pointer to a store is one.
macro_rules! pointer_is_a_store {
    ($(#[$doc:meta])* $pointer:ident) => {
        $(#[$doc])*
        impl<S: Store + ?Sized> Store for $pointer<S> {
        fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
            (**self).load(key)
        }

        fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
            (**self).save(key, tokens)
        }

        fn save_if_unchanged(
            &self,
            key: &RecordKey,
            tokens: &Tokens,
            version: &Version,
        ) -> Result<Option<Tokens>, StoreError> {
            (**self).save_if_unchanged(key, tokens, version)
        }

        fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
            (**self).remove(key)
        }

        fn remove_if_unchanged(
            &self,
            key: &RecordKey,
            version: &Version,
        ) -> Result<Option<Tokens>, StoreError> {
            (**self).remove_if_unchanged(key, version)
        }

        fn list(&self) -> Result<Vec<Listed>, StoreError> {
            (**self).list()
        }

        fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
            (**self).try_lock(key)
        }

        fn lease_left(&self, key: &RecordKey) -> Result<Option<Duration>, StoreError> {
            (**self).lease_left(key)
        }

        fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
            (**self).prepare(key)
        }

        fn location(&self, key: &RecordKey) -> String {
            (**self).location(key)
        }
        }
    };
}

pointer_is_a_store!(
    /// One that is not known before the program runs.
    Box
);
pointer_is_a_store!(
    /// A store that several clients share.
    Arc
);
