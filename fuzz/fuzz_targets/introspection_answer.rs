//! Any answer to the question what a token is worth.
#![no_main]

use aiod_auth_tests::fuzzing::introspection_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = introspection_answer(bytes);
});
