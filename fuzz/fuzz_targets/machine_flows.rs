//! Every flow by itself, and everything that can happen around it.
#![no_main]

use aiod_auth_tests::fuzzing::{FlowScript, machine_flows};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: FlowScript| {
    let _ending = machine_flows(&script);
});
