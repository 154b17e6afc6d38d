//! What machines send.

use aiod_auth_core::{Machine, Request, Response, Timestamp, flow::DeviceAuthorization};
use aiod_auth_tests::{drive, scene};

/// All that a machine sends while it is told each time that there is nothing here.
pub(crate) fn all_requests(machine: &mut impl Machine) -> Vec<Request> {
    drive::all_requests(machine, NOW, &Response::new(404, [], b""))
}

/// The first that it sends.
pub(crate) fn first_request(mut machine: impl Machine) -> Request {
    drive::next_request(&mut machine, NOW).unwrap()
}

/// A login that may be polled for.
pub(crate) fn authorization(device_code: &str) -> DeviceAuthorization {
    scene::authorization(device_code, None)
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
