//! Where tokens are stored: what `--store` and `store` in config.toml mean.

use std::{path::Path, sync::Arc, time::SystemTime};

use aiod_auth_core::{
    AccessToken, ClientSecret, RecordKey, Tokens,
    provider::{polars::expires_at, tiled::Api},
};
use aiod_auth_store::{AiodFile, FileStore, MemoryStore, PolarsStore, Store, TiledStore};

use crate::{
    config::ProfileConfig, context::Context, failure::Failure, interrupt::Interrupt,
    platform::environment, print::Printer, private_file::is_public_file,
};

use super::{
    guarded_store::GuardedStore,
    store_uri::{Owner, StoreUri},
};

/// A store, guarded against Ctrl-C.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    store: Arc<dyn Store>,
    /// The same store, if it is a file that may hold a client's secret, too.
    aiod: Option<AiodFile>,
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
            ));
        }
        let guard =
            &Guard { interrupt: context.interrupt.clone(), printer: context.printer.clone() };
        let key = key.clone();
        if matches!(uri, StoreUri::Of(Owner::Polars, _)) && config.logs_in_by_itself() {
            return Err(Failure::config(
                "the store `polars` is for a user's login, and this client has a secret",
            )
            .with_hint("leave `store` out, or name another one, or a user's `flow`"));
        }
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
            StoreUri::Of(Owner::Aiod, None) => Self::aiod(AiodFile::in_home(key)?, guard),
            StoreUri::Of(Owner::Aiod, Some(file)) => {
                Self::aiod(AiodFile::new(folder.join(file), key), guard)
            }
            StoreUri::Of(Owner::Polars, None) => {
                Self::shared(PolarsStore::of(key, &environment(PolarsStore::VARIABLES))?, guard)
            }
            StoreUri::Of(Owner::Polars, Some(named)) => {
                Self::shared(PolarsStore::in_folder(key, folder.join(named)), guard)
            }
            StoreUri::Of(Owner::Tiled, None) => {
                let (api, environment) = (tiled_api(&key)?, environment(TiledStore::VARIABLES));
                Self::shared(TiledStore::of(key, &api, &environment)?, guard)
            }
            StoreUri::Of(Owner::Tiled, Some(cache)) => {
                let api = tiled_api(&key)?;
                Self::shared(TiledStore::in_folder(key, &api, folder.join(cache)), guard)
            }
        })
    }

    /// What is used as it is, and came from outside.
    pub(crate) fn given(
        context: &Context,
        token: AccessToken,
        key: &RecordKey,
    ) -> Result<Self, Failure> {
        let mut tokens = Tokens::new(token, SystemTime::now().into());
        tokens.expires_at = tokens.access_token.as_ref().and_then(expires_at);
        let store = MemoryStore::default();
        store.save(key, &tokens)?;
        let guard =
            Guard { interrupt: context.interrupt.clone(), printer: context.printer.clone() };
        Ok(Self::new(store, &guard))
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Stores nothing on disk; a client's secret is still looked for where it was.
    pub(crate) fn without_saving(self) -> Self {
        let store = guarded(MemoryStore::default(), &self.guard);
        Self { store, saves: false, ..self }
    }

    /// The store as a client with this secret uses it: a file that has a place for the secret needs it.
    pub(crate) fn store_for(&self, secret: Option<&ClientSecret>) -> Arc<dyn Store> {
        match (&self.aiod, secret) {
            (Some(file), Some(secret)) if self.saves => {
                guarded(file.clone().with_client_secret(secret.clone()), &self.guard)
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
        self.aiod.as_ref()?.client_secret().ok().flatten()
    }

    /// Whether every user can read what is stored here: what this program writes is private, and another
    /// one may have left it so.
    pub(crate) fn is_public(&self) -> bool {
        self.aiod.as_ref().is_some_and(|file| is_public_file(file.path()))
    }

    /// Whether this is one file for whichever login it is that stands there.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn aiod(file: AiodFile, guard: &Guard) -> Self {
        Self { aiod: Some(file.clone()), is_shared: true, ..Self::new(file, guard) }
    }

    fn shared(store: impl Store + 'static, guard: &Guard) -> Self {
        Self { is_shared: true, ..Self::new(store, guard) }
    }

    fn new(store: impl Store + 'static, guard: &Guard) -> Self {
        let store = guarded(store, guard);
        Self { store, aiod: None, is_shared: false, saves: true, guard: guard.clone() }
    }
}

/// The server of this login, after which its folder is named.
fn tiled_api(key: &RecordKey) -> Result<Api, Failure> {
    let api = Api::allowing_insecure_http(&key.issuer)?;
    match api.as_str() == key.issuer {
        true => Ok(api),
        false => Err(Failure::config("the store `tiled` is for Tiled servers alone")),
    }
}

fn guarded(store: impl Store + 'static, guard: &Guard) -> Arc<dyn Store> {
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
