//! How the machines behave, against the simulated server: most of it in virtual time.
#![allow(clippy::panic, clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod behaviour;
mod fuzz_corpus;
mod properties;
