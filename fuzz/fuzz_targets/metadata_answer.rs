//! Any answer to discovery.
#![no_main]

use aiod_auth_tests::fuzzing::metadata_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = metadata_answer(bytes);
});
