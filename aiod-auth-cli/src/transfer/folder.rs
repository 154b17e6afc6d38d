//! Formats that are folders: a platform's own, as `export` writes it and `import` reads it.

use std::path::Path;

use aiod_auth_core::{RecordKey, Tokens, provider::tiled::Api};
use aiod_auth_store::{Store, TiledStore};

use super::Login;
use crate::{args::ExportFormat, failure::Failure};

/// Whether this is a login at a Tiled server.
pub(super) fn is_for(key: &RecordKey) -> bool {
    Api::allowing_insecure_http(&key.issuer).is_ok_and(|api| api.as_str() == key.issuer)
}

/// `--format tiled`: what `TILED_CACHE_DIR` names.
fn tiled(key: &RecordKey, folder: &Path) -> Result<TiledStore, Failure> {
    let api = Api::allowing_insecure_http(&key.issuer)?;
    if !is_for(key) {
        return Err(Failure::config("the format tiled is for logins at a Tiled server"));
    }
    Ok(TiledStore::in_folder(key.clone(), &api, folder))
}

/// Whether there is no login already, which is looked for unless it may be replaced.
pub(crate) fn write(
    key: &RecordKey,
    tokens: &Tokens,
    folder: &Path,
    force: bool,
) -> Result<(), Failure> {
    let store = tiled(key, folder)?;
    if !force && store.load(key)?.is_some() {
        return Err(Failure::usage(format!("there is a login in {} already", folder.display()))
            .with_hint("choose another folder, or say --force"));
    }
    Ok(store.save(key, tokens)?)
}

pub(super) fn read(key: &RecordKey, folder: &Path) -> Result<Login, Failure> {
    let none = || Failure::config(format!("{} has no tokens of this server", folder.display()));
    let tokens = tiled(key, folder)?.load(key)?.ok_or_else(none)?;
    Ok(Login { format: ExportFormat::Tiled, key: None, tokens, is_dated: false })
}
