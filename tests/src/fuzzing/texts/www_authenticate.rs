//! The challenges in `WWW-Authenticate`: RFC 9110 §11.6.1.

use std::collections::BTreeSet;

use aiod_auth_core::{Challenge, Response};
use arbitrary::Arbitrary;

use crate::fuzzing::{answers::Message, from_bytes};

/// Reads these bytes as an answer with challenges, and writes challenges with them. Returns `done`,
/// or `none` if the answer has no challenge.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn www_authenticate(bytes: &[u8]) -> &'static str {
    // What is written as the standard has it is read as it was meant; anything else, as far as it is.
    if let Some(Challenges(written)) = from_bytes(bytes) {
        come_back(&written);
    }
    let message = Message::read(bytes);
    let fields: Vec<_> = message.header("www-authenticate").map(str::to_lowercase).collect();
    let challenges = message.with(|response| response.challenges());
    for challenge in &challenges {
        let (name, params) = parts(challenge);
        let names: BTreeSet<_> = params.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), params.len(), "a name is there twice: {challenge:?}");
        let words = names.into_iter().chain([&name]);
        for word in words {
            assert!(!word.is_empty() && !word.contains(|c: char| c.is_ascii_uppercase()), "{word}");
            // A challenge without a scheme is read as Bearer's (BEAR-06).
            let is_said = fields.iter().any(|field| field.contains(word)) || word == "bearer";
            assert!(is_said, "{word} is in no field");
        }
    }
    if challenges.is_empty() { "none" } else { "done" }
}

fn come_back(written: &[Written]) {
    let mut fields = vec![String::new()];
    for challenge in written {
        let is_last = fields.len() == FIELDS_MAX;
        match fields.last_mut() {
            Some(field) if !challenge.new_field || is_last => challenge.write(field),
            _ => {
                fields.push(String::new());
                fields.iter_mut().last().into_iter().for_each(|field| challenge.write(field));
            }
        }
    }
    if fields.iter().any(|field| field.len() > FIELD_BYTES_MAX) {
        return;
    }
    let headers: Vec<_> = fields.iter().map(|field| (NAME, field.as_str())).collect();
    let read = Response::new(401, headers.iter().copied(), b"").challenges();
    let read: Vec<_> = read.iter().map(parts).collect();
    let meant: Vec<_> = written.iter().filter_map(Written::meant).collect();
    assert_eq!(read, meant, "{fields:?}");
}

const NAME: &str = "WWW-Authenticate";

// The crates read no more than that.
const FIELDS_MAX: usize = 16;
const FIELD_BYTES_MAX: usize = 8 * 1024;

type Parts = (String, Vec<(String, String)>);

fn parts(challenge: &Challenge) -> Parts {
    let params = challenge.params().map(|(name, value)| (name.to_owned(), value.to_owned()));
    (challenge.scheme().to_owned(), params.collect())
}

/// What a server means, and how it writes it.
#[derive(Arbitrary, Debug)]
struct Challenges(Vec<Written>);

#[derive(Arbitrary, Debug)]
struct Written {
    new_field: bool,
    scheme: Token,
    /// What NTLM and Negotiate have in place of parameters, if there are none.
    token68: bool,
    params: Vec<Param>,
    spaces: u8,
}

#[derive(Arbitrary, Debug)]
struct Param {
    name: Token,
    value: String,
    quoted: bool,
    /// Escapes what needs none.
    escaped: bool,
    spaces: u8,
}

#[derive(Arbitrary, Debug)]
struct Token(u8, Vec<u8>);

impl Written {
    /// `None`: a name is there twice, so the meaning is ambiguous.
    fn meant(&self) -> Option<Parts> {
        let params: Vec<_> = self
            .params
            .iter()
            .map(|param| (param.name.text().to_ascii_lowercase(), param.value()))
            .collect();
        let names: BTreeSet<_> = params.iter().map(|(name, _)| name).collect();
        (names.len() == params.len()).then_some(())?;
        Some((self.scheme.text().to_ascii_lowercase(), params))
    }

    fn write(&self, field: &mut String) {
        if !field.is_empty() {
            field.push_str(comma(self.spaces));
        }
        field.push_str(&self.scheme.text());
        if self.params.is_empty() && self.token68 {
            field.push_str(" TlRM/+-._~==");
        }
        for (n, param) in self.params.iter().enumerate() {
            field.push_str(if n == 0 { " " } else { comma(param.spaces) });
            param.write(field);
        }
    }
}

impl Param {
    /// What can stand in a field: RFC 9110 §5.6.4.
    fn value(&self) -> String {
        self.value.chars().filter(|c| !c.is_control() || *c == '\t').collect()
    }

    fn write(&self, field: &mut String) {
        field.push_str(&self.name.text());
        field.push_str(["=", " =", "= ", "\t=\t"][usize::from(self.spaces >> 4) % 4]);
        let value = self.value();
        let is_token = |c: char| c.is_ascii() && TOKEN.contains(&u8::try_from(c).unwrap_or(0));
        if !self.quoted && !value.is_empty() && value.chars().all(is_token) {
            return field.push_str(&value);
        }
        field.push('"');
        for character in value.chars() {
            if "\"\\".contains(character) || self.escaped {
                field.push('\\');
            }
            field.push(character);
        }
        field.push('"');
    }
}

impl Token {
    fn text(&self) -> String {
        let bytes = self.1.iter().chain([&self.0]);
        bytes.map(|byte| char::from(TOKEN[usize::from(*byte) % TOKEN.len()])).collect()
    }
}

/// Empty elements count for nothing: RFC 9110 §5.6.1.
fn comma(spaces: u8) -> &'static str {
    [",", ", ", " , ", ",\t,, "][usize::from(spaces) % 4]
}

/// RFC 9110 §5.6.2.
const TOKEN: &[u8] =
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
