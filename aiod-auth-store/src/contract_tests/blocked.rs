//! An async store in the one suite.

use std::{fmt, sync::Arc, time::Duration};

use aiod_auth_core::{RecordKey, Tokens, session::Version};

use crate::{AsyncStore, Listed, Lock, Store, StoreError, StoreFuture};

/// An async store as a blocking one, so that the suite can run it: each of its futures is given to `run`, which
/// returns when that one is through.
pub struct Blocked<S, R> {
    store: Arc<S>,
    run: Arc<R>,
}

impl<S: AsyncStore, R: Fn(StoreFuture<'_, ()>) + Send + Sync> Blocked<S, R> {
    /// With what runs a future to its end on this thread: a runtime's `block_on`.
    pub fn new(store: S, run: R) -> Self {
        Self { store: Arc::new(store), run: Arc::new(run) }
    }

    fn wait<T: Send>(&self, future: StoreFuture<'_, T>) -> Result<T, StoreError> {
        wait(&*self.run, future)
    }
}

fn wait<T: Send>(
    run: &impl Fn(StoreFuture<'_, ()>),
    future: StoreFuture<'_, T>,
) -> Result<T, StoreError> {
    let mut outcome = None;
    let place = &mut outcome;
    run(Box::pin(async move {
        *place = Some(future.await);
        Ok(())
    }));
    outcome.unwrap_or_else(|| Err(StoreError::Other("the future was not run".into())))
}

/// A lock that is given back as a driver does it.
struct Held<S: AsyncStore, R: Fn(StoreFuture<'_, ()>)> {
    store: Arc<S>,
    run: Arc<R>,
    key: RecordKey,
    lock: Option<Lock>,
}

impl<S: AsyncStore, R: Fn(StoreFuture<'_, ()>)> Drop for Held<S, R> {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            wait(&*self.run, self.store.unlock(&self.key, lock)).unwrap();
        }
    }
}

impl<S, R> Store for Blocked<S, R>
where
    S: AsyncStore + 'static,
    R: Fn(StoreFuture<'_, ()>) + Send + Sync + 'static,
{
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.wait(self.store.load(key))
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.wait(self.store.save(key, tokens))
    }

    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.wait(self.store.save_if_unchanged(key, tokens, version))
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.wait(self.store.remove(key, None)).map(drop)
    }

    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.wait(self.store.remove(key, Some(version)))
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let lock = self.wait(self.store.try_lock(key))?;
        Ok(lock.map(|lock| {
            let interrupted_at = lock.interrupted_refresh();
            let (store, run) = (Arc::clone(&self.store), Arc::clone(&self.run));
            let held = Held { store, run, key: key.clone(), lock: Some(lock) };
            Lock::new(held).after_interruption(interrupted_at)
        }))
    }

    fn lease_left(&self, key: &RecordKey) -> Result<Option<Duration>, StoreError> {
        self.wait(self.store.lease_left(key))
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.wait(self.store.prepare(key))
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.wait(self.store.list())
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Blocked<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocked").field("store", &self.store).finish_non_exhaustive()
    }
}
