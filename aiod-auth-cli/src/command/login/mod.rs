//! `login`: shows the user what to do, waits, and stores the tokens.

use std::time::SystemTime;

use aiod_auth_core::{
    ConfigProblem, Endpoint, Error, ErrorCode, Prompt, Timestamp, Tokens,
    session::{Persisted, SessionTokens},
};
use aiod_auth_ureq::{Cancel, Client};
use serde::Serialize;

use super::refresh_token;
use crate::{
    args::{self, Flow},
    context::Context,
    failure::Failure,
    settings::{self, Settings},
};

mod browser;
mod prompt;
mod question;
mod salvaged;

pub(crate) fn run(context: &Context, options: &args::Login) -> Result<(), Failure> {
    // A login without an account stays where it is: it may be another user's, and is still good.
    let mut settings = Settings::new(context)?;
    if let Some(flow) = options.flow {
        settings = settings.with_flow(flow);
    }
    // Where no user could be shown a page, `auto` is not the browser flow: no answer would ever come. With --json
    // the program that reads it may have a page to show.
    let lacks_display = !context.global.json
        && !question::has_terminal(context, &settings)
        && !browser::is_there()
        && settings.leaves_the_flow_open();
    if lacks_display {
        settings = settings.with_flow(Flow::Device);
    }
    if let Some(provider) = &options.provider {
        settings = settings.with_provider(provider)?;
    }
    if options.no_save {
        settings = settings.without_saving();
    }
    if settings.asks_for_a_password()
        && !options.refresh_token_stdin
        && !question::has_terminal(context, &settings)
    {
        return Err(Failure::usage("there is no terminal to ask for a password in")
            .with_hint(settings.without_terminal()));
    }
    settings.check_login()?;
    if options.refresh_token_stdin && !settings.saves() {
        return Err(Failure::usage(
            "the server may replace the refresh token that is given, and the new one would be kept nowhere",
        )
        .with_hint(
            "leave out --no-save and the store `memory`; --config-dir DIR keeps it apart from other logins",
        ));
    }
    if !options.no_save {
        settings.warn_of_memory(context);
    }
    let is_new = !options.no_save && matches!(settings.tokens(), Ok(None));
    let earlier = if is_new { settings.location_of_earlier(context) } else { None };
    let session = log_in(context, options, &settings, lacks_display)?;
    context.printer.end_countdown();
    if let Some(location) = earlier {
        let option = settings.server_option();
        context.printer.warn(&format!(
            "the login without a profile in {location} stays: `aiod-auth logout` with {option} ends that one"
        ));
    }
    report(context, options, &settings, &session)
}

fn log_in(
    context: &Context,
    options: &args::Login,
    settings: &Settings,
    lacks_display: bool,
) -> Result<SessionTokens, Failure> {
    let client = settings.client()?;
    let keep = |_: &Error| keep_salvaged(context, settings, &client);
    let session = if options.refresh_token_stdin {
        let token = refresh_token::read(context)?;
        // The server may give another in its place: leaving now would lose it.
        context.interrupt.report_first();
        let _held_off = context.interrupt.hold_off();
        let began: Timestamp = SystemTime::now().into();
        let session = client.login_with_refresh_token(token).inspect_err(keep);
        if session.as_ref().is_ok_and(|session| session.tokens.issued_at < began) {
            context
                .printer
                .notice("this refresh token was used before: the login that came of it stands");
        }
        session
    } else {
        let (secrets, cancel) = (settings::secret_variables(context), Cancel::new());
        let show = |prompt: &Prompt| {
            if let Err(failure) = prompt::show(context, options, &secrets, prompt) {
                context.printer.warn(&failure.message);
                cancel.cancel();
            }
        };
        let ask = |question| question::answer(context, settings, question);
        client.with_cancel(&cancel).login_asking(options.timeout, show, ask).inspect_err(keep)
    };
    session.map_err(|error| explain(settings, options, error, lacks_display))
}

/// The login has failed: what it has brought all the same is nowhere else.
fn keep_salvaged(context: &Context, settings: &Settings, client: &Client) {
    let Some(token) = salvaged::of(client) else { return };
    // It is said here.
    drop(context.clients.take());
    context.printer.warn(&match salvaged::keep(context, settings, &token) {
        Ok(command) => {
            format!("the server gave a refresh token all the same: `{command}` logs in with it")
        }
        Err(failure) => format!(
            "the server gave a refresh token all the same, and it can't be kept ({}): one that was given may be \
             used up",
            failure.message
        ),
    });
}

fn explain(
    settings: &Settings,
    options: &args::Login,
    error: Error,
    lacks_display: bool,
) -> Failure {
    let Error::Config(problem) = &error else {
        let hint = if is_without_terminal(&error) {
            Some(settings.without_terminal())
        } else if is_wrong_password(settings, &error) {
            Some("check the user name and the password, and log in again")
        } else if is_wrong_grant(&error) && !options.refresh_token_stdin {
            Some("log in again: what the user had approved is good for one login, for a short time")
        } else {
            None
        };
        let failure = settings.explain(error);
        return match hint {
            Some(hint) if failure.hint.is_none() => failure.with_hint(hint),
            _ => failure,
        };
    };
    if lacks_display && *problem == ConfigProblem::MissingEndpoint(Endpoint::DeviceAuthorization) {
        let message = format!("{problem}, and for the browser flow there is no display here");
        return Failure::config(message)
            .with_hint("with `--flow browser --no-browser` the browser may be anywhere");
    }
    let wants_name = matches!(
        problem,
        ConfigProblem::SeveralProviders { .. } | ConfigProblem::NoSuchProvider { .. }
    );
    let failure = settings.explain(error);
    if wants_name {
        return failure.with_hint("name one of them with `login --provider NAME`");
    }
    failure
}

fn is_without_terminal(error: &Error) -> bool {
    matches!(error, Error::Usage(why) if *why == question::NO_TERMINAL)
}

/// RFC 6749 §5.2 has no code of its own for it, and Tiled none at all: a user who denies a login is `access_denied`.
fn is_wrong_password(settings: &Settings, error: &Error) -> bool {
    if let Error::AccessDenied(said) = error {
        return said.code.is_none();
    }
    settings.asks_for_a_password() && is_wrong_grant(error)
}

/// RFC 6749 §5.2: the code that a browser or a device login has brought, or the password.
fn is_wrong_grant(error: &Error) -> bool {
    matches!(error, Error::Refused(said) if said.code == Some(ErrorCode::InvalidGrant))
}

/// A token that was asked for is handed out even if it could not be saved.
fn report(
    context: &Context,
    options: &args::Login,
    settings: &Settings,
    session: &SessionTokens,
) -> Result<(), Failure> {
    let not_saved = match &session.persisted {
        Persisted::NotSaved(failure) => Some(failure.clone()),
        Persisted::Saved | Persisted::NoStore => None,
    };
    if not_saved.is_none() || options.print_token {
        answer(context, options, settings, &session.tokens)?;
    }
    if let Some(failure) = not_saved {
        // It is said here.
        drop(context.clients.take());
        let failure = Failure::from(failure).within("logged in, but not saved");
        let token = session.tokens.refresh_token.as_ref();
        let kept = token.and_then(|token| salvaged::keep(context, settings, token).ok());
        return Err(match kept {
            Some(command) => {
                let mend = failure.hint.as_deref().unwrap_or("mend the store");
                let mend = mend.split_once(", then ").map_or(mend, |(mend, _)| mend);
                let hint = format!("{mend}, then run `{command}`");
                failure.with_hint(hint)
            }
            None => failure,
        });
    }
    let (issuer, client) = (settings.profile.issuer(), settings.profile.client());
    let (issuer, client) = (issuer.as_str(), client.id());
    let words = match settings.has_clients() {
        true => format!("Logged in at {issuer} as client {client}."),
        false => format!("Logged in at {issuer}."),
    };
    context.printer.say(&words);
    Ok(())
}

fn answer(
    context: &Context,
    options: &args::Login,
    settings: &Settings,
    tokens: &Tokens,
) -> Result<(), Failure> {
    let access_token = match options.print_token {
        true => Some(tokens.access_token()?.expose()),
        false => None,
    };
    if context.global.json {
        let event = Authenticated {
            event: "authenticated",
            profile: settings.name.as_deref(),
            account: settings.account.as_deref(),
            expires_at: tokens.expires_at.as_ref().map(Timestamp::to_string),
            scope: tokens.scope.iter().collect(),
            access_token,
        };
        if options.print_token {
            return context.printer.needed_json(&event);
        }
        return context.printer.json(&event);
    }
    context.printer.needed_text(access_token.unwrap_or_default())
}

#[derive(Serialize)]
struct Authenticated<'a> {
    event: &'static str,
    profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    expires_at: Option<String>,
    scope: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
}
