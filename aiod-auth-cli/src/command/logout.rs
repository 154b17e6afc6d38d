//! `logout`: ends the session at the server, then removes it here; or ends the session of tokens that
//! came from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use aiod_auth_core::{
    ConfigProblem, Error, Kind, RecordKey, RefreshToken, clean, session::LoggedOut,
};
use aiod_auth_store::StoreError;
use aiod_auth_ureq::Client;
use serde_json::json;

use super::refresh_token;
use crate::{
    args,
    config::Config,
    context::Context,
    failure::Failure,
    settings::{Earlier, Settings},
    transfer,
};

pub(crate) fn run(context: &Context, options: &args::Logout) -> Result<(), Failure> {
    if options.all {
        return log_out_of_all(context, options);
    }
    let mut settings = Settings::new(context)?;
    if let Some(token) = given(context, options, &settings)? {
        return end_session_of(context, options, &settings, token);
    }
    settings.take_over_earlier(context)?;
    log_out(context, options, &settings)
}

/// Goes on after one that fails, and reports the first failure.
fn log_out_of_all(context: &Context, options: &args::Logout) -> Result<(), Failure> {
    let global = &context.global;
    if global.profile.is_some() || global.is_ad_hoc() || global.account.is_some() {
        return Err(Failure::usage("--all can't be used with one profile"));
    }
    let config = context.config()?;
    let mut outcome = Ok(());
    let mut unclear = BTreeSet::new();
    for name in config.names() {
        if context.interrupt.is_leaving() {
            return Err(Failure::cancelled());
        }
        if let Err(failure) = log_out_of(context, options, &config, name, &mut unclear) {
            let failure = failure.within(name);
            if outcome.is_ok() {
                outcome = Err(failure);
            } else {
                context.printer.warn(&failure.message);
            }
        }
    }
    let others = others(context, &config, &unclear);
    for location in unclear {
        let words = "stays: it may be that of several profiles, and `status` says how to choose";
        context.printer.warn(&format!("the login in {location} {words}"));
    }
    if !others.is_empty() {
        let logins = if others.len() == 1 { "other login remains" } else { "other logins remain" };
        let how = "log out with the --account, or with the --issuer and --client-id, of each";
        let (count, others) = (others.len(), others.join(", "));
        context.printer.warn(&format!("{count} {logins}, of no profile ({how}): {others}"));
    }
    outcome
}

/// The logins where the profiles' are that are no profile's: of other accounts, of programs, of the command without a
/// profile. They may be in use, so `--all` leaves them. A store that can't say what it has is passed over.
fn others(context: &Context, config: &Config, unclear: &BTreeSet<String>) -> Vec<String> {
    let profiles = config.names().into_iter();
    let profiles: Vec<_> =
        profiles.filter_map(|name| Settings::of_profile(context, config, name).ok()).collect();
    let is_of_profile = |key: &RecordKey| profiles.iter().any(|profile| profile.key() == *key);
    let stores = profiles.iter().filter(|it| it.saves() && !it.store_is_shared());
    let stores: BTreeMap<_, _> = stores.map(|it| (it.store_name(), it.store())).collect();
    let listed = stores.values().flat_map(|store| store.list().unwrap_or_default());
    let others = listed
        .filter(|login| login.session_ended_at.is_none())
        .filter(|login| !is_of_profile(&login.key) && !unclear.contains(&login.location));
    others.map(|login| shown(&login.key)).collect()
}

/// A name may have been written by another program, and have what a terminal would obey in it.
fn shown(key: &RecordKey) -> String {
    let account = key.account.as_ref().map(|account| format!("account {account} of "));
    let (account, client) = (account.unwrap_or_default(), &key.client_id);
    clean(&format!("{account}client {client} at {}", key.issuer))
}

/// If it has a record. One that may be another profile's as well is named in `unclear`.
fn log_out_of(
    context: &Context,
    options: &args::Logout,
    config: &Config,
    name: &str,
    unclear: &mut BTreeSet<String>,
) -> Result<(), Failure> {
    let mut settings = Settings::of_profile(context, config, name)?;
    // Another profile's turn.
    let is_anothers = |error| matches!(error, StoreError::OtherKey { .. });
    if settings.store_is_shared() && settings.store().load(&settings.key()).is_err_and(is_anothers)
    {
        return Ok(());
    }
    match settings.tokens_or_earlier(context)? {
        (Some(_), _) => {
            settings.take_over_earlier(context)?;
            log_out(context, options, &settings)
        }
        (None, Earlier::FitsSeveral { location, .. }) => {
            unclear.insert(location);
            Ok(())
        }
        (None, Earlier::Nothing | Earlier::Fits(_)) => Ok(()),
    }
}

fn log_out(context: &Context, options: &args::Logout, settings: &Settings) -> Result<(), Failure> {
    let client = client(context, options, settings)?;
    settings.takes_over_none(context);
    context.interrupt.report_first();
    let logged_out =
        if options.ignore_errors { client.log_out_ignoring_errors() } else { client.log_out() };
    let logged_out = logged_out.map_err(|error| no_proof(error).mended_by(&settings.login_command));
    report(context, settings, &logged_out?)
}

/// Where the server gives no proof that the session is over, and won't later, either, there is one thing left
/// to do.
fn no_proof(error: Error) -> Failure {
    let has_no_way = matches!(error, Error::Config(ConfigProblem::MissingEndpoint(_)));
    let mut failure = Failure::from(error);
    if has_no_way {
        failure.kind = Kind::Server;
    }
    // What is wrong with the client or its secret can be mended.
    let is_final = matches!(failure.kind, Kind::Server | Kind::Protocol);
    if is_final && failure.oauth_error.as_deref() != Some("invalid_client") {
        return failure
            .with_hint("--ignore-errors goes on without proof that the session has ended");
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
    let (login, name) = transfer::read_from(settings, file)?;
    let token = login.tokens.refresh_token;
    let none = || Failure::config(format!("{name} has no refresh token"));
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
        Err(error) => Err(no_proof(error)),
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
        LoggedOut::RemovedLocally => {
            let words = format!("Removed the token of {issuer}, which expires by itself.");
            ("removed_locally", words)
        }
        LoggedOut::Unconfirmed(error) => {
            warn_of_session(context, settings, error);
            ("unconfirmed", "Removed the login here.".into())
        }
        LoggedOut::Replaced => {
            context.printer.warn("another login is stored, and stays: `logout` again ends it");
            ("replaced", format!("Logged out at {issuer}."))
        }
        LoggedOut::NotLoggedIn | _ => ("not_logged_in", "There was no login.".into()),
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
        let mut event = json!({ "event": "logged_out", "profile": profile, "outcome": outcome });
        if let Some(account) = &settings.account {
            event["account"] = account.as_str().into();
        }
        return context.printer.json(&event);
    }
    context.printer.say(words);
    Ok(())
}
