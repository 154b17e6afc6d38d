//! `refresh`: gets a new access token, however good the present one is.

use aiod_auth_core::{Timestamp, session::Demand};
use serde::Serialize;

use super::token;
use crate::{
    context::Context,
    failure::Failure,
    settings::Settings,
    stored::{Stored, lost},
};

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let settings = Settings::in_use(context)?;
    context.interrupt.report_first();
    let session = token::acquire(&settings, &settings.client()?, Demand::new().forced())?;
    // The token isn't handed out here, so without a record nothing came of it.
    match Stored::of(&context.clients, &context.printer) {
        Stored::Yes => {}
        Stored::NotNeeded(failure) => return Err(failure.within(NOT_SAVED)),
        Stored::Lost(failure) => return Err(lost(failure.within(NOT_SAVED))),
    }
    let expires_at = session.tokens.expires_at.as_ref().map(Timestamp::to_string);
    if context.global.json {
        return context.printer.json(&Refreshed {
            event: "refreshed",
            profile: settings.name.as_deref(),
            expires_at,
            scope: session.tokens.scope.iter().collect(),
        });
    }
    match expires_at {
        Some(at) => context.printer.say(&format!("Refreshed. The access token expires at {at}.")),
        None => context.printer.say("Refreshed."),
    }
    Ok(())
}

const NOT_SAVED: &str = "refreshed, but not saved";

#[derive(Serialize)]
struct Refreshed<'a> {
    event: &'static str,
    profile: Option<&'a str>,
    expires_at: Option<String>,
    scope: Vec<&'a str>,
}
