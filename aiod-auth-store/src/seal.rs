//! Records that only the holder of a key can read, for places that others can read.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hmac_sha256::Hash as Sha256;
use zeroize::Zeroizing;

/// A key that seals records: XChaCha20-Poly1305, with a nonce that is random for each of them.
///
/// What a sealed record belongs to is sealed with it: one that was put in another's place can't be opened.
///
/// ```
/// use aiod_auth_store::SealingKey;
///
/// let key = SealingKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
/// let sealed = key.seal(b"tokens", "bob")?;
/// assert_eq!(*key.open(&sealed, "bob")?, *b"tokens");
/// assert!(key.open(&sealed, "eve").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SealingKey {
    key: Zeroizing<[u8; 32]>,
    /// Tells a record that another key has sealed from one that is damaged.
    id: [u8; ID_BYTES],
}

impl SealingKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        let mut digest = Sha256::new();
        digest.update(ID_LABEL);
        digest.update(key.as_slice());
        let mut id = [0; ID_BYTES];
        for (place, byte) in id.iter_mut().zip(digest.finalize()) {
            *place = byte;
        }
        Self { key, id }
    }

    /// From 32 random bytes in base64, as `openssl rand -base64 32` makes them; white space around them means
    /// nothing.
    ///
    /// # Errors
    /// [`SealError::NoKey`].
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| SealError::NoKey)?;
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| SealError::NoKey)?;
        Ok(Self::new(key))
    }

    /// Seals a text that belongs to `owner`: a record's id, for example.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, text: &[u8], owner: &str) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let payload = Payload { msg: text, aad: owner.as_bytes() };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| SealError::Damaged)?;
        Ok([HEAD, &self.id, &nonce, &sealed].concat())
    }

    /// Opens what [`seal`](Self::seal) has sealed for the same owner.
    ///
    /// # Errors
    /// It was never sealed, another key has sealed it, or it isn't what was sealed for this owner.
    pub fn open(&self, sealed: &[u8], owner: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let rest = sealed.strip_prefix(HEAD).ok_or(SealError::NotSealed)?;
        let (id, rest) = rest.split_at_checked(ID_BYTES).ok_or(SealError::Damaged)?;
        if id != self.id {
            return Err(SealError::OtherKey);
        }
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or(SealError::Damaged)?;
        let payload = Payload { msg: text, aad: owner.as_bytes() };
        let opened = self.cipher().decrypt(XNonce::from_slice(nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| SealError::Damaged)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.key.as_ref().into())
    }
}

/// Whether this was sealed, with whatever key.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(HEAD)
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([redacted])")
    }
}

/// Why something can't be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It is no key.
    #[error("the sealing key has to be 32 bytes in base64")]
    NoKey,
    /// The operating system gave no random numbers.
    #[error("there are no random numbers to seal with")]
    NoRandomness,
    /// It is as it was before anything was sealed.
    #[error("it is not sealed")]
    NotSealed,
    /// The owner of the other key can read it: leave it as it is.
    #[error("it is sealed with another key")]
    OtherKey,
    /// It was changed, cut off, or put in another record's place.
    #[error("the seal is broken")]
    Damaged,
}

const HEAD: &[u8] = b"aiod-auth sealed 1\n";
const ID_LABEL: &[u8] = b"aiod-auth sealing key\n";
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_anywhere_is_not_opened() {
        let key = SealingKey::new([7; 32]);
        let sealed = key.seal(b"canary", "bob").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
        assert_ne!(sealed, key.seal(b"canary", "bob").unwrap());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key.open(&changed, "bob").is_err(), "{place}");
            assert!(key.open(&sealed[..place], "bob").is_err(), "{place}");
        }
        assert_eq!(key.open(&sealed, "eve").unwrap_err(), SealError::Damaged);
        let other = SealingKey::new([8; 32]);
        assert_eq!(other.open(&sealed, "bob").unwrap_err(), SealError::OtherKey);
        assert_eq!(key.open(b"version = 1", "bob").unwrap_err(), SealError::NotSealed);
    }

    #[test]
    fn a_key_is_32_bytes() {
        for text in ["", "AAAA", "not base64!"] {
            assert_eq!(SealingKey::from_base64(text).unwrap_err(), SealError::NoKey, "{text}");
        }
    }
}
