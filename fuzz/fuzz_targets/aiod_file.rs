//! Any file in the place of AI-on-Demand's `token.toml`.
#![no_main]

use aiod_auth_tests::fuzzing::aiod_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = aiod_file(bytes);
});
