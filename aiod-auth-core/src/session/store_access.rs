//! What sessions ask of a store, and the small machines that ask.

use alloc::{boxed::Box, sync::Arc};
use core::{mem, time::Duration};

use crate::{
    error::{Error, StoreFailure},
    machine::{Flow, Pause, Reason, Sleeps, Step, StoreAccess, Stores},
    profile::RecordKey,
    retry::spread,
    secret::RefreshToken,
    time::Timestamp,
    token::Tokens,
};

/// One operation on one record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreRequest {
    /// Which record.
    pub key: Arc<RecordKey>,
    /// What to do with it.
    pub operation: StoreOperation,
}

/// What to do with a record.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to know them all")]
pub enum StoreOperation {
    /// Read it. Answer: [`StoreReply::Loaded`].
    Load,
    /// Take its lock if it is free, and hold it until [`Unlock`](Self::Unlock) or until the machine
    /// is through. Answer: [`StoreReply::Locked`].
    TryLock,
    /// Find out whether it could be written, as far as that can be known: a refresh token is about to be
    /// spent, or a person asked. Answer: [`StoreReply::Done`].
    Prepare,
    /// Write it, so that it survives a crash once this is answered. Answer: [`StoreReply::Done`].
    Save(Arc<Tokens>),
    /// The same, if [`Version::matches`] there. Else change nothing; answer: [`StoreReply::Conflict`].
    SaveIfUnchanged(Arc<Tokens>, Version),
    /// Remove it, if [`Version::matches`] there. Answer: as to [`SaveIfUnchanged`](Self::SaveIfUnchanged).
    Remove(Version),
    /// Give its lock back. Answer: [`StoreReply::Done`].
    Unlock,
}

/// Which login it was that a machine found in a record.
///
/// A platform's own client may write the record without asking for the lock. Whoever has waited for a
/// server must not overwrite or remove a login that was written meanwhile, so a store is told what was
/// there, and looks again.
#[derive(Clone, Debug, Default)]
pub struct Version(Option<RefreshToken>);

impl Version {
    /// What was loaded. Machines make it; this is for whoever tests a store or a driver.
    #[must_use]
    pub fn of(stored: Option<&Tokens>) -> Self {
        Self(stored.and_then(|tokens| tokens.refresh_token.clone()))
    }

    /// Whether no other login than this one is stored now. A login is told by its refresh token: one
    /// without any (a client's own, which costs nothing) is no other one. Neither is one that has gone,
    /// whose tokens are saved, since nothing is lost by that; nor one that is marked as ended.
    #[must_use]
    pub fn matches(&self, stored: Option<&Tokens>) -> bool {
        let alive = stored.filter(|tokens| tokens.session_ended_at.is_none());
        match (&self.0, alive.and_then(|tokens| tokens.refresh_token.as_ref())) {
            (Some(seen), Some(now)) => seen.same_as(now),
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to know them all")]
pub enum StoreReply {
    /// The record, if there is one.
    Loaded(Option<Arc<Tokens>>),
    /// Whether the lock was free and is now held.
    Locked(bool),
    /// It is done.
    Done,
    /// It is not done: another login is stored by now, this one.
    Conflict(Arc<Tokens>),
    /// There is no store that could keep it.
    NoStore,
}

impl StoreReply {
    /// The record; nothing where the answer is to another question.
    pub(super) fn into_loaded(self) -> Option<Arc<Tokens>> {
        match self {
            Self::Loaded(tokens) => tokens,
            Self::Locked(_) | Self::Done | Self::Conflict(_) | Self::NoStore => None,
        }
    }
}

impl StoreRequest {
    /// For whoever tests a store or a driver.
    #[must_use]
    pub const fn new(key: Arc<RecordKey>, operation: StoreOperation) -> Self {
        Self { key, operation }
    }

    /// What a driver without a store answers: there is nothing, and nobody else wants it.
    #[must_use]
    pub const fn answered_without_store(&self) -> StoreReply {
        match &self.operation {
            StoreOperation::Load => StoreReply::Loaded(None),
            StoreOperation::TryLock => StoreReply::Locked(true),
            StoreOperation::Save(_) | StoreOperation::SaveIfUnchanged(..) => StoreReply::NoStore,
            StoreOperation::Prepare | StoreOperation::Remove(_) | StoreOperation::Unlock => {
                StoreReply::Done
            }
        }
    }
}

/// One operation.
#[derive(Debug)]
pub(super) struct StoreCall {
    request: StoreRequest,
    outcome: Option<Result<StoreReply, StoreFailure>>,
    spent: Duration,
}

impl StoreCall {
    pub(super) fn new(key: &Arc<RecordKey>, operation: StoreOperation) -> Self {
        let request = StoreRequest::new(Arc::clone(key), operation);
        Self { request, outcome: None, spent: Duration::ZERO }
    }
}

impl Flow for StoreCall {
    type Output = StoreReply;

    fn take_outcome(&mut self, _now: Timestamp) -> Option<Result<StoreReply, Error>> {
        Some(self.outcome.take()?.map_err(Error::Store))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        let request = self.request.clone();
        Ok(Step::Store(StoreAccess::new(self, request)))
    }

    fn spent(&self) -> Duration {
        self.spent
    }
}

impl Stores for StoreCall {
    fn stored(&mut self, took: Duration, outcome: Result<StoreReply, StoreFailure>) {
        self.spent = self.spent.saturating_add(took);
        self.outcome = Some(outcome);
    }
}

/// Gives the lock back, and then hands over how the job ended.
#[derive(Debug)]
pub(super) struct Unlock<T> {
    call: StoreCall,
    outcome: Option<Box<Result<T, Error>>>,
}

impl<T> Unlock<T> {
    /// Where there is no lock, it is done already.
    pub(super) fn new(key: &Arc<RecordKey>, locked: bool, outcome: Result<T, Error>) -> Self {
        let mut call = StoreCall::new(key, StoreOperation::Unlock);
        if !locked {
            call.outcome = Some(Ok(StoreReply::Done));
        }
        Self { call, outcome: Some(Box::new(outcome)) }
    }
}

impl<T> Flow for Unlock<T> {
    type Output = T;

    /// A lock that can't be given back goes with its holder.
    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<T, Error>> {
        drop(self.call.take_outcome(now)?);
        self.outcome.take().map(|outcome| *outcome)
    }

    fn step<U>(&mut self) -> Result<Step<'_, U>, Error> {
        self.call.step()
    }

    fn spent(&self) -> Duration {
        self.call.spent()
    }
}

/// Takes the lock: tries, waits, tries again, no longer than a limit.
#[derive(Debug)]
pub(super) struct TakeLock {
    key: Arc<RecordKey>,
    limit: Duration,
    spent: Duration,
    /// Somebody else had it when it was tried last.
    held: bool,
    state: Lock,
}

#[derive(Debug)]
enum Lock {
    Trying,
    Waiting(Duration),
    Ended(Result<(), Error>),
    Taken,
}

impl TakeLock {
    pub(super) fn new(key: &Arc<RecordKey>, limit: Duration) -> Self {
        let (spent, held) = (Duration::ZERO, false);
        Self { key: Arc::clone(key), limit, spent, held, state: Lock::Trying }
    }

    /// After a failure: somebody else has it. If not, nobody can.
    pub(super) const fn is_held_by_another(&self) -> bool {
        self.held
    }

    /// Longer the longer it takes: whoever holds the lock is waiting for a server.
    fn busy(&self) -> Lock {
        if self.spent >= self.limit {
            let failure = StoreFailure::new("another process holds the lock of the token store")
                .with_hint("wait for it, or end it");
            return Lock::Ended(Err(Error::Store(failure)));
        }
        let share = self.spent.checked_div(4).unwrap_or_default();
        let delay = share.clamp(Duration::from_millis(20), Duration::from_millis(250));
        let seed = u64::try_from(self.spent.as_nanos()).unwrap_or(0);
        Lock::Waiting(spread(delay, seed).min(self.limit.saturating_sub(self.spent)))
    }
}

impl Flow for TakeLock {
    type Output = ();

    fn take_outcome(&mut self, _now: Timestamp) -> Option<Result<(), Error>> {
        match mem::replace(&mut self.state, Lock::Taken) {
            Lock::Ended(outcome) => Some(outcome),
            unfinished @ (Lock::Trying | Lock::Waiting(_) | Lock::Taken) => {
                self.state = unfinished;
                None
            }
        }
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match self.state {
            Lock::Trying => {
                let request = StoreRequest::new(Arc::clone(&self.key), StoreOperation::TryLock);
                Ok(Step::Store(StoreAccess::new(self, request)))
            }
            Lock::Waiting(delay) => Ok(Step::Wait(Pause::new(self, delay, Reason::Lock))),
            Lock::Ended(_) | Lock::Taken => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.spent
    }
}

impl Stores for TakeLock {
    fn stored(&mut self, took: Duration, outcome: Result<StoreReply, StoreFailure>) {
        self.spent = self.spent.saturating_add(took);
        self.held = matches!(outcome, Ok(StoreReply::Locked(false)));
        self.state = match outcome {
            Ok(StoreReply::Locked(true)) => Lock::Ended(Ok(())),
            Ok(StoreReply::Locked(false)) => self.busy(),
            Ok(
                StoreReply::Loaded(_)
                | StoreReply::Done
                | StoreReply::Conflict(_)
                | StoreReply::NoStore,
            ) => Lock::Ended(Err(Error::Internal("store reply"))),
            Err(failure) => Lock::Ended(Err(Error::Store(failure))),
        };
    }
}

impl Sleeps for TakeLock {
    fn slept(&mut self, slept: Duration) {
        self.spent = self.spent.saturating_add(slept);
        if let Lock::Waiting(delay) = self.state {
            let rest = delay.saturating_sub(slept);
            self.state = if rest.is_zero() { Lock::Trying } else { Lock::Waiting(rest) };
        }
    }
}
