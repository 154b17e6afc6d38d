//! `--format aiod`: the file of AI-on-Demand's Python client.
//!
//! The store that keeps such a file writes and reads it: here, in a folder of its own for a moment, so
//! that it finds nothing there to be careful with, and a pipe will do.

use std::{
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

use aiod_auth_core::{ClientSecret, RecordKey, Tokens};
use aiod_auth_store::{AiodFile, Store, StoreError};

use super::{Login, Source};
use crate::{
    args::ExportFormat, context::Context, failure::Failure, interrupt::HeldOff, private_file,
};

pub(super) fn write(
    context: &Context,
    key: &RecordKey,
    tokens: &Tokens,
    secret: Option<ClientSecret>,
) -> Result<String, Failure> {
    let scratch = Scratch::new(context)?;
    let mut file = AiodFile::new(scratch.file(), key.clone());
    if let Some(secret) = secret {
        file = file.with_client_secret(secret);
    }
    match file.save(key, tokens) {
        Err(StoreError::CannotHold { why, .. }) => {
            Err(Failure::config(format!("the format aiod can't hold this login: {why}")))
        }
        saved => Ok(saved?),
    }?;
    fs::read_to_string(scratch.file()).map_err(|error| unusable(&error))
}

/// Whether it looks like one. A person's is TOML and may have comments before all else.
pub(super) fn is_one(text: &str) -> bool {
    let members = ["refresh_token", "client_secret", "access_token"];
    let names_one = |line: &str| {
        let rest = members.into_iter().find_map(|member| line.trim_start().strip_prefix(member));
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().any(names_one) || text.trim_start().starts_with("[aiod_auth]")
}

pub(super) fn read(context: &Context, key: &RecordKey, source: &Source) -> Result<Login, Failure> {
    let name = &source.name;
    let scratch = Scratch::new(context)?;
    scratch.write(&source.text, source.written_at).map_err(|error| unusable(&error))?;
    let file = AiodFile::new(scratch.file(), key.clone());
    let explained = |error: StoreError| explain(error, name);
    if file.client_secret().map_err(explained)?.is_some() {
        return Err(Failure::config(format!("{name} has a client's secret, which is no login"))
            .with_hint("say --client-secret-file with it, for `aiod-auth profile set`"));
    }
    let tokens = file.load(key).map_err(explained)?;
    let tokens = tokens.ok_or_else(|| Failure::config(format!("{name} has no tokens")))?;
    Ok(Login { format: ExportFormat::Aiod, key: None, tokens })
}

fn explain(error: StoreError, name: &str) -> Failure {
    if let StoreError::Damaged { what, .. } = &error {
        return Failure::config(format!("{name} is damaged: {what}"));
    }
    if let StoreError::OtherKey { .. } = &error {
        return Failure::config(format!("{name} has a login with another issuer or client_id"))
            .with_hint("choose the profile that it is for");
    }
    error.into()
}

/// A private folder, which is gone when this is dropped.
struct Scratch {
    folder: PathBuf,
    _held_off: HeldOff,
}

impl Scratch {
    fn new(context: &Context) -> Result<Self, Failure> {
        let config = context.config_folder()?;
        let held_off = context.interrupt.hold_off();
        let folder = config.join(scratch_name());
        make_private(&config, true)
            .and_then(|()| make_private(&folder, false))
            .map_err(|error| unusable(&error))?;
        Ok(Self { folder, _held_off: held_off })
    }

    fn file(&self) -> PathBuf {
        self.folder.join("token.toml")
    }

    fn write(&self, text: &str, written_at: SystemTime) -> io::Result<()> {
        private_file::create(&self.file(), text.as_bytes())?;
        File::options().write(true).open(self.file())?.set_modified(written_at)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            log::warn!("cannot remove {}: {error}", self.folder.display());
        }
    }
}

/// One that nothing that was killed has left behind.
fn scratch_name() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!(".transfer-{}-{}", process::id(), now.as_nanos())
}

fn make_private(folder: &Path, recursive: bool) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(recursive).create(folder)
}

fn unusable(error: &io::Error) -> Failure {
    Failure::config(format!("cannot use the configuration folder: {error}"))
}
