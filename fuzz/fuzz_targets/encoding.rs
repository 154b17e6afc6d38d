//! What we write, read by a second implementation.
#![no_main]

use aiod_auth_tests::fuzzing::{EncodingScript, encoding};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: EncodingScript| {
    let _ending = encoding(&script);
});
