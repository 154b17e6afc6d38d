//! A login as it travels from one machine to another: one file for each format.

use std::{thread, time::Duration};

use aiod_auth_core::{Kind, RecordKey, Tokens};
use aiod_auth_store::Lock;

use crate::{args::ExportFormat, failure::Failure, settings::Settings};

mod json;

/// What stands in a file.
#[derive(Debug)]
pub(crate) struct Login {
    /// Whose it is, where the format says so.
    pub(crate) key: Option<RecordKey>,
    pub(crate) tokens: Tokens,
}

/// The text of a file. It is a secret.
pub(crate) fn write(
    format: ExportFormat,
    key: &RecordKey,
    tokens: &Tokens,
) -> Result<String, Failure> {
    match format {
        ExportFormat::Json => json::write(key, tokens),
    }
}

/// A login from the text of a file, whichever format that is in. What is wrong is said without any of
/// the text.
pub(crate) fn read(text: &str) -> Result<(ExportFormat, Login), String> {
    if text.trim_start().starts_with('{') {
        return Ok((ExportFormat::Json, json::read(text)?));
    }
    Err("is no login that this version can read".into())
}

/// Waits for the lock of the record, as long as a refresh may take.
pub(crate) fn lock(settings: &Settings) -> Result<Lock, Failure> {
    for _ in 0..LOCK_TRIES {
        if let Some(lock) = settings.store.try_lock(&settings.key())? {
            return Ok(lock);
        }
        thread::sleep(LOCK_PAUSE);
    }
    Err(Failure::new(Kind::Store, "another process holds the lock of the token store")
        .with_hint("wait for it, or end it"))
}

const LOCK_PAUSE: Duration = Duration::from_millis(100);
const LOCK_TRIES: u32 = 500;
