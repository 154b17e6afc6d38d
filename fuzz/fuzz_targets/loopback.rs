//! Anything that comes to the port on which a login waits for the browser.
#![no_main]

use aiod_auth_tests::fuzzing::loopback;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ending = loopback(bytes);
});
