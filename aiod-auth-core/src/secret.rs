//! Secrets: redacted in `Debug`, without `Display` or `PartialEq`, wiped when dropped.
//!
//! [`expose`](AccessToken::expose) is the one way to the text, and a name to search for.

use alloc::{string::String, vec::Vec};
use core::{
    fmt, mem,
    ops::{Deref, DerefMut},
};

use zeroize::Zeroize;

use crate::{error::Error, token::is_token};

macro_rules! secret {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone)]
        pub struct $name(Wiped<String>);

        impl $name {
            /// Takes the secret as it is.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(Wiped::new(secret.into()))
            }

            /// The secret itself. The caller is responsible for where it goes.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// Whether both are the same secret, in a time that depends on their lengths only.
            #[must_use]
            pub fn same_as(&self, other: &Self) -> bool {
                same(self.0.as_bytes(), other.0.as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

/// What an API is shown: RFC 6749 §1.4. Opaque to a client, never empty, and safe in a header.
///
/// ```
/// use aiod_auth_core::AccessToken;
///
/// let token = AccessToken::new("mF_9.B5f-4.1JqM")?;
/// assert_eq!(token.authorization(), "Bearer mF_9.B5f-4.1JqM");
/// assert!(AccessToken::new("two\r\nlines").is_err());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct AccessToken(
    /// The whole value of the header, so that no request has to put it together.
    Wiped<String>,
);

impl AccessToken {
    /// Takes a text that can be an access token: printable ASCII (RFC 6749 appendix A.12), no space at
    /// its ends, not empty. A `String` is wiped.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other text.
    pub fn new(token: impl Into<String>) -> Result<Self, Error> {
        Self::of(&Wiped::new(token.into()))
    }

    /// The same without a copy of its own, of what is wiped elsewhere.
    pub(crate) fn of(token: &str) -> Result<Self, Error> {
        Self::shown_as(BEARER, token)
    }

    /// A key that an API is shown in an access token's place, with a scheme of its own: Tiled's
    /// `Authorization: Apikey …`. It is never refreshed.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn from_api_key(key: &ApiKeySecret) -> Result<Self, Error> {
        Self::shown_as(API_KEY, key.expose())
    }

    fn shown_as(scheme: &str, token: &str) -> Result<Self, Error> {
        if token.is_empty() || !is_token(token) {
            return Err(Error::Usage("an access token is printable ASCII, and not empty"));
        }
        let mut value = String::with_capacity(token.len().saturating_add(scheme.len()));
        value.push_str(scheme);
        value.push_str(token);
        Ok(Self(Wiped::new(value)))
    }

    /// The token itself. The caller is responsible for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, token)| token)
    }

    /// Whether it is no token, but a [key](Self::from_api_key) in its place.
    #[must_use]
    pub fn is_api_key(&self) -> bool {
        self.0.starts_with(API_KEY)
    }

    /// The value of an `Authorization` header (RFC 6750 §2.1). It is a secret.
    #[must_use]
    pub fn authorization(&self) -> &str {
        &self.0
    }

    /// Whether both are the same token, in a time that depends on their lengths only.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

const BEARER: &str = "Bearer ";
const API_KEY: &str = "Apikey ";

secret!(
    /// A credential for further access tokens: RFC 6749 §1.5.
    RefreshToken
);
secret!(
    /// An OpenID Connect ID token: a hint for ending the session. The answers to a refresh and to a userinfo
    /// request must be about its user. Its other claims are not read.
    IdToken
);
secret!(
    /// A client's password at the authorization server: RFC 6749 §2.3.1.
    ClientSecret
);
secret!(
    /// An API key of Tiled's, which stands for a login.
    ApiKeySecret
);
secret!(
    /// What a device polls with: RFC 8628 §3.2. Never shown.
    DeviceCode
);

/// A buffer that is wiped when it is dropped, with what lies beyond its length. A slice is wiped at
/// once; zeroize's own `Vec` is byte by byte, which costs more than reading an answer.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Wiped<T: Buffer>(T);

impl<T: Buffer> Wiped<T> {
    pub(crate) const fn new(buffer: T) -> Self {
        Self(buffer)
    }

    /// To be wrapped again by the one who takes it.
    pub(crate) fn into_inner(mut self) -> T {
        mem::take(&mut self.0)
    }
}

impl<T: Buffer> Drop for Wiped<T> {
    fn drop(&mut self) {
        let mut bytes = mem::take(&mut self.0).into_bytes();
        // In pieces: to clear 2 kB and more at once is `rep stosb`, which starts slowly.
        bytes.chunks_mut(1024).for_each(Zeroize::zeroize);
        bytes.spare_capacity_mut().zeroize();
    }
}

impl<T: Buffer> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// To write into it, as long as it doesn't grow: a copy left behind could not be wiped.
impl<T: Buffer> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Buffer> fmt::Debug for Wiped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wiped(redacted)")
    }
}

/// What owns bytes.
pub(crate) trait Buffer: Default {
    fn into_bytes(self) -> Vec<u8>;
}

impl Buffer for String {
    fn into_bytes(self) -> Vec<u8> {
        Self::into_bytes(self)
    }
}

impl Buffer for Vec<u8> {
    fn into_bytes(self) -> Self {
        self
    }
}

pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn debug_shows_the_kind_and_not_the_secret() {
        assert_eq!(format!("{:?}", AccessToken::new("canary").unwrap()), "AccessToken(redacted)");
    }

    #[test]
    fn same_as_compares_the_whole_text() {
        let token = RefreshToken::new("abc");
        assert!(token.same_as(&RefreshToken::new("abc")));
        assert!(!token.same_as(&RefreshToken::new("abd")));
        assert!(!token.same_as(&RefreshToken::new("abcd")));
    }
}
