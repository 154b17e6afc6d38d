//! A blocking OAuth client: log in once, then ask for a token whenever you need one.
//!
//! ```no_run
//! use aiod_auth_ureq::{Client, Profile, store::FileStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let profile = Profile::new("https://auth.example.org/realms/lab", "my-tool")?;
//! let client = Client::new(profile, FileStore::in_default_folder()?);
//! let token = client.token_or_login(|prompt| println!("{prompt}"))?;
//! let header = token.authorization(); // for your requests; ask again for each: it is refreshed when
//!                                     // it is old, by one thread and one process at a time
//! # Ok(()) }
//! ```
//!
//! [`Client`] is for programs; [`Driver`] runs any machine of [`core`] by itself. Neither has a
//! policy of its own: when to poll, to refresh, to try again, to save is decided in the machines.
//!
//! # What it does to the network
//!
//! https only, loopback excepted. No redirect is followed, no cookie kept, nothing cached. A request
//! may take 30 s, 10 s of it to connect; an answer may have 1 MiB. The certificates that the platform
//! trusts are trusted. Proxies are taken from the environment, and never used for loopback.
//!
//! # Logs
//!
//! Through the crate `log`: which requests are made, at level `debug`, never a value. ureq's own protocol
//! crate dumps whole requests at level `trace`, tokens included: leave `ureq_proto` out of your logger.
//!
//! # Features
//!
//! - `rustls` (default): TLS. Without it, only plain http on loopback works.
//! - `file-store` (default): `store::FileStore`, tokens in private files; `Client::aiod`, AI-on-Demand.

pub use aiod_auth_core as core;
pub use aiod_auth_core::{Error, Kind, Profile, Scope, proxy::Proxy};
pub use aiod_auth_store as store;

pub use aiod_auth_core::cache::{Cancel, Event, Observer, Token, What};
pub use client::Client;
pub use default_client::{default_client, set_default_client};
pub use driver::Driver;
pub use transport::Transport;
#[cfg(feature = "ureq")]
pub use {
    self::ureq::{UreqTransport, UreqTransportBuilder},
    aiod_auth_tls::InvalidPem,
};

#[cfg(all(feature = "file-store", feature = "ureq"))]
mod aiod;
mod client;
mod default_client;
mod driver;
mod observe;
mod transport;
#[cfg(feature = "ureq")]
mod ureq;
mod wait;
