//! Redis as a store.

use std::{env, path::Path};

use aiod_auth_store::{RedisOptions, RedisStore, SealingKey};

use super::REDIS_PASSWORD_VARIABLE;
use crate::{
    config::ProfileConfig,
    failure::Failure,
    private_file::{OwnFile, unreadable},
};

/// Redis, by its address. The password comes from elsewhere: addresses are shown.
pub(super) fn open(address: &str, config: &ProfileConfig) -> Result<RedisStore, Failure> {
    let options = RedisOptions::new(address).map_err(|error| {
        Failure::config(error.to_string()).with_hint(format!(
            "the password goes into {REDIS_PASSWORD_VARIABLE} or the file that redis_password_file names"
        ))
    })?;
    let options = match password(config)? {
        Some(password) => options.with_password(&password),
        None => options,
    };
    let options = match &config.store_key_file {
        Some(file) => options.with_sealing_key(sealing_key(file)?),
        None => options,
    };
    RedisStore::new(options).map_err(|error| {
        Failure::config(error.to_string()).with_hint("correct the store's address")
    })
}

fn password(config: &ProfileConfig) -> Result<Option<String>, Failure> {
    if let Some(password) = env::var(REDIS_PASSWORD_VARIABLE).ok().filter(|it| !it.is_empty()) {
        return Ok(Some(password));
    }
    let Some(file) = &config.redis_password_file else { return Ok(None) };
    let mut text = secret_file(file, "Redis' password")?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(Some(text))
}

fn sealing_key(file: &Path) -> Result<SealingKey, Failure> {
    let text = secret_file(file, "the store's key")?;
    SealingKey::from_base64(&text).map_err(|error| {
        Failure::config(format!("{}: {error}", file.display()))
            .with_hint("make one with `openssl rand -base64 32`")
    })
}

fn secret_file(file: &Path, what: &str) -> Result<String, Failure> {
    let shown = file.display();
    let read =
        OwnFile::read(file).map_err(|error| unreadable(&format!("{what} in "), file, &error))?;
    if read.is_public {
        log::warn!("every user of this machine can read {what} in {shown}");
    }
    Ok(read.text)
}
