//! Proof key for code exchange: RFC 7636. `S256` alone; `plain` is never used (§7.2).

use alloc::string::String;
use core::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac_sha256::Hash as Sha256;
use zeroize::Zeroizing;

use crate::{entropy::Entropy, error::Error};

/// The secret half: it goes to the token endpoint, and nowhere else. One per authorization request.
///
/// ```
/// use aiod_auth_core::CodeVerifier;
///
/// // RFC 7636 appendix B.
/// let verifier = CodeVerifier::from_text("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")?;
/// assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
pub struct CodeVerifier(Zeroizing<String>);

impl CodeVerifier {
    /// RFC 7636 §4.1 recommends 32 random octets, which are 43 characters.
    #[must_use]
    pub fn new(entropy: Entropy) -> Self {
        Self(entropy.into_text())
    }

    /// One that was made before, for a login that goes on after a restart.
    ///
    /// # Errors
    /// [`Error::Usage`] unless it is 43 to 128 unreserved characters (RFC 7636 §4.1).
    pub fn from_text(text: impl Into<String>) -> Result<Self, Error> {
        let text = Zeroizing::new(text.into());
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved) {
            return Ok(Self(text));
        }
        Err(Error::Usage("a code verifier has to be 43 to 128 unreserved characters"))
    }

    /// The public half, for the authorization request: RFC 7636 §4.2, `S256`.
    #[must_use]
    pub fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::hash(self.0.as_bytes()))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeVerifier(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        let octets = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let verifier = CodeVerifier::new(Entropy::new(octets));
        assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_is_not_shown() {
        let verifier = CodeVerifier::new(Entropy::new([7; 32]));
        assert_eq!(alloc::format!("{verifier:?}"), "CodeVerifier(redacted)");
    }
}
