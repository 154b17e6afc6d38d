//! Tokens as they are stored, and scopes.

use alloc::{format, string::String, vec::Vec};
use core::{fmt, str::FromStr, time::Duration};

use hmac_sha256::Hash as Sha256;

use crate::{
    error::{Error, NotLoggedIn},
    secret::{AccessToken, IdToken, RefreshToken},
    text::every,
    time::Timestamp,
};

/// The tokens of a login or a refresh, with absolute times: ready to use and to store.
///
/// An access token is a bearer token (RFC 6750).
///
/// ```
/// use aiod_auth_core::{AccessToken, RefreshToken, Timestamp, Tokens};
/// use core::time::Duration;
///
/// // From elsewhere, for `Client::set_tokens` or a store.
/// # let now = Timestamp::UNIX_EPOCH;
/// let mut tokens = Tokens::new(AccessToken::new("secret")?, now);
/// tokens.expires_at = Some(now.saturating_add(Duration::from_secs(300)));
/// tokens.refresh_token = Some(RefreshToken::new("another secret"));
/// tokens.scope = "openid offline_access".parse()?;
/// assert_eq!(tokens.authorization(), Some("Bearer secret"));
/// assert!(!tokens.has_expired(now));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tokens {
    /// The token for an API. `None`: there is a refresh token alone, until the first refresh.
    pub access_token: Option<AccessToken>,
    /// When the access token was requested.
    pub issued_at: Timestamp,
    /// When the access token expires: by this machine's clock, `expires_in` after
    /// [`issued_at`](Self::issued_at). `None`: the server didn't say; the token is used until it is refused.
    pub expires_at: Option<Timestamp>,
    /// The credential for the next access token (RFC 6749 §1.5).
    pub refresh_token: Option<RefreshToken>,
    /// When the refresh token expires, if the server said so (Keycloak: `refresh_expires_in`). A hint.
    pub refresh_expires_at: Option<Timestamp>,
    /// The granted scope, which may be wider or narrower than the requested one.
    pub scope: Scope,
    /// The session's whole scope, if this access token has less of it: the next refresh requests all of it
    /// again (RFC 6749 §6). `None`: it is [`scope`](Self::scope).
    pub session_scope: Option<Scope>,
    /// Names the user; it is also the hint for ending the session.
    pub id_token: Option<IdToken>,
    /// When the server said that the session has ended. The refresh token is dead then; the record stays, so
    /// that the user can be told why a new login is needed.
    pub session_ended_at: Option<Timestamp>,
    /// The server's last refusal of a refresh. One for another reason than that the session has ended: for a minute
    /// no further refresh is sent, unless the caller forces one.
    pub refused: Option<Refusal>,
    /// Of the refresh token from elsewhere that this login began with, the SHA-256 in hexadecimal: used once more,
    /// it may end the session.
    pub given_sha256: Option<String>,
    /// The user's name, as the token answer said it (Tiled), or as it was typed: for what is said after the login. It
    /// is kept nowhere.
    pub(crate) user_name: Option<String>,
}

/// A refused refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a record keeps of it")]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// The `error` code, where there was one: made safe to print.
    pub code: Option<String>,
}

impl Refusal {
    /// Whether no further refresh is to be sent: within a minute of the refusal. A refusal in the future, from
    /// a clock that was ahead, doesn't count: it would block refreshes until then.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        has_just_been(self.at, now)
    }
}

/// Within the last minute.
pub(crate) fn has_just_been(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.saturating_duration_since(at) < REFUSAL_AGE_MAX
}

/// A refresh token is random, so no salt is needed.
fn sha256_of(token: &RefreshToken) -> String {
    Sha256::hash(token.expose().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

const REFUSAL_AGE_MAX: Duration = Duration::from_secs(60);

impl NotLoggedIn {
    /// Why there is no access token with this record: its own has expired, and it has no refresh token that
    /// can be used.
    #[must_use]
    pub fn of(record: Option<&Tokens>) -> Self {
        match record {
            None => Self::NoRecord,
            Some(tokens) if tokens.session_ended_at.is_some() => Self::SessionEnded,
            Some(_) => Self::Expired,
        }
    }
}

impl Tokens {
    /// An access token alone.
    #[must_use]
    pub fn new(access_token: AccessToken, issued_at: Timestamp) -> Self {
        Self { access_token: Some(access_token), ..Self::empty(issued_at) }
    }

    /// A refresh token alone, which gets the first access token.
    #[must_use]
    pub fn from_refresh_token(refresh_token: RefreshToken, issued_at: Timestamp) -> Self {
        Self { refresh_token: Some(refresh_token), ..Self::empty(issued_at) }
    }

    /// No tokens yet. A store that reads a record member by member begins with this.
    #[must_use]
    pub const fn empty(issued_at: Timestamp) -> Self {
        Self {
            access_token: None,
            issued_at,
            expires_at: None,
            refresh_token: None,
            refresh_expires_at: None,
            scope: Scope(String::new()),
            session_scope: None,
            id_token: None,
            session_ended_at: None,
            refused: None,
            given_sha256: None,
            user_name: None,
        }
    }

    /// The token for an API.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] where there is a refresh token alone.
    pub fn access_token(&self) -> Result<&AccessToken, Error> {
        self.access_token.as_ref().ok_or(Error::NotAuthenticated(NotLoggedIn::Expired))
    }

    /// Whether both have the same access token, or both none.
    #[must_use]
    pub fn has_same_access_token(&self, other: &Self) -> bool {
        match (&self.access_token, &other.access_token) {
            (Some(a), Some(b)) => a.same_as(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Whether this is their refresh token.
    pub(crate) fn has(&self, refresh_token: &RefreshToken) -> bool {
        self.refresh_token.as_ref().is_some_and(|own| own.same_as(refresh_token))
    }

    /// The value of an `Authorization` header (RFC 6750 §2.1), if there is an access token. It is a
    /// secret.
    ///
    /// AI-on-Demand's Python client has it in `Token.headers`, which also refreshes the token. Here a session,
    /// or a `Client`, refreshes before it hands out tokens.
    #[must_use]
    #[doc(alias = "headers")]
    pub fn authorization(&self) -> Option<&str> {
        self.access_token.as_ref().map(AccessToken::authorization)
    }

    /// These tokens of a refresh, with what the answer left out taken from the tokens before: RFC 6749 §6,
    /// OpenID Connect Core §12.2.
    pub(crate) fn inheriting(mut self, before: &Self) -> Self {
        let same_refresh_token = self.refresh_token.as_ref().is_some_and(|new| before.has(new));
        if self.refresh_expires_at.is_none() && same_refresh_token {
            self.refresh_expires_at = before.refresh_expires_at;
        }
        self.given_sha256.clone_from(&before.given_sha256);
        if self.id_token.is_none() {
            self.id_token.clone_from(&before.id_token);
        }
        let session_scope = before.session_scope();
        if !self.scope.contains_all(session_scope) {
            self.session_scope = Some(session_scope.clone());
        }
        self
    }

    /// The login that began with this refresh token from elsewhere.
    pub(crate) fn began_with(mut self, given: &RefreshToken) -> Self {
        self.given_sha256 = Some(sha256_of(given));
        self
    }

    /// Whether this refresh token was used up when this login began: the server has given another in its place.
    pub(crate) fn has_used_up(&self, given: &RefreshToken) -> bool {
        self.given_sha256.as_ref().is_some_and(|digest| *digest == sha256_of(given))
            && !self.has(given)
    }

    pub(crate) fn session_scope(&self) -> &Scope {
        self.session_scope.as_ref().unwrap_or(&self.scope)
    }

    /// Whether the access token has expired, or will within two seconds: a request takes a moment to
    /// arrive. A token without a known lifetime has not. No server is asked. A session decides by margins of
    /// its own (see [`Demand`](crate::session::Demand)).
    ///
    /// AI-on-Demand's Python client has it as `Token.has_expired`, with the same two seconds.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.valid_for(now).is_some_and(|left| left <= EXPIRY_MARGIN)
    }

    /// How long the access token was good for when it was new.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        Some(self.expires_at?.saturating_duration_since(self.issued_at))
    }

    /// How long the access token is still good for. `None`: it is not known.
    #[must_use]
    pub fn valid_for(&self, now: Timestamp) -> Option<Duration> {
        Some(self.expires_at?.saturating_duration_since(now))
    }
}

const EXPIRY_MARGIN: Duration = Duration::from_secs(2);

/// Printable ASCII (RFC 6749 appendix A.12), no space at the ends.
pub(crate) fn is_token(text: &str) -> bool {
    every(text.as_bytes(), |byte| matches!(byte, 0x20..=0x7e))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

/// A set of scope tokens: RFC 6749 §3.3. Case-sensitive; order and repetition mean nothing.
///
/// ```
/// use aiod_auth_core::Scope;
///
/// let scope: Scope = "openid offline_access".parse()?;
/// assert!(scope.contains("openid"));
/// assert_eq!(Scope::new(["openid", "offline_access"])?, scope);
/// assert!(Scope::new(["two words"]).is_err());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(
    /// Sorted, each once, with a space between: as it goes over the wire.
    String,
);

impl Scope {
    /// From single tokens.
    ///
    /// # Errors
    /// [`Error::Usage`] for a token that is empty or has a character that RFC 6749 §3.3 excludes.
    pub fn new<T: Into<String>>(tokens: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let tokens: Vec<String> = tokens.into_iter().map(Into::into).collect();
        Self::of(tokens.iter().map(String::as_str).collect())
    }

    fn of(mut tokens: Vec<&str>) -> Result<Self, Error> {
        let allowed = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if tokens.iter().any(|token| token.is_empty() || !every(token.as_bytes(), allowed)) {
            return Err(Error::Usage("a scope has a character in it that is not allowed"));
        }
        tokens.sort_unstable();
        tokens.dedup();
        Ok(Self(tokens.join(" ")))
    }

    /// The tokens, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// Whether it is the empty set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this token is in it.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|known| known == token)
    }

    fn contains_all(&self, other: &Self) -> bool {
        self == other || other.iter().all(|token| self.contains(token))
    }

    /// As it goes over the wire: the tokens with a space between.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tokens separated by white space; none is the empty set.
impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::of(text.split_ascii_whitespace().collect())
    }
}

/// As it goes over the wire.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    #[test]
    fn scopes_are_sets() {
        let scope: Scope = "b a  b".parse().unwrap();
        assert_eq!(scope, Scope::new(["a", "b"]).unwrap());
        assert_eq!(scope.to_string(), "a b");
        assert_ne!(scope, "A b".parse().unwrap());
        assert!("".parse::<Scope>().unwrap().is_empty());
    }

    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for token in ["a\"b", "a\\b", "é", "a b", "", "a\n"] {
            assert!(Scope::new([token]).is_err(), "{token:?}");
        }
    }

    #[test]
    fn a_refusal_counts_for_a_minute() {
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let refusal = Refusal { at: at(100), code: None };
        for (now, counts) in [(99, false), (100, true), (159, true), (160, false)] {
            assert_eq!(refusal.counts(at(now)), counts, "{now}");
        }
    }

    #[test]
    fn a_token_has_expired_two_seconds_early() {
        let at = |millis| Timestamp::from_unix_millis(millis);
        let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        assert!(!tokens.has_expired(at(i64::MAX)), "without a lifetime");
        tokens.expires_at = Some(at(300_000));
        for (millis, expired) in
            [(0, false), (297_999, false), (298_000, true), (300_000, true), (i64::MAX, true)]
        {
            assert_eq!(tokens.has_expired(at(millis)), expired, "{millis}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let mut tokens = Tokens::new(AccessToken::new("canary").unwrap(), Timestamp::UNIX_EPOCH);
        tokens.refresh_token = Some(RefreshToken::new("canary"));
        assert!(!format!("{tokens:?}").contains("canary"));
        assert_eq!(tokens.authorization(), Some("Bearer canary"));
    }
}
