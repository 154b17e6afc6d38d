//! The device authorization endpoint (RFC 8628 §3.1 and §3.2).

use serde_json::json;

use super::Simulator;
use super::clients::DEVICE_CODE;
use super::device_codes::{DeviceCode, State};
use super::http::{Answer, Request};
use super::refusal::Refusal;
use super::time;

impl Simulator {
    pub(super) fn device_authorization(
        &mut self,
        now_ms: u64,
        request: &Request,
    ) -> Result<Answer, Refusal> {
        let form = request.form()?;
        let client = self.authenticate(request, &form)?;
        client.must_be_allowed(DEVICE_CODE)?;
        let requested_scope = form.get("scope");
        let scope = client.grant_scope(requested_scope, self.settings.ignore_unknown_scope)?;

        let device_code = DeviceCode {
            device_code: self.random.token("device"),
            user_code: self.random.user_code(),
            client_id: client.client_id,
            requested_scope: requested_scope.map(str::to_owned),
            scope,
            csrf: self.random.token("csrf"),
            expires_at_ms: time::after(now_ms, self.settings.device_code_lifetime),
            interval: self.settings.interval,
            polled_at_ms: None,
            state: State::Pending,
        };
        let answer = self.device_authorization_answer(&device_code);
        self.device_codes.push(device_code);
        Ok(answer)
    }

    fn device_authorization_answer(&self, device_code: &DeviceCode) -> Answer {
        let verification_uri = self.url("/device");
        let mut body = json!({
            "device_code": device_code.device_code,
            "user_code": device_code.user_code,
            "verification_uri": verification_uri,
            "expires_in": self.settings.device_code_lifetime.as_secs(),
        });
        if self.settings.send_verification_uri_complete {
            let user_code = &device_code.user_code;
            body["verification_uri_complete"] =
                json!(format!("{verification_uri}?user_code={user_code}"));
        }
        if self.settings.send_interval {
            body["interval"] = json!(self.settings.interval.as_secs());
        }
        Answer::json(200, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{body, check, simulator};

    #[test]
    fn a_good_request_gets_codes_and_where_to_enter_them() {
        let request = Request::post("/device_authorization", &[("client_id", "demo")]);
        let answer = check(&mut simulator(), 0, &request, "200");
        let body = body(&answer);
        let user_code = body["user_code"].as_str().unwrap();
        assert!(body["device_code"].as_str().unwrap().starts_with("device-"));
        assert_eq!(body["verification_uri"], "http://as.test/device");
        assert_eq!(
            body["verification_uri_complete"],
            format!("http://as.test/device?user_code={user_code}")
        );
        assert_eq!(body["expires_in"], 600);
        assert_eq!(body["interval"], 5);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }

    #[test]
    fn optional_members_can_be_left_out() {
        let mut simulator = simulator();
        simulator.settings.send_interval = false;
        simulator.settings.send_verification_uri_complete = false;
        let request = Request::post("/device_authorization", &[("client_id", "demo")]);
        let body = body(&check(&mut simulator, 0, &request, "200"));
        assert!(body.get("interval").is_none());
        assert!(body.get("verification_uri_complete").is_none());
    }

    #[test]
    fn a_bad_request_is_refused() {
        for (form, outcome) in [
            (&[][..], "401 invalid_client"),
            (&[("client_id", "nobody")], "401 invalid_client"),
            (&[("client_id", "bot")], "401 invalid_client"),
            (&[("client_id", "bot"), ("client_secret", "bot-secret")], "400 unauthorized_client"),
            (&[("client_id", "demo"), ("scope", "everything")], "400 invalid_scope"),
            (&[("client_id", "demo"), ("client_id", "demo")], "400 invalid_request"),
        ] {
            let request = Request::post("/device_authorization", form);
            check(&mut simulator(), 0, &request, outcome);
        }
    }

    #[test]
    fn only_a_form_in_a_post_is_read() {
        let get = Request::get("/device_authorization?client_id=demo");
        let answer = check(&mut simulator(), 0, &get, "405");
        assert_eq!(answer.header("allow"), Some("POST"));

        let mut json = Request::post("/device_authorization", &[("client_id", "demo")]);
        json.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        check(&mut simulator(), 0, &json, "400 invalid_request");
    }
}
