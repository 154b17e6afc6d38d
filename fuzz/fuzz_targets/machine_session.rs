//! Sessions, logouts, questions who is logged in, and everything that can happen around them.
#![no_main]

use aiod_auth_tests::fuzzing::{SessionScript, machine_session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: SessionScript| {
    let _ending = machine_session(&script);
});
