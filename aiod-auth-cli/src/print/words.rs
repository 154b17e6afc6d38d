//! Text that a terminal can be shown.

use std::ops::Range;

/// Escapes what a terminal would obey, or what changes the direction of a line or hides itself in it:
/// outside of strings JSON has no such characters, so what it says stays the same.
pub(super) fn escaped_json(json: String) -> String {
    if !json.contains(is_unsafe) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unsafe(character) {
            // JSON escapes UTF-16 (RFC 8259 §7).
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Addresses without their user information, which may be a password (RFC 3986 §3.2.1), and without a secret among
/// their parameters: `pass`, as Redis has it, `api_key`, as Tiled has it.
pub(crate) fn without_users(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '`' | '<' | '>');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(is_end).unwrap_or(after.len());
        let start = user_length(&after[..end]);
        rest = &after[start..];
        let mut left = end - start;
        while let Some(secret) = secret(&rest[..left]) {
            shown.push_str(&rest[..secret.start]);
            (rest, left) = (&rest[secret.end..], left - secret.end);
        }
    }
    shown + rest
}

/// Up to which `@` an address is user information. A colon that no port follows comes before a password; that may
/// have a `/` in it, or an `@`.
fn user_length(address: &str) -> usize {
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit(']').next().and_then(|host| Some(host.split_once(':')?.1));
    let is_port = port.unwrap_or_default().bytes().all(|byte| byte.is_ascii_digit());
    match address.rfind('@') {
        Some(at) if authority.contains('@') || !is_port => at + 1,
        _ => 0,
    }
}

/// The first one that isn't empty.
fn secret(address: &str) -> Option<Range<usize>> {
    let address = address.to_ascii_lowercase();
    let ends_with_name = |before: &str| {
        let before = SECRETS.iter().find_map(|name| before.strip_suffix(name));
        before.is_some_and(|before| before.ends_with(['?', '&']))
    };
    address.match_indices('=').find_map(|(at, _)| {
        let (start, length) = (at + 1, address[at + 1..].find(['&', '#']));
        let length = length.unwrap_or(address.len() - start);
        (length > 0 && ends_with_name(&address[..at])).then_some(start..start + length)
    })
}

const SECRETS: [&str; 5] = ["pass", "api_key", "apikey", "access_token", "client_secret"];

/// Cuts words that are longer than this: an address may be as long as a server or a file makes it.
pub(crate) fn shortened(text: &str, length_max: usize) -> String {
    let mut words = text.split(' ').map(|word| match word.char_indices().nth(length_max) {
        Some((end, _)) => format!("{}...", &word[..end]),
        None => word.to_owned(),
    });
    let first = words.next().unwrap_or_default();
    words.fold(first, |line, word| line + " " + &word)
}

/// What a message has room for.
pub(crate) const WORD_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_and_controls_no_terminal() {
        let nasty = "a\u{9b}2J\u{202e}\u{7f}\u{e0041}é";
        let json = escaped_json(serde_json::to_string(nasty).unwrap());
        assert!(!json.contains(is_unsafe), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), nasty);
        assert_eq!(escaped_json("{\"a\":\"é\"}".into()), "{\"a\":\"é\"}");
    }

    #[test]
    fn addresses_are_shown_without_their_user_information() {
        for (text, shown) in [
            ("", ""),
            ("store = \"redis://u:canary@h/0\" # mine", "store = \"redis://h/0\" # mine"),
            ("redis://:canary@[::1]:6379", "redis://[::1]:6379"),
            ("`https://canary@a/b`, not `https://c`", "`https://a/b`, not `https://c`"),
            ("https://u:c@n@ry@a and http://u:canary@b?c", "https://a and http://b?c"),
            ("redis://u:can/ary@h/0", "redis://h/0"),
            (
                "redis+unix:///run/x?user=a&pass=canary&db=1",
                "redis+unix:///run/x?user=a&pass=&db=1",
            ),
            ("redis+unix:///run/x?pass=canary", "redis+unix:///run/x?pass="),
            ("https://a/?to=https://u:canary@b", "https://a/?to=https://b"),
            (
                "api = \"https://a/?x=1&API_KEY=canary#f\"\n",
                "api = \"https://a/?x=1&API_KEY=#f\"\n",
            ),
            ("https://a/?api_key=canary&apikey=canary b", "https://a/?api_key=&apikey= b"),
            (
                "https://a/t?client_secret=&access_token=canary",
                "https://a/t?client_secret=&access_token=",
            ),
        ] {
            assert_eq!(without_users(text), shown, "{text}");
        }
        for text in [
            "https://as.example/@me?login_hint=a@b.example",
            "alice@as.example at http://[::1]:80/a@b, http://127.0.0.1:80/@",
            "https://a.example:8443: refused by x@y",
            "://",
        ] {
            assert_eq!(without_users(text), text);
        }
    }

    #[test]
    fn a_long_address_is_cut_and_the_rest_stays() {
        let long = format!("https://as.example/{}", "é".repeat(1000));
        let text = shortened(&format!("cannot reach {long} now  or later"), WORD_MAX);
        assert!(text.starts_with("cannot reach https://as.example/é"), "{text}");
        assert!(text.ends_with("é... now  or later") && text.chars().count() < 350, "{text}");
    }
}
