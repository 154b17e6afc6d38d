//! Where tokens are stored: what `--store` and `store` in config.toml mean.

use std::{path::Path, sync::Arc};

use aiod_auth_core::{ClientSecret, RecordKey, Tokens};
use aiod_auth_store::{AiodFile, FileStore, MemoryStore, Store};

use crate::{
    config::ProfileConfig, context::Context, failure::Failure, interrupt::Interrupt,
    platform::OwnStore, print::Printer, private_file::is_public_file,
};

use super::{guarded_store::GuardedStore, store_uri::StoreUri};

/// A store, guarded against Ctrl-C.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    store: Arc<dyn Store>,
    /// The same store, if it is a file that may hold a client's secret, too.
    file: Option<AiodFile>,
    /// It holds one login, whichever that is, as a platform's own client keeps it.
    is_shared: bool,
    saves: bool,
    guard: Guard,
}

/// What stands between a store and the command.
#[derive(Clone, Debug)]
struct Guard {
    interrupt: Interrupt,
    printer: Printer,
}

impl Place {
    /// A file's name in the URI starts from this folder.
    pub(crate) fn open(
        context: &Context,
        uri: &str,
        folder: &Path,
        key: &RecordKey,
        config: &ProfileConfig,
    ) -> Result<Self, Failure> {
        let uri = StoreUri::parse(uri)?;
        if config.store_key_file.is_some() && !is_redis(uri) {
            return Err(Failure::config(
                "store_key_file works with a store in Redis, and with no other",
            )
            .with_hint("take it out, or set store = \"redis://HOST\""));
        }
        let guard =
            &Guard { interrupt: context.interrupt.clone(), printer: context.printer.clone() };
        Ok(match uri {
            StoreUri::File => {
                Self::new(FileStore::new(context.config_folder()?.join("tokens")), guard)
            }
            StoreUri::Memory => Self { saves: false, ..Self::new(MemoryStore::default(), guard) },
            #[cfg(feature = "keyring")]
            StoreUri::Keyring => {
                Self::new(super::keyring::open(context.config_folder()?.join("tokens"))?, guard)
            }
            #[cfg(feature = "redis")]
            StoreUri::Redis(address) => Self::new(super::redis::open(address, config)?, guard),
            StoreUri::Of(platform, named) => {
                let named = named.map(|named| folder.join(named));
                let (of, is_for_bots) = (config.platform, config.logs_in_by_itself());
                Self::own(platform.open_store(key, named, of, is_for_bots)?, guard)
            }
        })
    }

    /// What is used as it is, and came from outside.
    pub(crate) fn given(
        context: &Context,
        tokens: &Tokens,
        key: &RecordKey,
    ) -> Result<Self, Failure> {
        let store = MemoryStore::default();
        store.save(key, tokens)?;
        let guard =
            Guard { interrupt: context.interrupt.clone(), printer: context.printer.clone() };
        Ok(Self::new(store, &guard))
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Stores nothing on disk; a client's secret is still looked for where it was.
    pub(crate) fn without_saving(self) -> Self {
        let store = guarded(Box::new(MemoryStore::default()), &self.guard);
        Self { store, saves: false, ..self }
    }

    /// The store as a client with this secret uses it: a file that has a place for the secret needs it.
    pub(crate) fn store_for(&self, secret: Option<&ClientSecret>) -> Arc<dyn Store> {
        match (&self.file, secret) {
            (Some(file), Some(secret)) if self.saves => {
                let file = file.clone().with_client_secret(secret.clone());
                guarded(Box::new(file), &self.guard)
            }
            _ => Arc::clone(&self.store),
        }
    }

    /// Whether what is stored here is there for the next command.
    pub(crate) const fn saves(&self) -> bool {
        self.saves
    }

    /// The client's secret that is stored here. A file that can't be read has none: what uses it says why.
    pub(crate) fn client_secret(&self) -> Option<ClientSecret> {
        self.file.as_ref()?.client_secret().ok().flatten()
    }

    /// Whether every user can read what is stored here: what this program writes is private, and another
    /// one may have left it so.
    pub(crate) fn is_public(&self) -> bool {
        self.file.as_ref().is_some_and(|file| is_public_file(file.path()))
    }

    /// Whether this is one file for whichever login it is that stands there.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn own(store: OwnStore, guard: &Guard) -> Self {
        match store {
            OwnStore::File(file) => {
                Self { file: Some(file.clone()), is_shared: true, ..Self::new(file, guard) }
            }
            OwnStore::Folder(store) => Self { is_shared: true, ..Self::boxed(store, guard) },
        }
    }

    fn new(store: impl Store + 'static, guard: &Guard) -> Self {
        Self::boxed(Box::new(store), guard)
    }

    fn boxed(store: Box<dyn Store>, guard: &Guard) -> Self {
        let store = guarded(store, guard);
        Self { store, file: None, is_shared: false, saves: true, guard: guard.clone() }
    }
}

fn guarded(store: Box<dyn Store>, guard: &Guard) -> Arc<dyn Store> {
    Arc::new(GuardedStore::new(store, &guard.interrupt, &guard.printer))
}

#[cfg(feature = "redis")]
const fn is_redis(uri: StoreUri<'_>) -> bool {
    matches!(uri, StoreUri::Redis(_))
}

#[cfg(not(feature = "redis"))]
const fn is_redis(_: StoreUri<'_>) -> bool {
    false
}
