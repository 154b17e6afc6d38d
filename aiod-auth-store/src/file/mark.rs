//! What is noted for the next process: in a `.next`, that it is only begun; in the lock's file, which
//! refresh token `.next` replaces. The text of `.next` itself says neither, since it becomes the record.

use std::{fmt, str::FromStr};

use aiod_auth_core::{RefreshToken, Timestamp};

use super::fnv::Fnv1a;

/// Tells refresh tokens apart without being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn of(token: &RefreshToken) -> Self {
        let mut hash = Fnv1a::new();
        hash.text(token.expose());
        Self(hash.finish())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// A file of this size that says when it was begun: there is room for what will be written over it.
pub(crate) fn begun(now: Timestamp, size: usize) -> Vec<u8> {
    let mut content = format!("{BEGUN}{now}\n").into_bytes();
    content.resize(size.max(content.len()), b'\n');
    content
}

/// When it was begun, if that is all.
pub(crate) fn begun_at(content: &[u8]) -> Option<Timestamp> {
    let line = content.strip_prefix(BEGUN.as_bytes())?.split(|byte| *byte == b'\n').next()?;
    str::from_utf8(line).ok()?.parse().ok()
}

/// The text that was written over it, if it is text: what is longer has empty lines after it. Whether it
/// is whole is its format's question.
pub(crate) fn written(content: &[u8]) -> Option<&str> {
    let length = content.trim_ascii_end().len();
    let end = content.get(length).filter(|byte| **byte == b'\n').map_or(length, |_| length + 1);
    str::from_utf8(content.get(..end)?).ok()
}

const BEGUN: &str = "# aiod-auth: begun ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_begun_says_when() {
        let content = begun(Timestamp::UNIX_EPOCH, 4096);
        assert_eq!(content.len(), 4096);
        assert_eq!(begun_at(&content), Some(Timestamp::UNIX_EPOCH));
        let mut bytes = content;
        bytes[..12].copy_from_slice(b"version = 1\n");
        assert_eq!(begun_at(&bytes), None);
        assert_eq!(begun_at(b""), None);
    }

    #[test]
    fn what_was_written_ends_where_the_empty_lines_begin() {
        for (content, text) in
            [("a\n", "a\n"), ("a\n\n\n", "a\n"), ("a", "a"), ("a ", "a"), ("", ""), ("\n", "\n")]
        {
            assert_eq!(written(content.as_bytes()), Some(text), "{content:?}");
        }
        assert_eq!(written(b"\xff\n"), None);
    }

    #[test]
    fn a_fingerprint_comes_back() {
        let print = Fingerprint::of(&RefreshToken::new("old"));
        assert_eq!(print.to_string().parse(), Ok(print));
        assert_ne!(print, Fingerprint::of(&RefreshToken::new("new")));
    }
}
