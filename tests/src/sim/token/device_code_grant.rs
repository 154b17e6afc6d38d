//! The grant of RFC 8628 §3.4: a device code, once the user has approved it.

use super::Tokens;
use crate::sim::Simulator;
use crate::sim::clients::{Client, DEVICE_CODE};
use crate::sim::parameters::Parameters;
use crate::sim::refusal::Refusal;

impl Simulator {
    pub(super) fn device_code_grant(
        &mut self,
        now_ms: u64,
        client: &Client,
        form: &Parameters,
    ) -> Result<Tokens, Refusal> {
        client.must_be_allowed(DEVICE_CODE)?;
        let presented = form.require("device_code")?;
        let device_code = self
            .device_codes
            .iter_mut()
            .find(|code| code.device_code == presented && code.client_id == client.client_id)
            .ok_or_else(|| Refusal::invalid_grant("no such device code"))?;
        let user = device_code.poll(now_ms)?;
        let scope = device_code.scope.clone();
        let requested_scope = device_code.requested_scope.clone();
        Ok(self.tokens_of_user(now_ms, client, user, scope, requested_scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::http::Request;
    use crate::sim::testing::{
        DeviceAuthorization, approve, ask_for_device_code, body, check, poll, simulator,
    };

    const DEVICE_CODE_LIFETIME_MS: u64 = 600_000;

    #[test]
    fn an_approved_code_gets_tokens_once() {
        let mut simulator = simulator();
        let device = ask_for_device_code(&mut simulator, 0, Some("openid"));
        check(&mut simulator, 0, &poll(&device), "400 authorization_pending");
        approve(&mut simulator, &device);
        let body = body(&check(&mut simulator, 5_000, &poll(&device), "200"));
        assert!(simulator.access_token_is_alive(5_000, body["access_token"].as_str().unwrap()));
        assert!(simulator.refresh_token_is_alive(5_000, body["refresh_token"].as_str().unwrap()));
        assert_eq!(body["expires_in"], 300);
        check(&mut simulator, 10_000, &poll(&device), "400 invalid_grant");
        assert_eq!(simulator.grants(DEVICE_CODE), 1);
    }

    #[test]
    fn a_denied_code_stays_denied() {
        let mut simulator = simulator();
        let device = ask_for_device_code(&mut simulator, 0, None);
        assert!(simulator.deny(&device.user_code));
        check(&mut simulator, 5_000, &poll(&device), "400 access_denied");
        check(&mut simulator, 5_001, &poll(&device), "400 access_denied");
        assert!(!simulator.approve(&device.user_code, "alice"));
    }

    #[test]
    fn slow_down_adds_five_seconds_for_good() {
        let mut simulator = simulator();
        let device = ask_for_device_code(&mut simulator, 0, None);
        for (now_ms, outcome) in [
            (0, "400 authorization_pending"),
            (4_999, "400 slow_down"), // 10 s from here on
            (14_999, "400 authorization_pending"),
            (24_998, "400 slow_down"), // 15 s
            (34_998, "400 slow_down"), // 20 s
            (54_998, "400 authorization_pending"),
            (74_997, "400 slow_down"),
        ] {
            check(&mut simulator, now_ms, &poll(&device), outcome);
        }
    }

    #[test]
    fn a_code_expires() {
        let mut simulator = simulator();
        let device = ask_for_device_code(&mut simulator, 0, None);
        let last_moment = DEVICE_CODE_LIFETIME_MS - 1;
        check(&mut simulator, last_moment, &poll(&device), "400 authorization_pending");
        approve(&mut simulator, &device);
        check(&mut simulator, DEVICE_CODE_LIFETIME_MS, &poll(&device), "400 expired_token");
    }

    #[test]
    fn all_codes_can_be_made_to_expire() {
        let mut simulator = simulator();
        let device = ask_for_device_code(&mut simulator, 0, None);
        approve(&mut simulator, &device);
        simulator.expire_device_codes();
        check(&mut simulator, 1, &poll(&device), "400 expired_token");
    }

    #[test]
    fn a_code_is_for_the_client_that_asked_for_it() {
        let mut simulator = simulator();
        simulator.clients.push(Client::public("other"));
        let device = ask_for_device_code(&mut simulator, 0, None);
        approve(&mut simulator, &device);
        let garbage =
            DeviceAuthorization { device_code: "garbage".to_owned(), user_code: String::new() };
        check(&mut simulator, 0, &poll(&garbage), "400 invalid_grant");
        let form = [
            ("client_id", "other"),
            ("grant_type", DEVICE_CODE),
            ("device_code", &device.device_code),
        ];
        check(&mut simulator, 0, &Request::post("/token", &form), "400 invalid_grant");
    }

    #[test]
    fn scope_is_sent_when_it_is_not_the_one_asked_for() {
        for (requested, answered) in [
            (None, Some("profile")),
            (Some("openid profile"), None),
            (Some("openid admin"), Some("openid")),
        ] {
            let mut simulator = simulator();
            simulator.settings.ignore_unknown_scope = true;
            let device = ask_for_device_code(&mut simulator, 0, requested);
            approve(&mut simulator, &device);
            let body = body(&check(&mut simulator, 5_000, &poll(&device), "200"));
            assert_eq!(body["scope"].as_str(), answered, "{requested:?}");
        }
    }
}
