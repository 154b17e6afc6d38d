//! Text from a server, made safe for a terminal and a log line.

use alloc::string::String;

/// At most this many characters of a server's text are shown.
const CHARACTERS_MAX: usize = 300;

/// Makes a server's text safe for a terminal: one line without control characters, escape sequences or
/// direction overrides, of limited length. The texts in errors and prompts are clean already; what
/// [`Userinfo`](crate::flow::Userinfo) holds is not.
///
/// ```
/// use aiod_auth_core::clean;
///
/// // What a server says can't move the cursor of a terminal.
/// assert!(!clean("no\u{1b}[2J entry").contains('\u{1b}'));
/// ```
#[must_use]
pub fn clean(text: &str) -> String {
    printable(text, CHARACTERS_MAX)
}

/// The same, of this length.
pub(crate) fn printable(text: &str, characters_max: usize) -> String {
    if is_clean(text) && text.len() <= characters_max {
        return text.into();
    }
    // It never grows: a secret may be in it, and a copy left behind could not be wiped.
    let bytes_max = characters_max.saturating_mul(4).saturating_add('…'.len_utf8());
    let mut cleaned = String::with_capacity(text.len().min(bytes_max));
    let mut characters = text.chars().peekable();
    let mut length = 0_usize;
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.peek() == Some(&'[') {
            // ECMA-48 §5.4: a control sequence ends with a character from `@` to `~`.
            characters.next();
            while characters.next_if(|c| !('@'..='~').contains(c)).is_some() {}
            characters.next();
            continue;
        }
        let space = character.is_whitespace();
        if (space && (cleaned.is_empty() || cleaned.ends_with(' ')))
            || (!space && hidden(character))
        {
            continue;
        }
        if length >= characters_max {
            cleaned.push('…');
            break;
        }
        cleaned.push(if space { ' ' } else { character });
        length = length.saturating_add(1);
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

/// What most texts are: one short line of ASCII, with single spaces inside.
fn is_clean(text: &str) -> bool {
    every(text.as_bytes(), |byte| matches!(byte, 0x20..=0x7e))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !has_two_spaces(text.as_bytes())
}

/// Side by side. It looks at every byte, so that the compiler compares many at once.
fn has_two_spaces(bytes: &[u8]) -> bool {
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    pairs.fold(false, |found, (a, b)| found | ((*a == b' ') & (*b == b' ')))
}

/// Whether each byte is allowed: in chunks, which the compiler compares at once.
pub(crate) fn every(bytes: &[u8], allowed: impl Fn(u8) -> bool) -> bool {
    match bytes.len() {
        32.. => every_chunk::<32>(bytes, allowed),
        8.. => every_chunk::<8>(bytes, allowed),
        _ => bytes.iter().all(|byte| allowed(*byte)),
    }
}

/// The last chunk overlaps the one before it.
fn every_chunk<const N: usize>(bytes: &[u8], allowed: impl Fn(u8) -> bool) -> bool {
    let (chunks, _) = bytes.as_chunks::<N>();
    for chunk in chunks.iter().chain(bytes.last_chunk::<N>()) {
        if !chunk.iter().fold(true, |all, byte| all & allowed(*byte)) {
            return false;
        }
    }
    true
}

/// Controls, and what changes the direction or hides itself in a line.
fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        let cases = [
            ("Session not active", "Session not active"),
            ("\u{1b}[31mred\u{1b}[0m\u{7}", "red"),
            ("AADSTS50076: no\r\nTrace ID: 1", "AADSTS50076: no Trace ID: 1"),
            ("  \t a \n\n b ", "a b"),
            ("a\u{202e}b\u{200b}c\u{9b}d", "abcd"),
            ("\u{1b}[", ""),
            ("\u{1b}]0;title\u{7}x", "]0;titlex"),
        ];
        for (text, cleaned) in cases {
            assert_eq!(clean(text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn a_byte_that_is_not_allowed_is_found_wherever_it_is() {
        for length in 0..100 {
            let mut bytes = alloc::vec![b'x'; length];
            assert!(every(&bytes, |byte| byte == b'x'), "{length}");
            for at in 0..length {
                bytes[at] = b'y';
                assert!(!every(&bytes, |byte| byte == b'x'), "{at} of {length}");
                bytes[at] = b'x';
            }
        }
    }

    #[test]
    fn length_is_bounded() {
        assert_eq!(clean(&"x".repeat(10_000)).chars().count(), CHARACTERS_MAX + 1);
    }
}
