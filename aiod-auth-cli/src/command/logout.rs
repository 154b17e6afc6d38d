//! `logout`: ends the session at the server, then removes it here; or ends the session of tokens that
//! came from elsewhere.

use aiod_auth_core::{Error, Kind, RefreshToken, session::LoggedOut};
use aiod_auth_store::StoreError;
use aiod_auth_ureq::Client;
use serde_json::json;

use super::refresh_token;
use crate::{
    args,
    context::Context,
    failure::Failure,
    settings::Settings,
    transfer::{self, Source},
};

pub(crate) fn run(context: &Context, options: &args::Logout) -> Result<(), Failure> {
    if options.all {
        return log_out_of_all(context, options);
    }
    let settings = Settings::in_use(context)?;
    match given(context, options, &settings)? {
        Some(token) => end_session_of(context, options, &settings, token),
        None => log_out(context, options, &settings),
    }
}

/// Goes on after one that fails, and reports the first failure.
fn log_out_of_all(context: &Context, options: &args::Logout) -> Result<(), Failure> {
    if context.global.profile.is_some() || context.global.is_ad_hoc() {
        return Err(Failure::usage("--all can't be used with one profile"));
    }
    let config = context.config()?;
    let mut outcome = Ok(());
    for name in config.names() {
        if context.interrupt.is_leaving() {
            return Err(Failure::cancelled());
        }
        let one = Settings::of_profile(context, &config, name).and_then(|mut settings| {
            if !has_record(context, &settings)? {
                return Ok(());
            }
            settings.take_over_earlier(context)?;
            log_out(context, options, &settings)
        });
        if let Err(failure) = one {
            let failure = failure.within(name);
            if outcome.is_ok() {
                outcome = Err(failure);
            } else {
                context.printer.warn(&failure.message);
            }
        }
    }
    outcome
}

fn has_record(context: &Context, settings: &Settings) -> Result<bool, Failure> {
    match settings.store().load(&settings.key()) {
        // Another profile's turn.
        Err(StoreError::OtherKey { .. }) if settings.store_is_shared() => Ok(false),
        // To be told of, and mended, where it is used.
        Err(error) => Err(error.into()),
        Ok(_) => Ok(settings.tokens_or_earlier(context)?.0.is_some()),
    }
}

fn log_out(context: &Context, options: &args::Logout, settings: &Settings) -> Result<(), Failure> {
    let client = client(context, options, settings)?;
    context.interrupt.report_first();
    let logged_out =
        if options.ignore_errors { client.log_out_ignoring_errors() } else { client.log_out() };
    let logged_out = logged_out.map_err(|error| way_out(settings.explain(error)));
    report(context, settings, &logged_out?)
}

/// Where the server gives no proof that the session is over, and won't later, either, there is one thing left
/// to do.
fn way_out(failure: Failure) -> Failure {
    if matches!(failure.kind, Kind::Server | Kind::Protocol) {
        let hint = "run it with --ignore-errors to remove the login here all the same";
        return failure.with_hint(hint);
    }
    failure
}

/// The refresh token from elsewhere, if one was given.
fn given(
    context: &Context,
    options: &args::Logout,
    settings: &Settings,
) -> Result<Option<RefreshToken>, Failure> {
    if options.refresh_token_stdin {
        return refresh_token::read(context).map(Some);
    }
    let Some(file) = &options.file else { return Ok(None) };
    let source = Source::read(file)?;
    let token = transfer::read(&settings.key(), &source)?.tokens.refresh_token;
    let none = || Failure::config(format!("{} has no refresh token", source.name));
    token.ok_or_else(none).map(Some)
}

fn end_session_of(
    context: &Context,
    options: &args::Logout,
    settings: &Settings,
    token: RefreshToken,
) -> Result<(), Failure> {
    let client = client(context, options, settings)?;
    context.interrupt.report_first();
    // There is no store's lock here that would do it.
    let _held_off = context.interrupt.hold_off();
    match client.end_session_of(token) {
        Ok(()) => report(context, settings, &LoggedOut::Ended),
        Err(error) if options.ignore_errors => {
            warn_of_session(context, settings, &error);
            answer(context, settings, "unconfirmed", "Nothing here has changed.")
        }
        // A login would not help: this is about another one.
        Err(error) => Err(error.into()),
    }
}

fn client(
    context: &Context,
    options: &args::Logout,
    settings: &Settings,
) -> Result<Client, Failure> {
    match settings.client() {
        Err(failure) if options.ignore_errors => {
            context.printer.warn(&failure.message);
            settings.client_without_secret()
        }
        client => client,
    }
}

fn report(context: &Context, settings: &Settings, logged_out: &LoggedOut) -> Result<(), Failure> {
    let issuer = settings.profile.issuer().as_str();
    let (outcome, words) = match logged_out {
        LoggedOut::Ended => ("ended", format!("Logged out at {issuer}.")),
        LoggedOut::Forgotten => {
            let words = format!("Removed the token of {issuer}, which expires by itself.");
            ("removed_locally", words)
        }
        LoggedOut::Unproven(error) => {
            warn_of_session(context, settings, error);
            ("unconfirmed", "Removed the login here.".into())
        }
        LoggedOut::Replaced => {
            context.printer.warn("another program has logged in meanwhile, and that login stays");
            ("replaced", format!("Logged out at {issuer}."))
        }
        LoggedOut::NobodyThere | _ => ("not_logged_in", "There was no login.".into()),
    };
    answer(context, settings, outcome, &words)
}

fn warn_of_session(context: &Context, settings: &Settings, error: &Error) {
    let issuer = settings.profile.issuer().as_str();
    context.printer.warn(&format!("the session may live on at {issuer}: {error}"));
}

fn answer(
    context: &Context,
    settings: &Settings,
    outcome: &str,
    words: &str,
) -> Result<(), Failure> {
    if context.global.json {
        let profile = settings.name.as_deref();
        return context
            .printer
            .json(&json!({ "event": "logged_out", "profile": profile, "outcome": outcome }));
    }
    context.printer.say(words);
    Ok(())
}
