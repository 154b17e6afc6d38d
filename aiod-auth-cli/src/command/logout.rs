//! `logout`: ends the session at the server, then forgets it here.

use aiod_auth_core::session::LoggedOut;
use aiod_auth_store::StoreError;
use serde_json::json;

use crate::{args, context::Context, failure::Failure, settings::Settings};

pub(crate) fn run(context: &Context, options: &args::Logout) -> Result<(), Failure> {
    if options.all {
        log_out_of_all(context, options)
    } else {
        log_out(context, options, &Settings::new(context)?)
    }
}

/// One that fails keeps none of the others; what is reported is the first failure.
fn log_out_of_all(context: &Context, options: &args::Logout) -> Result<(), Failure> {
    if context.global.profile.is_some() || context.global.is_ad_hoc() {
        return Err(Failure::usage("--all and one profile contradict each other"));
    }
    let config = context.config()?;
    let mut outcome = Ok(());
    for name in config.names() {
        if context.interrupt.is_leaving() {
            return Err(Failure::cancelled());
        }
        let one = Settings::of_profile(context, &config, name).and_then(|settings| {
            if has_record(&settings)? { log_out(context, options, &settings) } else { Ok(()) }
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

fn has_record(settings: &Settings) -> Result<bool, Failure> {
    match settings.store().load(&settings.key()) {
        // Another profile's turn.
        Err(StoreError::OtherKey { .. }) if settings.store_is_shared() => Ok(false),
        loaded => Ok(loaded?.is_some()),
    }
}

fn log_out(context: &Context, options: &args::Logout, settings: &Settings) -> Result<(), Failure> {
    let client = match settings.client() {
        Err(failure) if options.ignore_errors => {
            context.printer.warn(&failure.message);
            settings.client_without_secret()
        }
        client => client?,
    };
    context.interrupt.report_first();
    let logged_out =
        if options.ignore_errors { client.log_out_ignoring_errors() } else { client.log_out() };
    let logged_out = logged_out.map_err(|error| settings.explain(error))?;

    let issuer = settings.profile.issuer().as_str();
    let (outcome, words) = match &logged_out {
        LoggedOut::Ended => ("ended", format!("Logged out at {issuer}.")),
        LoggedOut::Forgotten => {
            ("forgotten", format!("Forgot the token of {issuer}, which expires by itself."))
        }
        LoggedOut::Unproven(error) => {
            context.printer.warn(&format!("the session may live on at {issuer}: {error}"));
            ("unproven", "Forgot the session.".into())
        }
        LoggedOut::NobodyThere | _ => ("nobody_there", "Nobody was logged in.".into()),
    };
    if context.global.json {
        let profile = settings.name.as_deref();
        return context
            .printer
            .json(&json!({ "event": "logged_out", "profile": profile, "outcome": outcome }));
    }
    context.printer.say(&words);
    Ok(())
}
