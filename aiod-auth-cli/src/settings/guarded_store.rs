//! A store as the command uses it.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use aiod_auth_core::{RecordKey, Tokens, session::Version};
use aiod_auth_store::{Listed, Lock, Store, StoreError};

use crate::{interrupt::Interrupt, print::Printer, stored::Stored};

/// A store that holds Ctrl-C off while its lock is held, has it say what was not saved, and says what a long wait for
/// it is for.
#[derive(Debug)]
pub(super) struct GuardedStore {
    store: Box<dyn Store>,
    interrupt: Interrupt,
    printer: Printer,
    wait: Mutex<Wait>,
}

/// For a lock that another process has.
#[derive(Debug, Default)]
struct Wait {
    since: Option<Instant>,
    said: bool,
}

impl GuardedStore {
    pub(super) fn new(store: Box<dyn Store>, interrupt: &Interrupt, printer: &Printer) -> Self {
        Self {
            store,
            interrupt: interrupt.clone(),
            printer: printer.clone(),
            wait: Mutex::default(),
        }
    }

    /// Once for each wait, after a second.
    fn still_waiting(&self, key: &RecordKey) {
        let mut wait = self.wait.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *wait.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= SAID_AFTER && !mem::replace(&mut wait.said, true) {
            let location = self.store.location(key);
            self.printer.notice(&format!("waiting for another process that uses {location}"));
        }
    }

    /// Ctrl-C may end the process before the command can say it.
    fn note<T>(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        saved: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let stored = match &saved {
            Ok(_) => Stored::Yes,
            Err(error) => Stored::after(error.into(), &*self.store, key, tokens),
        };
        self.interrupt.set_stored(stored);
        saved
    }

    fn waited(&self) {
        *self.wait.lock().unwrap_or_else(PoisonError::into_inner) = Wait::default();
    }
}

const SAID_AFTER: Duration = Duration::from_secs(1);

impl Store for GuardedStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.note(key, tokens, self.store.save(key, tokens))
    }

    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.note(key, tokens, self.store.save_if_unchanged(key, tokens, version))
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.remove(key)
    }

    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.store.remove_if_unchanged(key, version)
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.store.list()
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let held_off = self.interrupt.hold_off();
        let Some(lock) = self.store.try_lock(key)? else {
            self.still_waiting(key);
            return Ok(None);
        };
        self.waited();
        let interrupted_at = lock.interrupted_refresh();
        // The lock is given back first, then Ctrl-C is let through: fields are dropped in order.
        Ok(Some(Lock::new((lock, held_off)).after_interruption(interrupted_at)))
    }

    fn lease_left(&self, key: &RecordKey) -> Result<Option<Duration>, StoreError> {
        self.store.lease_left(key)
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.prepare(key)
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::{Profile, Timestamp};
    use aiod_auth_store::MemoryStore;

    use super::*;

    #[test]
    fn ctrl_c_waits_while_the_lock_is_held_and_no_longer() {
        let interrupt = Interrupt::default();
        let store =
            GuardedStore::new(Box::new(MemoryStore::default()), &interrupt, &Printer::silent());
        let key = Profile::new("https://as.example", "cli").unwrap().key();
        let lock = store.try_lock(&key).unwrap();
        assert_eq!(interrupt.under_way(), 1);
        assert!(store.try_lock(&key).unwrap().is_none());
        assert_eq!(interrupt.under_way(), 1);
        drop(lock);
        assert_eq!(interrupt.under_way(), 0);
    }

    /// A store whose last user died during a refresh.
    #[derive(Debug)]
    struct Interrupted(MemoryStore);

    const AT: Timestamp = Timestamp::from_unix_millis(7000);

    impl Store for Interrupted {
        fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
            self.0.load(key)
        }

        fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
            self.0.save(key, tokens)
        }

        fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
            self.0.remove(key)
        }

        fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
            Ok(self.0.try_lock(key)?.map(|lock| lock.after_interruption(Some(AT))))
        }

        fn location(&self, key: &RecordKey) -> String {
            self.0.location(key)
        }
    }

    #[test]
    fn what_the_store_knows_of_its_lock_is_handed_on() {
        let store = Interrupted(MemoryStore::default());
        let store = GuardedStore::new(Box::new(store), &Interrupt::default(), &Printer::silent());
        let key = Profile::new("https://as.example", "cli").unwrap().key();
        let lock = store.try_lock(&key).unwrap().unwrap();
        assert_eq!(lock.interrupted_refresh(), Some(AT));
    }
}
