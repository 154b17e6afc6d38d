//! The person at the browser, for the flows that need one: opens the page of a device code, logs in
//! if asked, and presses a button.
//!
//! Knows Keycloak's pages and the simulator's. Everything happens over HTTP on loopback, within one
//! origin, without a proxy and without scripts.
//!
//! ```no_run
//! use aiod_auth_tests::person::ALICE;
//!
//! ALICE.approve("http://127.0.0.1:18180/realms/aiod/device?user_code=ABCD-EFGH")?;
//! # Ok::<(), aiod_auth_tests::person::PersonError>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use scraper::{ElementRef, Html, Node};
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};
use url::{Origin, Url};

/// A user of both realms in `tests/live/realms`, who has every role.
pub const ALICE: Person = Person {
    user: "alice",
    password: "alice-password",
};

/// A user of both realms in `tests/live/realms`, who has no role.
pub const BOB: Person = Person {
    user: "bob",
    password: "bob-password",
};

/// Somebody with an account, and with a fresh browser for every decision.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// What the login page asks for first.
    pub user: &'static str,
    /// And then.
    pub password: &'static str,
}

impl Person {
    /// Opens the page, logs in if asked to, and grants what is asked for.
    ///
    /// `Ok` means that the server's last page said so. Keycloak also says it of a code that expired
    /// after the page was opened.
    ///
    /// # Errors
    ///
    /// [`PersonError`] says at which page it ended, and what that page said.
    pub fn approve(&self, verification_uri_complete: &str) -> Result<(), PersonError> {
        self.decide(verification_uri_complete, Decision::Approve)
    }

    /// Opens the page, logs in if asked to, and refuses.
    ///
    /// # Errors
    ///
    /// The same as for [`approve`](Self::approve).
    pub fn deny(&self, verification_uri_complete: &str) -> Result<(), PersonError> {
        self.decide(verification_uri_complete, Decision::Deny)
    }

    fn decide(&self, uri: &str, decision: Decision) -> Result<(), PersonError> {
        let start = Url::parse(uri)?;
        let mut browser = Browser::new(&start);
        let mut page = browser.open(start)?;
        if let Some(form) = page.login(self) {
            page = browser.submit(form)?;
            if page.login(self).is_some() {
                return Err(PersonError::LoginRefused(page.seen()));
            }
        }
        let Some(form) = page.decision(self, decision) else {
            return Err(PersonError::NoButton(page.seen()));
        };
        page = browser.submit(form)?;
        if !page.confirms(decision) {
            return Err(PersonError::NotConfirmed(page.seen()));
        }
        Ok(())
    }
}

/// Why a person could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// The address to open, or one that the server sent, is no URL.
    #[error("not a URL")]
    NotAUrl(#[from] url::ParseError),
    /// The server did not answer, or not in time.
    #[error("no answer from {url}")]
    NoAnswer {
        /// What was asked for.
        url: Url,
        /// What went wrong.
        source: ureq::Error,
    },
    /// A redirect or a form led away from the server that the person came to.
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

/// The page at which a person gave up.
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

/// As much of a browser as it takes: cookies, and redirects within one origin.
struct Browser {
    agent: Agent,
    origin: Origin,
    /// By name. Their path doesn't matter, a browser here sees one realm only; nor does `Secure`,
    /// which Keycloak also sets for plain HTTP, where loopback counts as secure.
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new(start: &Url) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .build();
        Self {
            agent: config.new_agent(),
            origin: start.origin(),
            cookies: BTreeMap::new(),
        }
    }

    fn open(&mut self, url: Url) -> Result<Page, PersonError> {
        let response = self.get(&url)?;
        self.follow(url, response)
    }

    fn submit(&mut self, form: Form) -> Result<Page, PersonError> {
        let response = self.post(&form)?;
        self.follow(form.action, response)
    }

    /// From the first answer to the page at the end of its redirects.
    fn follow(&mut self, mut url: Url, first: Response<Body>) -> Result<Page, PersonError> {
        let mut response = first;
        for _ in 0..REDIRECTS_MAX {
            self.keep_cookies(response.headers());
            let Some(location) = redirect(&response) else {
                return Page::load(url, response);
            };
            url = url.join(location)?;
            response = self.get(&url)?;
        }
        Err(PersonError::TooManyRedirects(url))
    }

    fn get(&self, url: &Url) -> Result<Response<Body>, PersonError> {
        self.stay_at_home(url)?;
        let request = self.agent.get(url.as_str());
        let request = request.header(header::COOKIE, self.cookie_header());
        request.call().map_err(|source| no_answer(url, source))
    }

    fn post(&self, form: &Form) -> Result<Response<Body>, PersonError> {
        let url = &form.action;
        self.stay_at_home(url)?;
        let request = self.agent.post(url.as_str());
        let request = request.header(header::COOKIE, self.cookie_header());
        let response = request.send_form(&form.fields);
        response.map_err(|source| no_answer(url, source))
    }

    /// The password and the cookies are for one server only.
    fn stay_at_home(&self, url: &Url) -> Result<(), PersonError> {
        if url.origin() != self.origin {
            return Err(PersonError::OtherOrigin(url.clone()));
        }
        Ok(())
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.iter();
        let pairs: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        let cookies = headers.get_all(header::SET_COOKIE).iter();
        for cookie in cookies.filter_map(|cookie| cookie.to_str().ok()) {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let mut attributes = attributes.split(';').map(str::trim);
            if attributes.any(|attribute| attribute.eq_ignore_ascii_case("max-age=0")) {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn redirect(response: &Response<Body>) -> Option<&str> {
    if !response.status().is_redirection() {
        return None;
    }
    response.headers().get(header::LOCATION)?.to_str().ok()
}

/// What a person sees of an HTML page.
struct Page {
    url: Url,
    status: u16,
    text: String,
    forms: Vec<Form>,
}

impl Page {
    fn load(url: Url, mut response: Response<Body>) -> Result<Self, PersonError> {
        let status = response.status().as_u16();
        match response.body_mut().read_to_string() {
            Ok(html) => Self::read(url, status, &html),
            Err(source) => Err(no_answer(&url, source)),
        }
    }

    fn read(url: Url, status: u16, html: &str) -> Result<Self, PersonError> {
        let document = Html::parse_document(html);
        let root = document.root_element();
        let elements = root.descendent_elements();
        let forms = elements.filter(|element| element.value().name() == "form");
        Ok(Self {
            forms: forms
                .map(|form| Form::read(&url, form))
                .collect::<Result<_, _>>()?,
            text: visible_text(root),
            url,
            status,
        })
    }

    /// The login form, filled in.
    fn login(&self, person: &Person) -> Option<Form> {
        let mut forms = self.forms.iter();
        let mut form = forms
            .find(|form| form.fields.contains_key("password"))?
            .clone();
        form.set("username", person.user);
        form.set("password", person.password);
        Some(form)
    }

    /// The form that has the button for this decision, with the button pressed.
    fn decision(&self, person: &Person, decision: Decision) -> Option<Form> {
        self.forms.iter().find_map(|form| {
            let mut buttons = form.buttons.iter();
            let button = buttons.find(|button| decision.is_made_by(button))?;
            let mut form = form.clone();
            form.set(&button.name, &button.value);
            // The simulator has no login: its page asks there who it is.
            if form.fields.contains_key("user") {
                form.set("user", person.user);
            }
            Some(form)
        })
    }

    /// Whether this is the page that says that a decision was taken.
    fn confirms(&self, decision: Decision) -> bool {
        // Keycloak's last page has status 200 whatever happened; it is `/device/status`, with
        // `?error=access_denied` after a refusal.
        let error = self.url.query_pairs().find(|(name, _)| name == "error");
        let as_expected = match decision {
            Decision::Approve => error.is_none(),
            Decision::Deny => error.is_none_or(|(_, code)| code == "access_denied"),
        };
        self.status == 200 && as_expected
    }

    fn seen(self) -> Seen {
        Seen {
            path: self.url.path().to_owned(),
            status: self.status,
            text: self.text,
        }
    }
}

/// A form to POST: both servers' are.
#[derive(Clone)]
struct Form {
    action: Url,
    fields: BTreeMap<String, String>,
    buttons: Vec<Button>,
}

impl Form {
    fn read(page: &Url, form: ElementRef<'_>) -> Result<Self, PersonError> {
        // A form without an action is sent to its own page.
        let action = page.join(form.attr("action").unwrap_or_default())?;
        let mut fields = BTreeMap::new();
        let mut buttons = Vec::new();
        for control in form.descendent_elements() {
            // What has no name is not sent.
            let Some(name) = control.attr("name").map(str::to_owned) else {
                continue;
            };
            let value = control.attr("value").unwrap_or_default().to_owned();
            match (control.value().name(), control.attr("type")) {
                ("button", _) | ("input", Some("submit")) => buttons.push(Button { name, value }),
                ("input" | "select", _) => drop(fields.insert(name, value)),
                _ => {}
            }
        }
        Ok(Self {
            action,
            fields,
            buttons,
        })
    }

    fn set(&mut self, name: &str, value: &str) {
        self.fields.insert(name.to_owned(), value.to_owned());
    }
}

/// A button that submits its form. Only the one that is pressed is sent.
#[derive(Clone)]
struct Button {
    name: String,
    value: String,
}

/// The text between the tags, with single spaces.
fn visible_text(root: ElementRef<'_>) -> String {
    let mut words = Vec::new();
    for node in root.descendants() {
        let Some(parent) = node.parent().and_then(ElementRef::wrap) else {
            continue;
        };
        let shown = !["title", "script", "style"].contains(&parent.value().name());
        if let (Node::Text(text), true) = (node.value(), shown) {
            words.extend(text.split_whitespace());
        }
    }
    words.join(" ")
}

fn no_answer(url: &Url, source: ureq::Error) -> PersonError {
    PersonError::NoAnswer {
        url: url.clone(),
        source,
    }
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Keycloak needs two in a row.
const REDIRECTS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim;

    const KEYCLOAK_LOGIN: &str = r#"
        <title>Sign in</title><script>startSessionPolling();</script>
        <form action="http://127.0.0.1:18180/realms/aiod/login?code=a&amp;tab_id=b" method="post">
          <input name="username" type="text" value="">
          <div><input name="password" type="password"><button type="button">Show</button></div>
          <input type="hidden" name="credentialId">
          <button name="login" type="submit">Sign In</button>
        </form>"#;

    const KEYCLOAK_CONSENT: &str = r#"
        <h3>Do you grant these   access privileges?</h3>
        <form action="/realms/aiod/login-actions/consent?tab_id=b" method="POST">
          <input type="hidden" name="code" value="c">
          <button name="accept" type="submit"> Yes </button>
          <button name="cancel" type="submit"> No </button>
        </form>"#;

    const SIMULATOR: &str = r#"
        <form method="post">
          <input name="user_code" value="ABCD-EFGH"><input type="hidden" name="csrf" value="1">
          <select name="user"><option>alice</option><option>bob</option></select>
          <button name="decision" value="approve">Approve</button>
          <button name="decision" value="deny">Deny</button>
        </form>"#;

    #[test]
    fn a_login_form_is_filled_in_and_keeps_its_other_fields() {
        let form = page(KEYCLOAK_LOGIN).login(&ALICE).unwrap();
        check(
            &form,
            "http://127.0.0.1:18180/realms/aiod/login?code=a&tab_id=b",
            &[
                ("credentialId", ""),
                ("password", "alice-password"),
                ("username", "alice"),
            ],
        );
    }

    #[test]
    fn keycloaks_consent_is_given_or_refused_by_the_name_of_a_button() {
        let action = "http://127.0.0.1:18180/realms/aiod/login-actions/consent?tab_id=b";
        let page = page(KEYCLOAK_CONSENT);
        for (decision, name) in [(Decision::Approve, "accept"), (Decision::Deny, "cancel")] {
            let form = page.decision(&ALICE, decision).unwrap();
            check(&form, action, &[(name, ""), ("code", "c")]);
        }
    }

    #[test]
    fn the_simulators_decision_is_the_value_of_a_button() {
        let page = page(SIMULATOR);
        for (decision, value) in [(Decision::Approve, "approve"), (Decision::Deny, "deny")] {
            let code = ("user_code", "ABCD-EFGH");
            let fields = [("csrf", "1"), ("decision", value), ("user", "bob"), code];
            check(&page.decision(&BOB, decision).unwrap(), PAGE, &fields);
        }
    }

    #[test]
    fn a_page_that_asks_for_neither_has_no_form_to_send() {
        let page = page("<p>The code has expired.</p><form><input name=device_user_code></form>");
        assert!(page.login(&ALICE).is_none());
        assert!(page.decision(&ALICE, Decision::Approve).is_none());
    }

    #[test]
    fn the_text_is_what_a_person_reads() {
        assert_eq!(page(KEYCLOAK_LOGIN).text, "Show Sign In");
        assert_eq!(
            page(KEYCLOAK_CONSENT).text,
            "Do you grant these access privileges? Yes No"
        );
    }

    #[test]
    fn the_simulators_page_is_walked_to_its_end() {
        for (decide, outcome) in [
            (
                Person::approve as fn(&Person, &str) -> _,
                r#""access_token""#,
            ),
            (Person::deny, r#""access_denied""#),
        ] {
            let simulator = sim::serve(sim::Settings::default()).unwrap();
            let post = |path: &str, form: &[(&str, &str)]| {
                let agent = Browser::new(&Url::parse(PAGE).unwrap()).agent;
                let request = agent.post(format!("{}{path}", simulator.base_url));
                let mut response = request.send_form(form.iter().copied()).unwrap();
                response.body_mut().read_to_string().unwrap()
            };
            let answer = post("/device_authorization", &[("client_id", "demo")]);
            let device: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let uri = device["verification_uri_complete"].as_str().unwrap();

            decide(&BOB, uri).unwrap();
            let used = decide(&BOB, uri);
            assert!(matches!(used, Err(PersonError::NoButton(_))), "{used:?}");

            let device_code = device["device_code"].as_str().unwrap();
            let grant = ("grant_type", sim::DEVICE_CODE);
            let form = [grant, ("client_id", "demo"), ("device_code", device_code)];
            let answer = post("/token", &form);
            assert!(answer.contains(outcome), "{answer}");
        }
    }

    #[test]
    fn the_last_page_confirms_only_what_was_decided() {
        let last = |query: &str, status| {
            let url = Url::parse(&format!("http://127.0.0.1:18180/device/status{query}")).unwrap();
            let page = Page::read(url, status, "").unwrap();
            (
                page.confirms(Decision::Approve),
                page.confirms(Decision::Deny),
            )
        };
        assert_eq!(last("", 200), (true, true));
        assert_eq!(last("?error=access_denied", 200), (false, true));
        assert_eq!(last("?error=expired_token", 200), (false, false));
        assert_eq!(last("", 400), (false, false));
    }

    #[test]
    fn cookies_are_kept_until_the_server_takes_them_back() {
        let mut browser = Browser::new(&Url::parse(PAGE).unwrap());
        browser.keep_cookies(&set_cookie(&["a=1;Path=/;Secure", "b=2=2", "c=3"]));
        browser.keep_cookies(&set_cookie(&["a=;Path=/;Max-Age=0", "c=4;Max-Age=60"]));
        assert_eq!(browser.cookie_header(), "b=2=2; c=4");
    }

    #[test]
    fn another_origin_gets_nothing() {
        let mut browser = Browser::new(&Url::parse(PAGE).unwrap());
        let elsewhere = Url::parse("http://127.0.0.1:1/device").unwrap();
        assert!(matches!(
            browser.open(elsewhere),
            Err(PersonError::OtherOrigin(_))
        ));
    }

    const PAGE: &str = "http://127.0.0.1:18180/device?user_code=ABCD-EFGH";

    fn page(html: &str) -> Page {
        Page::read(Url::parse(PAGE).unwrap(), 200, html).unwrap()
    }

    #[track_caller]
    fn check(form: &Form, action: &str, fields: &[(&str, &str)]) {
        assert_eq!(form.action.as_str(), action);
        let sent: Vec<_> = form
            .fields
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(sent, fields);
    }

    fn set_cookie(values: &[&'static str]) -> HeaderMap {
        let values = values
            .iter()
            .map(|value| header::HeaderValue::from_static(value));
        values.map(|value| (header::SET_COOKIE, value)).collect()
    }
}
