//! Any bytes as the answer to a refresh.
#![no_main]

use aiod_auth_tests::fuzzing::token_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _ending = token_answer(body);
});
