//! A JSON object whose members are read one by one, so that a bad one costs nothing but itself.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, fmt, time::Duration};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, Value};

use crate::{error::Problem, http::BODY_BYTES_MAX, note::Note, time::Timestamp};

/// The members as they came, unread. Absent and null (`SugarCRM`, Imgur) are the same; a member that
/// is there twice is an error for whoever reads it.
pub(crate) struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// What spoils a success, whatever its members say.
    spoiled: Option<Problem>,
    notes: RefCell<Vec<Note>>,
}

impl<'a> Object<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Problem> {
        // RFC 8259 §8.1: a parser may ignore a byte order mark. Canvas sends one.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // RFC 8259 §2.
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        if text.len() > BODY_BYTES_MAX {
            return Err(Problem::TooLarge);
        }
        match text.as_bytes().first() {
            None => return Err(Problem::Empty),
            Some(b'<') => return Err(Problem::Html),
            Some(b'{') => {}
            // serde takes an array for a struct, too: an array is no token.
            Some(_) if serde_json::from_str::<&RawValue>(text).is_ok() => {
                return Err(Problem::NotAnObject);
            }
            Some(_) => {}
        }
        // serde_json skips what nobody reads without a limit.
        if depth(text) > DEPTH_MAX {
            return Err(Problem::TooDeep);
        }
        // serde_json's own text quotes values: only the place is kept.
        let object: Self = serde_json::from_str(text)
            .map_err(|error| Problem::NotJson { line: error.line(), column: error.column() })?;
        if object.members.len() > MEMBERS_MAX {
            return Err(Problem::TooManyMembers);
        }
        Ok(object)
    }

    /// Notes whether these bytes are UTF-8, which [`must_be_whole`](Self::must_be_whole) tells.
    pub(crate) fn decoded_from(mut self, body: &[u8]) -> Self {
        if let Err(error) = core::str::from_utf8(body) {
            self.spoil(Problem::NotJson { line: 1, column: error.valid_up_to() });
        }
        self
    }

    /// A success is none, but for a refresh token that must not get lost.
    pub(crate) fn spoil(&mut self, problem: Problem) {
        self.spoiled.get_or_insert(problem);
    }

    /// Whoever reads a success asks.
    pub(crate) fn must_be_whole(&self) -> Result<(), Problem> {
        self.spoiled.clone().map_or(Ok(()), Err)
    }

    /// Says what was tolerated.
    pub(crate) fn note(&self, field: &'static str, rule: &'static str) {
        self.notes.borrow_mut().push(Note { field, rule });
    }

    pub(crate) fn into_notes(self) -> Vec<Note> {
        self.notes.into_inner()
    }

    /// The text or number at a JSON pointer (RFC 6901).
    pub(crate) fn at(&self, pointer: &str) -> Option<String> {
        let (first, rest) = match pointer.strip_prefix('/')?.split_once('/') {
            Some((first, rest)) => (first, format!("/{rest}")),
            None => (pointer.strip_prefix('/')?, String::new()),
        };
        let name = first.replace("~1", "/").replace("~0", "~");
        let mut found = self.members.iter().filter(|(key, _)| *key == name);
        let (Some((_, raw)), None) = (found.next(), found.next()) else {
            return None;
        };
        match serde_json::from_str::<Value>(raw.get()).ok()?.pointer(&rest)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A string; `""` is one.
    pub(crate) fn string(&self, name: &'static str) -> Result<Option<String>, Problem> {
        self.read(name)
    }

    /// A string that is not empty, or nothing: an empty one is what Azure sends for no refresh token.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, Problem> {
        Ok(self.string(name)?.filter(|text| !text.is_empty()))
    }

    pub(crate) fn required_text(&self, name: &'static str) -> Result<String, Problem> {
        self.text(name)?.ok_or(Problem::Missing(name))
    }

    /// An empty list counts as absent.
    pub(crate) fn strings(&self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        Ok(self.read(name)?.filter(|list: &Vec<String>| !list.is_empty()))
    }

    pub(crate) fn object(&self, name: &'static str) -> Result<Option<Self>, Problem> {
        match self.raw(name)? {
            None => Ok(None),
            Some(raw) if raw.get().starts_with('{') => {
                serde_json::from_str(raw.get()).map(Some).map_err(|_| Problem::Invalid(name))
            }
            Some(_) => Err(Problem::Invalid(name)),
        }
    }

    /// A list of objects; absent, it is empty.
    pub(crate) fn objects(&self, name: &'static str) -> Result<Vec<Self>, Problem> {
        Ok(self.read(name)?.unwrap_or_default())
    }

    /// Seconds that are more than none. Zero, a negative number and null mean "unknown".
    pub(crate) fn seconds(&self, name: &'static str) -> Result<Option<Duration>, Problem> {
        let Some(seconds) = self.number(name)? else {
            return Ok(None);
        };
        if seconds <= 0.0 {
            if !is_no_limit(name, seconds) {
                self.note(name, "is not more than nothing: taken as unknown"); // Mailchimp
            }
            return Ok(None);
        }
        let duration = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        if duration > SECONDS_MAX {
            self.note(name, "is longer than a hundred years: cut"); // WSO2
        }
        Ok(Some(duration.min(SECONDS_MAX)))
    }

    /// Seconds since 1970: RFC 7519 §2, `NumericDate`.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let millis = self.number(name)?.map(|seconds| seconds * 1000.0);
        // A cast from a float stops at the ends.
        #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds are enough")]
        Ok(millis.map(|millis| Timestamp::from_unix_millis(millis as i64)))
    }

    pub(crate) fn is_false_or_zero(&self, name: &'static str) -> bool {
        self.raw(name).is_ok_and(|raw| raw.is_some_and(|raw| matches!(raw.get(), "false" | "0")))
    }

    /// Whether it is there, and not null.
    pub(crate) fn has(&self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.raw(name)?.is_some())
    }

    /// `true` or `false`, and nothing else.
    pub(crate) fn boolean(&self, name: &'static str) -> Result<Option<bool>, Problem> {
        self.read(name)
    }

    /// A number or, from many servers, a string; fractions from Tiled.
    fn number(&self, name: &'static str) -> Result<Option<f64>, Problem> {
        let Some(raw) = self.raw(name)? else {
            return Ok(None);
        };
        let unquoted: String;
        let digits = if raw.get().starts_with('"') {
            unquoted = serde_json::from_str(raw.get()).map_err(|_| Problem::Invalid(name))?;
            self.note(name, "is a string: read as a number"); // Entra, PayPal, NetSuite
            unquoted.trim()
        } else {
            raw.get()
        };
        // `f64` would also read "inf" and "nan".
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
            return Err(Problem::Invalid(name));
        }
        digits.parse().map(Some).map_err(|_| Problem::Invalid(name))
    }

    fn read<T: Deserialize<'a>>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        let Some(raw) = self.raw(name)? else {
            return Ok(None);
        };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| Problem::Invalid(name))
    }

    fn raw(&self, name: &'static str) -> Result<Option<&'a RawValue>, Problem> {
        let mut found = self.members.iter().filter(|(key, _)| key == name).map(|(_, raw)| *raw);
        let first = found.next();
        if found.next().is_some() {
            return Err(Problem::Duplicate(name));
        }
        Ok(first.filter(|raw| raw.get() != "null"))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Object { members, spoiled: None, notes: RefCell::default() })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A member's name, borrowed unless it has escapes in it.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(name.into())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Keycloak's 0 for a refresh token that doesn't expire.
fn is_no_limit(name: &str, seconds: f64) -> bool {
    name == "refresh_expires_in" && seconds == 0.0
}

/// How deeply objects and lists are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

const DEPTH_MAX: usize = 64;

const MEMBERS_MAX: usize = 10_000;

/// A hundred years: nothing that a server means is longer.
const SECONDS_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_is_taken() {
        for (text, problem) in [
            ("", Problem::Empty),
            (" \n", Problem::Empty),
            ("<html>", Problem::Html),
            ("[]", Problem::NotAnObject),
            ("null", Problem::NotAnObject),
            ("\"ok\"", Problem::NotAnObject),
            ("{} {}", Problem::NotJson { line: 1, column: 4 }),
            ("OK", Problem::NotJson { line: 1, column: 1 }),
        ] {
            assert_eq!(Object::parse(text).err(), Some(problem), "{text}");
        }
        assert!(Object::parse("\u{feff} {\"a\": 1} \n").is_ok());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(Object::parse(&deep).err(), Some(Problem::TooDeep));
    }

    #[test]
    fn a_bad_member_costs_only_itself() {
        let object = Object::parse(r#"{"a":"x","b":1,"b":2,"c":null,"\u0064":"escaped"}"#).unwrap();
        assert_eq!(object.string("a"), Ok(Some("x".into())));
        assert_eq!(object.string("b"), Err(Problem::Duplicate("b")));
        assert_eq!(object.string("c"), Ok(None));
        assert_eq!(object.string("d"), Ok(Some("escaped".into())));
        assert_eq!(object.seconds("a"), Err(Problem::Invalid("a")));
    }

    #[test]
    fn seconds_come_in_many_shapes() {
        let cases = [
            ("3600", Ok(Some(3600.0))),
            ("\"3600\"", Ok(Some(3600.0))),
            ("\" 3600 \"", Ok(Some(3600.0))),
            ("900.9", Ok(Some(900.9))),
            ("3.6e3", Ok(Some(3600.0))),
            ("0", Ok(None)),
            ("\"0\"", Ok(None)),
            ("-1", Ok(None)),
            ("null", Ok(None)),
            ("1e300", Ok(Some(SECONDS_MAX.as_secs_f64()))),
            ("9223372036854775807", Ok(Some(SECONDS_MAX.as_secs_f64()))),
            ("\"1h\"", Err(())),
            ("\"inf\"", Err(())),
            ("\"NaN\"", Err(())),
            ("\"\"", Err(())),
            ("true", Err(())),
            ("[3600]", Err(())),
            ("{}", Err(())),
        ];
        for (value, expected) in cases {
            let text = format!("{{\"expires_in\":{value}}}");
            let seconds = Object::parse(&text).unwrap().seconds("expires_in");
            assert_eq!(
                seconds.map(|s| s.map(|s| s.as_secs_f64())).map_err(|_| ()),
                expected,
                "{value}"
            );
        }
    }
}
