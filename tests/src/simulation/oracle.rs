//! What must hold, written from what is promised, not from the code: which refresh tokens there are, which of
//! them a client of ours has read, and where they are.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of refresh tokens.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// Which one took the place of which, as the server said to a client that read it whole.
    successors: BTreeMap<String, String>,
    /// Read whole by a client, or saved by the careless one, and alive when it was looked last.
    pub(super) acknowledged: BTreeSet<String>,
    /// A store said that it has it, and when it said so first.
    promised: BTreeMap<String, u64>,
    /// But it may not be on the disk for good.
    weak: BTreeSet<String>,
    /// What it replaces was noted, and that may not be on the disk for good.
    weak_notes: BTreeSet<String>,
    /// On its way, by which process.
    in_flight: BTreeMap<String, usize>,
    /// Authorization codes that a client has sent.
    codes: BTreeSet<String>,
}

impl Oracle {
    /// A client has read an answer whole.
    pub(super) fn acknowledge(&mut self, sent: Option<&str>, new: &str) {
        if let Some(sent) = sent {
            self.successors.insert(sent.to_owned(), new.to_owned());
        }
        self.acknowledged.insert(new.to_owned());
    }

    /// Whether the server said that the one took the place of the other.
    pub(super) fn is_successor(&self, new: &str, old: &str) -> bool {
        self.successors.get(old).is_some_and(|successor| successor == new)
    }

    /// Whether it took the place of any.
    pub(super) fn is_of_a_refresh(&self, token: &str) -> bool {
        self.successors.values().any(|successor| successor == token)
    }

    /// A store said so.
    pub(super) fn promise(&mut self, token: &str, now_ms: u64) {
        self.promised.entry(token.to_owned()).or_insert(now_ms);
    }

    pub(super) fn is_promised(&self, token: &str) -> bool {
        self.promised.contains_key(token)
    }

    /// It may not be on the disk for good.
    pub(super) fn promise_is_weak(&mut self, token: &str) {
        self.weak.insert(token.to_owned());
    }

    /// The note of what it replaces may be gone after a power failure, and an older one be there.
    pub(super) fn note_is_weak(&mut self, token: &str) {
        self.weak_notes.insert(token.to_owned());
    }

    pub(super) fn has_weak_note(&self, token: &str) -> bool {
        self.weak_notes.contains(token)
    }

    pub(super) fn survives_power_failure(&self, token: &str) -> bool {
        self.is_promised(token) && !self.weak.contains(token)
    }

    /// Whether a process that loads the record at `then_ms` or later must see this token.
    pub(super) fn was_promised_before(&self, token: &str, then_ms: u64) -> bool {
        self.promised.get(token).is_some_and(|at| *at < then_ms)
    }

    /// Nothing could have kept it; or another login is in its place.
    pub(super) fn excuse(&mut self, token: &str) {
        self.acknowledged.remove(token);
    }

    /// A refresh token goes out. `is_kept` says whether one is in the store, or with this process.
    pub(super) fn sends_refresh_token(
        &mut self,
        token: &str,
        process: usize,
        is_kept: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        if let Some(other) = self.in_flight.insert(token.to_owned(), process) {
            return Err(format!(
                "process {process} sends {token}, which process {other} is sending already"
            ));
        }
        let mut newest = token;
        while let Some(newer) = self.successors.get(newest) {
            newest = newer;
            if is_kept(newest) && self.acknowledged.contains(newest) {
                return Err(format!("process {process} sends {token}, and {newest} is kept"));
            }
        }
        Ok(())
    }

    /// Its answer is there, or the process has died.
    pub(super) fn has_sent(&mut self, token: &str) {
        self.in_flight.remove(token);
    }

    /// A client sends an authorization code.
    pub(super) fn sends_code(&mut self, code: &str) -> Result<(), String> {
        match self.codes.insert(code.to_owned()) {
            true => Ok(()),
            false => Err(format!("the authorization code {code} is sent again")),
        }
    }

    /// The code has never left.
    pub(super) fn has_not_sent_code(&mut self, code: &str) {
        self.codes.remove(code);
    }

    /// Only what is alive can be lost.
    pub(super) fn forget_dead(&mut self, is_alive: impl Fn(&str) -> bool) {
        self.acknowledged.retain(|token| is_alive(token));
    }
}
