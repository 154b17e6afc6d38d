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
//! trusts are trusted (on Linux, those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, if they are set).
//! Proxies, SOCKS5 included, are taken from the environment (`https_proxy`, `http_proxy`, `all_proxy`,
//! `no_proxy` and their capitals: [`core::proxy`]), and never used for loopback. [`UreqTransport::builder`] takes
//! other certificates, a client certificate, another proxy, other limits.
//!
//! # Logs
//!
//! Through the crate `log`: which requests are made, at level `debug`, never a value. ureq's own protocol
//! crate dumps whole requests at level `trace`, tokens included: leave `ureq_proto` out of your logger.
//!
//! # Features
//!
//! - `ureq` (default): the HTTP stack, [`UreqTransport`]. Without it the program brings a [`Transport`].
//! - `ring` (default), `aws-lc-rs`, `native-tls`, `no-provider`: its TLS, by rustls on ring, by rustls on
//!   AWS-LC, by the platform, by rustls on what the program has installed. Where several are on, the first
//!   of them counts; with none, an https address is a configuration error.
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

#[cfg(all(feature = "ureq", feature = "file-store"))]
mod aiod;
mod asking;
mod client;
mod default_client;
mod driver;
mod loopback;
mod observe;
mod transport;
#[cfg(feature = "ureq")]
mod ureq;
mod wait;
