//! `login`: shows the person what to do, waits, and keeps the tokens.

use std::io::{self, IsTerminal, Read};

use aiod_auth_core::{
    RefreshToken, Timestamp, Tokens,
    session::{Kept, SessionTokens},
};
use serde::Serialize;

use crate::{args, context::Context, failure::Failure, settings::Settings};

mod browser;
mod prompt;

pub(crate) fn run(context: &Context, options: &args::Login) -> Result<(), Failure> {
    let mut settings = Settings::new(context)?;
    if let Some(flow) = options.flow {
        settings = settings.with_flow(flow)?;
    }
    if options.no_save {
        settings = settings.without_saving();
    }
    let session = log_in(context, options, &settings)?;
    context.printer.end_countdown();
    report(context, options, &settings, &session)
}

fn log_in(
    context: &Context,
    options: &args::Login,
    settings: &Settings,
) -> Result<SessionTokens, Failure> {
    let client = settings.client();
    let session = if options.refresh_token_stdin {
        client.login_with_refresh_token(read_refresh_token(context)?)
    } else {
        client.login_within(options.timeout, |asked| prompt::show(context, options, asked))
    };
    session.map_err(|error| settings.explain(error))
}

fn read_refresh_token(context: &Context) -> Result<RefreshToken, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        context.printer.instruct("Paste the refresh token, then press Enter and Ctrl-D:");
    }
    let mut text = String::new();
    let read = stdin.lock().take(BYTES_MAX).read_to_string(&mut text);
    let token = text.trim();
    if read.is_err() || token.is_empty() || token.contains(|c: char| c.is_control() || c == ' ') {
        return Err(Failure::usage("what stdin brought is no refresh token"));
    }
    Ok(RefreshToken::new(token))
}

/// No token is near this size.
const BYTES_MAX: u64 = 1 << 20;

/// A token that was asked for is handed out even if it could not be saved.
fn report(
    context: &Context,
    options: &args::Login,
    settings: &Settings,
    session: &SessionTokens,
) -> Result<(), Failure> {
    let not_saved = match &session.kept {
        Kept::NotSaved(failure) => Some(failure.clone()),
        Kept::Saved | Kept::NoStore => None,
    };
    if not_saved.is_none() || options.print_token {
        answer(context, options, settings, &session.tokens)?;
    }
    if let Some(failure) = not_saved {
        return Err(Failure::from(failure).within("logged in, but not saved"));
    }
    let (issuer, client) = (settings.profile.issuer(), settings.profile.client());
    let (issuer, client) = (issuer.as_str(), client.id());
    let words = format!("Logged in at {issuer} as client {client}.");
    context.printer.say(&words);
    Ok(())
}

fn answer(
    context: &Context,
    options: &args::Login,
    settings: &Settings,
    tokens: &Tokens,
) -> Result<(), Failure> {
    let access_token = options.print_token.then(|| tokens.access_token.expose());
    if context.global.json {
        return context.printer.json(&Authenticated {
            event: "authenticated",
            profile: settings.name.as_deref(),
            expires_at: tokens.expires_at.as_ref().map(Timestamp::to_string),
            scope: tokens.scope.iter().collect(),
            access_token,
        });
    }
    context.printer.text(access_token.unwrap_or_default())
}

#[derive(Serialize)]
struct Authenticated<'a> {
    event: &'static str,
    profile: Option<&'a str>,
    expires_at: Option<String>,
    scope: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
}
