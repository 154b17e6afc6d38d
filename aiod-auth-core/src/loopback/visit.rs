//! One connection: the head of its request, as it comes in.

use core::{fmt, str};

use alloc::vec::Vec;
use zeroize::Zeroizing;

use super::{HEAD_BYTES_MAX, page::Page};

/// The bytes of one connection so far. There may be a code in them: they are wiped, and `Debug` shows only
/// how many there are.
#[derive(Default)]
pub struct Visit {
    head: Zeroizing<Vec<u8>>,
    /// The bytes before this place were searched, and have no empty line in them.
    searched: usize,
}

/// The parts of a well-formed request that decide about the answer.
pub(super) struct Head<'v> {
    pub(super) method: &'v str,
    pub(super) path: &'v str,
    pub(super) query: &'v str,
    pub(super) host: &'v str,
}

impl Visit {
    /// Whether nothing was sent yet: browsers connect ahead of time.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.head.is_empty()
    }

    /// Takes the next bytes. `None`: the head has not ended yet.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Option<Result<Head<'_>, Page>> {
        let room = HEAD_BYTES_MAX.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        // Bytes of another protocol, TLS for instance, never have the end that is waited for.
        if self.head.first().is_some_and(|first| !first.is_ascii_alphabetic()) {
            return Some(Err(Page::BadRequest));
        }
        match self.end() {
            Some(end) => Some(parse(self.head.get(..end).unwrap_or_default())),
            None if bytes.len() < room => None,
            None if !self.head.contains(&b'\n') => Some(Err(Page::AddressTooLong)),
            None => Some(Err(Page::HeadTooLong)),
        }
    }

    /// Where the head ends: at an empty line. RFC 9112 §2.2: a line may end without a carriage return.
    fn end(&mut self) -> Option<usize> {
        let rest = self.head.get(self.searched..)?;
        let is_end = |at: usize| {
            let after = rest.get(at..).unwrap_or_default();
            after.starts_with(b"\n\r\n") || after.starts_with(b"\n\n")
        };
        match (0..rest.len()).find(|at| is_end(*at)) {
            Some(at) => self.searched.checked_add(at),
            None => {
                // The last two bytes may be the beginning of the end.
                self.searched = self.head.len().saturating_sub(2);
                None
            }
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visit({} bytes)", self.head.len())
    }
}

/// RFC 9112 §3: the request line, and the one header field that is read.
fn parse(head: &[u8]) -> Result<Head<'_>, Page> {
    let head = str::from_utf8(head).map_err(|_| Page::BadRequest)?;
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Page::BadRequest);
    };
    // The origin form alone: any other form is for a proxy, or malformed.
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Page::BadRequest);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Head { method, path, query, host: host(lines)? })
}

/// RFC 9112 §3.2: there is exactly one `Host`.
fn host<'v>(lines: impl Iterator<Item = &'v str>) -> Result<&'v str, Page> {
    let mut host = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Page::BadRequest)?;
        if name.eq_ignore_ascii_case("host") && host.replace(value.trim()).is_some() {
            return Err(Page::BadRequest);
        }
    }
    host.ok_or(Page::BadRequest)
}
