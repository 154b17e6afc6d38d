//! `whoami`: asks the server who is logged in.

use std::fmt;

use aiod_auth_core::clean;
use serde::Serialize;

use crate::{context::Context, failure::Failure, settings::Settings};

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let settings = Settings::new(context)?;
    let client = settings.client()?;
    let userinfo = client.who_am_i().map_err(|error| settings.explain(error))?;
    if let Some(session) = client.held() {
        super::token::warn_if_not_saved(context, &session);
    }
    context.printer.answer(&WhoAmI {
        name: userinfo.name,
        roles: userinfo.roles,
        subject: userinfo.subject,
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
        let lines: Vec<_> = said.map(|(what, text)| format!("{what}: {}", clean(text))).collect();
        f.write_str(&lines.join("\n"))
    }
}
