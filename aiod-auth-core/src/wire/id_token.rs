//! The claims of an ID token: OpenID Connect Core §2. It comes straight from the token endpoint over
//! TLS, which stands in for its signature (§3.1.3.7, step 6).

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{introspection::audience, json::Object};
use crate::{error::Problem, secret::IdToken};

/// Whom it is about, who says so, and to whom. When it expires means nothing here: it says who logged
/// in, and that was then.
#[derive(PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: BTreeSet<String>,
}

impl Claims {
    /// `None` for an encrypted one (RFC 7516 §3.1), of which nothing is known.
    pub(crate) fn of(token: &IdToken) -> Result<Option<Self>, Problem> {
        let parts: Vec<&str> = token.expose().split('.').take(6).collect();
        let payload = match parts.as_slice() {
            [_, payload, _] => payload.trim_end_matches('='),
            [_, _, _, _, _] => return Ok(None),
            _ => return Err(Problem::Invalid("id_token")),
        };
        Self::read(payload).map(Some).ok_or(Problem::Invalid("id_token"))
    }

    /// As far as it can be read.
    pub(crate) fn known(token: Option<&IdToken>) -> Option<Self> {
        token.and_then(|token| Self::of(token).ok().flatten())
    }

    fn read(payload: &str) -> Option<Self> {
        let json = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
        let object = Object::parse(core::str::from_utf8(&json).ok()?).ok()?;
        Some(Self {
            issuer: object.text("iss").ok()??,
            subject: object.text("sub").ok()??,
            audience: audience(&object).ok()?.into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(payload: &str) -> Option<Claims> {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(payload);
        Claims::known(Some(&IdToken::new(alloc::format!("e30.{payload}.sig"))))
    }

    #[test]
    fn one_audience_or_many() {
        for (aud, audience) in [("\"a\"", &["a"][..]), ("[\"a\",\"b\"]", &["a", "b"])] {
            let claims = claims(&alloc::format!(r#"{{"iss":"i","sub":"s","aud":{aud}}}"#)).unwrap();
            assert_eq!((claims.issuer.as_str(), claims.subject.as_str()), ("i", "s"));
            assert!(claims.audience.iter().eq(audience));
        }
    }

    #[test]
    fn nothing_is_known_of_what_is_no_id_token() {
        for token in ["", "a", "a.b", "a.!.c", "e30.e30.", "a.b.c.d", "a.b.c.d.e.f"] {
            assert!(Claims::of(&IdToken::new(token)).is_err(), "{token}");
        }
        assert!(Claims::of(&IdToken::new("a.b.c.d.e")).is_ok_and(|claims| claims.is_none()));
        assert!(claims(r#"{"iss":"i","sub":1}"#).is_none());
    }
}
