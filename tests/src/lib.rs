//! aiod-auth's own test package.
//!
//! [`sim`] is an authorization server in one plain struct: no socket, no clock, no thread. Tests
//! call it directly in virtual time, or over real HTTP on loopback through [`sim::serve`].
#![allow(
    clippy::large_enum_variant,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests: what is not expected is a failure, and a panic says where"
)]

pub mod drive;
pub mod fuzzing;
pub mod memory;
pub mod scene;
pub mod sim;
pub mod simulation;
pub mod strategies;
pub mod tiled_verdict;
pub mod user;
pub mod verdict;
pub mod watchdog;
pub mod world;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// And those of the command's page.
#[cfg(doctest)]
#[doc = include_str!("../../docs/command.md")]
struct CommandPage;

/// And that of Jetraw's.
#[cfg(doctest)]
#[doc = include_str!("../../docs/jetraw.md")]
struct JetrawPage;
