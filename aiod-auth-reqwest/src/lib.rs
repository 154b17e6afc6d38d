//! An async OAuth client: log in once, then ask for a token whenever you need one.
//!
//! ```no_run
//! use aiod_auth_reqwest::{Client, Profile, store::FileStore};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let profile = Profile::new("https://auth.example.org/realms/lab", "my-tool")?;
//!     let client = Client::new(profile, FileStore::in_default_folder()?);
//!     let token = client.token_or_login(|prompt| println!("{prompt}")).await?;
//!     let header = token.authorization(); // for your requests; ask again for each: it is refreshed
//!     Ok(())                              // when it is old, by one task and one process at a time
//! }
//! ```
//!
//! [`Client`] is for programs; [`Driver`] runs any machine of [`core`] by itself. Neither has a
//! policy of its own: when to poll, to refresh, to try again, to save is decided in the machines. It
//! is the blocking client of `aiod-auth-ureq`, verb for verb: what differs is how it waits and sends.
//!
//! # In a server
//!
//! It needs a tokio runtime, of either kind, with IO and time (`enable_all`, which `#[tokio::main]`
//! does): all that waits or sends has to be polled on it. Only a token that is still good is handed out
//! anywhere. It starts no thread of its own and no runtime, installs no handler. Its only global is
//! [`default_client`], which is empty unless the application sets it. Its futures are `Send`. Stores may
//! block, so they work on tokio's blocking pool: a pool that is full of threads which wait for a token
//! has none left for the store.
//!
//! Any of its futures may be dropped at any time. A refresh, a logout, a question that has begun is
//! brought to its end in a task of its own; a login is given up, unless the person has just approved it.
//! When the runtime shuts down, requests under way are lost as in a crash, and with the answer to a
//! refresh perhaps a session; tokens that have arrived are saved. [`Client::settled`] waits for all of
//! them before.
//!
//! A runtime of the current thread works only inside `block_on`. A refresh that it has begun and left
//! stands still, and keeps waiting whoever wants a token of this login, in other processes, too: so
//! [`Client::settled`] is for the end of such a `block_on`.
//!
//! To make a client costs some milliseconds, because the platform's certificates are read. A program with
//! many accounts makes one [`Driver`], and gives each client a clone of it with a store of its own.
//!
//! # What it does to the network
//!
//! https only, loopback excepted. No redirect is followed, no cookie kept, nothing cached. A request
//! may take 30 s, 10 s of it to connect; an answer may have 1 MiB. The certificates that the platform
//! trusts are trusted (on Linux, those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, if they are set).
//! Proxies, SOCKS5 included, are taken from the environment (`https_proxy`, `http_proxy`, `all_proxy`,
//! `no_proxy` and their capitals: [`core::proxy`]), and never used for loopback. [`TokioRuntime::builder`] takes
//! other certificates, a client certificate, another proxy, other limits.
//!
//! # Logs
//!
//! Through the crate `log`: which requests are made, at level `debug`, never a value.
//!
//! # Features
//!
//! - `reqwest` (default): tokio with reqwest, [`TokioRuntime`]. Without it the program brings a
//!   [`Runtime`].
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
pub use runtime::{BoxFuture, NoRuntime, Runtime};
#[cfg(feature = "reqwest")]
pub use {
    self::reqwest::{TokioRuntime, TokioRuntimeBuilder},
    aiod_auth_tls::InvalidPem,
};

#[cfg(all(feature = "reqwest", feature = "file-store"))]
mod aiod;
mod asking;
mod client;
mod default_client;
mod driver;
mod loopback;
mod observe;
#[cfg(feature = "reqwest")]
mod reqwest;
mod runtime;
mod store_call;
mod user;
