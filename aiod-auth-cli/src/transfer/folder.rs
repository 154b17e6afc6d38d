//! Formats that are folders: a platform's own, as `export` writes it and `import` reads it.

use std::path::Path;

use aiod_auth_core::Tokens;
use aiod_auth_store::Store;
use clap::ValueEnum as _;

use super::Login;
use crate::{
    args::{Export, ExportFormat},
    failure::Failure,
    platform::{OwnStore, Platform},
    settings::Settings,
};

/// That of this platform's client, if it has one.
fn open(
    settings: &Settings,
    platform: Platform,
    folder: &Path,
) -> Result<Option<Box<dyn Store>>, Failure> {
    if !platform.has_store() {
        return Ok(None);
    }
    match platform.open_store(&settings.key(), Some(folder.into()), Some(platform), false)? {
        OwnStore::Folder(store) => Ok(Some(store)),
        OwnStore::File(_) => Ok(None),
    }
}

/// Whether there is no login already, which is looked for unless it may be replaced.
pub(crate) fn write(settings: &Settings, tokens: &Tokens, options: &Export) -> Result<(), Failure> {
    let (folder, format) = (&options.file, options.format.name());
    let platform = settings.platform().filter(|platform| platform.name() == format);
    let store = platform.map(|platform| open(settings, platform, folder)).transpose()?.flatten();
    let store = store.ok_or_else(|| {
        Failure::config(format!("the format {format} is for logins at that platform"))
            .with_hint(format!("choose a profile with platform = \"{format}\""))
    })?;
    let key = settings.key();
    if !options.force && store.load(&key)?.is_some() {
        return Err(Failure::usage(format!("there is a login in {} already", folder.display()))
            .with_hint("choose another folder, or say --force"));
    }
    Ok(store.save(&key, tokens)?)
}

/// `None` if the login is at a platform whose client keeps no folder.
pub(super) fn read(settings: &Settings, folder: &Path) -> Result<Option<Login>, Failure> {
    let Some(platform) = settings.platform() else { return Ok(None) };
    let Some(store) = open(settings, platform, folder)? else { return Ok(None) };
    let Ok(format) = ExportFormat::from_str(platform.name(), false) else { return Ok(None) };
    let none = || Failure::config(format!("{} has no tokens of this server", folder.display()));
    let tokens = store.load(&settings.key())?.ok_or_else(none)?;
    Ok(Some(Login { format, key: None, tokens, is_dated: false }))
}
