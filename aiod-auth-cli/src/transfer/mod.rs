//! A login as it travels from one machine to another: one file for each format.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use aiod_auth_core::{ClientSecret, Kind, RecordKey, Tokens};
use aiod_auth_store::Lock;

use crate::{args::ExportFormat, context::Context, failure::Failure, settings::Settings};

mod aiod;
mod json;

/// What stands in a file.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) format: ExportFormat,
    /// Whose it is, where the format says so.
    pub(crate) key: Option<RecordKey>,
    pub(crate) tokens: Tokens,
}

/// What a file says, and where it is from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) written_at: SystemTime,
    /// For people.
    pub(crate) name: String,
}

/// The text of a file. It is a secret.
pub(crate) fn write(
    context: &Context,
    format: ExportFormat,
    key: &RecordKey,
    tokens: &Tokens,
    secret: impl FnOnce() -> Result<Option<ClientSecret>, Failure>,
) -> Result<String, Failure> {
    match format {
        ExportFormat::Json => json::write(key, tokens),
        ExportFormat::Aiod => aiod::write(context, key, tokens, secret()?),
    }
}

/// A login from a file, whichever format that is in. What is wrong is said without any of the text.
pub(crate) fn read(context: &Context, key: &RecordKey, source: &Source) -> Result<Login, Failure> {
    let text = &source.text;
    let login = if text.trim_start().starts_with('{') {
        json::read(text)
    } else if aiod::is_one(text) {
        return aiod::read(context, key, source);
    } else {
        Err("is no login that this version can read".into())
    };
    login.map_err(|problem| Failure::config(format!("{} {problem}", source.name)))
}

/// Waits for the lock of the record, as long as a refresh may take.
pub(crate) fn lock(settings: &Settings) -> Result<Lock, Failure> {
    for _ in 0..LOCK_TRIES {
        if let Some(lock) = settings.store().try_lock(&settings.key())? {
            return Ok(lock);
        }
        thread::sleep(LOCK_PAUSE);
    }
    Err(Failure::new(Kind::Store, "another process holds the lock of the token store")
        .with_hint("wait for it, or end it"))
}

const LOCK_PAUSE: Duration = Duration::from_millis(100);
const LOCK_TRIES: u32 = 500;
