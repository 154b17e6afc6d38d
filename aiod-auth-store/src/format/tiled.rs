//! Where the Tiled client keeps its tokens: `tokens/<the API's address, quoted>/` in its cache folder, with
//! one file for each token, which is just the text.
//!
//! Observed with `tiled` 0.2.20:
//! - The address is that of `Context.api_uri`, with a slash at its end, quoted as Python's
//!   `urllib.parse.quote_plus` does it.
//! - The cache folder is `$TILED_CACHE_DIR`, else `platformdirs.user_cache_dir("tiled")`:
//!   `$XDG_CACHE_HOME/tiled`, or `~/.cache/tiled`.
//! - The files are made with mode 0600, then written in place: first `refresh_token`, then `access_token`,
//!   then `id_token`, if there is one. They are read whole: a line break at the end would be sent.
//! - An access token that the server refuses is deleted; so is a refresh token, when the session is over. The ID
//!   token stays; ours goes with them.
//! - Folders inside that folder are deleted when it starts: nothing of ours may be one.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// The folder of one server's tokens.
pub(crate) fn folder(cache: &Path, api: &str) -> PathBuf {
    cache.join("tokens").join(quote_plus(api))
}

/// The three texts, in the order in which they are written.
pub(crate) const FILES: [&str; 3] = ["refresh_token", "access_token", "id_token"];

/// Python's: letters, digits and `_.-~` stay, a space is `+`.
fn quote_plus(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b' ' => quoted.push('+'),
            b'_' | b'.' | b'-' | b'~' => quoted.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => quoted.push(char::from(byte)),
            // To a String, this never fails.
            _ => drop(write!(quoted, "%{byte:02X}")),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python 3.11 has it.
    #[test]
    fn the_folder_is_named_after_the_address() {
        for (api, name) in [
            ("http://127.0.0.1:8480/api/v1/", "http%3A%2F%2F127.0.0.1%3A8480%2Fapi%2Fv1%2F"),
            ("http://[::1]:8000/api/v1/", "http%3A%2F%2F%5B%3A%3A1%5D%3A8000%2Fapi%2Fv1%2F"),
            ("https://x.org/a~b/", "https%3A%2F%2Fx.org%2Fa~b%2F"),
            ("https://x.org/a*b+c/", "https%3A%2F%2Fx.org%2Fa%2Ab%2Bc%2F"),
            ("https://x.org/%C3%A4/", "https%3A%2F%2Fx.org%2F%25C3%25A4%2F"),
        ] {
            assert_eq!(folder(Path::new("/c"), api), Path::new("/c/tokens").join(name));
        }
    }
}
