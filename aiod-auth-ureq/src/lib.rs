//! A blocking OAuth client: log in once, then ask for a token whenever you need one.
//!
//! ```
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! use aiod_auth_ureq::{Client, Profile, store::FileStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let profile = Profile::new("https://as.example", "my-tool")?;
//! # let client = lab::client()?;
//! # /*
//! let client = Client::new(profile, FileStore::in_default_folder()?);
//! # */
//! let token = client.token_or_login(|prompt| println!("{prompt}"))?;
//! let header = token.authorization(); // for your requests; ask again for each: it is refreshed when
//!                                     // it is old, by one thread and one process at a time
//! # assert_eq!(header, "Bearer a");
//! # Ok(()) }
//! ```
//!
//! [`Client`] is for programs; [`Driver`] runs any machine of [`core`] by itself. Neither has a
//! policy of its own: when to poll, to refresh, to try again, to save is decided in the machines.
//!
//! A token that is good is given at once. An early refresh runs on a thread of its own, and the last clone
//! of a client waits for it when it is dropped; a program that ends otherwise (`process::exit`) calls
//! [`Client::settled`] before.
//!
//! # When an API says 401
//!
//! A token can be rejected at any time. [`Client::token_instead_of`] gets another one, with one refresh
//! however many threads ask for it:
//!
//! ```
//! # use aiod_auth_ureq::{Client, Error};
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! # struct Answer { status: u16 }
//! # fn send(header: &str) -> Answer { Answer { status: if header == "Bearer a" { 401 } else { 200 } } }
//! fn call(client: &Client) -> Result<Answer, Error> {
//!     let token = client.token()?;
//!     let answer = send(token.authorization()); // your request
//!     if answer.status != 401 {
//!         return Ok(answer);
//!     }
//!     let token = client.token_instead_of(&token)?;
//!     Ok(send(token.authorization())) // once: a second rejection is the API's last word
//! }
//! # let client = lab::client()?;
//! # client.login(|_| ())?;
//! # assert_eq!(call(&client)?.status, 200);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Ctrl-C
//!
//! [`Cancel`] ends the waiting of the clones that have it. A refresh that has begun is brought home all the
//! same, and saved.
//!
//! ```
//! # use aiod_auth_ureq::Error;
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! # let client = lab::client()?;
//! use aiod_auth_ureq::{Cancel, Kind};
//!
//! let cancel = Cancel::new();
//! let client = client.with_cancel(&cancel);
//! let on_ctrl_c = move || cancel.cancel(); // for `ctrlc::set_handler`, or the like
//! let outcome = client.login(|prompt| {
//!     println!("{prompt}");
//! #   on_ctrl_c(); // while it waits for the user
//! });
//! let error = outcome.unwrap_err();
//! assert_eq!(error.kind(), Kind::Cancelled);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Many accounts
//!
//! ```
//! # use aiod_auth_ureq::{Client, Error};
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! # let client = lab::client()?;
//! // They share connections, the store, and what is known of the server. Until it is used, a client is a
//! // few hundred bytes.
//! let clients: Vec<Client> = (0..1000).map(|n| client.for_account(format!("u{n}"))).collect();
//! clients[7].login(|prompt| println!("{prompt}"))?;
//! assert!(clients[7].token().is_ok() && clients[8].token().is_err());
//! # Ok::<(), Error>(())
//! ```
//!
//! # What it does to the network
//!
//! https only, loopback excepted. No redirect is followed, no cookie kept, nothing cached. A request
//! may take 30 s (a refresh all the time that is left of the call's 60 s), 10 s of it to connect; an answer may
//! have 1 MiB. The certificates that the platform
//! trusts are trusted (on Linux, those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, if they are set).
//! Proxies, SOCKS5 included, are taken from the environment (`https_proxy`, `http_proxy`, `all_proxy`,
//! `no_proxy` and their capitals: [`core::proxy`]), and never used for loopback. [`UreqTransport::builder`] takes
//! other certificates, a client certificate, another proxy, other limits.
//!
//! # Logs
//!
//! Through the crate `log`, never a value: at level `warn` what an operator should see (no new tokens, tokens
//! that are not saved, a login or a logout that failed), at `debug` requests and what else happens. A program
//! that wants to know takes an [`Observer`]; what that is told is logged with the target [`Event::LOG_TARGET`],
//! all else with its module's. ureq's own protocol crate dumps whole requests at level `trace`, tokens included:
//! leave `ureq_proto` out of your logger.
//!
//! # Features
//!
//! - `ureq` (default): the HTTP stack, [`UreqTransport`]. Without it the program brings a [`Transport`].
//! - `ring` (default), `aws-lc-rs`, `native-tls`, `no-provider`: its TLS, by rustls on ring, by rustls on
//!   AWS-LC, by the platform, by rustls on what the program has installed. Where several are on, the first
//!   of them counts; with none, an https address is a configuration error.
//! - `file-store` (default): `store::FileStore`, tokens in private files; the logins of the platforms (`store::LoginTo`).

pub use aiod_auth_core as core;
pub use aiod_auth_core::{
    AccessToken, ClientIdentity, ClientSecret, Deviations, Endpoint, Error, Issuer, Kind,
    LoginMethod, Parameters, Profile, Prompt, RefreshToken, RetryPolicy, Scope, Timestamp, Tokens,
    flow::Userinfo,
    proxy::Proxy,
    session::{Demand, LoggedOut, Persisted, SessionTokens},
};
pub use aiod_auth_store as store;
#[cfg(feature = "file-store")]
pub use aiod_auth_store::{FileStore, ReadClientSecret};
pub use aiod_auth_store::{MemoryStore, Store};

pub use aiod_auth_core::cache::{Cancel, Event, Observer, Token, UserQuestion, What};
pub use client::Client;
pub use default_client::{default_client, set_default_client};
pub use driver::Driver;
#[cfg(feature = "middleware")]
pub use middleware::BearerToken;
pub use transport::Transport;
#[cfg(feature = "ureq")]
pub use {
    self::ureq::{UreqTransport, UreqTransportBuilder},
    aiod_auth_tls::{InvalidPem, last_expiry},
};

mod asking;
mod client;
#[cfg(test)]
mod client_tests;
mod default_client;
mod driver;
mod loopback;
#[cfg(feature = "middleware")]
mod middleware;
mod observe;
mod transport;
#[cfg(feature = "ureq")]
mod ureq;
mod wait;
