//! The command, both clients, and the platforms' own clients beside them, against real servers, which
//! `tests/live/run.sh` starts: Keycloak, oidc-provider, Glewlwyd.
//!
//! Every case has a configuration folder and a session of its own, so that they can run side by
//! side. How many there are for each platform is written down in `tests/live/expected_cases`: by their modules,
//! and those of no other module there are Keycloak's.
#![allow(clippy::panic, clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod aiod;
mod asynchronous;
mod away;
mod blocking;
mod bots;
mod browser;
mod documents;
mod glewlwyd;
mod introspection;
mod jetraw;
mod kubernetes;
mod login;
mod logout;
mod oidc_provider;
mod polars;
mod printed;
mod python;
mod refresh;
mod rotation;
mod slow_down;
mod support;
mod token;
mod unapproved;
