//! The tokens that were given out. A session is all that came from one approval (or from one
//! client credentials grant), so that the misuse of one token can end everything beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clients::User;
use super::time;

/// All sessions and tokens, dead ones included: a dead token must be known to be recognised.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: Vec<Session>,
    access_tokens: BTreeMap<String, AccessToken>,
    refresh_tokens: BTreeMap<String, RefreshToken>,
}

/// One approval by a user, or one token of a client's own.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: String,
    pub(super) subject: User,
    /// The scope of the approval: an access token may have less of it (RFC 6749 §6).
    pub(super) scope: String,
    ended: bool,
}

/// Which session a token belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionId(usize);

#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub(super) session: SessionId,
    pub(super) scope: String,
    pub(super) issued_at_ms: u64,
    pub(super) expires_at_ms: u64,
    revoked: bool,
}

#[derive(Clone, Debug)]
pub(super) struct RefreshToken {
    pub(super) session: SessionId,
    pub(super) issued_at_ms: u64,
    pub(super) expires_at_ms: u64,
    /// When another refresh token took its place.
    pub(super) rotated_at_ms: Option<u64>,
}

impl Sessions {
    pub(super) fn begin(&mut self, client_id: &str, subject: User, scope: &str) -> SessionId {
        self.sessions.push(Session {
            client_id: client_id.to_owned(),
            subject,
            scope: scope.to_owned(),
            ended: false,
        });
        SessionId(self.sessions.len() - 1)
    }

    pub(super) fn add_access_token(
        &mut self,
        token: &str,
        session: SessionId,
        scope: &str,
        now_ms: u64,
        lifetime: Duration,
    ) {
        let access_token = AccessToken {
            session,
            scope: scope.to_owned(),
            issued_at_ms: now_ms,
            expires_at_ms: time::after(now_ms, lifetime),
            revoked: false,
        };
        self.access_tokens.insert(token.to_owned(), access_token);
    }

    pub(super) fn add_refresh_token(
        &mut self,
        token: &str,
        session: SessionId,
        now_ms: u64,
        lifetime: Duration,
    ) {
        let refresh_token = RefreshToken {
            session,
            issued_at_ms: now_ms,
            expires_at_ms: time::after(now_ms, lifetime),
            rotated_at_ms: None,
        };
        self.refresh_tokens.insert(token.to_owned(), refresh_token);
    }

    /// Marks a refresh token as replaced by another.
    pub(super) fn rotate(&mut self, token: &str, now_ms: u64) {
        if let Some(refresh_token) = self.refresh_tokens.get_mut(token) {
            refresh_token.rotated_at_ms.get_or_insert(now_ms);
        }
    }

    /// Counts a refresh token's lifetime from now on.
    pub(super) fn extend(&mut self, token: &str, now_ms: u64, lifetime: Duration) {
        if let Some(refresh_token) = self.refresh_tokens.get_mut(token) {
            refresh_token.expires_at_ms = time::after(now_ms, lifetime);
        }
    }

    /// Ends one access token and nothing else.
    pub(super) fn revoke_access_token(&mut self, token: &str) {
        if let Some(access_token) = self.access_tokens.get_mut(token) {
            access_token.revoked = true;
        }
    }

    /// Ends a session with all of its tokens.
    pub(super) fn end(&mut self, session: SessionId) {
        if let Some(session) = self.sessions.get_mut(session.0) {
            session.ended = true;
        }
    }

    pub(super) fn end_all(&mut self) {
        for session in &mut self.sessions {
            session.ended = true;
        }
    }

    /// The session, unless it has ended.
    pub(super) fn session(&self, session: SessionId) -> Option<&Session> {
        let session = self.sessions.get(session.0);
        session.filter(|session| !session.ended)
    }

    /// Whose token this is, dead or alive.
    pub(super) fn owner(&self, token: &str) -> Option<(SessionId, &str)> {
        let of_access_token = self.access_tokens.get(token).map(|found| found.session);
        let of_refresh_token = self.refresh_tokens.get(token).map(|found| found.session);
        let session = of_access_token.or(of_refresh_token)?;
        let client_id = &self.sessions.get(session.0)?.client_id;
        Some((session, client_id))
    }

    pub(super) fn is_refresh_token(&self, token: &str) -> bool {
        self.refresh_tokens.contains_key(token)
    }

    /// The access token, if it is good.
    pub(super) fn access_token(
        &self,
        token: &str,
        now_ms: u64,
    ) -> Option<(&AccessToken, &Session)> {
        let access_token = self.access_tokens.get(token)?;
        let session = self.session(access_token.session)?;
        let alive = !access_token.revoked && now_ms < access_token.expires_at_ms;
        alive.then_some((access_token, session))
    }

    /// The refresh token, unless it has expired or its session has ended. One that was rotated is
    /// still found, since its use means something.
    pub(super) fn refresh_token(
        &self,
        token: &str,
        now_ms: u64,
    ) -> Option<(&RefreshToken, &Session)> {
        let refresh_token = self.refresh_tokens.get(token)?;
        let session = self.session(refresh_token.session)?;
        (now_ms < refresh_token.expires_at_ms).then_some((refresh_token, session))
    }
}
