//! What a user sees of an HTML page.

use scraper::{ElementRef, Html, Node};
use ureq::{Body, http::Response};
use url::Url;

use super::{Decision, Seen, User, UserError, form::Form};

/// As a user sees it.
pub(super) struct Page {
    url: Url,
    status: u16,
    text: String,
    forms: Vec<Form>,
}

impl Page {
    pub(super) fn load(url: Url, mut response: Response<Body>) -> Result<Self, UserError> {
        let status = response.status().as_u16();
        match response.body_mut().read_to_string() {
            Ok(html) => Self::read(url, status, &html),
            Err(source) => Err(UserError::no_answer(&url, source)),
        }
    }

    fn read(url: Url, status: u16, html: &str) -> Result<Self, UserError> {
        let document = Html::parse_document(html);
        let root = document.root_element();
        let elements = root.descendent_elements();
        let forms = elements.filter(|element| element.value().name() == "form");
        Ok(Self {
            forms: forms.map(|form| Form::read(&url, form)).collect::<Result<_, _>>()?,
            text: visible_text(root),
            url,
            status,
        })
    }

    /// The login form, filled in.
    pub(super) fn login(&self, user: &User) -> Option<Form> {
        let mut forms = self.forms.iter();
        let mut form = forms.find(|form| form.fields.contains_key("password"))?.clone();
        form.set("username", user.username);
        form.set("password", user.password);
        Some(form)
    }

    /// The form that has the button for this decision, with the button pressed.
    pub(super) fn decision(&self, user: &User, decision: Decision) -> Option<Form> {
        self.forms.iter().find_map(|form| {
            let mut buttons = form.buttons.iter();
            let button = buttons.find(|button| decision.is_made_by(button))?;
            let mut form = form.clone();
            form.set(&button.name, &button.value);
            // The simulator has no login: its page asks there who it is.
            if form.fields.contains_key("user") {
                form.set("user", user.username);
            }
            Some(form)
        })
    }

    /// A form that has nothing to fill in and no button with a name: a browser's script sends it.
    pub(super) fn sends_itself(&self) -> Option<Form> {
        let form = self.forms.first()?;
        (self.forms.len() == 1 && form.buttons.is_empty()).then(|| form.clone())
    }

    /// Whether this is the page that says that a decision was taken.
    pub(super) fn confirms(&self, decision: Decision) -> bool {
        // Keycloak's last page has status 200 whatever happened; it is `/device/status`, with
        // `?error=access_denied` after a refusal.
        let error = self.url.query_pairs().find(|(name, _)| name == "error");
        let as_expected = match decision {
            Decision::Approve => error.is_none(),
            Decision::Deny => error.is_none_or(|(_, code)| code == "access_denied"),
        };
        self.status == 200 && as_expected
    }

    pub(super) fn seen(self) -> Seen {
        Seen { path: self.url.path().to_owned(), status: self.status, text: self.text }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::{ALICE, BOB};

    #[test]
    fn a_login_form_is_filled_in_and_keeps_its_other_fields() {
        let form = page(KEYCLOAK_LOGIN).login(&ALICE).unwrap();
        check(
            &form,
            "http://127.0.0.1:18180/realms/aiod/login?code=a&tab_id=b",
            &[("credentialId", ""), ("password", "alice-password"), ("username", "alice")],
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
    fn the_text_is_what_a_user_reads() {
        assert_eq!(page(KEYCLOAK_LOGIN).text, "Show Sign In");
        assert_eq!(page(KEYCLOAK_CONSENT).text, "Do you grant these access privileges? Yes No");
    }

    #[test]
    fn the_last_page_confirms_only_what_was_decided() {
        let last = |query: &str, status| {
            let url = Url::parse(&format!("http://127.0.0.1:18180/device/status{query}")).unwrap();
            let page = Page::read(url, status, "").unwrap();
            (page.confirms(Decision::Approve), page.confirms(Decision::Deny))
        };
        assert_eq!(last("", 200), (true, true));
        assert_eq!(last("?error=access_denied", 200), (false, true));
        assert_eq!(last("?error=expired_token", 200), (false, false));
        assert_eq!(last("", 400), (false, false));
    }

    const PAGE: &str = "http://127.0.0.1:18180/device?user_code=ABCD-EFGH";

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

    fn page(html: &str) -> Page {
        Page::read(Url::parse(PAGE).unwrap(), 200, html).unwrap()
    }

    #[track_caller]
    fn check(form: &Form, action: &str, fields: &[(&str, &str)]) {
        assert_eq!(form.action.as_str(), action);
        let sent: Vec<_> = form.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(sent, fields);
    }
}
