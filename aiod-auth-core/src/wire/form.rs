//! `application/x-www-form-urlencoded`: RFC 6749 appendix B.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use url::form_urlencoded;

use crate::{secret::Wiped, text::every};

/// The parameters of a request. One without a value is left out: RFC 6749 §3.2 treats it as absent.
#[derive(Default)]
pub(crate) struct Form<'a> {
    pairs: Vec<Pair<'a>>,
}

struct Pair<'a> {
    name: Piece<'a>,
    value: Piece<'a>,
    is_secret: bool,
}

/// A name or a value. One that is plain, as most tokens are, is copied whole.
struct Piece<'a> {
    text: &'a str,
    is_plain: bool,
}

/// A form as it is sent, and where in it the values are that no text may show.
#[derive(Clone, Default)]
pub(crate) struct Encoded {
    pub(crate) body: Wiped<Vec<u8>>,
    pub(crate) secrets: Vec<Range<usize>>,
}

impl<'a> Form<'a> {
    pub(crate) fn push(&mut self, name: &'a str, value: &'a str) {
        self.add(name, value, false);
    }

    /// A value that is escaped already, as a constant is.
    pub(crate) fn push_escaped(&mut self, name: &'a str, value: &'a str) {
        self.put(name, Piece { text: value, is_plain: true }, false);
    }

    /// A value that is shown to this server alone: it is in no error's text, whatever the server says back.
    pub(crate) fn push_secret(&mut self, name: &'a str, value: &'a str) {
        self.add(name, value, true);
    }

    /// As [`push_secret`](Self::push_secret), and an empty one is sent, too: a password.
    pub(crate) fn push_password(&mut self, name: &'a str, value: &'a str) {
        self.put(name, Piece::new(value), true);
    }

    fn add(&mut self, name: &'a str, value: &'a str, is_secret: bool) {
        if !value.is_empty() {
            self.put(name, Piece::new(value), is_secret);
        }
    }

    fn put(&mut self, name: &'a str, value: Piece<'a>, is_secret: bool) {
        // No flow has more: one buffer for all of them.
        if self.pairs.is_empty() {
            self.pairs.reserve_exact(8);
        }
        self.pairs.push(Pair { name: Piece::new(name), value, is_secret });
    }

    /// The body, built once in a buffer that never grows: a copy left behind could not be wiped.
    pub(crate) fn encode(&self) -> Encoded {
        let length = |pair: &Pair<'_>| {
            let both = pair.name.escaped_length().saturating_add(pair.value.escaped_length());
            both.saturating_add(2)
        };
        let mut body = Wiped::new(Vec::with_capacity(self.pairs.iter().map(length).sum()));
        let secret = |pair: &&Pair<'_>| pair.is_secret;
        let mut secrets = Vec::with_capacity(self.pairs.iter().filter(secret).count());
        for Pair { name, value, is_secret } in &self.pairs {
            if !body.is_empty() {
                body.push(b'&');
            }
            name.push_to(&mut body);
            body.push(b'=');
            let start = body.len();
            value.push_to(&mut body);
            if *is_secret {
                secrets.push(start..body.len());
            }
        }
        Encoded { body, secrets }
    }
}

/// One value alone, as it stands in a form.
pub(crate) fn escape(value: &str) -> Wiped<String> {
    let mut escaped = Wiped::new(String::with_capacity(Piece::new(value).escaped_length()));
    escaped.extend(form_urlencoded::byte_serialize(value.as_bytes()));
    escaped
}

impl<'a> Piece<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, is_plain: is_plain(text) }
    }

    fn escaped_length(&self) -> usize {
        if self.is_plain {
            return self.text.len();
        }
        // `%41` in place of a byte; a space is `+`.
        let length = |byte| if is_plain_byte(byte) || byte == b' ' { 1 } else { 3 };
        self.text.bytes().map(length).sum()
    }

    fn push_to(&self, body: &mut Vec<u8>) {
        if self.is_plain {
            body.extend_from_slice(self.text.as_bytes());
            return;
        }
        for piece in form_urlencoded::byte_serialize(self.text.as_bytes()) {
            body.extend_from_slice(piece.as_bytes());
        }
    }
}

/// Letters, digits and `*-._` stay as they are, space becomes `+`: servers that forget to unescape still
/// understand plain secrets.
fn is_plain(value: &str) -> bool {
    every(value.as_bytes(), is_plain_byte)
}

fn is_plain_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    let is_mark = (byte == b'*') | (byte == b'-') | (byte == b'.') | (byte == b'_');
    is_letter | is_digit | is_mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_utf_8_and_escaped() {
        let mut form = Form::default();
        form.push("a", "p:a+s%20s/w&o=rd é");
        form.push("empty", "");
        form.push("b", "*-._~");
        let Encoded { body, secrets } = form.encode();
        assert_eq!(&body[..], b"a=p%3Aa%2Bs%2520s%2Fw%26o%3Drd+%C3%A9&b=*-._%7E");
        assert!(secrets.is_empty());
    }

    #[test]
    fn a_secret_is_found_again_and_the_buffer_never_grows() {
        let mut form = Form::default();
        form.push("a", "b c");
        form.push_secret("token", "p:w é");
        form.push_secret("none", "");
        form.push("last", "x");
        let Encoded { body, secrets } = form.encode();
        let found: Vec<&[u8]> = secrets.into_iter().map(|place| &body[place]).collect();
        assert_eq!(found, [b"p%3Aw+%C3%A9"]);
        assert_eq!(body.capacity(), body.len() + 1);
        for byte in 0..=u8::MAX {
            let value = String::from(char::from(byte));
            let escaped = escape(&value);
            assert_eq!(escaped.capacity(), escaped.len(), "{byte}");
            assert_eq!(is_plain(&value), *escaped == value, "{byte}");
        }
    }
}
