//! Readers of what the crates write, independent of the crates' own code.

use std::collections::BTreeMap;

/// A form's fields: `application/x-www-form-urlencoded`, as the WHATWG's URL standard reads it.
pub(in super::super) fn form(bytes: &[u8]) -> Vec<(String, String)> {
    let fields = bytes.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    let pairs = fields.map(|field| match field.iter().position(|byte| *byte == b'=') {
        Some(equals) => (&field[..equals], &field[equals + 1..]),
        None => (field, &b""[..]),
    });
    pairs.map(|(name, value)| (unescaped(name), unescaped(value))).collect()
}

/// `%41` and `+`; what is no escape stands for itself.
pub(super) fn unescaped(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'+', _) => text.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    text.push(high << 4 | low);
                    rest = after;
                }
                _ => text.push(b'%'),
            },
            _ => text.push(*byte),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Base64 with padding: RFC 4648 §4.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let padding = four.iter().rev().take_while(|byte| **byte == b'=').count();
        let mut bits: u32 = 0;
        for byte in four.iter().take(4 - padding) {
            let value = ALPHABET.iter().position(|is| is == byte)?;
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        let whole = (bits << (6 * padding)).to_be_bytes();
        bytes.extend_from_slice(whole[1..].get(..3_usize.checked_sub(padding)?)?);
        if four.len() != 4 {
            return None;
        }
    }
    Some(bytes)
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The strings of a record, as `section.member`: of TOML 1.0, what a record needs.
pub(super) fn record(text: &str) -> Option<BTreeMap<String, String>> {
    let mut members = BTreeMap::new();
    let mut section = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.lines().next()?;
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let value = &rest[name.len() + 3..];
            let after = match string(value) {
                Some((text, after)) => {
                    members.insert(format!("{section}.{name}"), text);
                    after
                }
                // A number, or a list: `version` and `resource`.
                None => value.split_once('\n').map_or("", |(_, after)| after),
            };
            rest = after.strip_prefix('\n').unwrap_or(after);
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        }
        rest = rest.split_once('\n').map_or("", |(_, after)| after);
    }
    Some(members)
}

/// One of TOML's four kinds of strings, and what comes after it.
fn string(text: &str) -> Option<(String, &str)> {
    for (quote, escapes) in [("\"\"\"", true), ("'''", false), ("\"", true), ("'", false)] {
        let Some(mut rest) = text.strip_prefix(quote) else { continue };
        if quote.len() == 3 {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        let mut value = String::new();
        loop {
            // Up to two quotes may stand before the three that close it.
            let closes =
                rest.starts_with(quote) && !(quote.len() == 3 && rest[1..].starts_with(quote));
            if closes {
                return Some((value, &rest[quote.len()..]));
            }
            let mut characters = rest.chars();
            match characters.next()? {
                '\\' if escapes => {
                    let (character, after) = escape(characters.as_str())?;
                    value.push(character);
                    rest = after;
                }
                character => {
                    value.push(character);
                    rest = characters.as_str();
                }
            }
        }
    }
    None
}

fn escape(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    let character = match characters.next()? {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        letter @ ('u' | 'U' | 'x') => {
            let digits = match letter {
                'u' => 4,
                'U' => 8,
                _ => 2,
            };
            let (code, after) = characters.as_str().split_at_checked(digits)?;
            return Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, after));
        }
        itself @ ('"' | '\\') => itself,
        _ => return None,
    };
    Some((character, characters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_the_standards_show() {
        let fields = form(b"a=1+2&b=%C3%A9%2&&c");
        let shown: Vec<_> = fields.iter().map(|(n, v)| format!("{n}:{v}")).collect();
        assert_eq!(shown, ["a:1 2", "b:é%2", "c:"]);
        assert_eq!(base64("Zm9vYmE=").as_deref(), Some(&b"fooba"[..]));
        assert_eq!(base64("Zg==").as_deref(), Some(&b"f"[..]));
        assert_eq!(base64("Zm9v!").as_deref(), None);
        let text = "v = 1\n[t]\n# c\na = \"x\\u0041\\\"\"\nb = '''\n'\n''''\nc = ''\n";
        let members = record(text).unwrap();
        let shown: Vec<_> = members.iter().map(|(n, v)| format!("{n}:{v}")).collect();
        assert_eq!(shown, ["t.a:xA\"", "t.b:'\n'", "t.c:"]);
    }
}
