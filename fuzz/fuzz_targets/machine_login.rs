//! A login, and everything that can happen around it.
#![no_main]

use aiod_auth_tests::fuzzing::{LoginScript, machine_login};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: LoginScript| {
    let _ending = machine_login(&script);
});
