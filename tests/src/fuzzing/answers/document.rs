//! What another reader finds in a body: every member, those that are there twice as well.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::message::Message;
use crate::fuzzing::texts::decode;

/// An object in a body.
#[derive(Debug)]
pub(in super::super) struct Document {
    members: Vec<(String, Option<Value>)>,
    /// Its nesting is well below the limit of all readers.
    shallow: bool,
    too_deep: bool,
}

impl Document {
    /// `None`: there is no object in it, or bytes that are no UTF-8 around it.
    pub(in super::super) fn read(message: &Message) -> Option<Self> {
        if message.is_form() {
            std::str::from_utf8(&message.body).ok()?;
            let fields = decode::form(&message.body).into_iter();
            let members = fields.map(|(name, value)| (name, Some(Value::String(value)))).collect();
            return Some(Self { members, shallow: true, too_deep: false });
        }
        let text = std::str::from_utf8(&message.body).ok()?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
        let Members(members) = serde_json::from_str(text).ok().filter(|_| text.starts_with('{'))?;
        let brackets = text.bytes().filter(|byte| b"[{".contains(byte)).count();
        let shallow = brackets <= DEPTH_MAX && members.len() <= MEMBERS_MAX;
        Some(Self { members, shallow, too_deep: depth(text) > DEPTH_MAX })
    }

    pub(in super::super) fn is_shallow(&self) -> bool {
        self.shallow
    }

    pub(in super::super) fn is_too_deep(&self) -> bool {
        self.too_deep
    }

    pub(in super::super) fn count(&self, name: &str) -> usize {
        self.members.iter().filter(|(there, _)| there == name).count()
    }

    /// A member that is there once, and not null.
    pub(in super::super) fn value(&self, name: &str) -> Option<&Value> {
        let mut named = self.members.iter().filter(|(there, _)| there == name);
        match (named.next(), named.next()) {
            (Some((_, Some(value))), None) if !value.is_null() => Some(value),
            _ => None,
        }
    }

    /// A string that is there once, and not empty.
    pub(in super::super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Absent, null, or of the right kind.
    pub(in super::super) fn is_fine(&self, name: &str, is: impl Fn(&Value) -> bool) -> bool {
        let mut named = self.members.iter().filter(|(there, _)| there == name);
        match (named.next(), named.next()) {
            (None, _) => true,
            (Some((_, value)), None) => value.as_ref().is_some_and(|v| v.is_null() || is(v)),
            (Some(_), Some(_)) => false,
        }
    }

    /// The error code that counts.
    pub(in super::super) fn error(&self) -> Option<&str> {
        self.text("error")
    }

    /// Secrets in it that nothing else says by accident: they must not be printed.
    pub(in super::super) fn secrets(&self, message: &Message) -> Vec<&str> {
        let body = String::from_utf8_lossy(&message.body);
        let names = ["access_token", "refresh_token", "id_token", "device_code"];
        let secret = self.members.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let mut secrets = Vec::new();
        secret.filter_map(|(_, value)| value.as_ref()).for_each(|v| strings(v, &mut secrets));
        let odd = |secret: &&str| {
            secret.len() >= 12
                && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && secret.bytes().any(|byte| byte.is_ascii_digit())
                && body.matches(secret).count() == 1
        };
        secrets.retain(odd);
        secrets
    }
}

/// With all strings and their escapes cut out.
fn depth(text: &str) -> usize {
    let text = text.replace("\\\\", "").replace("\\\"", "");
    let outside = text.split('"').step_by(2).flat_map(str::chars);
    let levels = outside.scan(0_usize, |level, character| {
        match character {
            '{' | '[' => *level += 1,
            '}' | ']' => *level = level.saturating_sub(1),
            _ => {}
        }
        Some(*level)
    });
    levels.max().unwrap_or_default()
}

fn strings<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
        Value::Object(members) => members.values().for_each(|value| strings(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What is nested deeper is refused, refresh token and all.
const DEPTH_MAX: usize = 64;

/// So is what has more of them.
const MEMBERS_MAX: usize = 10_000;

/// A value that can't be read (a number without end) costs nothing but itself.
struct Members(Vec<(String, Option<Value>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, raw)) = map.next_entry::<String, Box<RawValue>>()? {
                    members.push((name, serde_json::from_str(raw.get()).ok()));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visit)
    }
}
