//! Ctrl-C (and SIGTERM, SIGHUP): leaves at once, but never between a refresh and its record.
//!
//! A session takes the store's lock before it sends a refresh token, and gives it back once the
//! answer is saved. Leaving in between could lose a rotated refresh token, and with it the login.
//! So that is the stretch in which the exit waits.

use std::{
    fs, mem, process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use aiod_auth_core::{Kind, RecordKey, Tokens};
use aiod_auth_store::{Lock, Store, StoreError};

use crate::{
    failure::{Failure, exit_code},
    print::Printer,
};

/// Knows whether this is a bad moment to leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many stretches are under way in which nothing may be cut off.
    under_way: usize,
    /// Ctrl-C was pressed.
    leaving: bool,
}

impl Interrupt {
    /// From here on, Ctrl-C ends the program with exit code 4.
    pub(crate) fn install(&self, printer: &Printer) {
        if is_told_to_ignore_signals() {
            return;
        }
        let (interrupt, for_handler) = (self.clone(), printer.clone());
        let installed = ctrlc::set_handler(move || interrupt.leave(&for_handler));
        if installed.is_err() {
            printer.warn("Ctrl-C can't be handled here");
        }
    }

    /// Nothing may be cut off until this is dropped.
    pub(crate) fn hold_off(&self) -> HeldOff {
        self.state().under_way += 1;
        HeldOff(self.clone())
    }

    fn leave(&self, printer: &Printer) {
        let mut state = self.state();
        state.leaving = true;
        if state.under_way > 0 {
            printer.say("saving first, then leaving …");
        }
        while state.under_way > 0 {
            state = self.0.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Still held by this thread when the process ends: nothing new begins meanwhile.
        mem::forget(state);
        printer.failure(&Failure::new(Kind::Cancelled, "cancelled"));
        process::exit(exit_code(Kind::Cancelled).into());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether whoever started this (nohup, a script's `&`) had one of the signals ignored. It stays so:
/// `exec` hands that on to the command, a handler it could not. Only Linux says it.
fn is_told_to_ignore_signals() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // proc(5): bit 0 is signal 1. SIGHUP is 1, SIGINT 2, SIGTERM 15.
    ignored.is_some_and(|mask| mask & (1 | 1 << 1 | 1 << 14) != 0)
}

/// Until this is dropped, Ctrl-C waits.
#[derive(Debug)]
pub(crate) struct HeldOff(Interrupt);

impl Drop for HeldOff {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        let leaving = state.leaving;
        drop(state);
        self.0.0.ended.notify_all();
        // What was to be saved is saved. Nothing comes after it: the other thread ends the process.
        if leaving {
            loop {
                thread::park();
            }
        }
    }
}

/// A store that holds Ctrl-C off while its lock is held.
#[derive(Debug)]
pub(crate) struct GuardedStore {
    store: Box<dyn Store>,
    interrupt: Interrupt,
}

impl GuardedStore {
    pub(crate) fn new(store: Box<dyn Store>, interrupt: &Interrupt) -> Self {
        Self { store, interrupt: interrupt.clone() }
    }
}

impl Store for GuardedStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        self.store.load(key)
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.store.save(key, tokens)
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.store.remove(key)
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let held_off = self.interrupt.hold_off();
        let lock = self.store.try_lock(key)?;
        // The lock is given back first, then Ctrl-C is let through: fields are dropped in order.
        Ok(lock.map(|lock| Lock::new((lock, held_off))))
    }

    fn location(&self, key: &RecordKey) -> String {
        self.store.location(key)
    }
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::Profile;
    use aiod_auth_store::MemoryStore;

    use super::*;

    #[test]
    fn ctrl_c_waits_while_the_lock_is_held_and_no_longer() {
        let interrupt = Interrupt::default();
        let store = GuardedStore::new(Box::<MemoryStore>::default(), &interrupt);
        let key = Profile::new("https://as.example", "cli").unwrap().key();
        let lock = store.try_lock(&key).unwrap();
        assert_eq!(interrupt.state().under_way, 1);
        assert!(store.try_lock(&key).unwrap().is_none());
        assert_eq!(interrupt.state().under_way, 1);
        drop(lock);
        assert_eq!(interrupt.state().under_way, 0);
    }
}
