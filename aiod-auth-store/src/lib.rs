//! Where tokens live between one run and the next.
//!
//! A [`Store`] keeps one record of tokens per login, found by its
//! [`RecordKey`](aiod_auth_core::RecordKey). [`MemoryStore`] forgets them when the program ends;
#![cfg_attr(
    feature = "toml",
    doc = "[`FileStore`] keeps them in private files, [`AiodFile`] where AI-on-Demand's Python client does."
)]
#![cfg_attr(not(feature = "toml"), doc = "`FileStore` (feature `toml`) keeps them in files.")]
//! Any other place is a store too, if it passes the suite in `contract_tests` (the feature
//! `contract-tests`).
//!
//! ```
//! use aiod_auth_core::{AccessToken, Profile, Timestamp, Tokens};
//! use aiod_auth_store::{MemoryStore, Store};
//!
//! let key = Profile::new("https://auth.example.org", "my-tool")?.key();
//! let store = MemoryStore::default();
//! assert!(store.load(&key)?.is_none());
//!
//! store.save(&key, &Tokens::new(AccessToken::new("secret")?, Timestamp::UNIX_EPOCH))?;
//! assert_eq!(store.load(&key)?.unwrap().access_token()?.expose(), "secret");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A store decides nothing. When to read, to lock, to save: all that is up to the sessions of
//! `aiod-auth-core`. They ask for one operation at a time, and [`perform`] does it.
//!
//! # Features
//! - `toml` (default): `FileStore`, `AiodFile` and `AiodConfig`.
//! - `contract-tests`: the suite.

#[cfg(feature = "toml")]
pub use aiod::{AiodConfig, AiodFile, AiodLogin};
pub use async_store::{AsyncStore, StoreFuture, perform_async};
#[cfg(feature = "toml")]
pub use client_secret::{ReadClientSecret, with_secret_of};
pub use error::StoreError;
#[cfg(feature = "toml")]
pub use file::{FileStore, default_config_folder, make_private_folder};
#[cfg(feature = "keyring")]
pub use keyring::KeyringStore;
pub use listed::Listed;
pub use login_to::LoginTo;
pub use memory::MemoryStore;
#[cfg(feature = "toml")]
pub use polars::PolarsStore;
#[cfg(feature = "toml")]
pub use record::{RecordError, RecordText, TokenRecord, parse_record};
#[cfg(feature = "redis")]
pub use redis::{AsyncRedisStore, RedisOptions, RedisStore};
#[cfg(feature = "seal")]
pub use seal::{SealError, SealingKey, is_sealed};
pub use store::{LOCK_HELD_MAX, Lock, Store, perform};
#[cfg(feature = "toml")]
pub use tiled::TiledStore;

#[cfg(feature = "toml")]
mod aiod;
mod async_store;
#[cfg(feature = "toml")]
mod client_secret;
#[cfg(feature = "contract-tests")]
pub mod contract_tests;
#[cfg(feature = "toml")]
mod document;
mod error;
#[cfg(feature = "toml")]
mod file;
#[cfg(feature = "toml")]
mod format;
#[cfg(feature = "toml")]
mod jetraw;
#[cfg(feature = "keyring")]
mod keyring;
mod listed;
mod login_to;
mod memory;
#[cfg(feature = "toml")]
mod polars;
#[cfg(feature = "toml")]
mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "seal")]
mod seal;
mod store;
#[cfg(feature = "_simulation")]
#[doc(hidden)]
pub mod simulated {
    pub use crate::file::simulated::{Disk, Process};
}
#[cfg(feature = "toml")]
mod tiled;
#[cfg(feature = "toml")]
mod token_files;
