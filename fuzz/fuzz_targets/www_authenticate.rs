//! Challenges, as they should be written and as they should not.
#![no_main]

use aiod_auth_tests::fuzzing::www_authenticate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = www_authenticate(bytes);
});
