//! What a store has, without what is secret in it.

use aiod_auth_core::{RecordKey, Scope, Timestamp, Tokens};

/// One record of a store, as [`Store::list`](crate::Store::list) tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Whose it is.
    pub key: RecordKey,
    /// Where it is, as [`Store::location`](crate::Store::location) says it.
    pub location: String,
    /// When the access token was asked for.
    pub issued_at: Timestamp,
    /// When the access token expires. `None`: there is none, or the server didn't say.
    pub expires_at: Option<Timestamp>,
    /// Whether there is a refresh token.
    pub has_refresh_token: bool,
    /// When the refresh token expires, where the server said so.
    pub refresh_expires_at: Option<Timestamp>,
    /// What was granted.
    pub scope: Scope,
    /// When the server said that the session has ended.
    pub session_ended_at: Option<Timestamp>,
}

impl Listed {
    /// What may be told of these tokens.
    #[must_use]
    pub fn new(key: RecordKey, location: String, tokens: &Tokens) -> Self {
        Self {
            key,
            location,
            issued_at: tokens.issued_at,
            expires_at: tokens.expires_at,
            has_refresh_token: tokens.refresh_token.is_some(),
            refresh_expires_at: tokens.refresh_expires_at,
            scope: tokens.scope.clone(),
            session_ended_at: tokens.session_ended_at,
        }
    }
}
