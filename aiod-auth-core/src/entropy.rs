//! Random bytes, which the core never draws itself.

use alloc::{boxed::Box, string::String};
use core::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use zeroize::Zeroizing;

/// 256 random bits, from the operating system's generator (the adapters take `getrandom`).
///
/// It is moved into what is made of it and can't be cloned, so the same bits are never used twice.
///
/// ```
/// use aiod_auth_core::{CodeVerifier, Entropy};
///
/// let bytes = [7; 32]; // from the operating system: `getrandom::fill`
/// assert_eq!(CodeVerifier::new(Entropy::new(bytes)).challenge().len(), 43);
/// ```
pub struct Entropy(Box<Zeroizing<[u8; 32]>>);

impl Entropy {
    /// From bytes that an attacker can't guess.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        // In a box: to move an array leaves a copy behind that is not wiped.
        Self(Box::new(Zeroizing::new(bytes)))
    }

    /// 43 characters that a URL takes as they are (RFC 4648 §5).
    pub(crate) fn into_text(self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(44));
        BASE64_URL_SAFE_NO_PAD.encode_string(self.0.as_slice(), &mut text);
        text
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(redacted)")
    }
}
