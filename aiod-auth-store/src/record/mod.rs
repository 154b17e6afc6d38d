//! The text of a record's file.
//!
//! ```toml
//! # Kept by aiod-auth. Whoever can read this file is logged in with it.
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
pub(crate) use write::write;

use toml_edit::{Document, Item, Table};

use crate::document::{self, Unreadable, damaged};

mod read;
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
