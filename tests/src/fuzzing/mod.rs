//! What the fuzz targets in `fuzz/` run. `cargo test` runs the same over their committed corpus.
//!
//! A [`Script`] says what happens around a machine, the `Stage` plays it, and
//! watches over what has to hold whatever happens.

#![expect(clippy::panic, reason = "a panic is what a fuzzer looks for")]

use arbitrary::{Arbitrary, Unstructured};

pub use answers::{
    device_answer, introspection_answer, metadata_answer, revocation_answer, tiled_answer,
    token_answer, userinfo_answer,
};
pub use flows::{FlowScript, machine_flows};
pub use login::{LoginScript, machine_login};
pub use pace::{Pace, Polled};
pub use script::Script;
pub use seeds::{Seed, recorded_seeds};
pub use session::{SessionScript, machine_session};
pub use texts::{
    EncodingScript, aiod_file, duration, encoding, loopback, retry_after, store_file,
    www_authenticate,
};

mod answer;
mod answers;
mod deviating;
mod flows;
mod login;
mod pace;
mod records;
mod script;
mod seeds;
mod session;
mod stage;
mod texts;
mod time;
mod watch;
mod words;

/// Reads a script as a fuzz target does.
#[must_use]
pub fn from_bytes<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

/// Every secret here has this in it, and nothing else does.
const CANARY: &str = "secret-canary";

/// The server that secrets are for.
const ISSUER: &str = "http://127.0.0.1";
