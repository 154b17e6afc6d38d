//! Tokens that live as long as the program.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use aiod_auth_core::{RecordKey, Tokens, session::Version};

use crate::{Listed, Lock, Store, StoreError};

/// Keeps tokens for as long as the program runs, and wipes them from memory after that.
///
/// Clients share one as `Arc<MemoryStore>`.
///
/// ```
/// use aiod_auth_core::{AccessToken, Profile, Timestamp, Tokens};
/// use aiod_auth_store::{MemoryStore, Store};
///
/// // For tests, and for bots that get a new token at each start.
/// let store = MemoryStore::default();
/// let key = Profile::new("https://auth.example.org", "my-tool")?.key();
/// store.save(&key, &Tokens::new(AccessToken::new("secret")?, Timestamp::UNIX_EPOCH))?;
/// assert_eq!(store.location(&key), "memory");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<BTreeMap<RecordKey, Tokens>>,
    /// Of each record that was ever locked: whether it is.
    locks: Mutex<BTreeMap<RecordKey, Arc<AtomicBool>>>,
}

impl Store for MemoryStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        Ok(open(&self.records).get(key).cloned())
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        put(&mut open(&self.records), key, tokens);
        Ok(())
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        open(&self.records).remove(key);
        Ok(())
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let mut locks = open(&self.locks);
        let lock = locks.get(key).cloned();
        let lock = lock.unwrap_or_else(|| Arc::clone(locks.entry(key.clone()).or_default()));
        let is_taken = lock.swap(true, Ordering::Acquire);
        Ok((!is_taken).then(|| Lock::new(Held(lock))))
    }

    /// A look and the write are one here.
    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        let mut records = open(&self.records);
        let stored = records.get(key);
        if !version.matches(stored) {
            return Ok(stored.cloned());
        }
        put(&mut records, key, tokens);
        Ok(None)
    }

    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        let mut records = open(&self.records);
        let stored = records.get(key);
        if !version.matches(stored) {
            return Ok(stored.cloned());
        }
        records.remove(key);
        Ok(None)
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let records = open(&self.records);
        let listed = |(key, tokens): (&RecordKey, &Tokens)| {
            Listed::new(key.clone(), self.location(key), tokens)
        };
        Ok(records.iter().map(listed).collect())
    }

    fn location(&self, _key: &RecordKey) -> String {
        "memory".into()
    }
}

/// The key of a record that is there already is kept.
fn put(records: &mut BTreeMap<RecordKey, Tokens>, key: &RecordKey, tokens: &Tokens) {
    match records.get_mut(key) {
        Some(stored) => stored.clone_from(tokens),
        None => {
            records.insert(key.clone(), tokens.clone());
        }
    }
}

struct Held(Arc<AtomicBool>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A thread that panicked elsewhere has left nothing half done here: each change is one call.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
