//! An async OAuth client: log in once, then ask for a token whenever you need one.
//!
//! ```
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! use std::time::Duration;
//! use aiod_auth_reqwest::{Client, Profile, store::FileStore};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = lab::client()?;
//! # /*
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let profile = Profile::new("https://as.example", "my-tool")?;
//!     let client = Client::new(profile, FileStore::in_default_folder()?);
//! # */
//!     let token = client.token_or_login(|prompt| println!("{prompt}")).await?;
//!     let header = token.authorization(); // for your requests; ask again for each: it is refreshed
//!                                         // when it is old, by one task and one process at a time
//!     // At the end: a refresh that is under way is saved before the runtime goes.
//!     client.settled(Duration::from_secs(30)).await;
//!     Ok(())
//! }
//! ```
//!
//! [`Client`] is for programs; [`Driver`] runs any machine of [`core`] by itself. Neither has a
//! policy of its own: when to poll, to refresh, to try again, to save is decided in the machines. It
//! is the blocking client of `aiod-auth-ureq`, verb for verb: what differs is how it waits and sends.
//!
//! # When an API says 401
//!
//! A token can be rejected at any time. [`Client::token_instead_of`] gets another one, with one refresh
//! however many tasks ask for it:
//!
//! ```
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! # use aiod_auth_reqwest::{Client, Error};
//! # struct Answer { status: u16 }
//! # async fn send(header: &str) -> Answer {
//! #     Answer { status: if header == "Bearer a" { 401 } else { 200 } }
//! # }
//! async fn call(client: &Client) -> Result<Answer, Error> {
//!     let token = client.token().await?;
//!     let answer = send(token.authorization()).await; // your request
//!     if answer.status != 401 {
//!         return Ok(answer);
//!     }
//!     let token = client.token_instead_of(&token).await?;
//!     Ok(send(token.authorization()).await) // once: a second rejection is the API's last word
//! }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = lab::client()?;
//! # client.login(|_| ()).await?;
//! # assert_eq!(call(&client).await?.status, 200);
//! # Ok(()) }
//! ```
//!
//! # Ctrl-C
//!
//! Any future may be dropped, as `select!` does: what has begun is brought to its end. [`Cancel`] does the
//! same for all clones that have it, from anywhere.
//!
//! ```
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = lab::client()?;
//! use aiod_auth_reqwest::{Cancel, Kind};
//!
//! let cancel = Cancel::new();
//! let client = client.with_cancel(&cancel);
//! tokio::spawn(async move {
//! #   /*
//!     tokio::signal::ctrl_c().await.ok();
//! #   */
//!     cancel.cancel();
//! });
//! let error = client.login(|prompt| println!("{prompt}")).await.unwrap_err();
//! assert_eq!(error.kind(), Kind::Cancelled);
//! # Ok(()) }
//! ```
//!
//! # Graceful shutdown
//!
//! A server takes no more requests, ends those that it has, and then lets its client settle; here with axum:
//!
//! ```
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! # mod api { pub async fn ask(header: &str) -> String { format!("asked with {header}") } }
//! use std::time::Duration;
//! use aiod_auth_reqwest::Client;
//! use axum::{Router, extract::State, http::StatusCode, routing::get};
//!
//! async fn report(State(client): State<Client>) -> Result<String, (StatusCode, String)> {
//!     // Each request asks: it costs nothing while the token is good.
//!     match client.token().await {
//!         Ok(token) => Ok(api::ask(token.authorization()).await), // your request
//!         Err(error) => Err((StatusCode::BAD_GATEWAY, error.to_string())),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = lab::client()?;
//! # client.login(|_| ()).await?;
//! let service = Router::new().route("/report", get(report)).with_state(client.clone());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let address = listener.local_addr()?;
//! # let (asked, stop) = tokio::sync::oneshot::channel::<()>();
//! # let request = tokio::spawn(async move {
//! #     let _asked = asked;
//! #     use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! #     let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
//! #     connection.write_all(b"GET /report HTTP/1.0\r\n\r\n").await.unwrap();
//! #     let mut answer = String::new();
//! #     connection.read_to_string(&mut answer).await.unwrap();
//! #     assert!(answer.ends_with("asked with Bearer a"), "{answer}");
//! # });
//! # /*
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! # */
//! # let stop = async { stop.await.unwrap_or_default() };
//! axum::serve(listener, service).with_graceful_shutdown(stop).await?;
//! # request.await?;
//! if !client.settled(Duration::from_secs(30)).await {
//!     eprintln!("a refresh is still under way, and may be lost");
//! }
//! # Ok(()) }
//! ```
//!
//! # Many accounts
//!
//! ```
//! # mod lab { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs_lab.rs")); }
//! # use aiod_auth_reqwest::Client;
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = lab::client()?;
//! // They share connections, the store, and what is known of the server. Until it is used, a client is a
//! // few hundred bytes.
//! let clients: Vec<Client> = (0..1000).map(|n| client.for_account(format!("u{n}"))).collect();
//! clients[7].login(|prompt| println!("{prompt}")).await?;
//! assert!(clients[7].token().await.is_ok() && clients[8].token().await.is_err());
//! # Ok(()) }
//! ```
//!
//! # On another runtime
//!
//! Without the feature `reqwest`, this crate depends on no HTTP stack, and of tokio on channels alone. A
//! [`Runtime`] is four functions; here it is smol's, and what sends is up to the program:
//!
//! ```
//! use std::time::Duration;
//! use aiod_auth_reqwest::{
//!     BoxFuture, Client, Driver, NoRuntime, Profile, Runtime,
//!     core::{NoResponse, Request, Response},
//! };
//!
//! #[derive(Debug)]
//! struct Smol;
//!
//! impl Runtime for Smol {
//!     fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>> {
//!         Box::pin(send(request)) // your HTTP client: no redirects, no retries, `Request::timeout`
//!     }
//!
//!     fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
//!         Box::pin(async move { drop(smol::Timer::after(duration).await) })
//!     }
//!
//!     fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime> {
//!         smol::spawn(task).detach();
//!         Ok(())
//!     }
//!
//!     fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
//!         smol::unblock(work).detach();
//!     }
//! }
//! # async fn send(request: &Request) -> Result<Response, NoResponse> {
//! #     let body: &[u8] = match request.url().path() {
//! #         "/device" => br#"{"device_code":"d","user_code":"ABCD","expires_in":60,
//! #             "interval":1,"verification_uri":"https://as.example/device"}"#,
//! #         "/token" => br#"{"access_token":"a","token_type":"Bearer","expires_in":300}"#,
//! #         _ => br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
//! #             "device_authorization_endpoint":"https://as.example/device"}"#,
//! #     };
//! #     Ok(Response::new(200, [("Content-Type", "application/json")], body))
//! # }
//!
//! let profile = Profile::new("https://as.example", "my-tool")?;
//! let client = Client::with_driver(profile, Driver::with_runtime(Smol));
//! smol::block_on(async {
//!     let token = client.token_or_login(|prompt| println!("{prompt}")).await?;
//!     assert_eq!(token.authorization(), "Bearer a");
//!     client.settled(Duration::from_secs(30)).await;
//!     Ok::<(), aiod_auth_reqwest::Error>(())
//! })?;
//! # Ok::<(), aiod_auth_reqwest::Error>(())
//! ```
//!
//! # In a server
//!
//! The default runtime is tokio, of either kind, with IO and time (`enable_all`, which `#[tokio::main]`
//! does): all that waits or sends has to be polled on it. Only a token that is still good is handed out
//! anywhere. It starts no thread of its own and no runtime, installs no handler. Its only global is
//! [`default_client`], which is empty unless the application sets it. Its futures are `Send`. Stores may
//! block, so they work on tokio's blocking pool: a pool that is full of threads which wait for a token
//! has none left for the store.
//!
//! Any of its futures may be dropped at any time. A refresh or a logout that has begun is brought to its end
//! in a task of its own; a login is given up, unless the user has just approved it. When the runtime shuts
//! down, requests under way are lost as in a crash, and with the answer to a refresh perhaps a session;
//! tokens that have arrived are saved. [`Client::settled`] waits for all of them before.
//!
//! A runtime of the current thread works only inside `block_on`. A refresh that it has begun and left
//! stands still, and keeps waiting whatever wants a token of this login, in other processes, too: so
//! [`Client::settled`] is for the end of such a `block_on`.
//!
//! # What it does to the network
//!
//! https only, loopback excepted. No redirect is followed, no cookie kept, nothing cached. A request
//! may take 30 s (a refresh all the time that is left of the call's 60 s), 10 s of it to connect; an answer may
//! have 1 MiB. The certificates that the platform
//! trusts are trusted (on Linux, those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, if they are set).
//! Proxies, SOCKS5 included, are taken from the environment (`https_proxy`, `http_proxy`, `all_proxy`,
//! `no_proxy` and their capitals: [`core::proxy`]), and never used for loopback. [`TokioRuntime::builder`] takes
//! other certificates, a client certificate, another proxy, other limits.
//!
//! # Logs
//!
//! Through the crate `log`, never a value: at level `warn` what an operator should see (no new tokens, tokens
//! that are not saved, a login or a logout that failed), at `debug` requests and what else happens. A program
//! that wants to know takes an [`Observer`]; what that is told is logged with the target [`Event::LOG_TARGET`],
//! all else with its module's.
//!
//! # Features
//!
//! - `reqwest` (default): tokio with reqwest, [`TokioRuntime`]. Without it the program brings a
//!   [`Runtime`].
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
pub use runtime::{BoxFuture, NoRuntime, Runtime};
#[cfg(feature = "reqwest")]
pub use {
    self::reqwest::{TokioRuntime, TokioRuntimeBuilder},
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
#[cfg(feature = "reqwest")]
mod reqwest;
mod runtime;
mod store_call;
mod user;
