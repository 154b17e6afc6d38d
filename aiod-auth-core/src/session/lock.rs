//! What may be done only under the store's lock.

use alloc::{boxed::Box, string::String, sync::Arc};
use core::time::Duration;

use super::{Persisted, StoreOperation, StoreReply, Version, plan::is_own};
use crate::{
    error::{Error, StoreFailure},
    machine::{Deadline, Io, Reason},
    profile::{Profile, RecordKey},
    retry::{REFRESH_TIME_MIN, spread},
    time::Timestamp,
    token::Tokens,
};

/// Proof that the store's lock is held.
pub(super) struct Locked<'a> {
    io: &'a Io,
    key: &'a Arc<RecordKey>,
    /// Of the record that was loaded last.
    pub(super) version: Version,
    /// When an earlier process began a refresh that it did not finish.
    pub(super) interrupted_at: Option<Timestamp>,
    /// It was waited for so long that no time is left for a refresh.
    came_too_late: Option<Box<StoreFailure>>,
}

/// What came of saving.
pub(super) enum Saved {
    Persisted(Persisted),
    /// Another login is stored by now, and nothing was saved.
    Conflict(Arc<Tokens>),
}

/// Takes the lock, does the work, and gives the lock back, whatever came of the work. (One that can't be
/// given back goes with the machine.)
pub(super) async fn under_lock<T, E: From<Error>>(
    io: &Io,
    key: &Arc<RecordKey>,
    deadline: Deadline,
    work: impl AsyncFnOnce(&mut Locked<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut lock = Locked::take(io, key, deadline).await.map_err(Error::Store)?;
    let outcome = work(&mut lock).await;
    lock.give_back().await;
    outcome
}

/// One look at the record, without the lock: a record is whole at any time.
pub(super) async fn load(io: &Io, key: &Arc<RecordKey>) -> Result<Option<Arc<Tokens>>, Error> {
    io.store(key, StoreOperation::Load).await.map(StoreReply::into_loaded).map_err(Error::Store)
}

impl<'a> Locked<'a> {
    /// Tries, waits, tries again until the deadline: longer the longer it takes, since the holder is
    /// waiting for a server.
    pub(super) async fn take(
        io: &'a Io,
        key: &'a Arc<RecordKey>,
        deadline: Deadline,
    ) -> Result<Self, StoreFailure> {
        let began = io.elapsed();
        let mut waited_for = None;
        let interrupted_at = loop {
            let (place, lease_left) = match io.store(key, StoreOperation::TryLock).await {
                Ok(StoreReply::Locked(true)) => break None,
                Ok(StoreReply::LockedAfterInterruption(at)) => break Some(at),
                Ok(StoreReply::Locked(false)) => (String::from("the token store"), None),
                Ok(StoreReply::Busy { place, lease_left }) => (place, lease_left),
                Ok(_) => return Err(StoreFailure::new("the token store says nothing of its lock")),
                Err(failure) => return Err(failure),
            };
            if deadline.has_passed(io) {
                return Err(StoreFailure::busy(&place, lease_left));
            }
            waited_for = Some(place);
            let waited = io.elapsed().saturating_sub(began);
            let share = waited.checked_div(4).unwrap_or_default();
            let delay = share.clamp(Duration::from_millis(20), Duration::from_millis(250));
            let seed = u64::try_from(waited.as_nanos()).unwrap_or(0);
            deadline.wait(io, spread(delay, seed), Reason::Lock).await;
        };
        let (waited, left) = (io.elapsed().saturating_sub(began), deadline.left(io));
        let had_time = waited.saturating_add(left) >= REFRESH_TIME_MIN;
        let waited_for = waited_for.filter(|_| had_time && left < REFRESH_TIME_MIN);
        let came_too_late =
            waited_for.map(|place| Box::new(StoreFailure::came_too_late(&place, waited)));
        Ok(Self { io, key, version: Version::default(), interrupted_at, came_too_late })
    }

    /// Before a refresh: where the wait for the lock has left too little time for it, the lock is to blame, and not
    /// the network.
    pub(super) fn check_time(&self) -> Result<(), Error> {
        self.came_too_late.clone().map_or(Ok(()), |failure| Err(Error::Store(*failure)))
    }

    pub(super) async fn give_back(self) {
        self.io.store(self.key, StoreOperation::Unlock).await.ok();
    }

    pub(super) async fn load(&mut self) -> Result<Option<Arc<Tokens>>, Error> {
        let stored = load(self.io, self.key).await?;
        self.version = Version::of(stored.as_deref());
        Ok(stored)
    }

    /// A user's login is stored, and a client that logs in as itself never replaces one.
    pub(super) fn pass_over_users(&mut self, profile: &Profile, stored: Option<&Tokens>) {
        if stored.is_some_and(|stored| !is_own(profile, stored)) {
            self.version = Version::default();
        }
    }

    /// Before a refresh token is spent or the user asked: could the new tokens be saved?
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        self.io.store(self.key, StoreOperation::Prepare).await.map(drop).map_err(Error::Store)
    }

    /// In place of what was loaded, if that is still there. A store that is away is asked again until the
    /// deadline.
    pub(super) async fn save(&mut self, tokens: Arc<Tokens>, deadline: Deadline) -> Saved {
        let version = self.version.clone();
        let operation = StoreOperation::SaveIfUnchanged(Arc::clone(&tokens), version);
        match save_in_time(self.io, self.key, operation, deadline).await {
            // By a try whose answer got lost.
            Ok(StoreReply::Conflict(theirs)) if Version::of(Some(&tokens)).is_of(&theirs) => {
                Saved::Persisted(Persisted::Saved)
            }
            Ok(StoreReply::Conflict(theirs)) => {
                self.version = Version::of(Some(&theirs));
                Saved::Conflict(theirs)
            }
            outcome => Saved::Persisted(persisted(outcome)),
        }
    }

    /// Removes what was loaded; `Some`: another login is stored by now, and stays.
    pub(super) async fn remove(&self) -> Result<Option<Arc<Tokens>>, Error> {
        let operation = StoreOperation::Remove(self.version.clone());
        let reply = self.io.store(self.key, operation).await.map_err(Error::Store)?;
        Ok(if let StoreReply::Conflict(theirs) = reply { Some(theirs) } else { None })
    }
}

/// In place of whatever there is. A store that is away is asked again until the deadline.
pub(super) async fn replace(
    io: &Io,
    key: &Arc<RecordKey>,
    tokens: Arc<Tokens>,
    deadline: Deadline,
) -> Persisted {
    persisted(save_in_time(io, key, StoreOperation::Save(tokens), deadline).await)
}

/// Nothing else may have these tokens: while the store is away, it is asked again, as long as there is time for
/// a try like the last, and to give the lock back.
async fn save_in_time(
    io: &Io,
    key: &Arc<RecordKey>,
    operation: StoreOperation,
    deadline: Deadline,
) -> Result<StoreReply, StoreFailure> {
    loop {
        let began = io.elapsed();
        let outcome = io.store(key, operation.clone()).await;
        let took = io.elapsed().saturating_sub(began);
        let is_time = deadline.left(io) > took.saturating_add(GIVE_BACK);
        if !(is_time && outcome.as_ref().is_err_and(StoreFailure::is_away)) {
            return outcome;
        }
        deadline.wait(io, SAVE_PAUSE, Reason::Tokens).await;
    }
}

fn persisted(outcome: Result<StoreReply, StoreFailure>) -> Persisted {
    match outcome {
        Ok(StoreReply::NoStore) => Persisted::NoStore,
        Ok(_) => Persisted::Saved,
        Err(failure) => Persisted::NotSaved(failure),
    }
}

const SAVE_PAUSE: Duration = Duration::from_millis(250);
/// What a store that is away may take for it.
const GIVE_BACK: Duration = Duration::from_secs(8);
