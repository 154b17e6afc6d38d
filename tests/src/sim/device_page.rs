//! The verification page: where a user enters the code and decides (RFC 8628 §3.3).
//!
//! There is no sign-in: the form says which user decides.

use super::Simulator;
use super::clients::User;
use super::device_codes::{DeviceCode, State, is_same_user_code};
use super::http::{Answer, Request};
use super::pages::{self, Approval};
use super::parameters::Parameters;
use super::refusal::Refusal;

impl Simulator {
    pub(super) fn device_page(
        &mut self,
        now_ms: u64,
        request: &Request,
    ) -> Result<Answer, Refusal> {
        if request.method == "POST" {
            return self.device_decision(now_ms, request);
        }
        let query = request.query()?;
        let Some(user_code) = query.get("user_code") else {
            let note = "Enter the code that your device shows.";
            return Ok(pages::enter_user_code(200, note));
        };
        let Some(device_code) = self.open_device_code(now_ms, user_code) else {
            return Ok(unknown_user_code());
        };
        Ok(self.approval_page(device_code))
    }

    fn device_decision(&mut self, now_ms: u64, request: &Request) -> Result<Answer, Refusal> {
        let form = request.form()?;
        let user_code = form.require("user_code")?;
        let Some(device_code) = self.open_device_code(now_ms, user_code) else {
            return Ok(unknown_user_code());
        };
        if form.get("csrf") != Some(&device_code.csrf) {
            let text = "This decision did not come from our page. Please start again.";
            return Ok(pages::message(403, "Nothing was changed", text));
        }
        let (state, final_page) = match form.require("decision")? {
            "approve" => {
                let user = self.approving_user(&form)?;
                let final_page = pages::message(200, "Approved", APPROVED);
                (State::ApprovedBy(user), final_page)
            }
            "deny" => (State::Denied, pages::message(200, "Denied", DENIED)),
            _ => return Err(Refusal::invalid_request("decide to approve or to deny")),
        };
        self.decide(user_code, state);
        Ok(final_page)
    }

    /// Records a user's decision; `false` if no decision is wanted for this code.
    pub(super) fn decide(&mut self, user_code: &str, state: State) -> bool {
        self.device_codes
            .iter_mut()
            .find(|code| is_same_user_code(user_code, &code.user_code))
            .is_some_and(|code| code.decide(state))
    }

    /// A form without `user` is the first user's.
    fn approving_user(&self, form: &Parameters) -> Result<User, Refusal> {
        let user = match form.get("user") {
            Some(username) => self.user(username),
            None => self.users.first(),
        };
        user.cloned().ok_or_else(|| Refusal::invalid_request("no such user"))
    }

    fn open_device_code(&self, now_ms: u64, user_code: &str) -> Option<&DeviceCode> {
        self.device_codes
            .iter()
            .find(|code| is_same_user_code(user_code, &code.user_code) && code.is_open(now_ms))
    }

    fn approval_page(&self, device_code: &DeviceCode) -> Answer {
        let client = self.clients.iter().find(|client| client.client_id == device_code.client_id);
        pages::approval(&Approval {
            user_code: &device_code.user_code,
            client_name: client.map_or(&device_code.client_id, |client| &client.client_name),
            scope: &device_code.scope,
            csrf: &device_code.csrf,
            usernames: self.users.iter().map(|user| user.preferred_username.as_str()).collect(),
        })
    }
}

/// One page for codes that never were, were used and have expired: a guess learns nothing.
fn unknown_user_code() -> Answer {
    let note = "This code is not known, or it has expired. Enter the one your device shows.";
    pages::enter_user_code(400, note)
}

const APPROVED: &str = "You can close this window. Your device will go on by itself.";
const DENIED: &str = "You can close this window. Your device gets no access.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{ask_for_device_code, check, poll, simulator};

    fn page(answer: &Answer) -> String {
        String::from_utf8(answer.body.clone()).unwrap()
    }

    fn csrf(page: &str) -> String {
        let (_, rest) = page.split_once(r#"name="csrf" value=""#).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    #[test]
    fn a_user_decides_on_the_page() {
        for (decision, title, outcome) in
            [("approve", "Approved", "200"), ("deny", "Denied", "400 access_denied")]
        {
            let mut simulator = simulator();
            let device = ask_for_device_code(&mut simulator, 0, None);
            let address = format!("/device?user_code={}", device.user_code);
            let shown = page(&check(&mut simulator, 0, &Request::get(&address), "200"));
            assert!(shown.contains(&device.user_code) && shown.contains("aiod-auth demo"));

            let form = [
                ("user_code", device.user_code.as_str()),
                ("csrf", &csrf(&shown)),
                ("user", "bob"),
                ("decision", decision),
            ];
            let request = Request::post("/device", &form);
            assert!(page(&check(&mut simulator, 1, &request, "200")).contains(title));
            check(&mut simulator, 2, &poll(&device), outcome);

            // The same form again is too late.
            check(&mut simulator, 3, &request, "400");
        }
    }

    #[test]
    fn without_a_code_the_page_asks_for_one() {
        for (address, outcome) in [
            ("/device", "200"),
            ("/device?user_code=", "200"),
            ("/device?user_code=BBBB-BBBB", "400"),
            ("/device?user_code=%3Cb%3E", "400"),
        ] {
            let answer = check(&mut simulator(), 0, &Request::get(address), outcome);
            assert!(page(&answer).contains(r#"<input name="user_code""#), "{address}");
        }
    }

    #[test]
    fn an_expired_code_is_not_shown() {
        let mut simulator = simulator();
        let device = ask_for_device_code(&mut simulator, 0, None);
        let address = format!("/device?user_code={}", device.user_code.to_lowercase());
        check(&mut simulator, 599_999, &Request::get(&address), "200");
        check(&mut simulator, 600_000, &Request::get(&address), "400");
    }

    #[test]
    fn a_form_that_did_not_come_from_the_page_decides_nothing() {
        let mut simulator = simulator();
        let device = ask_for_device_code(&mut simulator, 0, None);
        let csrf = simulator.device_codes[0].csrf.clone();
        let user_code = ("user_code", device.user_code.as_str());
        for (form, outcome) in [
            (&[][..], "400 invalid_request"),
            (&[user_code, ("decision", "approve")], "403"),
            (&[user_code, ("decision", "approve"), ("csrf", "guess")], "403"),
            (&[user_code, ("csrf", &csrf)], "400 invalid_request"),
            (&[user_code, ("csrf", &csrf), ("decision", "perhaps")], "400 invalid_request"),
            (
                &[user_code, ("csrf", &csrf), ("decision", "approve"), ("user", "eve")],
                "400 invalid_request",
            ),
        ] {
            check(&mut simulator, 0, &Request::post("/device", form), outcome);
        }
        check(&mut simulator, 5_000, &poll(&device), "400 authorization_pending");
    }

    #[test]
    fn the_name_of_a_client_is_escaped() {
        let mut simulator = simulator();
        simulator.clients[0].client_name = "<script>".to_owned();
        let device = ask_for_device_code(&mut simulator, 0, None);
        let address = format!("/device?user_code={}", device.user_code);
        let shown = page(&check(&mut simulator, 0, &Request::get(&address), "200"));
        assert!(shown.contains("&lt;script&gt;") && !shown.contains("<script>"));
    }
}
