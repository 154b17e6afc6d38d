//! What a session ends in: tokens, and where they are.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{Demand, Freshness};
use crate::{
    error::{Error, StoreFailure},
    profile::RecordKey,
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
};

/// What a session ends in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionTokens {
    /// Which record they are. A session of another profile takes no notice of them.
    pub key: Arc<RecordKey>,
    /// The tokens.
    pub tokens: Arc<Tokens>,
    /// The server, where the job had to know it: for the next job.
    pub server: Option<Arc<AuthorizationServer>>,
    /// Whether they are in the store.
    pub kept: Kept,
    /// An early renewal that failed, and when. These tokens are the old ones, and still good.
    pub renewal_failed: Option<(Timestamp, Box<Error>)>,
}

/// Whether tokens are in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth possibility")]
pub enum Kept {
    /// They are.
    Saved,
    /// There is no store.
    NoStore,
    /// The store failed. Losing these tokens may mean a new login.
    NotSaved(StoreFailure),
}

impl SessionTokens {
    pub(super) fn new(
        key: &Arc<RecordKey>,
        tokens: Arc<Tokens>,
        server: Option<Arc<AuthorizationServer>>,
        kept: Kept,
    ) -> Self {
        Self { key: Arc::clone(key), tokens, server, kept, renewal_failed: None }
    }

    /// How good they are for a demand. After an early renewal that failed, none is due for a minute.
    #[must_use]
    pub fn freshness(&self, demand: &Demand, now: Timestamp) -> Freshness {
        match (demand.freshness(&self.tokens, now), &self.renewal_failed) {
            (Freshness::Aging, Some((at, _)))
                if now.saturating_duration_since(*at) < EARLY_RENEWAL_PAUSE =>
            {
                Freshness::Good
            }
            (freshness, _) => freshness,
        }
    }
}

/// Tokens, and the error that comes all the same: a broken answer may bring a refresh token.
#[derive(Debug)]
pub(super) struct ToSave {
    pub(super) tokens: Arc<Tokens>,
    pub(super) error: Option<Error>,
}

impl ToSave {
    pub(super) fn with_error(tokens: Tokens, error: Error) -> Self {
        Self { tokens: Arc::new(tokens), error: Some(error) }
    }

    /// Out of a state that is through.
    pub(super) fn take(&mut self) -> Self {
        Self { tokens: Arc::clone(&self.tokens), error: self.error.take() }
    }
}

impl From<Tokens> for ToSave {
    fn from(tokens: Tokens) -> Self {
        Self { tokens: Arc::new(tokens), error: None }
    }
}

/// The newer one of what is stored and what the caller holds and could not save. Of the same age it is
/// what is held: a new refresh token of a broken answer, with the old access token.
pub(super) fn newest(
    stored: Option<Arc<Tokens>>,
    held: Option<&SessionTokens>,
) -> Option<Arc<Tokens>> {
    let unsaved = held.filter(|held| held.kept != Kept::Saved);
    match (stored, unsaved) {
        (Some(stored), Some(held)) if held.tokens.issued_at < stored.issued_at => Some(stored),
        (_, Some(held)) => Some(Arc::clone(&held.tokens)),
        (stored, None) => stored,
    }
}

const EARLY_RENEWAL_PAUSE: Duration = Duration::from_secs(60);
