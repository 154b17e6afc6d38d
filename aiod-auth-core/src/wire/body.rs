//! An answer's body as JSON text. Nothing of it is copied but what isn't JSON in UTF-8, and such a copy
//! is wiped.

use alloc::{string::String, vec::Vec};

use super::{
    answer::Received,
    json::{Text, push_string},
    scan::place,
};
use crate::{error::Problem, secret::Wiped};

/// The text, and what is wrong with it for a success: an error is read with whatever bytes it came in.
pub(super) struct Body<'a> {
    pub(super) text: Text<'a>,
    pub(super) problem: Option<Problem>,
}

/// A body that begins with `{` is JSON under any label; a form is read only where it is labelled as one
/// (GitHub).
pub(super) fn read<'a>(received: &Received<'a>) -> Body<'a> {
    let label = received.response.header("content-type").unwrap_or_default().as_bytes();
    let kind = label.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let body = received.response.body();
    let without_mark = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let is_object = without_mark.trim_ascii_start().first() == Some(&b'{');
    if !is_object && kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        received.note("Content-Type", "is that of a form, and a form it is"); // GitHub
        // As in JSON: bytes that are no text spoil a success.
        let problem = core::str::from_utf8(body).err();
        let problem =
            problem.map(|error| place(body.get(..error.valid_up_to()).unwrap_or_default()));
        return Body { text: Text::Copied(form_as_json(body)), problem };
    }
    let is_json = kind.last_chunk().is_some_and(|end: &[u8; 4]| end.eq_ignore_ascii_case(b"json"));
    if is_object && !kind.is_empty() && !is_json {
        received.note("Content-Type", "is not that of JSON, and JSON it is"); // Facebook: text/plain
    }
    match core::str::from_utf8(body) {
        Ok(text) => Body { text: Text::Borrowed(text), problem: None },
        Err(error) => Body {
            text: Text::Copied(lossy(body)),
            problem: Some(place(body.get(..error.valid_up_to()).unwrap_or_default())),
        },
    }
}

/// What can't be read is one character of its own, as in [`String::from_utf8_lossy`], but in a buffer that
/// never grows: a copy left behind could not be wiped.
fn lossy(body: &[u8]) -> Wiped<String> {
    let mut text = Wiped::new(String::with_capacity(body.len().saturating_mul(3)));
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('\u{fffd}');
        }
    }
    text
}

/// `a=b&c=d` as `{"a":"b","c":"d"}`, so that there is one reader for both.
fn form_as_json(body: &[u8]) -> Wiped<String> {
    // An escape of JSON's is six characters for what was one.
    let bytes_max = body.len().saturating_mul(6).saturating_add(7);
    let mut json = Wiped::new(String::with_capacity(bytes_max));
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at_checked(at).unwrap_or_default();
        let separator = if json.is_empty() { '{' } else { ',' };
        json.push(separator);
        push_string(&mut json, &lossy(&unescape(name)));
        json.push(':');
        let value = value.strip_prefix(b"=").unwrap_or(value);
        push_string(&mut json, &lossy(&unescape(value)));
    }
    let end = if json.is_empty() { "{}" } else { "}" };
    json.push_str(end);
    json
}

/// RFC 6749 appendix B.
pub(crate) fn unescape(escaped: &[u8]) -> Wiped<Vec<u8>> {
    let mut bytes = Wiped::new(Vec::with_capacity(escaped.len()));
    let mut rest = escaped;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let hex = |at: usize| char::from(*after.get(at)?).to_digit(16);
        bytes.push(match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                rest = after.get(2..).unwrap_or_default();
                u8::try_from((high << 4) | low).unwrap_or_default()
            }
            (b'+', _, _) => b' ',
            (plain, _, _) => *plain,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_an_object() {
        for (form, json) in [
            ("", "{}"),
            ("a=b", r#"{"a":"b"}"#),
            ("a=b&&c=%C3%A9+x&d", r#"{"a":"b","c":"é x","d":""}"#),
            ("a=%22%5C%0A%1f", r#"{"a":"\"\\\u000a\u001f"}"#),
            ("a=%zz%4&b=1=2", r#"{"a":"%zz%4","b":"1=2"}"#),
            ("a=%ff", "{\"a\":\"\u{fffd}\"}"),
        ] {
            let made = form_as_json(form.as_bytes());
            assert_eq!(*made, json, "{form}");
            assert!(made.capacity() <= form.len() * 6 + 7, "it grew");
        }
        assert_eq!(form_as_json(&[1; 100]).capacity(), 607);
    }

    #[test]
    fn a_byte_that_is_no_text_is_placed_by_line_and_column() {
        assert_eq!(place(b"{\"a\":\""), Problem::NotJson { line: 1, column: 7 });
        assert_eq!(place(b"{\n  \"a\":\""), Problem::NotJson { line: 2, column: 8 });
        assert_eq!(lossy(b"a\xe9b\xff").as_str(), "a\u{fffd}b\u{fffd}");
    }
}
