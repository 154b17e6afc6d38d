//! Any answer to a revocation, and to the end of a session.
#![no_main]

use aiod_auth_tests::fuzzing::revocation_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = revocation_answer(bytes);
});
