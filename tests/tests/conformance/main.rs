//! What a client owes, what real servers do, and what was recorded of them: tables, every row of which
//! is executed. `docs/conformance.md` is made of them:
//!
//! ```sh
//! WRITE_DOCS=1 cargo test -p aiod-auth-tests --test conformance
//! ```
#![allow(clippy::panic, clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod document;
mod loops;
mod machines;
mod quirks;
mod recorded;
mod requests;
mod row;
mod sessions;
mod table;
mod vectors;
