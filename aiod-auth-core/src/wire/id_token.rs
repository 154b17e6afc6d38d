//! The claims of an ID token: OpenID Connect Core §2. It comes straight from the token endpoint over
//! TLS, which stands in for its signature (§3.1.3.7, step 6).

use alloc::{collections::BTreeSet, string::String};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{introspection::audience, json::Object, servers::same_issuer};
use crate::{
    error::Problem,
    secret::{IdToken, Wiped},
};

/// Whose the ID token of a refresh is: OpenID Connect Core §12.2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Person {
    /// The same user's, or nothing says that it isn't.
    Same,
    /// Nothing is known of it (it is encrypted), and of the one before everything: that one stays.
    Unknown,
    /// It is of no use, and with it the answer; the refresh token that came with it is this session's.
    Refused(Problem),
    /// Another user's, as are the tokens that came with it: nothing of them is kept.
    Other,
}

/// Compares the ID token of a refresh with the session's, each read once.
pub(crate) fn person(old: Option<&IdToken>, new: Option<&IdToken>, client_id: &str) -> Person {
    let (Some(old), Some(new)) = (Claims::known(old), new) else {
        return Person::Same;
    };
    let new = match Claims::of(new) {
        Ok(Some(new)) => new,
        Ok(None) => return Person::Unknown,
        Err(problem) => return Person::Refused(problem),
    };
    if new.subject != old.subject || !same_issuer(&new.issuer, &old.issuer) {
        return Person::Other;
    }
    // The RFC wants `aud` unchanged; one that has grown is still for this client.
    if new.audience != old.audience && !new.audience.contains(client_id) {
        return Person::Refused(Problem::Invalid("id_token"));
    }
    Person::Same
}

/// Whom it is about, which server says so, and to which clients. When it expires means nothing here: it
/// says who logged in, and that was then.
#[derive(PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: BTreeSet<String>,
}

impl Claims {
    /// `None` for an encrypted one (RFC 7516 §3.1), of which nothing is known.
    pub(crate) fn of(token: &IdToken) -> Result<Option<Self>, Problem> {
        let mut parts = token.expose().split('.');
        let payload = parts.nth(1).unwrap_or_default().trim_end_matches('=');
        match parts.take(4).count() {
            1 => {}
            3 => return Ok(None),
            _ => return Err(Problem::Invalid("id_token")),
        }
        Self::read(payload).map(Some).ok_or(Problem::Invalid("id_token"))
    }

    /// As far as it can be read.
    pub(crate) fn known(token: Option<&IdToken>) -> Option<Self> {
        token.and_then(|token| Self::of(token).ok().flatten())
    }

    fn read(payload: &str) -> Option<Self> {
        let json = Wiped::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
        let object = Object::parse(core::str::from_utf8(&json).ok()?).ok()?;
        Some(Self {
            issuer: object.text("iss").ok()??.into(),
            subject: object.text("sub").ok()??.into(),
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

    fn id_token(issuer: &str, subject: &str, audience: &str) -> IdToken {
        let payload = alloc::format!(r#"{{"iss":"{issuer}","sub":"{subject}","aud":{audience}}}"#);
        IdToken::new(alloc::format!("e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn whose_a_refreshed_id_token_is() {
        const ISSUER: &str = "https://as.example";
        let old = id_token(ISSUER, "jane", r#""cli""#);
        let google = id_token("https://accounts.google.com", "jane", r#""cli""#);
        let refused = || Person::Refused(Problem::Invalid("id_token"));
        for (old, new, expected) in [
            (&old, id_token(ISSUER, "jane", r#""cli""#), Person::Same),
            (&old, id_token(ISSUER, "jane", r#"["cli","fhir"]"#), Person::Same),
            (&old, id_token(ISSUER, "jane", r#"["fhir"]"#), refused()),
            (&old, id_token(ISSUER, "jane", "[]"), refused()),
            (&old, id_token(ISSUER, "joe", r#""cli""#), Person::Other),
            (&old, id_token("https://other.example", "jane", r#""cli""#), Person::Other),
            (&google, id_token("accounts.google.com", "jane", r#""cli""#), Person::Same),
            (&google, id_token("accounts.google.com", "joe", r#""cli""#), Person::Other),
            (&old, IdToken::new("a.b.c.d.e"), Person::Unknown),
            (&old, IdToken::new("nonsense"), refused()),
            (&old, IdToken::new("a.!.c"), refused()),
            (&IdToken::new("nonsense"), IdToken::new("a.!.c"), Person::Same),
        ] {
            assert_eq!(person(Some(old), Some(&new), "cli"), expected, "{}", new.expose());
        }
        assert_eq!(person(Some(&old), None, "cli"), Person::Same);
        assert_eq!(person(None, Some(&old), "cli"), Person::Same);
    }
}
