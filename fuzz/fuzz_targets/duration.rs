//! Durations as a user types them.
#![no_main]

use aiod_auth_tests::fuzzing::duration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = duration(bytes);
});
