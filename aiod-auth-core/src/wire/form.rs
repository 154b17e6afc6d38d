//! `application/x-www-form-urlencoded`: RFC 6749 appendix B.

use alloc::{string::String, vec::Vec};

use url::form_urlencoded;
use zeroize::Zeroizing;

/// The parameters of a request. One without a value is left out: RFC 6749 §3.2 treats it as absent.
#[derive(Default)]
pub(crate) struct Form<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Form<'a> {
    pub(crate) fn push(&mut self, name: &'a str, value: &'a str) {
        if !value.is_empty() {
            self.pairs.push((name, value));
        }
    }

    /// One whose value may be empty: a password.
    pub(crate) fn push_even_empty(&mut self, name: &'a str, value: &'a str) {
        self.pairs.push((name, value));
    }

    /// The body, built once in a buffer that never grows: a copy left behind could not be wiped.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let bytes_max = self.pairs.iter().map(|(name, value)| escaped_max(name, value)).sum();
        let mut serializer = form_urlencoded::Serializer::new(String::with_capacity(bytes_max));
        for (name, value) in &self.pairs {
            serializer.append_pair(name, value);
        }
        Zeroizing::new(serializer.finish().into_bytes())
    }
}

/// One value alone. Letters, digits and `*-._` stay as they are, space becomes `+`: servers that
/// forget to unescape still understand plain secrets.
pub(crate) fn escape(value: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(escaped_max("", value)));
    escaped.extend(form_urlencoded::byte_serialize(value.as_bytes()));
    escaped
}

/// `&`, `=`, and three bytes for each byte.
fn escaped_max(name: &str, value: &str) -> usize {
    name.len().saturating_add(value.len()).saturating_mul(3).saturating_add(2)
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
        assert_eq!(&form.encode()[..], b"a=p%3Aa%2Bs%2520s%2Fw%26o%3Drd+%C3%A9&b=*-._%7E");
    }
}
