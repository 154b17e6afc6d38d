//! API keys: `apikey` of the server's links.

use crate::{
    error::{Error, Problem},
    secret::{ApiKeySecret, Wiped},
    text::clean,
    time::Timestamp,
    token::is_token,
    wire::{
        form::Encoded,
        json::{Object, push_string},
    },
};
use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

/// An API key, as the server describes it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiKey {
    /// The first eight characters, which are its name.
    pub first_eight: String,
    /// What stands for a login. Only the answer to its creation has it.
    pub secret: Option<ApiKeySecret>,
    /// When it expires. `None`: never, unless there is an [`unread_expiry`](Self::unread_expiry).
    pub expires_at: Option<Timestamp>,
    /// What the server says of that, where it is no time: when the key expires is not known then.
    pub unread_expiry: Option<String>,
    /// What its owner noted.
    pub note: Option<String>,
    /// What it may do; `inherit` is all that its owner may.
    pub scopes: Vec<String>,
}

impl ApiKey {
    pub(crate) fn parse(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_whole()?;
        // One that has more in it than a token may is no key, and would reach a terminal.
        let secret = object.text("secret")?.filter(|text| !text.is_empty() && is_token(text));
        // What only helps costs no secret: the server says it this once.
        let first_eight = match (object.text("first_eight"), &secret) {
            (Ok(Some(name)), _) => clean(&name),
            (_, Some(secret)) => clean(&secret.chars().take(8).collect::<String>()),
            (name, None) => clean(&name?.ok_or(Problem::Missing("first_eight"))?),
        };
        let expiry = "expiration_time";
        let (expires_at, unread_expiry) = match time(object, expiry) {
            Ok(None) if !object.names(expiry) => (None, Some(Problem::Missing(expiry).to_string())),
            Ok(time) => (time, None),
            Err(text) => (None, Some(text)),
        };
        Ok(Self {
            first_eight,
            secret: secret.map(ApiKeySecret::new),
            expires_at,
            unread_expiry,
            note: object.text("note").ok().flatten().map(|note| clean(&note)),
            scopes: object.strings("scopes").ok().flatten().unwrap_or_default(),
        })
    }
}

/// What a new API key is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewApiKey {
    /// How long it is good for. `None`: as long as the server allows.
    pub lifetime: Option<Duration>,
    /// A note for people.
    pub note: Option<String>,
    /// What it may do. Empty: all that its owner may.
    pub scopes: Vec<String>,
    /// To what it may do that, by the access tags of the server's data. Empty: wherever its owner may.
    pub access_tags: Vec<String>,
}

impl NewApiKey {
    /// The body of the request. `scopes` has to be there.
    pub(super) fn to_json(&self) -> Encoded {
        let mut json = String::from("{\"expires_in\":");
        match self.lifetime {
            Some(lifetime) => json.push_str(&lifetime.as_secs().to_string()),
            None => json.push_str("null"),
        }
        json.push_str(",\"note\":");
        match &self.note {
            Some(note) => push_string(&mut json, note),
            None => json.push_str("null"),
        }
        json.push_str(",\"scopes\":");
        if self.scopes.is_empty() {
            json.push_str("null");
        } else {
            push_list(&mut json, &self.scopes);
        }
        // A server before 0.2.0 doesn't know them.
        if !self.access_tags.is_empty() {
            json.push_str(",\"access_tags\":");
            push_list(&mut json, &self.access_tags);
        }
        json.push('}');
        Encoded { body: Wiped::new(json.into_bytes()), secrets: Vec::new() }
    }
}

fn push_list(json: &mut String, texts: &[String]) {
    for (at, text) in texts.iter().enumerate() {
        json.push(if at == 0 { '[' } else { ',' });
        push_string(json, text);
    }
    json.push(']');
}

/// The eight characters that name a key. More of them may be given, as to the real client: a whole key is
/// cut before it is sent.
pub(crate) fn first_eight(text: &str) -> Result<&str, Error> {
    let is_hex = |name: &&str| name.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.get(..8).filter(is_hex).ok_or(Error::Usage(
        "an API key is named by its first eight characters, which are hexadecimal digits",
    ))
}

/// ISO 8601, in UTC where it has no offset; or what stands in its place.
fn time(object: &Object<'_>, name: &'static str) -> Result<Option<Timestamp>, String> {
    let text = match object.text(name) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(problem) => return Err(problem.to_string()),
    };
    let time = text.parse().or_else(|_| alloc::format!("{}Z", &*text).parse());
    time.map(Some).map_err(|_| clean(&text))
}

/// Reads digits and one of `y d h m s`, or digits alone, which are seconds; a year has 365 days. The whole
/// text has to fit: the real client looks at its beginning only, and takes `3ms` for three minutes.
///
/// ```
/// use core::time::Duration;
/// use aiod_auth_core::provider::tiled::parse_lifetime;
///
/// assert_eq!(parse_lifetime("7d")?, Duration::from_secs(7 * 24 * 3600));
/// assert!(parse_lifetime("7d12h").is_err());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Usage`] for anything else, or more seconds than fit into 63 bits.
pub fn parse_lifetime(text: &str) -> Result<Duration, Error> {
    let (digits, unit) = match text.bytes().last() {
        Some(b's') => (text.strip_suffix('s'), 1),
        Some(b'm') => (text.strip_suffix('m'), 60),
        Some(b'h') => (text.strip_suffix('h'), 3600),
        Some(b'd') => (text.strip_suffix('d'), 24 * 3600),
        Some(b'y') => (text.strip_suffix('y'), 365 * 24 * 3600),
        Some(_) | None => (Some(text), 1_i64),
    };
    // A number may have a sign in front of it; a lifetime may not.
    let number = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = number.and_then(|digits| digits.parse::<i64>().ok()?.checked_mul(unit));
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map(Duration::from_secs).ok_or(Error::Usage(
        "a lifetime has to be a whole number with one of the units s, m, h, d, y",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both as Tiled 0.2.20 answers.
    #[test]
    fn times_have_an_offset_or_none() {
        for time in ["2026-11-22T18:52:11", "2026-11-22T18:52:11+00:00"] {
            let text = alloc::format!(
                r#"{{"first_eight":"dd3d3f4a","expiration_time":"{time}","note":"a","scopes":["read:metadata"],
                    "access_tags":null,"latest_activity":null}}"#
            );
            let key = ApiKey::parse(&Object::parse(&text).unwrap()).unwrap();
            assert_eq!(key.expires_at.unwrap().to_string(), "2026-11-22T18:52:11Z");
            assert!(key.secret.is_none() && key.scopes == ["read:metadata"]);
        }
        let text = r#"{"first_eight":"1b976573","expiration_time":null,"secret":"canary"}"#;
        let key = ApiKey::parse(&Object::parse(text).unwrap()).unwrap();
        assert_eq!(key.secret.as_ref().map(ApiKeySecret::expose), Some("canary"));
        assert!(!alloc::format!("{key:?}").contains("canary"));
    }

    /// The secret is said once: nothing beside it is worth losing it.
    #[test]
    fn a_secret_is_kept_whatever_is_wrong_beside_it() {
        for (members, expiry) in [
            (r#""first_eight":"1b976573","expiration_time":"2026-W52""#, Some("2026-W52")),
            (
                r#""first_eight":"1b976573","expiration_time":7,"note":7,"scopes":7"#,
                Some("`expiration_time`"),
            ),
            (r#""first_eight":7"#, Some("`expiration_time` is missing")),
            (r#""expiration_time":null"#, None),
        ] {
            let text = alloc::format!(r#"{{"secret":"1b976573canary",{members}}}"#);
            let key = ApiKey::parse(&Object::parse(&text).unwrap()).unwrap();
            assert_eq!((&*key.first_eight, key.expires_at), ("1b976573", None));
            assert_eq!(key.secret.as_ref().map(ApiKeySecret::expose), Some("1b976573canary"));
            let said = key.unread_expiry.as_deref();
            assert_eq!(said.is_some(), expiry.is_some(), "{members}");
            assert!(said.unwrap_or_default().starts_with(expiry.unwrap_or_default()), "{said:?}");
        }
        assert!(ApiKey::parse(&Object::parse("{}").unwrap()).is_err());
        for secret in ["", "1b\\u001b[2J", "1b ", "1b\\n", "1b\u{e9}"] {
            let text = alloc::format!(r#"{{"first_eight":"1b976573","secret":"{secret}"}}"#);
            let key = ApiKey::parse(&Object::parse(&text).unwrap()).unwrap();
            assert!(key.secret.is_none() && key.first_eight == "1b976573", "{text}");
        }
    }

    #[test]
    fn a_request_says_null_for_what_is_left_out() {
        let body = |key: NewApiKey| String::from_utf8(key.to_json().body.to_vec()).unwrap();
        assert_eq!(body(NewApiKey::default()), r#"{"expires_in":null,"note":null,"scopes":null}"#);
        let key = NewApiKey {
            lifetime: Some(Duration::from_secs(604_800)),
            note: Some("\"".into()),
            scopes: alloc::vec!["read:metadata".into()],
            access_tags: Vec::new(),
        };
        assert_eq!(
            body(key.clone()),
            r#"{"expires_in":604800,"note":"\"","scopes":["read:metadata"]}"#
        );
        let key = NewApiKey { access_tags: alloc::vec!["a".into(), "b\"".into()], ..key };
        assert!(body(key).ends_with(r#","scopes":["read:metadata"],"access_tags":["a","b\""]}"#));
    }

    #[test]
    fn a_whole_key_is_cut() {
        assert_eq!(first_eight("dd3d3f4a96297f29").unwrap(), "dd3d3f4a");
        for text in ["", "dd3d3f4", "xx3d3f4a", "dd3d3f4é"] {
            assert!(first_eight(text).is_err(), "{text}");
        }
    }
}
