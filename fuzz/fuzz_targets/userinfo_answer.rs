//! Any answer to the question who is logged in.
#![no_main]

use aiod_auth_tests::fuzzing::userinfo_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = userinfo_answer(bytes);
});
