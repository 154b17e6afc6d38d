//! One store operation on its way to a thread that may block.

use std::sync::Arc;

use aiod_auth_core::{
    StoreFailure,
    session::{StoreOperation, StoreReply, StoreRequest},
};
use aiod_auth_store::{Lock, Store, perform};

/// Takes the lock along, so that it is given back after the operation, whether a caller is still there or
/// not.
///
/// A runtime that shuts down has no more threads to give, and drops this. Tokens that a server has just
/// given out are saved all the same, when it is dropped: the ones before may be dead by now.
pub(crate) struct StoreCall {
    store: Arc<dyn Store>,
    request: StoreRequest,
    lock: Option<Lock>,
    begun: bool,
}

impl StoreCall {
    pub(crate) fn new(store: Arc<dyn Store>, request: StoreRequest, lock: Option<Lock>) -> Self {
        Self { store, request, lock, begun: false }
    }

    pub(crate) fn perform(mut self) -> (Result<StoreReply, StoreFailure>, Option<Lock>) {
        let outcome = self.begin();
        (outcome, self.lock.take())
    }

    fn begin(&mut self) -> Result<StoreReply, StoreFailure> {
        self.begun = true;
        perform(Some(&*self.store), &self.request, &mut self.lock)
    }
}

impl Drop for StoreCall {
    fn drop(&mut self) {
        let saves = matches!(
            self.request.operation,
            StoreOperation::Save(_) | StoreOperation::SaveIfUnchanged(..)
        );
        if !self.begun && saves {
            // No caller is left to be told.
            drop(self.begin());
        }
    }
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::{AccessToken, Profile, Timestamp, Tokens, session::Version};
    use aiod_auth_store::MemoryStore;
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_runtime_that_has_shut_down_loses_no_tokens() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let key = Arc::new(Profile::new("https://as.example", "me").unwrap().key());
        let tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        let store = Arc::new(MemoryStore::default());
        let call = |operation| {
            let request = StoreRequest::new(Arc::clone(&key), operation);
            let lock = store.try_lock(&key).unwrap();
            assert!(lock.is_some());
            StoreCall::new(Arc::clone(&store) as Arc<dyn Store>, request, lock)
        };
        let tokens = Arc::new(tokens);
        for operation in [
            StoreOperation::Save(Arc::clone(&tokens)),
            StoreOperation::SaveIfUnchanged(tokens, Version::default()),
        ] {
            store.remove(&key).unwrap();
            let save = call(operation);
            drop(handle.spawn_blocking(|| save.perform()));
            assert!(store.load(&key).unwrap().is_some());
        }
        // The rest need not be done, and the lock is given back each time.
        let remove = call(StoreOperation::Remove(Version::default()));
        drop(handle.spawn_blocking(|| remove.perform()));
        assert!(store.load(&key).unwrap().is_some());
        assert!(store.try_lock(&key).unwrap().is_some());
    }
}
