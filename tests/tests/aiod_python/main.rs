//! AI-on-Demand's real Python client on the same files, which `tests/live/aiod-python.sh` installs:
//! each reads what the other wrote.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod home;
mod python;
mod tokens;
