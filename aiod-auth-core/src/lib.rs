//! OAuth 2.0 and OpenID Connect client flows as state machines that do no IO.
#![no_std]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub use client::{AuthenticationMethod, ClientIdentity};
pub use error::{
    ConfigProblem, Endpoint, Error, ErrorCode, Kind, Problem, ServerError, StoreFailure,
    Unreachable,
};
pub use http::{BODY_BYTES_MAX, Method, NoResponse, Request, Response};
pub use login::{LoggedIn, Login};
pub use machine::{
    Ask, Exchange, InFlight, Machine, Pause, Prompt, Reason, Reply, Step, StoreAccess,
};
pub use profile::{LoginMethod, Profile, RecordKey};
pub use retry::RetryPolicy;
pub use secret::{AccessToken, ClientSecret, DeviceCode, IdToken, RefreshToken};
pub use server::{AuthorizationServer, Issuer, is_loopback};
pub use time::{InvalidTimestamp, Timestamp};
pub use token::{Scope, Tokens};

mod client;
mod error;
pub mod flow;
mod http;
mod login;
mod machine;
mod profile;
mod retry;
mod secret;
mod server;
pub mod session;
mod text;
mod time;
mod token;
mod wire;
