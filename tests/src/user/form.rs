//! The forms of a page, and how they are filled in.

use std::collections::BTreeMap;

use scraper::ElementRef;
use url::Url;

use super::UserError;

/// A form to POST: both servers' are.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) action: Url,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) buttons: Vec<Button>,
}

impl Form {
    pub(super) fn read(page: &Url, form: ElementRef<'_>) -> Result<Self, UserError> {
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
        Ok(Self { action, fields, buttons })
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.fields.insert(name.to_owned(), value.to_owned());
    }
}

/// A button that submits its form. Only the one that is pressed is sent.
#[derive(Clone)]
pub(super) struct Button {
    pub(super) name: String,
    pub(super) value: String,
}
