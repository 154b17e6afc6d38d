//! Secrets: redacted in `Debug`, without `Display` or `PartialEq`, wiped when dropped.
//!
//! [`expose`](AccessToken::expose) is the one way to the text, and a name to search for.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

macro_rules! secret {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Takes the secret as it is.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(Zeroizing::new(secret.into()))
            }

            /// The secret itself. Whoever calls this is responsible for where it goes.
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

secret!(
    /// What an API is shown: RFC 6749 §1.4. Opaque to a client.
    AccessToken
);
secret!(
    /// What the next access token is bought with: RFC 6749 §1.5.
    RefreshToken
);
secret!(
    /// An OpenID Connect ID token: a hint for ending the session, and what a refresh and userinfo are
    /// held against, so that they are about the same person. Its other claims are not read.
    IdToken
);
secret!(
    /// A client's password at the authorization server: RFC 6749 §2.3.1.
    ClientSecret
);
secret!(
    /// What a device polls with: RFC 8628 §3.2. Never shown to anybody.
    DeviceCode
);

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn debug_shows_the_kind_and_not_the_secret() {
        assert_eq!(format!("{:?}", AccessToken::new("canary")), "AccessToken(redacted)");
    }

    #[test]
    fn same_as_compares_the_whole_text() {
        let token = RefreshToken::new("abc");
        assert!(token.same_as(&RefreshToken::new("abc")));
        assert!(!token.same_as(&RefreshToken::new("abd")));
        assert!(!token.same_as(&RefreshToken::new("abcd")));
    }
}
