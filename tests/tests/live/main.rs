//! The command, both clients, and AI-on-Demand's Python client beside them, against a real Keycloak,
//! which `tests/live/run.sh` starts.
//!
//! Every case has a configuration folder and a session of its own, so that they can run side by
//! side. How many there are is written down in `tests/live/expected_cases`.
#![allow(clippy::panic, clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod aiod;
mod asynchronous;
mod away;
mod blocking;
mod bots;
mod introspection;
mod kubernetes;
mod login;
mod logout;
mod printed;
mod python;
mod refresh;
mod rotation;
mod slow_down;
mod support;
mod token;
mod unapproved;
