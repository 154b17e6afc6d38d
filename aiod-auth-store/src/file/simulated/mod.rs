//! A simulated disk, and processes that use it: for tests of what is lost in a crash.
#![allow(clippy::unwrap_used, reason = "a simulation that fails panics")]

#[cfg(feature = "_simulation")]
pub use disk::{Disk, Process};
#[cfg(test)]
pub(super) use faulty::Operation;
pub(super) use {
    faulty::{Fault, Faulty},
    memory::Memory,
};

#[cfg(feature = "_simulation")]
mod disk;
mod faulty;
mod memory;
