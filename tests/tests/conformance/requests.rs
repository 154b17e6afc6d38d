//! What machines send.

use std::time::Duration;

use aiod_auth_core::{
    DeviceCode, Machine, Request, Response, Step, Timestamp,
    flow::{DeviceAuthorization, DeviceAuthorizationParts, DevicePrompt},
};

/// All that a machine sends while it is told each time that there is nothing here.
pub(crate) fn all_requests(machine: &mut impl Machine) -> Vec<Request> {
    let mut requests = Vec::new();
    loop {
        match machine.poll(NOW) {
            Ok(Step::Send(exchange)) => {
                requests.push(exchange.request().clone());
                let nothing = Response::new(404, [], b"");
                exchange.begin().complete(NOW, Duration::ZERO, Ok(nothing));
            }
            Ok(Step::Wait(pause)) => {
                let delay = pause.delay();
                pause.complete(delay);
            }
            Ok(Step::Store(_) | Step::Ask(_) | Step::Done(_)) | Err(_) => return requests,
        }
    }
}

/// The first that it sends.
pub(crate) fn first_request(mut machine: impl Machine) -> Request {
    all_requests(&mut machine).swap_remove(0)
}

/// A login that may be polled for.
pub(crate) fn authorization(device_code: &str) -> DeviceAuthorization {
    DeviceAuthorization::from_parts(DeviceAuthorizationParts {
        device_code: DeviceCode::new(device_code),
        prompt: DevicePrompt {
            user_code: "ABCD-EFGH".to_owned(),
            verification_uri: "https://as.example/device".parse().unwrap(),
            verification_uri_complete: None,
            expires_in: None,
            interval: Duration::from_secs(5),
        },
    })
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
