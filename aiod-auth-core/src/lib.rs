//! OAuth 2.0 and OpenID Connect client flows as state machines that do no IO.
//!
//! A machine says what it wants next: send this request, sleep so long, show this to the user, read or
//! write this record. The program that embeds it does that, and tells it what came back. Nothing in here
//! opens a socket, reads a clock, starts a thread or draws a random number, so every flow runs in a
//! test, a fuzzer, a browser or a microcontroller (`no_std` with `alloc`) as it does in a server.
//!
//! Most programs want the `Client` of `aiod-auth-ureq` (blocking) or of `aiod-auth-reqwest` (async),
//! which are built on these machines and nothing else.
//!
//! # The loop
//!
//! This is all that an adapter is. Here, the network is a function that knows two answers:
//!
//! ```
//! use core::time::Duration;
//! use aiod_auth_core::{
//!     AuthorizationServer, Error, Issuer, Machine, NoAnswer, Response, RetryPolicy, Step, Timestamp,
//!     flow::Discovery,
//! };
//!
//! fn drive<M: Machine>(mut machine: M) -> Result<M::Output, M::Error> {
//!     let now = Timestamp::from_unix_millis(1_767_225_600_000); // your clock
//!     loop {
//!         match machine.poll(now)? {
//!             Step::Send(exchange) => {
//!                 let in_flight = exchange.begin();
//!                 let (status, body) = send(in_flight.request()); // your HTTP client
//!                 let took = Duration::from_millis(20);
//!                 in_flight.complete(now, took, Ok(Response::new(status, [], body)));
//!             }
//!             Step::Wait(pause) => {
//!                 let delay = pause.delay(); // your sleep
//!                 pause.complete(delay);
//!             }
//!             Step::Store(access) => {
//!                 let reply = access.request().answered_without_store(); // your store
//!                 access.complete(Duration::ZERO, Ok(reply));
//!             }
//!             Step::Show(show) => {
//!                 let _prompt = show.prompt(); // your screen
//!                 show.complete(Duration::ZERO);
//!             }
//!             Step::Ask(ask) => ask.give_up(Duration::ZERO, NoAnswer::Cancelled), // your keyboard
//!             Step::Done(output) => return Ok(output),
//!         }
//!     }
//! }
//! # fn send(request: &aiod_auth_core::Request) -> (u16, &'static [u8]) {
//! #     match request.url().path() {
//! #         "/.well-known/openid-configuration" => (404, b""),
//! #         _ => (200, br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/t"}"#),
//! #     }
//! # }
//!
//! let issuer = Issuer::new("https://as.example")?;
//! let server: AuthorizationServer = drive(Discovery::new(issuer, RetryPolicy::default()))?;
//! assert_eq!(server.issuer().as_str(), "https://as.example");
//! # Ok::<(), Error>(())
//! ```
//!
//! The rules of the loop are at [`Machine`], [`Exchange`] and [`InFlight`]; what fails with a refresh
//! token at stake fails as [`Failed`].
//!
//! # The map
//!
//! | for | see |
//! | --- | --- |
//! | one request of one RFC | [`flow`] |
//! | a login from discovery to tokens | [`Login`] |
//! | stored tokens and their refresh; who is logged in; logging out | [`session`] |
//! | the tokens that a client has in memory, for many callers | [`cache`] |
//! | the settings of one platform | [`provider`] |
//! | what is configured | [`Profile`], [`Issuer`], [`ClientIdentity`], [`Scope`], [`RetryPolicy`] |
//! | what can go wrong | [`Error`], [`Kind`] |
//!
//! # Features
//!
//! `std` (default): [`Timestamp`] from `std::time::SystemTime`. Everything else works without.
#![no_std]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::type_complexity,
        clippy::wildcard_enum_match_arm,
        reason = "a test may fail"
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub use client::{AuthenticationMethod, ClientIdentity};
pub use deviations::Deviations;
pub use entropy::Entropy;
pub use environment::Environment;
pub use error::{
    CertificateProblem, ConfigProblem, Endpoint, Error, ErrorCode, Kind, NotLoggedIn, Problem,
    ProxyFailure, ProxyProblem, ServerError, StoreFailure, TlsFailure, Unreachable,
};
pub use http::{BODY_BYTES_MAX, Challenge, Method, NoResponse, Request, Response};
pub use login::Login;
#[cfg(feature = "std")]
pub use machine::BrowserPrompt;
pub use machine::{
    Ask, Asked, Credentials, EmptyPassword, Exchange, Failed, InFlight, ListenQuestion, Listening,
    Machine, NoAnswer, Password, PasswordQuestion, Pause, Prompt, ProviderQuestion, Question,
    Reason, RedirectQuestion, Show, Step, StoreAccess, Wanted,
};
pub use metadata_cache::MetadataCache;
pub use note::Note;
pub use origins::Origins;
pub use parameters::Parameters;
pub use pkce::CodeVerifier;
pub use profile::{LoginMethod, Profile, RecordKey};
pub use retry::RetryPolicy;
pub use secret::{AccessToken, ApiKeySecret, ClientSecret, DeviceCode, IdToken, RefreshToken};
pub use server::{AuthorizationServer, Issuer, is_loopback};
pub use text::clean;
pub use time::{InvalidTimestamp, Timestamp};
pub use token::{Refusal, Scope, Tokens};
pub use url::Url;

pub mod cache;
mod client;
mod deviations;
mod entropy;
mod environment;
mod error;
pub mod flow;
mod http;
mod login;
pub mod loopback;
mod machine;
mod metadata_cache;
mod note;
mod origins;
mod parameters;
mod pkce;
mod profile;
pub mod provider;
pub mod proxy;
mod repeated;
mod retry;
mod secret;
mod server;
pub mod session;
mod store;
mod text;
mod time;
mod token;
mod token_server;
mod who_am_i;
mod wire;
