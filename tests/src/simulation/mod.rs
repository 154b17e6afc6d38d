//! Sessions, stores and a server in virtual time: many processes at once, and what goes wrong is decided by
//! a seed.
//!
//! | file | holds |
//! | --- | --- |
//! | `setup` | what a seed decides before anything happens |
//! | `network` | what becomes of a request |
//! | `run` | the processes, and what happens to them |
//! | `oracle` | what must hold |
//!
//! A seed that fails is replayed by `cargo run --release --bin simulate -- --replay <seed>`, which prints all
//! that happened.
#![expect(clippy::unwrap_used, reason = "a simulation that fails panics")]

mod dice;
mod network;
mod oracle;
mod run;
mod setup;

use std::{fmt, panic};

/// Something that must hold did not.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where.
    pub seed: u64,
    /// What.
    pub what: String,
    /// All that happened, a line each.
    pub transcript: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, what, transcript } = self;
        writeln!(f, "{transcript}\nseed {seed}: {what}")?;
        write!(f, "again: cargo run --release --bin simulate -- --replay {seed}")
    }
}

/// What happened in one run, or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs.
    pub seeds: u64,
    /// Steps of machines.
    pub steps: u64,
    /// Refreshes that the server granted.
    pub refreshes: u64,
    /// Requests that something happened to.
    pub network_faults: u64,
    /// Store operations that something happened to.
    pub store_faults: u64,
    /// Processes that died.
    pub deaths: u64,
    /// How often the power failed.
    pub power_failures: u64,
    /// Logins.
    pub logins: u64,
    /// Sessions that were alive at the end, and went on.
    pub survived: u64,
}

impl Counts {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.refreshes += other.refreshes;
        self.network_faults += other.network_faults;
        self.store_faults += other.store_faults;
        self.deaths += other.deaths;
        self.power_failures += other.power_failures;
        self.logins += other.logins;
        self.survived += other.survived;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds, {} steps, {} refreshes, {} requests and {} store operations that went wrong, \
             {} deaths, {} power failures, {} logins, {} sessions alive at the end and none lost",
            self.seeds,
            self.steps,
            self.refreshes,
            self.network_faults,
            self.store_faults,
            self.deaths,
            self.power_failures,
            self.logins,
            self.survived,
        )
    }
}

/// Runs one seed.
///
/// # Errors
/// What did not hold, and how it came to that.
pub fn simulate(seed: u64) -> Result<Counts, Box<Found>> {
    let run = |is_written| {
        panic::catch_unwind(|| run::Run::new(seed, is_written).ended())
            .unwrap_or_else(|_| Err(("a panic".to_owned(), String::new())))
    };
    run(false).map_err(|_| {
        let (what, transcript) = run(true).err().unwrap_or_default();
        Box::new(Found { seed, what, transcript })
    })
}

/// Runs one seed, and says all that happened.
#[must_use]
pub fn replay(seed: u64) -> String {
    match run::Run::new(seed, true).ended_with_transcript() {
        (Ok(counts), transcript) => format!("{transcript}\nseed {seed}: {counts}"),
        (Err(what), transcript) => Found { seed, what, transcript }.to_string(),
    }
}
