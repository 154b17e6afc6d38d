//! Polling too fast: RFC 8628 §3.5, `slow_down`.

use std::{
    thread,
    time::{Duration, Instant},
};

use aiod_auth_core::{
    ClientIdentity, Issuer, Machine, Note, Reason, RetryPolicy, Scope, Step, Timestamp, Wanted,
    flow::{DeviceAccessTokenRequest, DeviceAuthorization, DeviceAuthorizationRequest, Discovery},
};
use aiod_auth_ureq::Driver;
use serde_json::Value;

use crate::support::{Workplace, keycloak, user::alice_approves};

#[test]
fn the_command_keeps_to_a_long_interval() {
    let place = Workplace::new("aiod", "aiod-slow");
    let started = Instant::now();
    let login = place.log_in(alice_approves);
    let prompt = login.answer().lines().next().unwrap();
    let prompt: Value = serde_json::from_str(prompt).unwrap();
    assert_eq!(prompt["interval"], 5);
    assert!(started.elapsed() >= Duration::from_secs(5));
}

#[test]
fn a_login_whose_code_is_polled_too_fast_slows_down_and_comes_through() {
    let driver = Driver::new();
    let issuer = Issuer::new(&keycloak::issuer("aiod")).unwrap();
    let client = ClientIdentity::public("aiod-slow").unwrap();
    let (scope, policy) = (Scope::default(), RetryPolicy::default());
    let server = driver.run(&mut Discovery::new(issuer, policy)).unwrap();
    let mut request = DeviceAuthorizationRequest::new(&server, &client, &scope, policy).unwrap();
    let mut parts = driver.run(&mut request).unwrap().into_parts();

    // Another program polls the same code, twice at once.
    let poll = || {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", "aiod-slow"),
            ("device_code", parts.device_code.expose()),
        ];
        keycloak::post("aiod", "token", &form).1["error"].clone()
    };
    assert_eq!(poll(), "authorization_pending");
    assert_eq!(poll(), "slow_down");

    // So does this one, if it believes in an interval of 1 s.
    parts.prompt.interval = Duration::from_secs(1);
    let authorization = DeviceAuthorization::from_parts(parts);
    let page = authorization.prompt().page().clone();
    let approval = thread::spawn(move || alice_approves(page.as_str()));
    let limit = Duration::from_secs(60);
    let polls = DeviceAccessTokenRequest::new(&server, &client, &authorization, &scope, limit);
    let mut polls = Watched { machine: polls.unwrap(), waits: Vec::new() };
    let tokens = driver.run(&mut polls).unwrap();
    approval.join().unwrap().unwrap();
    assert!(keycloak::is_active(tokens.access_token().unwrap().expose()));
    // 5 s more for `slow_down`, and an eighth of it; for as long as it takes alice.
    assert_eq!(polls.waits[0], Duration::from_secs(1));
    assert_eq!(polls.waits[1], Duration::from_millis(6750));
}

/// Writes down how long a machine waits for the user.
struct Watched<M> {
    machine: M,
    waits: Vec<Duration>,
}

impl<M: Machine> Machine for Watched<M> {
    type Output = M::Output;
    type Error = M::Error;

    fn poll(&mut self, now: Timestamp) -> Result<Step<'_, M::Output>, M::Error> {
        let step = self.machine.poll(now)?;
        if let Step::Wait(pause) = &step
            && pause.reason() == Reason::Approval
        {
            self.waits.push(pause.delay());
        }
        Ok(step)
    }

    fn wanted(&mut self, now: Timestamp) -> Wanted<'_> {
        self.machine.wanted(now)
    }

    fn take_notes(&mut self) -> Vec<Note> {
        self.machine.take_notes()
    }
}
