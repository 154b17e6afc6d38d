//! The stores, from the outside.
#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "clippy allows them in tests, but not in the functions beside them"
)]

mod aiod;
mod contract;
mod damage;
mod locks;
#[cfg(target_os = "linux")]
mod mounts;
mod polars;
mod processes;
mod sessions;
mod support;
mod tiled;
#[cfg(unix)]
mod unix;
