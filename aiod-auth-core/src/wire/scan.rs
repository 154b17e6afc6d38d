//! Where the values of a JSON text begin and end: RFC 8259, strictly, in one walk that copies nothing. What
//! isn't JSON is walked once more, leniently, for what must not get lost: an error's code, a refresh token.
//!
//! Reading a token answer is finding three long strings. A reader that is told so leaps over them 64
//! bytes at a time, and knows afterwards which have escapes in them; none of what is passed over is
//! copied, so none of it has to be wiped.

use alloc::{string::String, vec::Vec};

use crate::{error::Problem, secret::Wiped};

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(Quoted<'a>),
    /// Anything else, whole.
    Other(&'a str),
}

/// A string: what stands between its quotes, and whether there are escapes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quoted<'a> {
    pub(super) inner: &'a str,
    pub(super) escaped: bool,
}

/// A member's name and value.
pub(super) type Member<'a> = (Quoted<'a>, Value<'a>);

impl Quoted<'_> {
    /// Whether it is this text, written in whatever way.
    #[inline]
    pub(super) fn is(&self, text: &str) -> bool {
        if self.escaped {
            return unescape(self.inner).is_some_and(|unescaped| *unescaped == *text);
        }
        self.inner == text
    }
}

/// The members of an object that is the whole text. No more than `members_max` and one more are kept.
pub(super) fn members(text: &str, members_max: usize) -> Result<Vec<Member<'_>>, Problem> {
    let mut scan = Scan::new(text);
    let (members, outcome) = walk(&mut scan, members_max);
    outcome.and_then(|()| scan.end()).map(|()| members)
}

/// The members of an object with slips in it that don't hide where they end: control characters in a string,
/// words and numbers that JSON doesn't have, a comma too many, something after it. `None` if it has no end.
pub(super) fn members_with_slips(text: &str, members_max: usize) -> Option<Vec<Member<'_>>> {
    let (members, outcome) = walk(&mut Scan::lenient(text), members_max);
    outcome.ok().map(|()| members)
}

/// The same, as far as they come whole.
pub(super) fn members_before_an_error(text: &str, members_max: usize) -> Vec<Member<'_>> {
    walk(&mut Scan::lenient(text), members_max).0
}

fn walk<'a>(scan: &mut Scan<'a>, members_max: usize) -> (Vec<Member<'a>>, Result<(), Problem>) {
    // A token answer has about ten, an ID token twenty.
    let mut members = Vec::with_capacity(20);
    let outcome = scan.object(&mut |name, value| {
        // One more than the limit shows that it was reached.
        if members.len() <= members_max {
            members.push((name, value));
        }
    });
    (members, outcome)
}

/// The items of a list that is the whole text.
pub(super) fn items(text: &str) -> Result<Vec<Value<'_>>, Problem> {
    let mut scan = Scan::new(text);
    let mut items = Vec::new();
    scan.list(&mut |item| items.push(item))?;
    scan.end()?;
    Ok(items)
}

/// Any value that is the whole text.
pub(super) fn value(text: &str) -> Result<Value<'_>, Problem> {
    let mut scan = Scan::new(text);
    let value = scan.value()?;
    scan.end()?;
    Ok(value)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    is_lenient: bool,
}

impl<'a> Scan<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, is_lenient: false }
    }

    const fn lenient(text: &'a str) -> Self {
        Self { is_lenient: true, ..Self::new(text) }
    }

    fn object(&mut self, found: &mut impl FnMut(Quoted<'a>, Value<'a>)) -> Result<(), Problem> {
        self.enter(b'{')?;
        if !self.skips(b'}') {
            loop {
                self.space();
                let name = self.string()?;
                // RFC 8259 §8.2: a name with half a character in it is none.
                if name.escaped && unescape(name.inner).is_none() {
                    return Err(self.problem());
                }
                self.expect(b':')?;
                found(name, self.value()?);
                if !self.skips(b',') {
                    self.expect(b'}')?;
                    break;
                }
                if self.is_lenient && self.skips(b'}') {
                    break;
                }
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn list(&mut self, found: &mut impl FnMut(Value<'a>)) -> Result<(), Problem> {
        self.enter(b'[')?;
        if !self.skips(b']') {
            loop {
                found(self.value()?);
                if !self.skips(b',') {
                    self.expect(b']')?;
                    break;
                }
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn value(&mut self) -> Result<Value<'a>, Problem> {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'"') => return self.string().map(Value::Text),
            Some(b'{') => self.object(&mut |_, _| {})?,
            Some(b'[') => self.list(&mut |_| {})?,
            _ if self.is_lenient => self.bare()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => self.number()?,
        }
        Ok(Value::Other(self.text.get(start..self.at).unwrap_or_default()))
    }

    fn string(&mut self) -> Result<Quoted<'a>, Problem> {
        self.byte(b'"')?;
        let (start, mut escaped) = (self.at, false);
        loop {
            self.advance(plain_length(self.rest()));
            match self.peek() {
                Some(b'"') => {
                    let inner = self.text.get(start..self.at).unwrap_or_default();
                    self.advance(1);
                    return Ok(Quoted { inner, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) if self.is_lenient => self.advance(1),
                _ => return Err(self.problem()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Problem> {
        self.advance(1);
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.advance(1),
            Some(b'u') => {
                self.advance(1);
                for _ in 0..4 {
                    match self.peek() {
                        Some(digit) if digit.is_ascii_hexdigit() => self.advance(1),
                        _ => return Err(self.problem()),
                    }
                }
            }
            _ => return Err(self.problem()),
        }
        Ok(())
    }

    /// RFC 8259 §6.
    fn number(&mut self) -> Result<(), Problem> {
        if self.peek() == Some(b'-') {
            self.advance(1);
        }
        if self.peek() == Some(b'0') {
            self.advance(1);
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.advance(1);
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.advance(1);
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.advance(1);
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Problem> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.advance(count);
        if count == 0 { Err(self.problem()) } else { Ok(()) }
    }

    /// A word or a number, JSON's or not: Python writes `NaN` and `Infinity`.
    fn bare(&mut self) -> Result<(), Problem> {
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        let count = self.rest().iter().take_while(is_part).count();
        self.advance(count);
        if count == 0 { Err(self.problem()) } else { Ok(()) }
    }

    fn word(&mut self, word: &str) -> Result<(), Problem> {
        word.bytes().try_for_each(|byte| self.byte(byte))
    }

    fn enter(&mut self, bracket: u8) -> Result<(), Problem> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH_MAX {
            return Err(Problem::TooDeep);
        }
        self.byte(bracket)
    }

    fn end(&mut self) -> Result<(), Problem> {
        self.space();
        if self.peek().is_none() { Ok(()) } else { Err(self.problem()) }
    }

    fn skips(&mut self, byte: u8) -> bool {
        self.space();
        let is_there = self.peek() == Some(byte);
        self.advance(usize::from(is_there));
        is_there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Problem> {
        if self.skips(byte) { Ok(()) } else { Err(self.problem()) }
    }

    fn byte(&mut self, byte: u8) -> Result<(), Problem> {
        if self.peek() != Some(byte) {
            return Err(self.problem());
        }
        self.advance(1);
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.advance(1);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// The place of the first byte that can't be there. What stands there is not shown.
    fn problem(&self) -> Problem {
        place(self.text.as_bytes().get(..self.at).unwrap_or_default())
    }
}

/// Where these bytes end: the next one is the first that is wrong.
pub(super) fn place(before: &[u8]) -> Problem {
    let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Problem::NotJson { line, column: last.len().saturating_add(1) }
}

/// How many bytes of a string come before its end, an escape, or a control character.
fn plain_length(bytes: &[u8]) -> usize {
    // Most strings are short.
    match bytes.split_first_chunk() {
        Some((word, rest)) => plain_length_of_word(word)
            .unwrap_or_else(|| plain_length_of_long(rest).saturating_add(word.len())),
        None => plain_length_of_long(bytes),
    }
}

/// The same for what may be a token: by 64 at a time. A function of its own, so that short strings don't pay for
/// it.
#[inline(never)]
fn plain_length_of_long(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<64>();
    let least = |chunk: &[u8; 64]| chunk.iter().map(|byte| distance(*byte)).fold(u8::MAX, u8::min);
    let mut plain = chunks.iter().take_while(|chunk| least(chunk) > 0).count().saturating_mul(64);
    let (words, rest) = bytes.get(plain..).unwrap_or_default().as_chunks();
    for word in words {
        if let Some(length) = plain_length_of_word(word) {
            return plain.saturating_add(length);
        }
        plain = plain.saturating_add(16);
    }
    plain.saturating_add(rest.iter().take_while(|byte| distance(**byte) > 0).count())
}

/// The same for 16 bytes, which the compiler compares at once; `None`: all of them are plain.
fn plain_length_of_word(word: &[u8; 16]) -> Option<usize> {
    const ONES: u128 = u128::from_le_bytes([1; 16]);
    const HIGH: u128 = u128::from_le_bytes([0x80; 16]);
    // One number, whose lowest byte is the first. A byte's highest bit is set where a subtraction has borrowed;
    // only the lowest such byte is certain, and only that one is asked for.
    let distances = u128::from_le_bytes(word.map(distance));
    let zeros = distances.wrapping_sub(ONES) & !distances & HIGH;
    (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
}

/// Zero for a byte that is not plain.
fn distance(byte: u8) -> u8 {
    (byte ^ b'"').min(byte ^ b'\\').min(byte.saturating_sub(b' ' - 1))
}

/// RFC 8259 §7, in a buffer that never grows: a copy left behind could not be wiped. `None` for half a
/// character. That each escape is one of JSON's has been seen already.
pub(crate) fn unescape(text: &str) -> Option<Wiped<String>> {
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

pub(super) const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use alloc::format;

    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn values_are_found_as_they_are_written() {
        let text = r#"{ "a" : "x" , "b\n":[1, {"c":"}"}], "d":-1.5e+3,"e":null,"f":"\"" } "#;
        let found = members(text, 10).unwrap();
        let plain = |inner| Quoted { inner, escaped: false };
        let escaped = |inner| Quoted { inner, escaped: true };
        assert_eq!(
            found,
            [
                (plain("a"), Value::Text(plain("x"))),
                (escaped(r"b\n"), Value::Other(r#"[1, {"c":"}"}]"#)),
                (plain("d"), Value::Other("-1.5e+3")),
                (plain("e"), Value::Other("null")),
                (plain("f"), Value::Text(escaped(r#"\""#))),
            ]
        );
        assert_eq!(items(r#"["a", 1]"#).unwrap(), [Value::Text(plain("a")), Value::Other("1")]);
        assert!(escaped(r"b\n").is("b\n") && !escaped(r"b\n").is(r"b\n") && plain("a").is("a"));
    }

    #[test]
    fn the_place_is_that_of_the_first_byte_that_is_wrong() {
        for (text, line, column) in [
            ("{} {}", 1, 4),
            ("OK", 1, 1),
            ("{\"a\":1,}", 1, 8),
            ("{\n  \"a\": tru }", 2, 11),
            ("{\"a\":\"b", 1, 8),
            ("{\"a\":\"b\n\"}", 1, 8),
            ("{\"a\":\"\\x\"}", 1, 8),
            ("{\"a\":01}", 1, 7),
        ] {
            assert_eq!(members(text, 10), Err(Problem::NotJson { line, column }), "{text}");
        }
    }

    /// Each text is JSON here if it is to `serde_json`, and each piece of one, and each with a byte changed.
    #[test]
    fn what_is_json_is_what_serde_json_takes() {
        let texts = [
            r#"{"access_token":"a.b-c","expires_in":3600,"scope":"a b","x":[{},[],"",0,-0.5E-3]}"#,
            r#"["\u00e9\ud83d\ude00\b\f\n\r\t\/\\\"",true,false,null,{"a":{"b":[1,2]}},1e400]"#,
            r#"{"long":"0123456789012345678901234567890123456789","é":"ü","":{"":{}}} "#,
            "-12.5e+10",
            "\"\u{7f}\u{80}\"",
        ];
        let is_json = |text: &str| serde_json::from_str::<&RawValue>(text.trim_start()).is_ok();
        let mut taken = 0;
        for text in texts {
            assert!(is_json(text), "{text}");
            for end in 0..=text.len() {
                let Some(piece) = text.get(..end) else { continue };
                assert_eq!(value(piece).is_ok(), is_json(piece), "{piece}");
            }
            for at in 0..text.len() {
                for byte in [
                    " ", "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "9", "-", "+", ".", "e",
                    "u", "n", "\n", "\u{1}", "",
                ] {
                    let Some((before, after)) = text.split_at_checked(at) else { continue };
                    let after = after.get(1..).unwrap_or_default();
                    let changed = format!("{before}{byte}{after}");
                    assert_eq!(value(&changed).is_ok(), is_json(&changed), "{changed}");
                    taken += usize::from(is_json(&changed));
                }
            }
        }
        assert!(taken > 1000, "{taken}");
    }

    #[test]
    fn what_ends_a_plain_run_is_found_wherever_it_is() {
        for length in 0..200 {
            for byte in 0..=u8::MAX {
                let mut bytes = alloc::vec![b'x'; length];
                bytes.extend([byte, b'"', 0, 0x80]);
                let is_plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
                assert_eq!(plain_length(&bytes), length + usize::from(is_plain), "{length} {byte}");
            }
        }
    }

    #[test]
    fn an_unescaped_text_is_in_a_buffer_that_never_grew() {
        let text = unescape(&r"\u00e9".repeat(100)).unwrap();
        assert_eq!(text.capacity(), 600);
    }
}
