//! Where tokens are stored: what `--store` and `store` in config.toml mean.

use std::{path::Path, sync::Arc, time::SystemTime};

use aiod_auth_core::{
    AccessToken, ClientSecret, Kind, RecordKey, Tokens,
    provider::{polars::expires_at, tiled::Api},
};
use aiod_auth_store::{
    AiodFile, FileStore, MemoryStore, PolarsStore, Store, StoreError, TiledStore,
};

use crate::{
    config::ProfileConfig, context::Context, failure::Failure, interrupt::Interrupt,
    platform::environment, print::Printer, private_file::is_public_file,
};

use super::guarded_store::GuardedStore;

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
        if config.store_key_file.is_some() && !uri.starts_with("redis") {
            return Err(Failure::config(
                "store_key_file works with a store in Redis, and with no other",
            ));
        }
        let guard =
            &Guard { interrupt: context.interrupt.clone(), printer: context.printer.clone() };
        match uri {
            "file" => {
                let store = FileStore::new(context.config_folder()?.join("tokens"));
                Ok(Self::new(store, guard))
            }
            #[cfg(feature = "keyring")]
            "keyring" => {
                let store = super::keyring::open(context.config_folder()?.join("tokens"))?;
                Ok(Self::new(store, guard))
            }
            #[cfg(feature = "redis")]
            uri if uri.starts_with("redis:") || uri.starts_with("redis+unix:") => {
                Ok(Self::new(super::redis::open(uri, config)?, guard))
            }
            "memory" => Ok(Self::new(MemoryStore::default(), guard)),
            "polars" => {
                let store = PolarsStore::of(key.clone(), &environment(PolarsStore::VARIABLES));
                let store = store.map_err(|error| {
                    let is_of_environment = matches!(error, StoreError::CannotHold { .. });
                    let mut failure = Failure::from(error);
                    if is_of_environment {
                        failure.kind = Kind::Config;
                    }
                    failure
                })?;
                Ok(Self::shared(store, guard))
            }
            "tiled" => Ok(Self::shared(
                TiledStore::of(key.clone(), &tiled_api(key)?, &environment(TiledStore::VARIABLES))?,
                guard,
            )),
            uri if uri.starts_with("tiled:") && uri != "tiled:" => {
                let cache = folder.join(uri.trim_start_matches("tiled:"));
                let store = TiledStore::in_folder(key.clone(), &tiled_api(key)?, cache);
                Ok(Self::shared(store, guard))
            }
            "aiod" => Ok(Self::aiod(AiodFile::in_home(key.clone())?, guard)),
            uri if uri.starts_with("polars:") && uri != "polars:" => {
                let named = folder.join(uri.trim_start_matches("polars:"));
                Ok(Self::shared(PolarsStore::in_folder(key.clone(), named), guard))
            }
            uri => match uri.strip_prefix("aiod:") {
                Some("") => Err(Failure::config("the store `aiod:` has no file name")),
                Some(file) => Ok(Self::aiod(AiodFile::new(folder.join(file), key.clone()), guard)),
                None => Err(no_such_store(uri)),
            },
        }
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

fn no_such_store(uri: &str) -> Failure {
    let known = ["keyring", "redis", "redis+unix", "rediss"];
    let scheme = uri.split(':').next().unwrap_or_default();
    // The rest of the address may have a password in it.
    if known.contains(&scheme) {
        Failure::config(format!("the store `{scheme}` is not in this version"))
    } else {
        Failure::config("there is no such store").with_hint(
            "use file, keyring, redis://HOST, memory, aiod:FILE, polars:DIR or tiled:DIR",
        )
    }
}
