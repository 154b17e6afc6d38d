//! A user at a browser, for the flows that need one: opens the page of a device code, logs in
//! if asked, and presses a button.
//!
//! Knows Keycloak's pages and the simulator's. Everything happens over HTTP on loopback, within one
//! origin, without a proxy and without scripts.
//!
//! ```no_run
//! use aiod_auth_tests::user::ALICE;
//!
//! ALICE.approve("http://127.0.0.1:18180/realms/aiod/device?user_code=ABCD-EFGH")?;
//! # Ok::<(), aiod_auth_tests::user::UserError>(())
//! ```

use std::fmt;

use url::Url;

use browser::Browser;
use form::Button;
use page::Page;

mod browser;
mod form;
mod page;

/// A user of both realms in `tests/live/realms`, who has every role.
pub const ALICE: User = User { username: "alice", password: "alice-password" };

/// A user of both realms in `tests/live/realms`, who has no role.
pub const BOB: User = User { username: "bob", password: "bob-password" };

/// A user with an account, who opens a fresh browser for every decision.
#[derive(Debug, Clone, Copy)]
pub struct User {
    /// What the login page asks for first.
    pub username: &'static str,
    /// And then.
    pub password: &'static str,
}

impl User {
    /// Opens the page, logs in if asked to, and grants what is asked for.
    ///
    /// `Ok` means that the server's last page said so. Keycloak also says it of a code that expired
    /// after the page was opened.
    ///
    /// # Errors
    ///
    /// [`UserError`] says at which page it ended, and what that page said.
    pub fn approve(&self, verification_uri_complete: &str) -> Result<(), UserError> {
        self.decide(verification_uri_complete, Decision::Approve)
    }

    /// Opens the page, logs in if asked to, and refuses.
    ///
    /// # Errors
    ///
    /// The same as for [`approve`](Self::approve).
    pub fn deny(&self, verification_uri_complete: &str) -> Result<(), UserError> {
        self.decide(verification_uri_complete, Decision::Deny)
    }

    /// Opens an authorization request (RFC 6749 §4.1.1), answers what the server asks, and grants what is
    /// asked for. Returns the address that the server redirects to; it is not opened.
    ///
    /// # Errors
    ///
    /// The same as for [`approve`](Self::approve).
    pub fn authorize(&self, authorization_request: &str) -> Result<Url, UserError> {
        self.answer_until_led_away(authorization_request, Decision::Approve)
    }

    /// The same, and refuses.
    ///
    /// # Errors
    ///
    /// The same as for [`approve`](Self::approve).
    pub fn refuse(&self, authorization_request: &str) -> Result<Url, UserError> {
        self.answer_until_led_away(authorization_request, Decision::Deny)
    }

    /// Opens the page of oidc-provider's device code, answers what it asks, and grants or refuses.
    ///
    /// # Errors
    ///
    /// The same as for [`approve`](Self::approve).
    pub fn answer_device_page(&self, uri: &str, grants: bool) -> Result<(), UserError> {
        let decision = if grants { Decision::Approve } else { Decision::Deny };
        let start = Url::parse(uri)?;
        let mut browser = Browser::new(&start);
        let page = browser.open(start)?;
        self.answer_all(&mut browser, page, decision).map(drop)
    }

    fn answer_until_led_away(&self, uri: &str, decision: Decision) -> Result<Url, UserError> {
        let start = Url::parse(uri)?;
        let mut browser = Browser::new(&start);
        let outcome = match browser.open(start) {
            Ok(page) => self.answer_all(&mut browser, page, decision),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(page) => Err(UserError::NoButton(page.seen())),
            Err(UserError::OtherOrigin(back)) => Ok(back),
            Err(error) => Err(error),
        }
    }

    /// One form after another, up to a page without one that is for this user.
    fn answer_all(
        &self,
        browser: &mut Browser,
        mut page: Page,
        decision: Decision,
    ) -> Result<Page, UserError> {
        for _ in 0..FORMS_MAX {
            let form = page.login(self).or_else(|| page.decision(self, decision));
            let Some(form) = form.or_else(|| page.sends_itself()) else {
                return Ok(page);
            };
            page = browser.submit(form)?;
        }
        Err(UserError::NoButton(page.seen()))
    }

    fn decide(&self, uri: &str, decision: Decision) -> Result<(), UserError> {
        let start = Url::parse(uri)?;
        let mut browser = Browser::new(&start);
        let mut page = browser.open(start)?;
        if let Some(form) = page.login(self) {
            page = browser.submit(form)?;
            if page.login(self).is_some() {
                return Err(UserError::LoginRefused(page.seen()));
            }
        }
        let Some(form) = page.decision(self, decision) else {
            return Err(UserError::NoButton(page.seen()));
        };
        page = browser.submit(form)?;
        if !page.confirms(decision) {
            return Err(UserError::NotConfirmed(page.seen()));
        }
        Ok(())
    }
}

/// Why a user could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The address to open, or one that the server sent, is no URL.
    #[error("not a URL")]
    NotAUrl(#[from] url::ParseError),
    /// The server did not answer, or not in time.
    #[error("no answer from {url}")]
    NoAnswer {
        /// What was asked for.
        url: Url,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// A redirect or a form led away from the server that the user came to.
    #[error("led away, to {0}")]
    OtherOrigin(Url),
    /// The server kept redirecting.
    #[error("too many redirects, the last one to {0}")]
    TooManyRedirects(Url),
    /// The login page came back.
    #[error("the login was refused at {0}")]
    LoginRefused(Seen),
    /// The page has neither a login nor the button to press: an unknown or expired code, for one.
    #[error("there was no button to press at {0}")]
    NoButton(Seen),
    /// The button was pressed, and the server said that this failed.
    #[error("the decision was not taken at {0}")]
    NotConfirmed(Seen),
}

impl UserError {
    fn no_answer(url: &Url, source: ureq::Error) -> Self {
        Self::NoAnswer { url: url.clone(), source: Box::new(source) }
    }
}

/// The page at which a user gave up.
#[derive(Debug)]
pub struct Seen {
    /// Its path, without the query: Keycloak's are long.
    pub path: String,
    /// Its HTTP status.
    pub status: u16,
    /// What could be read on it.
    pub text: String,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (HTTP {}): {}", self.path, self.status, self.text)
    }
}

/// oidc-provider's code, a login, a consent: no server here asks more.
const FORMS_MAX: usize = 6;

#[derive(Debug, Clone, Copy)]
enum Decision {
    Approve,
    Deny,
}

impl Decision {
    /// Keycloak's buttons differ by name, the simulator's by value. Their labels are for people.
    fn is_made_by(self, button: &Button) -> bool {
        match self {
            Self::Approve => button.name == "accept" || button.value == "approve",
            Self::Deny => button.name == "cancel" || button.value == "deny",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{browser::agent, *};
    use crate::sim;

    #[test]
    fn the_simulators_page_is_walked_to_its_end() {
        for (decide, outcome) in [
            (User::approve as fn(&User, &str) -> _, r#""access_token""#),
            (User::deny, r#""access_denied""#),
        ] {
            let simulator = sim::serve(sim::Settings::default()).unwrap();
            let post = |path: &str, form: &[(&str, &str)]| {
                let request = agent().post(format!("{}{path}", simulator.base_url));
                let mut response = request.send_form(form.iter().copied()).unwrap();
                response.body_mut().read_to_string().unwrap()
            };
            let answer = post("/device_authorization", &[("client_id", "demo")]);
            let device: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let uri = device["verification_uri_complete"].as_str().unwrap();

            decide(&BOB, uri).unwrap();
            let used = decide(&BOB, uri);
            assert!(matches!(used, Err(UserError::NoButton(_))), "{used:?}");

            let device_code = device["device_code"].as_str().unwrap();
            let grant = ("grant_type", sim::DEVICE_CODE);
            let form = [grant, ("client_id", "demo"), ("device_code", device_code)];
            let answer = post("/token", &form);
            assert!(answer.contains(outcome), "{answer}");
        }
    }
}
