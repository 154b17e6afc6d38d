//! A server's words, without the secrets that it repeats in them: some say back what they were sent.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use crate::{
    secret::Wiped,
    text::{clean, printable},
};

/// Makes a server's text safe to print, as [`clean`] does, with `…` in place of these secrets: as they are, in other
/// letter cases, and in the ways in which servers quote what they were sent. They are hidden before the text is
/// shortened, so that no part of one is left at its end.
///
/// A secret of 8 bytes and more is found anywhere, a shorter one where it stands as a word of its own: else the
/// password `is` would spoil `this`.
pub(crate) fn clean_without(text: &str, secrets: &[Wiped<String>]) -> String {
    if secrets.is_empty() {
        return clean(text);
    }
    let text = Wiped::new(printable(text, CHARACTERS_MAX));
    let mut readings = Vec::new();
    Reading::of(&text).collect(ESCAPED_TIMES_MAX, &mut readings);
    let mut found = Vec::new();
    for secret in secrets {
        let as_printed = Wiped::new(printable(secret, usize::MAX));
        for reading in &readings {
            reading.find(secret, &mut found);
            if *as_printed != **secret {
                reading.find(&as_printed, &mut found);
            }
        }
    }
    clean(&replaced(&text, found))
}

/// Whether this text, as it came, has nothing in it of a secret, as it was sent: told by the secret's first characters,
/// where neither of them may mean others. [`clean_without`] finds out what this can't tell.
pub(crate) fn is_surely_not_in(text: &str, sent: &[u8]) -> bool {
    let start = sent.get(..START_CHARACTERS_MIN).unwrap_or(sent);
    let means_itself = |byte: &u8| matches!(byte, b' '..=b'~') && !b"%+\\&".contains(byte);
    text.bytes().all(|byte| means_itself(&byte))
        && !start.is_empty()
        && start.iter().all(|byte| means_itself(byte) && *byte != b' ')
        && !text.as_bytes().windows(start.len()).any(|part| part.eq_ignore_ascii_case(start))
}

/// More than what is shown, as what is hidden takes less room.
const CHARACTERS_MAX: usize = 2048;

/// JSON in a form, a form in JSON.
const ESCAPED_TIMES_MAX: u8 = 2;

/// From this length on no word of a text is meant.
const LONG_BYTES: usize = 8;

/// The start of a long secret where a text was cut, or where dots stand for the rest of it: from this length on it is
/// hidden, with the end of it after the dots.
const START_CHARACTERS_MIN: usize = 4;

fn replaced(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_unstable_by_key(|range| range.start);
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for Range { start, end } in found {
        if start >= at {
            shown.push_str(text.get(at..start).unwrap_or_default());
            shown.push('…');
        }
        at = at.max(end);
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

/// A text with its escapes resolved, and for each byte where it stands in the text as it came.
struct Reading {
    text: Wiped<String>,
    /// One more than there are bytes: the last is the end.
    places: Vec<usize>,
}

impl Reading {
    fn of(text: &str) -> Self {
        Self { text: Wiped::new(text.into()), places: (0..=text.len()).collect() }
    }

    /// This one, and what it is once more of its escapes are resolved.
    fn collect(self, times: u8, readings: &mut Vec<Self>) {
        if let Some(times) = times.checked_sub(1) {
            for unescape in [percent, form, backslash, entity] {
                if let Some(reading) = self.unescaped(unescape) {
                    reading.collect(times, readings);
                }
            }
        }
        readings.push(self);
    }

    /// Finds this secret in it.
    fn find(&self, secret: &str, found: &mut Vec<Range<usize>>) {
        let (mut at, mut before) = (0_usize, None);
        while let Some(rest) = self.text.get(at..)
            && let Some(first) = rest.chars().next()
        {
            let length = length_of(secret, before, rest);
            if let Some(length) = length {
                let place = |at: usize| self.places.get(at).copied().unwrap_or_default();
                found.push(place(at)..place(at.saturating_add(length)));
            }
            let passed = length.unwrap_or_default().max(first.len_utf8());
            before = rest.get(..passed).and_then(|passed| passed.chars().next_back());
            at = at.saturating_add(passed);
        }
    }

    /// `None` if there is nothing to unescape. It is never longer than before.
    fn unescaped(&self, unescape: fn(&str) -> Option<(char, usize)>) -> Option<Self> {
        let mut text = Wiped::new(String::with_capacity(self.text.len()));
        let mut places = Vec::with_capacity(self.places.len());
        let (mut at, mut is_new) = (0_usize, false);
        while let Some(rest) = self.text.get(at..)
            && let Some(first) = rest.chars().next()
        {
            let unescaped = unescape(rest);
            is_new |= unescaped.is_some();
            let (character, length) = unescaped.unwrap_or_else(|| (first, first.len_utf8()));
            text.push(character);
            places.resize(text.len(), self.places.get(at).copied().unwrap_or_default());
            at = at.saturating_add(length);
        }
        places.extend(self.places.last());
        is_new.then_some(Self { text, places })
    }
}

/// How much of the text's `rest` is this secret.
fn length_of(secret: &str, before: Option<char>, rest: &str) -> Option<usize> {
    let is_long = secret.len() >= LONG_BYTES;
    let (mut length, mut theirs) = (0_usize, rest.chars());
    for (matched, ours) in secret.chars().enumerate() {
        match theirs.next() {
            Some(other) if is_same(ours, other) => length = length.saturating_add(other.len_utf8()),
            _ => {
                let is_start = is_long && matched >= START_CHARACTERS_MIN;
                let more = rest.get(length..).filter(|_| is_start)?;
                if more.trim_matches('.').is_empty() {
                    return Some(length);
                }
                let ellipsis = ["...", "…"].into_iter().find(|dots| more.starts_with(dots))?;
                let more = more.get(ellipsis.len()..).unwrap_or_default();
                let ends = secret.char_indices().skip(matched);
                let end =
                    ends.filter_map(|(at, _)| secret.get(at..)).find(|end| more.starts_with(end));
                let end = end.map_or(0, |end| ellipsis.len().saturating_add(end.len()));
                return Some(length.saturating_add(end));
            }
        }
    }
    let goes_on = |edge: Option<char>, next: Option<char>| {
        edge.is_some_and(is_of_word) && next.is_some_and(is_of_word)
    };
    let is_word = !goes_on(secret.chars().next(), before)
        && !goes_on(secret.chars().next_back(), theirs.next());
    (!secret.trim().is_empty() && (is_long || is_word)).then_some(length)
}

fn is_same(a: char, b: char) -> bool {
    a == b || (a.is_whitespace() && b.is_whitespace()) || a.to_lowercase().eq(b.to_lowercase())
}

/// From U+2E80 on are the scripts that have no spaces between words.
fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() && character < '\u{2e80}'
}

/// `%41`, in UTF-8 or else in Latin-1.
fn percent(text: &str) -> Option<(char, usize)> {
    let byte = |at: usize| {
        let byte = number(text.get(at..)?.strip_prefix('%')?, 2)?;
        u8::try_from(byte).ok()
    };
    let first = byte(0)?;
    let bytes = [0, 3, 6, 9].map(|at| byte(at).unwrap_or_default());
    let utf_8 = [1_usize, 2, 3, 4].into_iter().find_map(|count| {
        let character = core::str::from_utf8(bytes.get(..count)?).ok()?.chars().next()?;
        Some((character, count.saturating_mul(3)))
    });
    Some(utf_8.unwrap_or_else(|| (char::from(first), 3)))
}

/// RFC 6749 appendix B.
fn form(text: &str) -> Option<(char, usize)> {
    if text.starts_with('+') { Some((' ', 1)) } else { percent(text) }
}

/// As JSON, Python and Rust write it: `\"`, `\u0041`, `\x41`, `\u{41}`.
fn backslash(text: &str) -> Option<(char, usize)> {
    let escaped = text.strip_prefix('\\')?;
    let kind = escaped.chars().next()?;
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    if let Some(unit) = number(escaped.get(1..).unwrap_or_default(), digits) {
        let length = 2_usize.saturating_add(digits);
        // Half of a character: the other half follows.
        let low = text.get(length..).and_then(|rest| number(rest.strip_prefix("\\u")?, 4));
        let pair =
            [unit, low.unwrap_or_default()].map(|unit| u16::try_from(unit).unwrap_or_default());
        return Some(match char::decode_utf16(pair).next() {
            Some(Ok(character)) if character > '\u{ffff}' => (character, length.saturating_add(6)),
            _ => (char::from_u32(unit).unwrap_or('\u{fffd}'), length),
        });
    }
    if let Some((digits, _)) = escaped.strip_prefix("u{").and_then(|rest| rest.split_once('}'))
        && let Some(character) = number(digits, digits.len()).and_then(char::from_u32)
    {
        return Some((character, digits.len().saturating_add(4)));
    }
    let character = match kind {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other => other,
    };
    Some((character, kind.len_utf8().saturating_add(1)))
}

fn number(text: &str, digits: usize) -> Option<u32> {
    let text =
        text.get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(text, 16).ok()
}

/// As a web page has it: `&quot;`, `&#34;`, `&#x22;`.
fn entity(text: &str) -> Option<(char, usize)> {
    let (name, _) = text.strip_prefix('&')?.split_once(';')?;
    let character = match name {
        "quot" => '"',
        "amp" => '&',
        "apos" => '\'',
        "lt" => '<',
        "gt" => '>',
        _ => {
            let number = name.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']);
            let number = hex.map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16));
            char::from_u32(number.ok()?)?
        }
    };
    Some((character, name.len().saturating_add(2)))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn shown(secret: &str, text: &str) -> String {
        clean_without(text, &[Wiped::new(secret.into())])
    }

    #[test]
    fn a_secret_is_hidden_in_each_way_in_which_servers_say_it_back() {
        for (secret, text, expected) in [
            // A short one is a word of its own.
            ("hunt", "no user alice with hunt", "no user alice with …"),
            ("hunt", "hunt", "…"),
            ("hunt", "Hunter's hunting HUNT, (hunt)hunt", "Hunter's hunting …, (…)…"),
            ("a", "a password is a word", "… password is … word"),
            ("is", "this is it: 'is'", "this … it: '…'"),
            ("hunt", "p_hunt_1=hunt&u=alice", "p_…_1=…&u=alice"),
            ("password", "password=password", "…=…"),
            ("!a", "x!a is !ab", "x… is !ab"),
            (".", "1.2", "1…2"),
            ("密码", "你的密码错误", "你的…错误"),
            ("é", "échec: É", "échec: …"),
            // What can't be told from the text.
            (" ", "no such user", "no such user"),
            ("", "no such user", "no such user"),
            // A long one is found anywhere.
            ("hunter22", "xhunter22y XHUNTER22Y", "x…y X…Y"),
            ("correct horse", "wrong: correct\thorse", "wrong: …"),
            ("correct  horse", "wrong: correct  horse", "wrong: …"),
            ("two\u{7}bells", "wrong: two\u{7}bells", "wrong: …"),
            ("two\u{7}bells", "wrong: twobells", "wrong: …"),
            ("hunter22", "hun\u{200b}ter\u{1b}[1m22", "…"),
            // As it is quoted.
            ("p\"w", r#"{"input": "p\"w"}"#, r#"{"input": "…"}"#),
            ("p\"w", r#"input: 'p"w'"#, "input: '…'"),
            ("p'w", r"[{'input': 'p\'w'}]", "[{'input': '…'}]"),
            ("p\"w", "password=p%22w&x", "password=…&x"),
            ("p\"w", "<b>p&quot;w</b> p&#34;w p&#x22;w", "<b>…</b> … …"),
            ("hunt", "user%3Dalice%26password%3Dhunt%26x", "user%3Dalice%26password%3D…%26x"),
            (
                "hunt",
                r"{\u0022input\u0022:\u0022hunt\u0022}\nhunt",
                r"{\u0022input\u0022:\u0022…\u0022}\n…",
            ),
            ("a b", "got a+b, a%20b, a b", "got …, …, …"),
            ("a+b", "got a+b, a%2Bb, a%2bb", "got …, …, …"),
            ("a\\b", r"got a\b, a\\b, a\\\\b", "got …, …, …"),
            ("a%41b", "got a%41b, a%2541b", "got …, …"),
            (
                "pé",
                r"got p\xe9, p\u00E9, p%C3%A9, p%E9, p\u{e9}, p&eacute;",
                "got …, …, …, …, …, p&eacute;",
            ),
            ("p😀", r"got p\ud83d\ude00, p\U0001f600, p%F0%9F%98%80", "got …, …, …"),
            ("<p&w>", "got &lt;p&amp;w&gt;", "got …"),
            ("p\"w", r#""p%5C%22w""#, "\"…\""),
            // As much of it as is there.
            ("hunter22hunter", "no: hunter22hu", "no: …"),
            ("hunter22hunter", "no: hunter22hu...", "no: …..."),
            ("hunter22hunter", "the hun", "the hun"),
            ("hunter22hunter", "hunter22hu is wrong", "hunter22hu is wrong"),
            ("hunter22hunter", "unknown token hunter22... for x", "unknown token …... for x"),
            ("hunter22and23", "input_value='hunte...nd23', a", "input_value='…', a"),
            ("hunter22and23", "input_value='hunte…xnd23', a", "input_value='……xnd23', a"),
            // Escapes that are none.
            (
                "hunt",
                r"100% \ \u \ud83d &; &#; &#x110000; %F0%9F + \",
                r"100% \ \u \ud83d &; &#; &#x110000; %F0%9F + \",
            ),
        ] {
            assert_eq!(shown(secret, text), expected, "{secret:?} in {text:?}");
        }
    }

    #[test]
    fn what_is_told_at_first_sight_is_true() {
        for (secret, text, expected) in [
            ("hunter22", "The request is still pending.", true),
            ("hunt", "hunger", true),
            ("h-_.~nter", "hunger", true),
            ("hunter22", "no: HUNTer", false),
            ("hun", "hunger", false),
            // An escape, a control character, another letter that is small in the same way.
            ("hunter22", "%68unter22", false),
            ("hunter22", "h\u{8}unter22", false),
            ("khan", "\u{212a}han", false),
            ("a b", "a  c", false),
            ("%68unter22", "hunter22", false),
            ("", "nothing", false),
        ] {
            assert_eq!(
                is_surely_not_in(text, secret.as_bytes()),
                expected,
                "{secret:?} in {text:?}"
            );
            assert!(!expected || shown(secret, text) == text, "{secret:?} in {text:?}");
        }
    }

    /// Read four times as much of a text: this takes a minute.
    #[test]
    fn what_is_made_to_be_slow_is_not() {
        let secret = Wiped::new(format!("{}c", "ab".repeat(2000)));
        let said = format!("%61+&amp;\\n{}", "ab".repeat(3900));
        assert!(clean_without(&said, &[secret]).chars().count() <= 301);
    }

    /// Hide after [`clean`], and the start of a secret is at the end of what is shown.
    #[test]
    fn no_part_of_a_secret_is_left_where_a_text_is_shortened() {
        for secret in ["hunt", "hunter22", "a-very-long-secret-of-this-client"] {
            for before in 250..310 {
                let said = format!("{} {secret} is wrong", "x".repeat(before));
                assert!(!shown(secret, &said).contains(&secret[..2]), "{secret} after {before}");
            }
        }
        // A text that is too long to be read to its end.
        let said = format!("{}{}", "hunter22 ".repeat(1000), "x".repeat(1 << 20));
        assert!(!shown("hunter22", &said).contains("hunt"));
    }

    #[test]
    fn several_secrets_are_hidden_at_once() {
        let secrets = ["hunt", "hunt-er-22", "er-2"].map(|secret| Wiped::new(secret.into()));
        assert_eq!(clean_without("hunt-er-22 and hunt and er-2", &secrets), "… and … and …");
    }
}
