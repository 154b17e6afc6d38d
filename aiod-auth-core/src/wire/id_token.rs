//! The claims of an ID token: OpenID Connect Core §2. It comes straight from the token endpoint over
//! TLS, which stands in for its signature (§3.1.3.7, step 6).

use alloc::{string::String, vec::Vec};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{
    introspection::audience,
    json::{Object, Text},
    servers::same_issuer,
};
use crate::{
    error::Problem,
    secret::{IdToken, Wiped},
};

/// Whose the ID token of a refresh is: OpenID Connect Core §12.2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UserIs {
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
pub(crate) fn user_of_refresh(
    old: Option<&IdToken>,
    new: Option<&IdToken>,
    client_id: &str,
) -> UserIs {
    let Some(new) = new else { return UserIs::Same };
    let old = Payload::known(old);
    let Some(old) = old.as_ref().and_then(|old| old.claims().ok()) else { return UserIs::Same };
    let new = match Payload::of(new) {
        Ok(Some(new)) => new,
        Ok(None) => return UserIs::Unknown,
        Err(problem) => return UserIs::Refused(problem),
    };
    let new = match new.claims() {
        Ok(new) => new,
        Err(problem) => return UserIs::Refused(problem),
    };
    if *new.subject != *old.subject || !same_issuer(&new.issuer, &old.issuer) {
        return UserIs::Other;
    }
    // The RFC wants `aud` unchanged; one that has grown is still for this client.
    if !new.is_for(client_id) && !new.has_audience_of(&old) {
        return UserIs::Refused(Problem::Invalid("id_token"));
    }
    UserIs::Same
}

/// The user that an ID token is about, as far as it can be read.
pub(crate) fn subject(token: Option<&IdToken>) -> Option<String> {
    Some(Payload::known(token)?.claims().ok()?.subject.into())
}

/// The JSON in an ID token, which its claims are borrowed from.
struct Payload(Wiped<Vec<u8>>);

impl Payload {
    /// `None` for an encrypted one (RFC 7516 §3.1), of which nothing is known.
    fn of(token: &IdToken) -> Result<Option<Self>, Problem> {
        let without_header = token.expose().split_once('.').map(|(_, rest)| rest);
        let (payload, _signature) = without_header
            .and_then(|rest| rest.rsplit_once('.'))
            .ok_or(Problem::Invalid("id_token"))?;
        match BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')) {
            Ok(json) => Ok(Some(Self(Wiped::new(json)))),
            // An encrypted one has five parts. A dot is in no base64.
            Err(_) if payload.matches('.').count() == 2 => Ok(None),
            Err(_) => Err(Problem::Invalid("id_token")),
        }
    }

    fn known(token: Option<&IdToken>) -> Option<Self> {
        Self::of(token?).ok().flatten()
    }

    fn claims(&self) -> Result<Claims<'_>, Problem> {
        self.read().ok_or(Problem::Invalid("id_token"))
    }

    fn read(&self) -> Option<Claims<'_>> {
        let object = Object::parse(core::str::from_utf8(&self.0).ok()?).ok()?;
        Some(Claims {
            issuer: object.text("iss").ok()??,
            subject: object.text("sub").ok()??,
            audience: audience(&object).ok()?,
        })
    }
}

/// Whom it is about, which server says so, and to which clients. When it expires means nothing here: it
/// says who logged in, and that was then.
struct Claims<'a> {
    issuer: Text<'a>,
    subject: Text<'a>,
    audience: Vec<Text<'a>>,
}

impl Claims<'_> {
    fn is_for(&self, client_id: &str) -> bool {
        self.audience.iter().any(|audience| **audience == *client_id)
    }

    /// Order and repetition mean nothing.
    fn has_audience_of(&self, other: &Claims<'_>) -> bool {
        self.audience.iter().all(|audience| other.is_for(audience))
            && other.audience.iter().all(|audience| self.is_for(audience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(claims: &str) -> Payload {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(claims);
        Payload::known(Some(&IdToken::new(alloc::format!("e30.{payload}.sig")))).unwrap()
    }

    #[test]
    fn one_audience_or_many() {
        for (aud, audience) in [("\"a\"", &["a"][..]), ("[\"a\",\"b\"]", &["a", "b"])] {
            let payload = payload(&alloc::format!(r#"{{"iss":"i","sub":"s","aud":{aud}}}"#));
            let claims = payload.claims().unwrap();
            assert_eq!((&*claims.issuer, &*claims.subject), ("i", "s"));
            assert!(claims.audience.iter().map(|text| &**text).eq(audience.iter().copied()));
        }
    }

    #[test]
    fn nothing_is_known_of_what_is_no_id_token() {
        for token in ["", "a", "a.b", "a.!.c", "a.b.c.d", "a.b.c.d.e.f"] {
            assert!(Payload::of(&IdToken::new(token)).is_err(), "{token}");
        }
        assert!(Payload::of(&IdToken::new("a.b.c.d.e")).is_ok_and(|payload| payload.is_none()));
        for claims in ["", "{}", r#"{"iss":"i","sub":1}"#, r#"{"iss":"i","sub":"s","sub":"s"}"#] {
            assert!(payload(claims).claims().is_err(), "{claims}");
        }
    }

    fn id_token(issuer: &str, subject: &str, audience: &str) -> IdToken {
        let payload = alloc::format!(r#"{{"iss":"{issuer}","sub":"{subject}","aud":{audience}}}"#);
        IdToken::new(alloc::format!("e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn whose_a_refreshed_id_token_is() {
        const ISSUER: &str = "https://as.example";
        let old = id_token(ISSUER, "jane", r#""cli""#);
        // For other clients than this one, from a server that means it so.
        let others = id_token(ISSUER, "jane", r#"["a","b"]"#);
        let google = id_token("https://accounts.google.com", "jane", r#""cli""#);
        let refused = || UserIs::Refused(Problem::Invalid("id_token"));
        for (old, new, expected) in [
            (&old, id_token(ISSUER, "jane", r#""cli""#), UserIs::Same),
            (&old, id_token(ISSUER, "jane", r#"["cli","fhir"]"#), UserIs::Same),
            (&old, id_token(ISSUER, "jane", r#"["fhir"]"#), refused()),
            (&old, id_token(ISSUER, "jane", "[]"), refused()),
            (&others, id_token(ISSUER, "jane", r#"["b","a","b"]"#), UserIs::Same),
            (&others, id_token(ISSUER, "jane", r#"["a"]"#), refused()),
            (&others, id_token(ISSUER, "jane", r#"["a","b","c"]"#), refused()),
            (&old, id_token(ISSUER, "joe", r#""cli""#), UserIs::Other),
            (&old, id_token("https://other.example", "jane", r#""cli""#), UserIs::Other),
            (&google, id_token("accounts.google.com", "jane", r#""cli""#), UserIs::Same),
            (&google, id_token("accounts.google.com", "joe", r#""cli""#), UserIs::Other),
            (&old, IdToken::new("a.b.c.d.e"), UserIs::Unknown),
            (&old, IdToken::new("nonsense"), refused()),
            (&old, IdToken::new("a.!.c"), refused()),
            (&IdToken::new("nonsense"), IdToken::new("a.!.c"), UserIs::Same),
        ] {
            assert_eq!(user_of_refresh(Some(old), Some(&new), "cli"), expected, "{}", new.expose());
        }
        assert_eq!(user_of_refresh(Some(&old), None, "cli"), UserIs::Same);
        assert_eq!(user_of_refresh(None, Some(&old), "cli"), UserIs::Same);
    }
}
