//! `whoami`: asks the server who is logged in.

use std::fmt;

use aiod_auth_core::clean;
use serde::Serialize;

use crate::{context::Context, failure::Failure, settings::Settings};

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let settings = Settings::in_use(context)?;
    let client = settings.client()?;
    let userinfo = client.who_am_i().map_err(|error| settings.explain(error))?;
    // What a server says of its users is for any terminal, in JSON, too.
    let cleaned = |text: Option<String>| text.map(|text| clean(&text));
    context.printer.answer(&WhoAmI {
        name: cleaned(userinfo.name),
        roles: userinfo.roles.iter().map(|role| clean(role)).collect(),
        subject: cleaned(userinfo.subject),
    })
}

#[derive(Serialize)]
struct WhoAmI {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

impl fmt::Display for WhoAmI {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles = (!self.roles.is_empty()).then(|| self.roles.join(", "));
        let said = [("name", &self.name), ("roles", &roles), ("subject", &self.subject)];
        let said = said.into_iter().filter_map(|(what, text)| Some((what, text.as_deref()?)));
        let lines: Vec<_> = said.map(|(what, text)| format!("{what}: {text}")).collect();
        f.write_str(&lines.join("\n"))
    }
}
