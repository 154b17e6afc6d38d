//! aiod-auth's own test package.
//!
//! [`sim`] is an authorization server in one plain struct: no socket, no clock, no thread. Tests
//! call it directly in virtual time, or over real HTTP on loopback through [`sim::serve`].

pub mod drive;
pub mod fuzzing;
pub mod person;
pub mod scene;
pub mod sim;
pub mod simulation;
pub mod strategies;
pub mod verdict;
pub mod world;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
