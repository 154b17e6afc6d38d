//! Formats that are folders: a platform's own, as `export` writes it and `import` reads it.

use std::path::Path;

use aiod_auth_core::{Tokens, provider::tiled::Api};
use aiod_auth_store::{PolarsStore, Store, TiledStore};

use super::Login;
use crate::{
    args::{Export, ExportFormat},
    failure::Failure,
    platform::Platform,
    settings::Settings,
};

/// A folder as a platform's own client has it.
struct Folder {
    format: ExportFormat,
    store: Box<dyn Store>,
}

/// That of the login's platform, if its client has one: what `POLARS_CLOUD_CONFIG_DIR` or `TILED_CACHE_DIR` names.
fn open(settings: &Settings, folder: &Path) -> Result<Option<Folder>, Failure> {
    let key = settings.key();
    Ok(match settings.platform() {
        Some(Platform::Polars) => {
            let store = Box::new(PolarsStore::in_folder(key, folder));
            Some(Folder { format: ExportFormat::Polars, store })
        }
        Some(Platform::Tiled) => {
            let api = Api::allowing_insecure_http(&key.issuer)?;
            let store = Box::new(TiledStore::in_folder(key, &api, folder));
            Some(Folder { format: ExportFormat::Tiled, store })
        }
        Some(Platform::Aiod | Platform::Jetraw) | None => None,
    })
}

/// Whether there is no login already, which is looked for unless it may be replaced.
pub(crate) fn write(settings: &Settings, tokens: &Tokens, options: &Export) -> Result<(), Failure> {
    let folder = &options.file;
    let opened = open(settings, folder)?.filter(|opened| opened.format == options.format);
    let Some(Folder { store, .. }) = opened else {
        let is_polars = options.format == ExportFormat::Polars;
        let server = if is_polars { "Polars Cloud" } else { "a Tiled server" };
        let format = options.format.name();
        return Err(Failure::config(format!("the format {format} is for logins at {server}"))
            .with_hint(format!("choose a profile with platform = \"{format}\"")));
    };
    let key = settings.key();
    if !options.force && store.load(&key)?.is_some() {
        return Err(Failure::usage(format!("there is a login in {} already", folder.display()))
            .with_hint("choose another folder, or say --force"));
    }
    Ok(store.save(&key, tokens)?)
}

/// `None` if the login is at a platform whose client keeps no folder.
pub(super) fn read(settings: &Settings, folder: &Path) -> Result<Option<Login>, Failure> {
    let Some(Folder { format, store }) = open(settings, folder)? else { return Ok(None) };
    let none = || Failure::config(format!("{} has no tokens of this server", folder.display()));
    let tokens = store.load(&settings.key())?.ok_or_else(none)?;
    Ok(Some(Login { format, key: None, tokens, is_dated: false }))
}
