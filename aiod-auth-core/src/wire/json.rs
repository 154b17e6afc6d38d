//! A JSON object whose members are read one by one, so that a bad one costs nothing but itself.
//!
//! What is read is borrowed; only a text with escapes in it is copied, and that copy is wiped.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::{cell::RefCell, ops::Deref, time::Duration};

use super::scan::{self, Member, Quoted, Value, unescape};
use crate::{
    error::Problem, http::BODY_BYTES_MAX, note::Note, secret::Wiped, time::Timestamp,
    wire::servers::is_no_limit,
};

/// The members as they came, unread. Absent and null (`SugarCRM`, Imgur) are the same; a member that
/// is there twice is an error for the one that reads it.
pub(crate) struct Object<'a> {
    members: Vec<Member<'a>>,
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
            // An array, or a word, is no token.
            Some(_) => return Err(scan::value(text).err().unwrap_or(Problem::NotAnObject)),
        }
        let object = Self::scan(text)?;
        if object.members.len() > MEMBERS_MAX {
            return Err(Problem::TooManyMembers);
        }
        Ok(object)
    }

    fn scan(text: &'a str) -> Result<Self, Problem> {
        Ok(Self::of(scan::members(text, MEMBERS_MAX)?))
    }

    /// What isn't JSON, but has all its members all the same.
    pub(crate) fn with_slips(text: &'a str) -> Option<Self> {
        let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r']);
        scan::members_with_slips(text, MEMBERS_MAX).map(Self::of)
    }

    /// The members that are whole, before whatever is wrong.
    pub(crate) fn as_far_as_it_goes(text: &'a str) -> Self {
        let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r']);
        Self::of(scan::members_before_an_error(text, MEMBERS_MAX))
    }

    const fn of(members: Vec<Member<'a>>) -> Self {
        Self { members, spoiled: None, notes: RefCell::new(Vec::new()) }
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
        match self.value_at(pointer)? {
            Value::Other(raw)
                if raw.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
            {
                Some(Text::Borrowed(raw))
            }
            value @ (Value::Text(_) | Value::Other(_)) => unquote(value),
        }
    }

    /// The text at a JSON pointer, if it is not empty.
    pub(crate) fn text_at(&self, pointer: &str) -> Option<Text<'a>> {
        unquote(self.value_at(pointer)?).filter(|text| !text.is_empty())
    }

    fn value_at(&self, pointer: &str) -> Option<Value<'a>> {
        let mut steps = pointer.strip_prefix('/')?.split('/').map(unescape_pointer);
        let mut value = self.only(&steps.next()?)?;
        for step in steps {
            value = child(value, &step)?;
        }
        Some(value)
    }

    fn only(&self, name: &str) -> Option<Value<'a>> {
        let mut found = self.members.iter().filter(|(key, _)| key.is(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(*value),
            _ => None,
        }
    }

    /// A string; `""` is one.
    pub(crate) fn string(&self, name: &'static str) -> Result<Option<Text<'a>>, Problem> {
        match self.value(name)? {
            None => Ok(None),
            Some(value) => unquote(value).map(Some).ok_or(Problem::Invalid(name)),
        }
    }

    /// A string that is not empty, or nothing: an empty one is what Azure sends for no refresh token.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<Text<'a>>, Problem> {
        Ok(self.string(name)?.filter(|text| !text.is_empty()))
    }

    /// The same, of what must not get lost: twice the same is no ambiguity.
    pub(crate) fn text_or_twice_the_same(
        &self,
        name: &'static str,
    ) -> Result<Option<Text<'a>>, Problem> {
        let mut all = self.members.iter().filter(|(key, _)| key.is(name)).map(|(_, value)| *value);
        match all.next() {
            Some(first @ Value::Text(_)) if all.all(|other| other == first) => {
                Ok(unquote(first).filter(|text| !text.is_empty()))
            }
            _ => self.text(name),
        }
    }

    pub(crate) fn required_text(&self, name: &'static str) -> Result<Text<'a>, Problem> {
        self.text(name)?.ok_or(Problem::Missing(name))
    }

    /// An empty list counts as absent.
    pub(crate) fn strings(&self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        Ok(self.texts(name)?.map(|texts| texts.into_iter().map(String::from).collect()))
    }

    /// The same, borrowed.
    pub(crate) fn texts(&self, name: &'static str) -> Result<Option<Vec<Text<'a>>>, Problem> {
        let raw = match self.value(name)? {
            None => return Ok(None),
            Some(Value::Other(raw)) => raw,
            Some(Value::Text(_)) => return Err(Problem::Invalid(name)),
        };
        let items = scan::items(raw).map_err(|_| Problem::Invalid(name))?;
        let texts: Option<Vec<Text<'a>>> = items.into_iter().map(unquote).collect();
        Ok(Some(texts.ok_or(Problem::Invalid(name))?).filter(|list| !list.is_empty()))
    }

    pub(crate) fn object(&self, name: &'static str) -> Result<Option<Self>, Problem> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::Other(raw)) => {
                Self::scan(raw).map(Some).map_err(|_| Problem::Invalid(name))
            }
            Some(Value::Text(_)) => Err(Problem::Invalid(name)),
        }
    }

    /// A list of objects; absent, it is empty.
    pub(crate) fn objects(&self, name: &'static str) -> Result<Vec<Self>, Problem> {
        self.items(name)?.into_iter().collect()
    }

    /// A list, of what should be objects; absent, it is empty.
    pub(crate) fn items(&self, name: &'static str) -> Result<Vec<Result<Self, Problem>>, Problem> {
        let raw = match self.value(name)? {
            None => return Ok(Vec::new()),
            Some(Value::Other(raw)) => raw,
            Some(Value::Text(_)) => return Err(Problem::Invalid(name)),
        };
        let object = |item| match item {
            Value::Other(raw) => Self::scan(raw).map_err(|_| Problem::Invalid(name)),
            Value::Text(_) => Err(Problem::Invalid(name)),
        };
        Ok(scan::items(raw).map_err(|_| Problem::Invalid(name))?.into_iter().map(object).collect())
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
        if !matches!(problem, Problem::Invalid(_)) {
            return Err(problem);
        }
        self.note(name, "has the wrong type or format: taken as absent");
        Ok(None)
    }

    /// Seconds since 1970: RFC 7519 §2, `NumericDate`.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let millis = self.number(name)?.map(|seconds| seconds * 1000.0);
        // A cast from a float stops at the ends.
        #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds are enough")]
        Ok(millis.map(|millis| Timestamp::from_unix_millis(millis as i64)))
    }

    pub(crate) fn is_false_or_zero(&self, name: &'static str) -> bool {
        matches!(self.value(name), Ok(Some(Value::Other("false" | "0"))))
    }

    /// Whether it is there, and not null.
    pub(crate) fn has(&self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.value(name)?.is_some())
    }

    /// Whether this member is there, `null` or not.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key.is(name))
    }

    /// `true` or `false`, and nothing else.
    pub(crate) fn boolean(&self, name: &'static str) -> Result<Option<bool>, Problem> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::Other("true")) => Ok(Some(true)),
            Some(Value::Other("false")) => Ok(Some(false)),
            Some(_) => Err(Problem::Invalid(name)),
        }
    }

    /// A number or, from many servers, a string; fractions from Tiled. `""` is none.
    fn number(&self, name: &'static str) -> Result<Option<f64>, Problem> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        let quoted = unquote(value);
        let digits = match (&quoted, value) {
            (Some(quoted), _) if quoted.trim().is_empty() => {
                self.note(name, "is an empty string: taken as absent");
                return Ok(None);
            }
            (Some(quoted), _) => {
                self.note(name, "is a string: read as a number"); // Entra, PayPal, NetSuite
                quoted.trim()
            }
            (None, Value::Other(raw)) => raw,
            (None, Value::Text(_)) => return Err(Problem::Invalid(name)),
        };
        // `f64` would also read "inf" and "nan".
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
            return Err(Problem::Invalid(name));
        }
        // Nearly all are whole, which is read sooner.
        let whole = digits.parse::<u32>().map(f64::from);
        whole.or_else(|_| digits.parse()).map(Some).map_err(|_| Problem::Invalid(name))
    }

    fn value(&self, name: &'static str) -> Result<Option<Value<'a>>, Problem> {
        let mut found = None;
        for (key, value) in &self.members {
            if key.is(name) && found.replace(*value).is_some() {
                return Err(Problem::Duplicate(name));
            }
        }
        Ok(found.filter(|value| *value != Value::Other("null")))
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

/// Writes a string: RFC 8259 §7.
pub(crate) fn push_string(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                json.push('\\');
                json.push(character);
            }
            control @ '\0'..='\x1f' => {
                let code = u32::from(control);
                let digit = |value| char::from_digit(value, 16).unwrap_or('0');
                json.push_str("\\u00");
                json.push(digit(code >> 4));
                json.push(digit(code & 15));
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
}

/// The text of a string; `None` for what is none, or has half a character in it.
fn unquote(value: Value<'_>) -> Option<Text<'_>> {
    match value {
        Value::Text(Quoted { inner, escaped: false }) => Some(Text::Borrowed(inner)),
        Value::Text(Quoted { inner, escaped: true }) => unescape(inner).map(Text::Copied),
        Value::Other(_) => None,
    }
}

/// One step of a JSON pointer into a list or an object.
fn child<'a>(value: Value<'a>, step: &str) -> Option<Value<'a>> {
    match value {
        Value::Other(raw) if raw.starts_with('{') => Object::scan(raw).ok()?.only(step),
        Value::Other(raw) if raw.starts_with('[') => {
            scan::items(raw).ok()?.get(step.parse::<usize>().ok()?).copied()
        }
        Value::Text(_) | Value::Other(_) => None,
    }
}

fn unescape_pointer(step: &str) -> Cow<'_, str> {
    if step.contains('~') {
        Cow::Owned(step.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(step)
    }
}

const MEMBERS_MAX: usize = 10_000;

/// A hundred years: nothing that a server means is longer.
const SECONDS_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::{super::scan::DEPTH_MAX, *};

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
