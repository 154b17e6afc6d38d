//! How the machines behave, against the simulated server: most of it in virtual time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod behaviour;
mod fuzz_corpus;
mod properties;
