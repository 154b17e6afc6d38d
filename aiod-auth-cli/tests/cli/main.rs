//! The command as a user meets it: the real binary against the embedded authorization server.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, not in what those share"
)]

mod accounts;
mod aiod;
mod browser;
#[cfg(unix)]
mod ctrl_c;
#[cfg(target_os = "linux")]
mod drives;
#[cfg(unix)]
mod examples;
mod exec;
mod layers;
mod login;
mod logout;
mod manual;
mod mistakes;
mod network;
#[cfg(unix)]
mod other_programs;
mod polars;
mod profile;
#[cfg(target_os = "linux")]
mod situations;
mod status;
#[cfg(unix)]
mod stores;
#[cfg(target_os = "linux")]
mod threads;
mod tiled;
mod token;
mod transfer;
mod whoami;
mod world;
