//! What a session ends in: tokens, and where they are.

use alloc::{boxed::Box, sync::Arc};
use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{Demand, Freshness, Version, freshness::GoodTimes};
use crate::{
    error::{Error, StoreFailure},
    profile::RecordKey,
    time::Timestamp,
    token::Tokens,
};

/// What a session ends in.
///
/// ```
/// use aiod_auth_core::session::{Persisted, SessionTokens};
///
/// // Of `client.login(show)?`
/// fn say(login: &SessionTokens) {
///     println!("logged in, with the scopes {}", login.tokens.scope.as_str());
///     if let Persisted::NotSaved(failure) = &login.persisted {
///         println!("but it could not be saved: {failure}");
///     }
/// }
/// # let _ = say;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionTokens {
    /// Which record they are. A session of another profile takes no notice of them.
    pub key: Arc<RecordKey>,
    /// The tokens.
    pub tokens: Arc<Tokens>,
    /// Whether they are in the store.
    pub persisted: Persisted,
    /// An early refresh that failed, and when. These tokens are the old ones, and still good.
    pub early_refresh_failed: Option<(Timestamp, Box<Error>)>,
    /// What stood in the store, where these could not be saved.
    pub(crate) replaces: Version,
    /// Whether they have been saved since by a job that may have ended in an error: all clones know it.
    pub(super) saved_since: Option<Arc<AtomicBool>>,
}

/// Whether tokens are in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth possibility")]
pub enum Persisted {
    /// They are.
    Saved,
    /// There is no store.
    NoStore,
    /// The store failed. Losing these tokens may mean a new login.
    NotSaved(StoreFailure),
}

impl SessionTokens {
    /// Tokens of this record, and whether they are in the store.
    #[must_use]
    pub fn new(key: &Arc<RecordKey>, tokens: Arc<Tokens>, persisted: Persisted) -> Self {
        let saved_since = matches!(persisted, Persisted::NotSaved(_)).then(Arc::default);
        Self {
            key: Arc::clone(key),
            tokens,
            persisted,
            early_refresh_failed: None,
            replaces: Version::default(),
            saved_since,
        }
    }

    /// They are in the store by now, whatever becomes of the job that saved them.
    pub(super) fn note_saved(&mut self) {
        if let Some(saved_since) = self.saved_since.take() {
            saved_since.store(true, Ordering::Release);
        }
        self.persisted = Persisted::Saved;
    }

    /// Whether a job has saved them since these were said not to be.
    pub(crate) fn were_saved_since(&self) -> bool {
        self.saved_since.as_ref().is_some_and(|saved| saved.load(Ordering::Acquire))
    }

    /// With what became of saving them since.
    #[must_use]
    pub(crate) fn up_to_date(mut self) -> Self {
        if self.were_saved_since() {
            self.note_saved();
        }
        self
    }

    pub(crate) fn replacing(mut self, replaces: Version) -> Self {
        self.replaces = replaces;
        self
    }

    /// How good they are for a demand. After an early refresh that failed, none is due for a minute.
    #[must_use]
    pub fn freshness(&self, demand: &Demand, now: Timestamp) -> Freshness {
        self.good_times(demand.min_valid).freshness(demand, now)
    }

    /// For a demand with this `min_valid`.
    pub(crate) fn good_times(&self, min_valid: Option<Duration>) -> GoodTimes {
        let mut times = GoodTimes::of(&self.tokens, min_valid);
        if let Some((at, _)) = &self.early_refresh_failed {
            times.early = times.early.max(at.saturating_add(EARLY_REFRESH_PAUSE));
        }
        times
    }

    /// Whether they are good for this demand and nothing else is to be done.
    #[must_use]
    pub fn is_good(&self, demand: &Demand, now: Timestamp) -> bool {
        self.is_settled() && self.freshness(demand, now) == Freshness::Good
    }

    /// Whether saving them need not be tried again.
    pub(crate) const fn is_settled(&self) -> bool {
        !matches!(self.persisted, Persisted::NotSaved(_))
    }
}

/// The newer one of what is stored and what is cached and could not be saved. It is what is cached, too,
/// where both have one age (a new refresh token of a malformed answer, with the old access token), where it
/// came in place of just what is stored, or where the stored session has ended: after a clock was set back,
/// what is new looks older than that.
pub(super) fn newest(
    stored: Option<Arc<Tokens>>,
    cached: Option<&SessionTokens>,
) -> Option<Arc<Tokens>> {
    let unsaved = cached.filter(|cached| cached.persisted != Persisted::Saved);
    match (stored, unsaved) {
        (Some(stored), Some(cached))
            if cached.tokens.issued_at < stored.issued_at
                && !cached.replaces.is_of(&stored)
                && (stored.session_ended_at.is_none()
                    || !has_other_session(&cached.tokens, &stored)) =>
        {
            Some(stored)
        }
        (_, Some(cached)) => Some(Arc::clone(&cached.tokens)),
        (stored, None) => stored,
    }
}

/// Whether these have a refresh token, and not the one in `others`.
pub(super) fn has_other_session(tokens: &Tokens, others: &Tokens) -> bool {
    tokens.refresh_token.as_ref().is_some_and(|token| !others.has(token))
}

const EARLY_REFRESH_PAUSE: Duration = Duration::from_secs(60);
