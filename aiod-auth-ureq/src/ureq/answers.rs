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
        let last = head.get(head.len().saturating_sub(count + 2)..).unwrap_or_default();
        let may_be_whole = has_blank_line(last);
        if let Some(whole) = Some(&*head).filter(|_| may_be_whole).and_then(|head| readable(head)) {
            self.ready = whole;
        } else if !is_open || !is_http(head) || head.len() > super::HEADER_BYTES_MAX {
            // ureq says what is wrong with it.
            self.ready = std::mem::take(head);
        } else {
            return Ok(true);
        }
        self.head = None;
        Ok(self.hand_on())
    }

    fn is_open(&mut self) -> bool {
        self.connection.is_open()
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

fn has_blank_line(part: &[u8]) -> bool {
    part.windows(2).any(|pair| pair == b"\n\n") || part.windows(3).any(|three| three == b"\n\r\n")
}

/// Whether it begins like HTTP, as far as it goes.
fn is_http(head: &[u8]) -> bool {
    let start = head.trim_ascii_start();
    start.starts_with(b"HTTP/") || b"HTTP/".starts_with(start)
}

/// The head in a form that ureq can read, and what comes after it; `None` if it isn't whole yet, or has no
/// status. Interim answers (RFC 9110 §15.2) are passed over.
fn readable(raw: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (status_line, mut rest) = line(raw.trim_ascii_start())?;
    let mut fields: Vec<Vec<u8>> = Vec::new();
    loop {
        let (field, after) = line(rest)?;
        rest = after;
        match (field, fields.last_mut()) {
            ([], _) => break,
            // RFC 9112 §5.2: an obsolete fold is a space.
            ([b' ' | b'\t', folded @ ..], Some(last)) => {
                last.push(b' ');
                last.extend_from_slice(folded.trim_ascii_start());
            }
            _ => fields.push(field.to_vec()),
        }
    }
    let (version, status) =
        status_line.split_at_checked(status_line.iter().position(|byte| *byte == b' ')?)?;
    if status.starts_with(b" 1") && !status.starts_with(b" 101") {
        return readable(rest);
    }
    // Whatever it is called: it came over a connection of HTTP/1.
    let version = if version.starts_with(b"HTTP/1.") { version } else { b"HTTP/1.1" };
    let mut fields: Vec<_> = fields.iter().filter_map(|field| split(field)).collect();
    // Those that say where the body ends are never one too many.
    fields.sort_by_key(|(name, _)| !says_where_the_body_ends(name));
    let mut head = Zeroizing::new([version, status, b"\r\n"].concat());
    for (name, value) in fields.iter().take(FIELDS_MAX) {
        head.extend_from_slice(&[name, &b":"[..], value, b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(rest);
    Some(head)
}

/// A line without its end, and what comes after it.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = text.split_at_checked(text.iter().position(|byte| *byte == b'\n')?)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.strip_prefix(b"\n")?))
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

fn says_where_the_body_ends(name: &[u8]) -> bool {
    [&b"content-length"[..], b"transfer-encoding", b"connection"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

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
            let found = readable(raw.as_bytes());
            let found = found.as_ref().map(|found| str::from_utf8(found).unwrap());
            assert_eq!(found, expected, "{raw:?}");
        }
        let many = "X: y\r\n".repeat(300);
        let raw = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n");
        let found = String::from_utf8(readable(raw.as_bytes()).unwrap().to_vec()).unwrap();
        assert!(found.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), "{found}");
        assert_eq!(found.lines().count(), FIELDS_MAX + 2);
    }
}
