//! What a client hands out.

use alloc::sync::Arc;
use core::{fmt, ops::Deref};

use crate::{
    error::{Error, NotLoggedIn},
    secret::AccessToken,
    session::{Persisted, SessionTokens},
    token::Tokens,
};

/// Tokens with an access token, without a copy: a counted reference. It may be held across an `.await`;
/// but ask again for the next request.
///
/// ```
/// use aiod_auth_core::{AccessToken, Error, Profile, Timestamp, Tokens};
/// use aiod_auth_core::{cache::Token, session::{Persisted, SessionTokens}};
/// use std::sync::Arc;
///
/// # fn token() -> Result<Token, Error> { // of a client: `client.token()?`
/// #     let key = Arc::new(Profile::new("https://as.example", "my-tool")?.key());
/// #     let tokens = Tokens::new(AccessToken::new("secret")?, Timestamp::UNIX_EPOCH);
/// #     Token::new(Arc::new(SessionTokens::new(&key, Arc::new(tokens), Persisted::Saved)))
/// # }
/// let token = token()?;
/// assert_eq!(token.authorization(), "Bearer secret"); // a header's value
/// assert!(token.expires_at.is_none()); // all of `Tokens` is there
/// if let Persisted::NotSaved(failure) = token.persisted() {
///     eprintln!("{failure}: the next start may need a login");
/// }
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Token(Arc<SessionTokens>);

impl Token {
    /// # Errors
    /// [`Error::NotAuthenticated`] where there is a refresh token alone.
    pub fn new(session: Arc<SessionTokens>) -> Result<Self, Error> {
        match session.tokens.access_token {
            Some(_) => Ok(Self(session)),
            None => Err(Error::NotAuthenticated(NotLoggedIn::Expired)),
        }
    }

    /// The value of an `Authorization` header (RFC 6750 §2.1). It is a secret.
    #[must_use]
    #[doc(alias = "headers")]
    pub fn authorization(&self) -> &str {
        // `new` takes none without an access token.
        self.0.tokens.access_token.as_ref().map_or("", AccessToken::authorization)
    }

    /// Whether it is in the store. One that isn't may mean a new login if this process ends; the next
    /// calls try to save it.
    #[must_use]
    pub fn persisted(&self) -> &Persisted {
        &self.0.persisted
    }

    /// The same, with all that is known of it.
    #[must_use]
    pub fn session(&self) -> &SessionTokens {
        &self.0
    }

    /// The same, owned.
    #[must_use]
    pub fn into_session(self) -> SessionTokens {
        Arc::unwrap_or_clone(self.0)
    }
}

impl Deref for Token {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        &self.0.tokens
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
