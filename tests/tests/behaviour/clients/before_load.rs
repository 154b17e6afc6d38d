//! A store in memory that does something before each look.

use std::fmt;

use aiod_auth_core::{RecordKey, Tokens};
use aiod_auth_store::{Lock, MemoryStore, Store, StoreError};

pub(super) struct BeforeLoad<F> {
    store: MemoryStore,
    before: F,
}

impl<F: Fn() + Send + Sync> BeforeLoad<F> {
    pub(super) fn new(before: F) -> Self {
        Self { store: MemoryStore::default(), before }
    }
}

impl<F> fmt::Debug for BeforeLoad<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeforeLoad").finish_non_exhaustive()
    }
}

impl<F: Fn() + Send + Sync> Store for BeforeLoad<F> {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        (self.before)();
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.store.save(key, tokens)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.remove(key)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        self.store.try_lock(key)
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}
