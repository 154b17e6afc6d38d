//! Any answer of a Tiled server.
#![no_main]

use aiod_auth_tests::fuzzing::tiled_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = tiled_answer(bytes);
});
