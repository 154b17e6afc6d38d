//! The text of a record's file.
//!
//! ```toml
//! # Kept by aiod-auth. This file is a secret: it logs its reader in.
//! version = 1
//!
//! [tokens]
//! access_token = "…"
//! issued_at = "2026-11-22T17:53:55Z"
//! expires_at = "2026-11-22T17:58:55Z"
//! refresh_token = "…"
//! scope = "openid offline_access"
//!
//! [key]
//! issuer = "https://auth.example.org/"
//! client_id = "my-tool"
//! scope = "openid offline_access"
//! resource = []
//! ```
//!
//! The key comes last, and its last member always stands there: wherever a file was cut off, that
//! is noticed, and a record that lost its refresh token is not taken for one that never had any.

pub(crate) use read::read;
pub use text::{RecordError, RecordText, TokenRecord, parse_record};
pub(crate) use write::write;

use toml_edit::{Document, Item, Table};

use crate::document::{self, Unreadable, damaged};

mod plain;
mod read;
mod text;
mod write;

fn parse(text: &str) -> Result<Document<&str>, Unreadable> {
    let record = document::parse(text)?;
    check_version(&record)?;
    Ok(record)
}

fn check_version(record: &Table) -> Result<(), Unreadable> {
    match record.get("version").and_then(Item::as_integer) {
        Some(VERSION) => Ok(()),
        Some(version) if version > VERSION => Err(Unreadable::Newer(version)),
        _ => Err(damaged("version is missing, or no version")),
    }
}

const VERSION: i64 = 1;

const NEW_RECORD: &str = "\
# Kept by aiod-auth. This file is a secret: it logs its reader in.
version = 1

[tokens]

[key]
";

#[cfg(test)]
mod tests {
    use aiod_auth_core::{
        AccessToken, IdToken, RecordKey, RefreshToken, Refusal, Scope, Timestamp, Tokens,
    };

    use super::*;

    /// What is read and written line by line is what the library reads and writes.
    #[test]
    fn both_ways_are_the_same() {
        for text in ["a", "A.b-c_d~+/=", "x y", "with \" a quote", "a\\b", "é", "a\nb"] {
            for (key, tokens) in
                [(key(text), tokens(text)), (key("a"), few(text)), (key(""), tokens(text))]
            {
                let by_library = write::edit(NEW_RECORD, &key, &tokens).unwrap();
                if let Some(plain) = plain::write(&key, &tokens) {
                    assert_eq!(*plain, *by_library, "{text:?}");
                    assert!(plain::read(&plain).is_some(), "{text:?}");
                }
                for found in [read(&by_library), read::read_any(&by_library)] {
                    let (found_key, found) = found.unwrap();
                    assert_eq!(found_key, key, "{text:?}");
                    let again = write::edit(NEW_RECORD, &key, &found).unwrap();
                    assert_eq!(*again, *by_library, "{text:?}");
                }
            }
        }
        assert!(plain::write(&key("a"), &tokens("a")).is_some());
        assert!(plain::write(&key("a"), &tokens("a\"")).is_none());
    }

    /// By either way of reading: an empty refresh token would be sent.
    #[test]
    fn a_token_that_is_empty_is_none() {
        let mut empty = tokens("a");
        empty.refresh_token = Some(RefreshToken::new(""));
        empty.id_token = Some(IdToken::new(""));
        let text = plain::write(&key("a"), &empty).unwrap();
        for text in [text.as_str(), &format!("# Mine.\n{}", *text)] {
            let found = read(text).unwrap().1;
            assert!(found.access_token.is_some(), "{text}");
            assert!(found.refresh_token.is_none() && found.id_token.is_none(), "{text}");
            let alone = text.replace("access_token = \"a\"\n", "");
            assert!(matches!(read(&alone), Err(Unreadable::Damaged(_))), "{text}");
        }
    }

    #[test]
    fn what_is_not_written_like_this_is_not_read_like_this() {
        let text = plain::write(&key("a"), &tokens("a")).unwrap();
        for (from, to) in [
            ("version = 1", "version = 2"),
            ("[key]", "x = 1\n[key]"),
            ("issuer", "# A note.\nissuer"),
            ("scope = \"a b\"", "scope = \"a b\" # mine"),
            ("client_id = \"a\"", "client_id = \"a\"\nclient_id = \"a\""),
            ("client_id = \"a\"", "client_id = \"\\u0061\""),
            ("resource = [\"a\", \"b\"]", "resource = [\"a\",\"b\"]"),
            ("resource = [\"a\", \"b\"]\n", "resource = [\"a\", \"b\"]\n\n[theirs]\n"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(plain::read(&text.replacen(from, to, 1)).is_none(), "{to}");
        }
        for length in 0..text.len() {
            assert!(plain::read(&text[..length]).is_none(), "{length}");
        }
    }

    fn key(text: &str) -> RecordKey {
        RecordKey {
            issuer: text.into(),
            client_id: text.into(),
            account: Some(text.into()),
            scope: "a b".parse().unwrap(),
            resource: vec![text.into(), "b".into()],
        }
    }

    fn tokens(text: &str) -> Tokens {
        let mut tokens = few(text);
        let at = Timestamp::from_unix_millis(1_795_456_435_000);
        tokens.access_token = AccessToken::new(text).ok();
        tokens.expires_at = Some(at);
        tokens.refresh_expires_at = Some(at);
        tokens.scope = "a b".parse().unwrap();
        tokens.session_scope = Some(Scope::default());
        tokens.id_token = Some(IdToken::new(text));
        tokens.session_ended_at = Some(at);
        tokens.refused = Some(Refusal { at, code: Some(text.into()) });
        tokens.given_sha256 = Some(text.into());
        tokens
    }

    fn few(text: &str) -> Tokens {
        Tokens::from_refresh_token(RefreshToken::new(text), Timestamp::UNIX_EPOCH)
    }
}
