//! The claims of an ID token: OpenID Connect Core §2. It comes straight from the token endpoint over
//! TLS, which stands in for its signature (§3.1.3.7, step 6).

use alloc::{string::String, vec::Vec};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{introspection::audience, json::Object};
use crate::secret::IdToken;

/// Whom it is about, who says so, and to whom.
#[derive(PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: Vec<String>,
}

impl Claims {
    /// `None` for what is no ID token, or an encrypted one: then nothing is known.
    pub(crate) fn of(token: &IdToken) -> Option<Self> {
        let payload = token.expose().split('.').nth(1)?.trim_end_matches('=');
        let json = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
        let object = Object::parse(core::str::from_utf8(&json).ok()?).ok()?;
        Some(Self {
            issuer: object.text("iss").ok()??,
            subject: object.text("sub").ok()??,
            audience: audience(&object).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(payload: &str) -> Option<Claims> {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
        Claims::of(&IdToken::new(alloc::format!("e30.{payload}.sig")))
    }

    #[test]
    fn one_audience_or_many() {
        for (aud, audience) in [("\"a\"", &["a"][..]), ("[\"a\",\"b\"]", &["a", "b"])] {
            let claims = claims(&alloc::format!(r#"{{"iss":"i","sub":"s","aud":{aud}}}"#)).unwrap();
            assert_eq!((claims.issuer.as_str(), claims.subject.as_str()), ("i", "s"));
            assert_eq!(claims.audience, audience);
        }
    }

    #[test]
    fn nothing_is_known_of_what_is_no_id_token() {
        for token in ["", "a", "a.b", "a.!.c", "e30.e30.", "a.b.c.d.e"] {
            assert!(Claims::of(&IdToken::new(token)).is_none(), "{token}");
        }
        assert!(claims(r#"{"iss":"i","sub":1}"#).is_none());
    }
}
