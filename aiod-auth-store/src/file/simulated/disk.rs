//! What a simulation of whole sessions needs of the file system: it is no part of this crate's promises.

use std::sync::Arc;

use super::{Fault, Faulty, Memory};
use crate::{
    FileStore,
    file::{files::Files, mark},
    record,
};

/// A disk that forgets in a power failure what was not synced. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Disk(Memory);

/// One process that uses a [`Disk`]. What it has locked is free when its stores, and what it got of them, are
/// dropped.
#[derive(Clone, Debug)]
pub struct Process(Faulty);

impl Disk {
    /// A process in which nothing goes wrong.
    #[must_use]
    pub fn process(&self) -> Process {
        Process(Faulty::new(&self.0, Fault::None))
    }

    /// The power fails: every process has died before. The seed says what survives of what was not synced.
    pub fn lose_power(&self, seed: u64) {
        self.0.lose_power(seed);
    }

    /// Whether this refresh token is in a whole record, under its own name or as `.next`.
    #[must_use]
    pub fn holds(&self, refresh_token: &str) -> bool {
        self.0.with(refresh_token).iter().any(|content| {
            let record = mark::written(content).map(record::read);
            let tokens = record.and_then(Result::ok).map(|(_, tokens)| tokens);
            let found = tokens.and_then(|tokens| tokens.refresh_token);
            found.is_some_and(|found| found.expose() == refresh_token)
        })
    }
}

impl Process {
    /// Its store.
    #[must_use]
    pub fn store(&self, folder: &str) -> FileStore {
        FileStore::on(Files::on(Arc::new(self.0.clone())), folder)
    }

    /// The operation of the file system after so many more fails with this `errno`.
    pub fn fail_after(&self, operations: usize, errno: i32) {
        self.0.set(Fault::Once(operations, errno));
    }

    /// It does, and so do all of its kind, until [`heal`](Self::heal).
    pub fn fail_from(&self, operations: usize, errno: i32) {
        self.0.set(Fault::FromThenOn(operations, errno));
    }

    /// It dies after so many more operations, or in the next one: nothing that it does then has an effect.
    pub fn die_after(&self, operations: usize, in_next: bool) {
        self.0.set(match in_next {
            true => Fault::DeathIn(operations),
            false => Fault::Death(operations),
        });
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.0.set(Fault::None);
    }

    /// Whether it has died, or something has failed, since that was asked for.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        match self.0.fault() {
            Fault::Once(number, _)
            | Fault::FromThenOn(number, _)
            | Fault::Death(number)
            | Fault::DeathIn(number) => self.0.done().len() > number,
            Fault::None | Fault::NoRoom | Fault::LockReplaced => false,
        }
    }

    /// The operation that failed, or was not done any more.
    #[must_use]
    pub fn failed(&self) -> String {
        let (Fault::Once(number, _)
        | Fault::FromThenOn(number, _)
        | Fault::Death(number)
        | Fault::DeathIn(number)) = self.0.fault()
        else {
            return String::new();
        };
        let done = self.0.done();
        done.get(number).map_or_else(String::new, |it| format!("{} {}", it.name, it.path.display()))
    }
}
