//! Any file in the place of a record.
#![no_main]

use aiod_auth_tests::fuzzing::store_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = store_file(bytes);
});
