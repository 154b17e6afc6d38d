//! The claims of a JWT (RFC 7519 §3), as far as something here goes by them. The signature is not checked: that is
//! the task of the server that the token is for.

use alloc::vec::Vec;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::json::Object;
use crate::secret::Wiped;

/// The JSON in a JWT, which its claims are borrowed from.
pub(crate) struct Payload(Wiped<Vec<u8>>);

impl Payload {
    /// `None` for what is no JWT, or an encrypted one.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let parts: Vec<&str> = token.split('.').take(4).collect();
        let [_, payload, _] = parts.as_slice() else { return None };
        Self::of_part(payload)
    }

    /// The header's has the same form.
    pub(crate) fn of_part(part: &str) -> Option<Self> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        Some(Self(Wiped::new(json)))
    }

    pub(crate) fn claims(&self) -> Option<Object<'_>> {
        Object::parse(core::str::from_utf8(&self.0).ok()?).ok()
    }
}
