//! The platform's keyring as a store.

use std::{path::PathBuf, sync::Once};

use aiod_auth_store::{FileStore, KeyringStore, Store, StoreError};

use crate::failure::Failure;

/// The keyring; where there is none, the file, and one warning.
pub(super) fn open(folder: PathBuf) -> Result<Box<dyn Store>, Failure> {
    static WARNED: Once = Once::new();
    match KeyringStore::new(&folder) {
        Ok(store) => Ok(Box::new(store)),
        Err(error @ StoreError::NoKeyring { .. }) => {
            WARNED.call_once(|| {
                log::warn!("{error}, so tokens are stored in {}", folder.display());
            });
            Ok(Box::new(FileStore::new(folder)))
        }
        Err(error) => Err(error.into()),
    }
}
