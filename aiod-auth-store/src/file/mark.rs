//! What is noted for the next process: in a `.next`, that it is only begun; in the lock's file, which
//! refresh token `.next` replaces. The text of `.next` itself says neither, since it becomes the record.

use std::{fmt, str::FromStr};

use aiod_auth_core::{RefreshToken, Timestamp};
use zeroize::Zeroizing;

use super::fnv::Fnv1a;

/// Tells refresh tokens apart without being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn of(token: &RefreshToken) -> Self {
        Self(hash(token.expose()))
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

/// A file of at least this size that says when it was begun: there is room for what will be written over it.
/// Its last line says that it is no whole text, as long as it is there.
pub(crate) fn begun(now: Timestamp, size: usize) -> Vec<u8> {
    let mut content = format!("{BEGUN}{now}\n").into_bytes();
    content.resize(size.max(content.len()), b'\n');
    content.extend_from_slice(PART);
    content
}

/// When it was begun, if that is all.
pub(crate) fn begun_at(content: &[u8]) -> Option<Timestamp> {
    let line = content.strip_prefix(BEGUN.as_bytes())?.split(|byte| *byte == b'\n').next()?;
    str::from_utf8(line).ok()?.parse().ok()
}

/// A text as it is written over such a file, in one go: with a line after it that proves it whole. That line
/// goes, with all that comes after it, before the text becomes the record.
pub(crate) fn sealed(text: &str) -> Zeroizing<Vec<u8>> {
    let seal = format!("{WHOLE}{} {:016x}\n", text.len(), hash(text));
    // Its room is known, so no copy is left behind.
    let mut content = Zeroizing::new(Vec::with_capacity(text.len() + seal.len()));
    content.extend_from_slice(text.as_bytes());
    content.extend_from_slice(seal.as_bytes());
    content
}

/// The whole text that was written. Without the line that proves it, it is one that has been cut to its length
/// already, unless the file still says otherwise.
pub(crate) fn written(content: &[u8]) -> Option<&str> {
    let content = str::from_utf8(content).ok()?;
    match proven(content) {
        Some(text) => Some(text),
        None if content.as_bytes().ends_with(PART) => None,
        None => Some(content),
    }
}

/// How long the text of a record is that still ends as it was written: where the power failed before it was cut
/// on the disk. Kept in the next text, that end would say of it that it is not whole.
pub(crate) fn length_if_sealed(record: &str) -> Option<usize> {
    let (_, last_line) = record.trim_end_matches(['\n', '\0']).rsplit_once('\n')?;
    last_line.starts_with(MARK).then(|| proven(record).map(str::len))?
}

fn proven(content: &str) -> Option<&str> {
    let (_, seal) = content.rsplit_once(WHOLE)?;
    let (length, hash) = seal.split_once('\n')?.0.split_once(' ')?;
    let (text, rest) = content.split_at_checked(length.parse().ok()?)?;
    let is_whole = rest.starts_with(WHOLE) && u64::from_str_radix(hash, 16) == Ok(self::hash(text));
    is_whole.then_some(text)
}

fn hash(text: &str) -> u64 {
    let mut hash = Fnv1a::new();
    hash.text(text);
    hash.finish()
}

const MARK: &str = "# aiod-auth: ";
const BEGUN: &str = "# aiod-auth: begun ";
const PART: &[u8] = b"# aiod-auth: part\n";
const WHOLE: &str = "\n# aiod-auth: whole ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_begun_says_when() {
        let content = begun(Timestamp::UNIX_EPOCH, 4096);
        assert!(content.len() > 4096);
        assert_eq!(begun_at(&content), Some(Timestamp::UNIX_EPOCH));
        let mut bytes = content;
        bytes[..12].copy_from_slice(b"version = 1\n");
        assert_eq!(begun_at(&bytes), None);
        assert_eq!(begun_at(b""), None);
    }

    #[test]
    fn a_text_is_whole_or_not_wherever_the_writing_stopped() {
        for text in ["a", "a\n", "a\n\n\n", "token = \"a\"\n", &"long ".repeat(2000)] {
            let (begun, sealed) = (begun(Timestamp::UNIX_EPOCH, 1024), sealed(text));
            for length in 0..=sealed.len() {
                let mut content = begun.clone();
                content.resize(content.len().max(length), b'?');
                content[..length].copy_from_slice(&sealed[..length]);
                if length == sealed.len() {
                    assert_eq!((begun_at(&content), written(&content)), (None, Some(text)));
                } else if length + 1 < sealed.len() && begun.len() >= length + PART.len() {
                    assert_eq!(written(&content), None, "{length} of {text:?}");
                }
            }
            // Cut to its length.
            assert_eq!(written(text.as_bytes()), Some(text));
            // Or not yet.
            let mut record = begun;
            record.resize(record.len().max(sealed.len()), b'?');
            record[..sealed.len()].copy_from_slice(&sealed);
            let record = str::from_utf8(&record).unwrap();
            assert_eq!(length_if_sealed(record), Some(text.len()));
            assert_eq!(length_if_sealed(text), None);
        }
        assert_eq!(written(b"\xff\n"), None);
        // What was in it before is not taken for a part of it.
        for other in ["a\n# aiod-auth: whole 1 0\n", "a\n# aiod-auth: whole 9999999999999 0\n"] {
            assert_eq!(written(other.as_bytes()), Some(other));
            assert_eq!(written(&sealed(other)), Some(other));
        }
    }

    #[test]
    fn a_fingerprint_comes_back() {
        let print = Fingerprint::of(&RefreshToken::new("old"));
        assert_eq!(print.to_string().parse(), Ok(print));
        assert_ne!(print, Fingerprint::of(&RefreshToken::new("new")));
    }
}
