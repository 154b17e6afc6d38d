//! Text that a terminal can be shown.

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
    fn a_long_address_is_cut_and_the_rest_stays() {
        let long = format!("https://as.example/{}", "é".repeat(1000));
        let text = shortened(&format!("cannot reach {long} now  or later"), WORD_MAX);
        assert!(text.starts_with("cannot reach https://as.example/é"), "{text}");
        assert!(text.ends_with("é... now  or later") && text.chars().count() < 350, "{text}");
    }
}
