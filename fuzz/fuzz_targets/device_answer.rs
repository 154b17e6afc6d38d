//! Any answer to a device authorization request.
#![no_main]

use aiod_auth_tests::fuzzing::device_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = device_answer(bytes);
});
