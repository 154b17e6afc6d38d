//! A blocking OAuth client: log in once, then ask for a token whenever you need one.
pub use aiod_auth_core as core;
pub use aiod_auth_core::{Error, Kind, Profile, Scope};
pub use aiod_auth_store as store;

pub use client::{Client, Token};
pub use driver::Driver;

mod client;
mod driver;
mod http;
