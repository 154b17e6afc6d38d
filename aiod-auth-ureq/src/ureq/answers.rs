//! The head of an answer, read as leniently as the other client does. The server may have spent a refresh
//! token, and the new one is in the body: an odd header field must not cost it. ureq has no settings for that,
//! so it gets the head in a form that it can read.

use std::fmt;

use ::ureq::{
    Error,
    unversioned::transport::{Buffers, NextTimeout, Transport},
};
use zeroize::Zeroizing;

/// A connection whose answers have heads that ureq can read.
pub(super) struct Answers {
    connection: Box<dyn Transport>,
    /// What has come of a head; `None` once it is whole, until the next request.
    head: Option<Zeroizing<Vec<u8>>>,
    /// What ureq has not got yet: the head, and what came after it.
    ready: Zeroizing<Vec<u8>>,
}

impl Answers {
    pub(super) fn new(connection: Box<dyn Transport>) -> Self {
        Self { connection, head: None, ready: Zeroizing::default() }
    }

    /// Whether there was anything to hand on.
    fn hand_on(&mut self) -> bool {
        let buffers = self.connection.buffers();
        let room = buffers.input_append_buf();
        let count = room.len().min(self.ready.len());
        for (to, from) in room.iter_mut().zip(self.ready.drain(..count)) {
            *to = from;
        }
        buffers.input_appended(count);
        count > 0
    }
}

impl Transport for Answers {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.connection.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.head = Some(Zeroizing::default());
        self.connection.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.ready.is_empty() {
            return Ok(self.hand_on());
        }
        let is_open = self.connection.await_input(timeout)?;
        let Some(head) = &mut self.head else { return Ok(is_open) };
        let buffers = self.connection.buffers();
        let came = buffers.input();
        let count = came.len();
        head.extend_from_slice(came);
        buffers.input_consume(count);
        // Its end is in what came last, or begins just before.
        let last = head.get(head.len().saturating_sub(count + 4)..).unwrap_or_default();
        let may_be_whole = has_blank_line(last);
        let read = if may_be_whole { take_head(head) } else { Head::Unfinished };
        let is_unfinished = matches!(read, Head::Unfinished);
        if is_unfinished && is_open && is_http(head) && head.len() <= HEAD_BYTES_MAX {
            return Ok(true);
        }
        self.ready = match read {
            Head::Whole(head) => head,
            // ureq says what is wrong with it.
            Head::Unfinished | Head::Unreadable => std::mem::take(head),
        };
        self.head = None;
        Ok(self.hand_on())
    }

    fn is_open(&mut self) -> bool {
        self.ready.is_empty() && self.connection.is_open()
    }

    fn is_tls(&self) -> bool {
        self.connection.is_tls()
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

/// Perhaps: carriage returns are no part of a line.
fn has_blank_line(part: &[u8]) -> bool {
    let mut ends = part.iter().filter(|byte| **byte != b'\r');
    let mut before = ends.next();
    ends.any(|byte| [before.replace(byte), Some(byte)] == [Some(&b'\n'); 2])
}

/// Whether it begins like HTTP, as far as it goes.
fn is_http(head: &[u8]) -> bool {
    let start = head.trim_ascii_start();
    start.starts_with(b"HTTP/") || b"HTTP/".starts_with(start)
}

/// What has come of a head.
enum Head {
    Unfinished,
    /// In a form that ureq can read, and what comes after it.
    Whole(Zeroizing<Vec<u8>>),
    /// It has no status.
    Unreadable,
}

/// The head of an answer. Interim answers before it (RFC 9110 §15.2) are passed over, and taken away.
fn take_head(raw: &mut Vec<u8>) -> Head {
    let mut begins = 0;
    let head = loop {
        let rest = raw.get(begins..).unwrap_or_default().trim_ascii_start();
        let Some(Lines { status_line, fields, after }) = lines(rest) else {
            break Head::Unfinished;
        };
        let Some(blank) = status_line.iter().position(|byte| *byte == b' ') else {
            break Head::Unreadable;
        };
        let (version, status) = status_line.split_at(blank);
        if !status.starts_with(b" 1") || status.starts_with(b" 101") {
            break Head::Whole(readable(version, status, &fields, after));
        }
        begins = raw.len().saturating_sub(after.len());
    };
    raw.drain(..begins);
    head
}

struct Lines<'a> {
    status_line: &'a [u8],
    /// Unfolded.
    fields: Vec<Vec<u8>>,
    /// What comes after the head.
    after: &'a [u8],
}

/// `None` if they aren't whole yet.
fn lines(raw: &[u8]) -> Option<Lines<'_>> {
    let (status_line, mut rest) = line(raw)?;
    let mut fields: Vec<Vec<u8>> = Vec::new();
    loop {
        let (field, after) = line(rest)?;
        rest = after;
        match (field, fields.last_mut()) {
            ([], _) => return Some(Lines { status_line, fields, after: rest }),
            // RFC 9112 §5.2: an obsolete fold is a space.
            ([b' ' | b'\t', folded @ ..], Some(last)) => {
                last.push(b' ');
                last.extend_from_slice(folded.trim_ascii_start());
            }
            _ => fields.push(field.to_vec()),
        }
    }
}

fn readable(version: &[u8], status: &[u8], fields: &[Vec<u8>], rest: &[u8]) -> Zeroizing<Vec<u8>> {
    // Whatever it is called: it came over a connection of HTTP/1.
    let version = if version.starts_with(b"HTTP/1.") { version } else { b"HTTP/1.1" };
    let mut fields: Vec<_> = fields.iter().filter_map(|field| split(field)).collect();
    // Those that count are never one too many.
    fields.sort_by_key(|(name, _)| !counts(name));
    let mut head = Zeroizing::new([version, status, b"\r\n"].concat());
    let mut room = FIELD_BYTES_MAX;
    for (name, value) in fields.iter().take(FIELDS_MAX) {
        let Some(left) = room.checked_sub(name.len() + value.len()) else { continue };
        room = left;
        head.extend_from_slice(&[name, &b":"[..], value, b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(rest);
    head
}

/// A line without its end, and what comes after it.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = text.split_at_checked(text.iter().position(|byte| *byte == b'\n')?)?;
    let end = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
    Some((line.get(..end)?, rest.strip_prefix(b"\n")?))
}

/// Name and value, if ureq can read them: RFC 9110 §5.1, §5.5.
fn split(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = field.split_at_checked(field.iter().position(|byte| *byte == b':')?)?;
    let name = name.trim_ascii_end();
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let in_value = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
    let value = value.strip_prefix(b":")?;
    let is_good = !name.is_empty() && name.iter().all(in_name) && value.iter().all(in_value);
    is_good.then_some((name, value))
}

/// What says where the body ends, and what this project reads.
fn counts(name: &[u8]) -> bool {
    let names = ["content-length", "transfer-encoding", "connection", "content-type", "date"];
    let names = names.iter().chain(&["www-authenticate", "retry-after", "location"]);
    names.into_iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// ureq's buffer has room for 128 KiB.
const FIELD_BYTES_MAX: usize = 64 << 10;

/// More than that is no head.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// ureq reads 128.
const FIELDS_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_made_readable() {
        for (raw, expected) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", Some("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody")),
            ("\r\nHTTP/1.0 200\nA:b\n\n\nbody", Some("HTTP/1.0 200\r\nA:b\r\n\r\n\nbody")),
            ("HTTP/2.0 200 OK\r\n\r\n", Some("HTTP/1.1 200 OK\r\n\r\n")),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\t c\r\n\r\n", Some("HTTP/1.1 200 OK\r\nA: b c\r\n\r\n")),
            (
                "HTTP/1.1 200 OK\r\nA: \0\r\nno colon\r\nB c: d\r\n\r\n",
                Some("HTTP/1.1 200 OK\r\n\r\n"),
            ),
            (
                "HTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
                Some("HTTP/1.1 204 No\r\n\r\n"),
            ),
            ("HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\n", None),
            ("HTTP/1.1 200 OK\r\nA: b\r\n", None),
            ("\r\n\r\n", None),
            ("", None),
        ] {
            let found = whole(raw);
            assert_eq!(found.as_deref(), expected, "{raw:?}");
        }
        let many = "X: y\r\n".repeat(300);
        let raw = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n");
        let found = whole(&raw).unwrap();
        assert!(found.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), "{found}");
        assert_eq!(found.lines().count(), FIELDS_MAX + 2);
        let large = "y".repeat(200 << 10);
        let raw = format!("HTTP/1.1 200 OK\r\nA: {large}\r\nB: c\r\n\r\n");
        assert_eq!(whole(&raw).unwrap(), "HTTP/1.1 200 OK\r\nB: c\r\n\r\n");
        assert!(matches!(take_head(&mut b"HTTP/1.1\r\n\r\n".to_vec()), Head::Unreadable));
    }

    /// Each in a call of its own: the stack ends, and the process with it.
    #[test]
    fn there_may_be_many_interim_answers() {
        let many = "HTTP/1.1 100\n\n".repeat(50_000);
        assert_eq!(whole(&format!("{many}HTTP/1.1 200\n\n")).unwrap(), "HTTP/1.1 200\r\n\r\n");
        let mut unfinished = format!("{many}HTTP").into_bytes();
        assert!(matches!(take_head(&mut unfinished), Head::Unfinished));
        assert_eq!(unfinished, b"HTTP");
    }

    fn whole(raw: &str) -> Option<String> {
        match take_head(&mut raw.as_bytes().to_vec()) {
            Head::Whole(head) => Some(String::from_utf8(head.to_vec()).unwrap()),
            Head::Unfinished | Head::Unreadable => None,
        }
    }
}
