//! A JSON object whose members are read one by one, so that a bad one costs nothing but itself.
//!
//! `serde_json` walks the text once and says where each member's value begins and ends. What is read of
//! it afterwards is borrowed; only a text with escapes in it is copied, and that copy is wiped.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::{cell::RefCell, fmt, ops::Deref, time::Duration};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    error::Problem, http::BODY_BYTES_MAX, note::Note, secret::Wiped, text::every, time::Timestamp,
    wire::servers::is_no_limit,
};

/// The members as they came, unread. Absent and null (`SugarCRM`, Imgur) are the same; a member that
/// is there twice is an error for the one that reads it.
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
            Some(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                return Err(Problem::NotAnObject);
            }
            Some(_) => {}
        }
        // serde_json skips what is not read without a limit. The object itself is the first level.
        let object: Self = match serde_json::from_str(text) {
            Ok(object) => object,
            Err(_) if depth(text) > DEPTH_MAX => return Err(Problem::TooDeep),
            // serde_json's own text quotes values: only the place is kept.
            Err(error) => {
                return Err(Problem::NotJson { line: error.line(), column: error.column() });
            }
        };
        if object.members.len() > MEMBERS_MAX {
            return Err(Problem::TooManyMembers);
        }
        if object.members.iter().any(|(_, raw)| depth(raw.get()) >= DEPTH_MAX) {
            return Err(Problem::TooDeep);
        }
        Ok(object)
    }

    /// Makes a success of no use, but for a refresh token that must not get lost.
    pub(crate) fn spoil(&mut self, problem: Problem) {
        self.spoiled.get_or_insert(problem);
    }

    /// The first question of each parser of a success.
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
    pub(crate) fn at(&self, pointer: &str) -> Option<Text<'a>> {
        let value = self.value_at(pointer)?;
        match value.get().as_bytes().first()? {
            b'-' | b'0'..=b'9' => Some(Text::Borrowed(value.get())),
            _ => unquote(value),
        }
    }

    /// The text at a JSON pointer, if it is not empty.
    pub(crate) fn text_at(&self, pointer: &str) -> Option<Text<'a>> {
        unquote(self.value_at(pointer)?).filter(|text| !text.is_empty())
    }

    fn value_at(&self, pointer: &str) -> Option<&'a RawValue> {
        let mut steps = pointer.strip_prefix('/')?.split('/').map(unescape_pointer);
        let mut value = self.only(&steps.next()?)?;
        for step in steps {
            value = child(value, &step)?;
        }
        Some(value)
    }

    fn only(&self, name: &str) -> Option<&'a RawValue> {
        let mut found = self.members.iter().filter(|(key, _)| *key == name);
        match (found.next(), found.next()) {
            (Some((_, raw)), None) => Some(raw),
            _ => None,
        }
    }

    /// A string; `""` is one.
    pub(crate) fn string(&self, name: &'static str) -> Result<Option<Text<'a>>, Problem> {
        match self.raw(name)? {
            None => Ok(None),
            Some(raw) => unquote(raw).map(Some).ok_or(Problem::Invalid(name)),
        }
    }

    /// A string that is not empty, or nothing: an empty one is what Azure sends for no refresh token.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<Text<'a>>, Problem> {
        Ok(self.string(name)?.filter(|text| !text.is_empty()))
    }

    pub(crate) fn required_text(&self, name: &'static str) -> Result<Text<'a>, Problem> {
        self.text(name)?.ok_or(Problem::Missing(name))
    }

    /// An empty list counts as absent.
    pub(crate) fn strings(&self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        let Some(raw) = self.raw(name)? else {
            return Ok(None);
        };
        let items: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| Problem::Invalid(name))?;
        let texts: Option<Vec<String>> =
            items.into_iter().map(|item| unquote(item).map(String::from)).collect();
        Ok(Some(texts.ok_or(Problem::Invalid(name))?).filter(|list| !list.is_empty()))
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
        let Some(raw) = self.raw(name)? else {
            return Ok(Vec::new());
        };
        let items: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| Problem::Invalid(name))?;
        let object = |item: &&'a RawValue| match item.get().starts_with('{') {
            true => serde_json::from_str(item.get()).map_err(|_| Problem::Invalid(name)),
            false => Err(Problem::Invalid(name)),
        };
        items.iter().map(object).collect()
    }

    /// Seconds that are more than none. Zero, a negative number, null and `""` mean "unknown".
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

    /// Seconds that are a hint: what is no number counts as absent.
    pub(crate) fn seconds_hint(&self, name: &'static str) -> Result<Option<Duration>, Problem> {
        self.seconds(name).or_else(|problem| self.hint(name, problem))
    }

    /// What has the wrong type or format, and only helps, counts as absent.
    pub(crate) fn hint<T>(
        &self,
        name: &'static str,
        problem: Problem,
    ) -> Result<Option<T>, Problem> {
        match problem {
            Problem::Invalid(_) => {
                self.note(name, "has the wrong type or format: taken as absent");
                Ok(None)
            }
            problem => Err(problem),
        }
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
        match self.raw(name)?.map(RawValue::get) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Problem::Invalid(name)),
        }
    }

    /// A number or, from many servers, a string; fractions from Tiled. `""` is none.
    fn number(&self, name: &'static str) -> Result<Option<f64>, Problem> {
        let Some(raw) = self.raw(name)? else {
            return Ok(None);
        };
        let quoted = unquote(raw);
        let digits = match &quoted {
            Some(quoted) if quoted.trim().is_empty() => {
                self.note(name, "is an empty string: taken as absent");
                return Ok(None);
            }
            Some(quoted) => {
                self.note(name, "is a string: read as a number"); // Entra, PayPal, NetSuite
                quoted.trim()
            }
            None => raw.get(),
        };
        // `f64` would also read "inf" and "nan".
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
            return Err(Problem::Invalid(name));
        }
        digits.parse().map(Some).map_err(|_| Problem::Invalid(name))
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

/// A member's text. It may be a secret, so that a copy is wiped.
#[derive(Debug)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Copied(Wiped<String>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Copied(text) => text,
        }
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        match text {
            Text::Borrowed(text) => text.into(),
            Text::Copied(text) => text.into_inner(),
        }
    }
}

/// What stands between the quotes; `None` for what is no string, or has half a character in it.
fn unquote(raw: &RawValue) -> Option<Text<'_>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if every(inner.as_bytes(), |byte| byte != b'\\') {
        return Some(Text::Borrowed(inner));
    }
    unescape(inner).map(Text::Copied)
}

/// RFC 8259 §7, in a buffer that never grows: a copy left behind could not be wiped. That each escape
/// is one of JSON's has been seen already.
fn unescape(text: &str) -> Option<Wiped<String>> {
    let mut unescaped = Wiped::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        unescaped.push_str(plain);
        let mut characters = escape.chars();
        let character = match characters.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (first, after) = code_unit(characters.as_str())?;
                characters = after.chars();
                match char::from_u32(first) {
                    Some(character) => character,
                    // Two halves of one character.
                    None => {
                        let (second, after) = code_unit(after.strip_prefix("\\u")?)?;
                        characters = after.chars();
                        let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
                        char::decode_utf16(units).next()?.ok()?
                    }
                }
            }
            same => same,
        };
        unescaped.push(character);
        rest = characters.as_str();
    }
    unescaped.push_str(rest);
    Some(unescaped)
}

fn code_unit(text: &str) -> Option<(u32, &str)> {
    let (digits, after) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, after))
}

/// One step of a JSON pointer into a list or an object.
fn child<'a>(value: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    match value.get().as_bytes().first()? {
        b'{' => serde_json::from_str::<Object<'_>>(value.get()).ok()?.only(step),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            items.get(step.parse::<usize>().ok()?).copied()
        }
        _ => None,
    }
}

fn unescape_pointer(step: &str) -> Cow<'_, str> {
    if step.contains('~') {
        Cow::Owned(step.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(step)
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
                // A token answer has about ten.
                let mut members = Vec::with_capacity(12);
                while let Some(Key(key)) = map.next_key()? {
                    let value = map.next_value()?;
                    // One more than the limit shows that it was reached.
                    if members.len() <= MEMBERS_MAX {
                        members.push((key, value));
                    }
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
        struct Name;

        impl<'de> Visitor<'de> for Name {
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

        deserializer.deserialize_str(Name)
    }
}

/// How deeply objects and lists are nested in a value.
fn depth(value: &str) -> usize {
    if !value.starts_with(['{', '[']) {
        return 0;
    }
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in value.bytes() {
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
    use alloc::{format, vec};

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
        let string = |name| object.string(name).map(|text| text.map(String::from));
        assert_eq!(string("a"), Ok(Some("x".into())));
        assert_eq!(string("b"), Err(Problem::Duplicate("b")));
        assert_eq!(string("c"), Ok(None));
        assert_eq!(string("d"), Ok(Some("escaped".into())));
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
            ("\"\"", Ok(None)),
            ("\" \"", Ok(None)),
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

    #[test]
    fn escapes_are_read_and_half_a_character_is_none() {
        for (written, text) in [
            (r#""plain""#, Some("plain")),
            (r#""a\"b\\c\/d""#, Some("a\"b\\c/d")),
            (r#""\b\f\n\r\t""#, Some("\u{8}\u{c}\n\r\t")),
            (r#""\u00e9\ud83d\ude00!""#, Some("é😀!")),
            (r#""\ud83d""#, None),
            (r#""\ud83d\u0041""#, None),
            (r#""\ude00\ud83d""#, None),
            (r#""\ud83dx""#, None),
        ] {
            let body = format!("{{\"a\":{written},\"b\":1}}");
            let object = Object::parse(&body).unwrap();
            let expected = text.map(|text| Some(String::from(text))).ok_or(Problem::Invalid("a"));
            assert_eq!(
                object.string("a").map(|text| text.map(String::from)),
                expected,
                "{written}"
            );
            // What nothing reads costs nothing.
            assert_eq!(object.seconds("b"), Ok(Some(Duration::from_secs(1))), "{written}");
        }
    }

    #[test]
    fn an_unescaped_text_is_in_a_buffer_that_never_grew() {
        let text = unescape(&r"\u00e9".repeat(100)).unwrap();
        assert_eq!(text.capacity(), 600);
    }

    #[test]
    fn a_pointer_goes_through_objects_and_lists() {
        let body = r#"{"a/b":{"c":[{"d":"x"},7,null]},"e":"y","e":"z"}"#;
        let object = Object::parse(body).unwrap();
        for (pointer, found) in [
            ("/a~1b/c/0/d", Some("x")),
            ("/a~1b/c/1", Some("7")),
            ("/a~1b/c/2", None),
            ("/a~1b/c/9", None),
            ("/a~1b", None),
            ("/e", None),
            ("e", None),
        ] {
            assert_eq!(object.at(pointer).as_deref(), found, "{pointer}");
        }
    }

    #[test]
    fn depth_and_number_of_members_are_limited() {
        let nested = |levels| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(Object::parse(&nested(DEPTH_MAX - 1)).is_ok());
        assert_eq!(Object::parse(&nested(DEPTH_MAX)).err(), Some(Problem::TooDeep));
        let endless = nested(DEPTH_MAX).replace(']', "");
        assert_eq!(Object::parse(&endless).err(), Some(Problem::TooDeep));
        let members = |count| format!("{{{}}}", vec!["\"a\":1"; count].join(","));
        assert!(Object::parse(&members(MEMBERS_MAX)).is_ok());
        for count in [MEMBERS_MAX + 1, MEMBERS_MAX + 2] {
            assert_eq!(Object::parse(&members(count)).err(), Some(Problem::TooManyMembers));
        }
    }
}
