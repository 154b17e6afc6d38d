//! How long a server asks for patience.
#![no_main]

use aiod_auth_tests::fuzzing::retry_after;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = retry_after(bytes);
});
