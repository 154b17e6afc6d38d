//! What the tests of all endpoints share.

use serde_json::Value;

use super::{Answer, DEVICE_CODE, REFRESH_TOKEN, Reply, Request, Settings, Simulator};

pub(super) fn simulator() -> Simulator {
    Simulator::new("http://as.test", 1, Settings::default())
}

/// Sends a request and expects this outcome, as the log words it.
#[track_caller]
pub(super) fn check(
    simulator: &mut Simulator,
    now_ms: u64,
    request: &Request,
    outcome: &str,
) -> Answer {
    let reply = simulator.handle(now_ms, request);
    let handled = simulator.log().last().unwrap();
    assert_eq!(handled.outcome.as_deref(), Some(outcome), "{request:?}");
    match reply {
        Reply::Answer(answer) => answer,
        Reply::Dropped => panic!("dropped"),
    }
}

pub(super) fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

pub(super) struct DeviceAuthorization {
    pub(super) device_code: String,
    pub(super) user_code: String,
}

pub(super) fn ask_for_device_code(
    simulator: &mut Simulator,
    now_ms: u64,
    scope: Option<&str>,
) -> DeviceAuthorization {
    let form = [("client_id", "demo"), ("scope", scope.unwrap_or_default())];
    let request = Request::post("/device_authorization", &form);
    let body = body(&check(simulator, now_ms, &request, "200"));
    DeviceAuthorization {
        device_code: body["device_code"].as_str().unwrap().to_owned(),
        user_code: body["user_code"].as_str().unwrap().to_owned(),
    }
}

pub(super) fn approve(simulator: &mut Simulator, device: &DeviceAuthorization) {
    assert!(simulator.approve(&device.user_code, "alice"));
}

pub(super) fn poll(device: &DeviceAuthorization) -> Request {
    let form =
        [("client_id", "demo"), ("grant_type", DEVICE_CODE), ("device_code", &device.device_code)];
    Request::post("/token", &form)
}

pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

pub(super) fn tokens(answer: &Answer) -> Tokens {
    let body = body(answer);
    Tokens {
        access_token: body["access_token"].as_str().unwrap().to_owned(),
        refresh_token: body["refresh_token"].as_str().unwrap().to_owned(),
    }
}

/// The whole device flow, with Alice's approval.
pub(super) fn log_in(simulator: &mut Simulator, now_ms: u64, scope: &str) -> Tokens {
    let device = ask_for_device_code(simulator, now_ms, Some(scope));
    approve(simulator, &device);
    tokens(&check(simulator, now_ms, &poll(&device), "200"))
}

pub(super) fn refresh(tokens: &Tokens) -> Request {
    let form = [
        ("client_id", "demo"),
        ("grant_type", REFRESH_TOKEN),
        ("refresh_token", &tokens.refresh_token),
    ];
    Request::post("/token", &form)
}
