//! `import`: takes over a login from a file. Asks no server.

use std::time::SystemTime;

use aiod_auth_core::{Kind, Tokens};
use aiod_auth_store::StoreError;
use serde_json::json;

use super::status;
use crate::{
    args,
    context::Context,
    failure::Failure,
    settings::Settings,
    transfer::{self, Login},
};

pub(crate) fn run(context: &Context, options: &args::Import) -> Result<(), Failure> {
    // A login without an account stays where it is, as at a login.
    let settings = Settings::new(context)?;
    let (login, name) = transfer::read_from(&settings, &options.file)?;
    check(&settings, &login, &name)?;
    keep(context, options, &settings, &login)?;

    settings.warn_of_memory(context);
    let tokens = &login.tokens;
    if context.global.json {
        return context.printer.json(&json!({
            "event": "imported",
            "profile": settings.name,
            "format": login.format.name(),
            "expires_at": status::access_token_end(tokens),
            "scope": tokens.scope.iter().collect::<Vec<_>>(),
        }));
    }
    let issuer = settings.profile.issuer().as_str();
    context.printer.say(&format!("Took over the login at {issuer}."));
    Ok(())
}

/// Whether it is alive, as far as can be known from here.
fn check(settings: &Settings, login: &Login, shown: &str) -> Result<(), Failure> {
    if is_alive(settings, &login.tokens) {
        return Ok(());
    }
    let failure = Failure::new(Kind::SessionEnded, format!("the login in {shown} has ended"));
    Err(failure.mended_by(&settings.login_command))
}

fn is_alive(settings: &Settings, tokens: &Tokens) -> bool {
    let now = SystemTime::now().into();
    status::why_not(settings.logs_in_by_itself(), Some(tokens), now).is_none()
}

/// Under the lock, after a look at what is there.
fn keep(
    context: &Context,
    options: &args::Import,
    settings: &Settings,
    login: &Login,
) -> Result<(), Failure> {
    let key = settings.key();
    let _lock = settings.lock()?;
    context.interrupt.report_first();
    let before = match settings.store().load(&key) {
        // Like a login, this moves it aside.
        Err(StoreError::Damaged { .. }) => None,
        loaded => loaded?,
    };
    if let Some(before) = before
        && may_be_newer(&before, login)
        && is_alive(settings, &before)
        && !options.force
    {
        let there = before.issued_at;
        let newer = if login.is_dated { "a newer" } else { "another" };
        return Err(Failure::usage(format!("there is {newer} login, of {there}"))
            .with_hint("keep it, or say --force"));
    }
    Ok(settings.store().save(&key, &login.tokens)?)
}

/// Stores may keep whole seconds only: of two logins of one second, either may be the newer one. So may
/// each where one doesn't say.
fn may_be_newer(before: &Tokens, login: &Login) -> bool {
    let tokens = &login.tokens;
    let second = |tokens: &Tokens| tokens.issued_at.as_unix_millis().div_euclid(1000);
    let same_refresh_token = match (&before.refresh_token, &tokens.refresh_token) {
        (Some(before), Some(tokens)) => before.same_as(tokens),
        (None, None) => true,
        _ => false,
    };
    let same = same_refresh_token && before.has_same_access_token(tokens);
    !same && (!login.is_dated || second(before) >= second(tokens))
}
