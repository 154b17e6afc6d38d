//! Which Redis, and how.

use std::{fmt, time::Duration};

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
#[cfg(feature = "redis-tls")]
use rustls::crypto::CryptoProvider;

use super::records::Records;
use crate::{LOCK_HELD_MAX, SealingKey, StoreError};

/// Which Redis, and how it is used.
#[derive(Clone)]
pub struct RedisOptions {
    info: ConnectionInfo,
    place: String,
    prefix: String,
    sealing: Option<SealingKey>,
    lease: Duration,
    patience: Duration,
}

impl RedisOptions {
    /// A Redis by its address: `redis://HOST[:PORT][/DATABASE]`, with `USER@` before the host where Redis has
    /// users; `redis+unix:///PATH`; with the feature `redis-tls`, `rediss://…`, on the provider that the program
    /// has installed: `rustls::crypto::CryptoProvider::install_default`.
    ///
    /// # Errors
    /// [`StoreError::Other`] for what is no such address, for one that has a password in it (addresses are
    /// shown), and for `rediss://` without a provider.
    pub fn new(address: &str) -> Result<Self, StoreError> {
        let info = address.into_connection_info();
        // The library's words may quote the address, and so a password.
        let info = info.map_err(|_| StoreError::Other(NO_ADDRESS.into()))?;
        if info.redis_settings().password().is_some() {
            return Err(StoreError::Other(HAS_PASSWORD.into()));
        }
        let place = match info.addr() {
            ConnectionAddr::Unix(path) => format!("redis+unix://{}", path.display()),
            #[cfg(feature = "redis-tls")]
            // Without one, rustls panics when it connects.
            ConnectionAddr::TcpTls { .. } if CryptoProvider::get_default().is_none() => {
                return Err(StoreError::Other(NO_PROVIDER.into()));
            }
            ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}"),
            ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}"),
            _ => return Err(StoreError::Other(NO_ADDRESS.into())),
        };
        let place = format!("{place}/{}", info.redis_settings().db());
        Ok(Self {
            info,
            place,
            prefix: "aiod-auth:".into(),
            sealing: None,
            lease: LOCK_HELD_MAX,
            patience: Duration::from_secs(5),
        })
    }

    /// The password that Redis asks for.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        let settings = self.info.redis_settings().clone().set_password(password);
        self.info = self.info.set_redis_settings(settings);
        self
    }

    /// Seals what is kept. All that share the records need the same key.
    #[must_use]
    pub fn with_sealing_key(mut self, key: SealingKey) -> Self {
        self.sealing = Some(key);
        self
    }

    /// What the names of all keys begin with. The default is `aiod-auth:`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// After what time the lock of a process that died is free. The default is [`LOCK_HELD_MAX`]: with a shorter
    /// one, two processes may refresh at once.
    #[must_use]
    pub const fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// For how long a Redis that doesn't answer is asked again, for each operation. The default is 5 s.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(super) fn open(self) -> Result<(Client, Records), StoreError> {
        let client = Client::open(self.info);
        let client = client.map_err(|_| StoreError::Other(NO_ADDRESS.into()))?;
        let records =
            Records::new(self.place, self.prefix, self.sealing, self.lease, self.patience);
        Ok((client, records))
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions").field("place", &self.place).finish_non_exhaustive()
    }
}

const NO_ADDRESS: &str = "the store's address has to be redis://HOST[:PORT][/DATABASE]";
#[cfg(feature = "redis-tls")]
const NO_PROVIDER: &str = "rediss:// needs rustls' provider: the program installs one at its start, with \
     rustls::crypto::CryptoProvider::install_default";
const HAS_PASSWORD: &str =
    "the store's address has a password in it, which addresses must not have";
