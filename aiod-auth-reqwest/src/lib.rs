//! An async driver for the machines of `aiod-auth-core`, on reqwest and tokio.
//!
//! It starts no thread, installs no handler, and has no global of its own; store operations run on
//! tokio's blocking pool. Its futures are `Send`.

pub use aiod_auth_core as core;
pub use aiod_auth_store as store;
pub use driver::{Driver, StartError};

mod driver;
mod http;
