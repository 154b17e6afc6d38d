//! The contract of stores that wait for a network, for async programs.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use aiod_auth_core::{
    RecordKey, StoreFailure, Tokens,
    session::{StoreOperation, StoreReply, StoreRequest, Version},
};

use crate::{
    Listed, Lock, StoreError,
    store::{CANNOT_LIST, locked},
};

/// What a method of an [`AsyncStore`] gives back.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A place where tokens are kept, for async programs: the promises of [`Store`](crate::Store), method by
/// method, and nothing here may block.
///
/// A client runs these futures in a task of its own, so a caller that is dropped drops none of them. A
/// runtime that shuts down does.
pub trait AsyncStore: fmt::Debug + Send + Sync {
    /// As [`Store::load`](crate::Store::load).
    ///
    /// # Errors
    /// What stands there can't be read. It is left as it is.
    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Tokens>>;

    /// As [`Store::save`](crate::Store::save).
    ///
    /// # Errors
    /// The tokens may be nowhere but with the caller.
    fn save<'a>(&'a self, key: &'a RecordKey, tokens: &'a Tokens) -> StoreFuture<'a, ()>;

    /// As [`Store::save_if_unchanged`](crate::Store::save_if_unchanged). To look and to write has to be one
    /// operation of the place itself.
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    fn save_if_unchanged<'a>(
        &'a self,
        key: &'a RecordKey,
        tokens: &'a Tokens,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<Tokens>>;

    /// As [`Store::remove_if_unchanged`](crate::Store::remove_if_unchanged). Without a version, whatever
    /// stands there.
    ///
    /// # Errors
    /// The tokens may still be there.
    fn remove<'a>(
        &'a self,
        key: &'a RecordKey,
        version: Option<&'a Version>,
    ) -> StoreFuture<'a, Option<Tokens>>;

    /// As [`Store::try_lock`](crate::Store::try_lock).
    ///
    /// # Errors
    /// The lock can't be had.
    fn try_lock<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Lock>>;

    /// As [`Store::lease_left`](crate::Store::lease_left).
    ///
    /// # Errors
    /// It can't be asked.
    fn lease_left<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Duration>> {
        let _ = key;
        Box::pin(async { Ok(None) })
    }

    /// Gives the lock back. A lock that is dropped instead may stay taken until its lease has run out.
    ///
    /// # Errors
    /// It could not be given back, and frees itself when its lease has run out.
    fn unlock<'a>(&'a self, key: &'a RecordKey, lock: Lock) -> StoreFuture<'a, ()> {
        let _ = key;
        drop(lock);
        Box::pin(async { Ok(()) })
    }

    /// As [`Store::prepare`](crate::Store::prepare).
    ///
    /// # Errors
    /// Tokens could not be saved.
    fn prepare<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, ()> {
        let _ = key;
        Box::pin(async { Ok(()) })
    }

    /// As [`Store::list`](crate::Store::list).
    ///
    /// # Errors
    /// The place can't be read, or can't say.
    fn list(&self) -> StoreFuture<'_, Vec<Listed>> {
        Box::pin(async { Err(StoreError::Other(CANNOT_LIST.into())) })
    }

    /// As [`Store::location`](crate::Store::location).
    fn location(&self, key: &RecordKey) -> String;
}

/// Does what a session asks for, as [`perform`](crate::perform) does.
///
/// # Errors
/// What [`StoreError`] says, as a text.
pub async fn perform_async(
    store: &dyn AsyncStore,
    request: &StoreRequest,
    lock: &mut Option<Lock>,
) -> Result<StoreReply, StoreFailure> {
    let key = &request.key;
    let done = |conflict: Option<Tokens>| match conflict {
        Some(another) => StoreReply::Conflict(Arc::new(another)),
        None => StoreReply::Done,
    };
    Ok(match &request.operation {
        StoreOperation::Load => StoreReply::Loaded(store.load(key).await?.map(Arc::new)),
        StoreOperation::TryLock => {
            *lock = store.try_lock(key).await?;
            match lock {
                Some(lock) => locked(lock),
                None => StoreReply::Busy {
                    place: store.location(key),
                    lease_left: store.lease_left(key).await.ok().flatten(),
                },
            }
        }
        StoreOperation::Prepare => {
            store.prepare(key).await?;
            StoreReply::Done
        }
        StoreOperation::Save(tokens) => {
            store.save(key, tokens).await?;
            StoreReply::Done
        }
        StoreOperation::SaveIfUnchanged(tokens, version) => {
            done(store.save_if_unchanged(key, tokens, version).await?)
        }
        StoreOperation::Remove(version) => done(store.remove(key, Some(version)).await?),
        StoreOperation::Unlock => {
            if let Some(lock) = lock.take() {
                store.unlock(key, lock).await?;
            }
            StoreReply::Done
        }
    })
}

/// A store that several clients share.
impl<S: AsyncStore + ?Sized> AsyncStore for Arc<S> {
    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Tokens>> {
        (**self).load(key)
    }

    fn save<'a>(&'a self, key: &'a RecordKey, tokens: &'a Tokens) -> StoreFuture<'a, ()> {
        (**self).save(key, tokens)
    }

    fn save_if_unchanged<'a>(
        &'a self,
        key: &'a RecordKey,
        tokens: &'a Tokens,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<Tokens>> {
        (**self).save_if_unchanged(key, tokens, version)
    }

    fn remove<'a>(
        &'a self,
        key: &'a RecordKey,
        version: Option<&'a Version>,
    ) -> StoreFuture<'a, Option<Tokens>> {
        (**self).remove(key, version)
    }

    fn try_lock<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Lock>> {
        (**self).try_lock(key)
    }

    fn lease_left<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Duration>> {
        (**self).lease_left(key)
    }

    fn unlock<'a>(&'a self, key: &'a RecordKey, lock: Lock) -> StoreFuture<'a, ()> {
        (**self).unlock(key, lock)
    }

    fn prepare<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, ()> {
        (**self).prepare(key)
    }

    fn list(&self) -> StoreFuture<'_, Vec<Listed>> {
        (**self).list()
    }

    fn location(&self, key: &RecordKey) -> String {
        (**self).location(key)
    }
}
