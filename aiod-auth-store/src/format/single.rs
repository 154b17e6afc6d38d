//! A file that is one token and nothing else.

use crate::document::{Unreadable, damaged};

/// The token, without the white space around it and the mark before it, which an editor may have left. `None`: it
/// is empty.
pub(crate) fn read(text: &str) -> Result<Option<&str>, Unreadable> {
    let token = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    match token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Some(token).filter(|token| !token.is_empty())),
        // Two tokens, or no text file at all.
        false => Err(damaged("it is not one token")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_or_none() {
        for (text, token) in [
            ("abc", Some("abc")),
            ("abc\n", Some("abc")),
            ("\u{feff}abc\r\n", Some("abc")),
            ("", None),
            (" \n", None),
        ] {
            assert_eq!(read(text).ok(), Some(token), "{text:?}");
        }
        for text in ["a b", "a\nb", "é", "\u{0}"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
