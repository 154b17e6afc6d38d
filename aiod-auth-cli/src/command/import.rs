//! `import`: takes over a login from a file. Asks no server.

use std::{
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

use aiod_auth_core::{Kind, RecordKey, Timestamp, Tokens, clean};
use aiod_auth_store::StoreError;
use serde_json::json;

use super::status;
use crate::{
    args,
    context::Context,
    failure::Failure,
    own_file::{BYTES_MAX, OwnFile, not_text, without_bom},
    settings::Settings,
    transfer::{self, Login, Source},
};

pub(crate) fn run(context: &Context, options: &args::Import) -> Result<(), Failure> {
    let settings = Settings::new(context)?;
    let source =
        if options.file == Path::new("-") { read_stdin()? } else { read_file(&options.file)? };
    let login = transfer::read(context, &settings.key(), &source)?;
    check(&settings, &login, &source.name)?;
    keep(context, options, &settings, &login.tokens)?;

    let tokens = &login.tokens;
    if context.global.json {
        return context.printer.json(&json!({
            "event": "imported",
            "profile": settings.name,
            "format": login.format.name(),
            "expires_at": tokens.expires_at.as_ref().map(Timestamp::to_string),
            "scope": tokens.scope.iter().collect::<Vec<_>>(),
        }));
    }
    let issuer = settings.profile.issuer().as_str();
    context.printer.say(&format!("Took over the login at {issuer}."));
    Ok(())
}

fn read_file(file: &Path) -> Result<Source, Failure> {
    let shown = file.display();
    let read = OwnFile::read(file)
        .map_err(|error| Failure::config(format!("cannot read {shown}: {error}")))?;
    if read.is_public {
        log::warn!("everybody on this machine can read the login in {shown}");
    }
    Ok(Source { text: read.text, written_at: read.modified, name: shown.to_string() })
}

fn read_stdin() -> Result<Source, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(BYTES_MAX + 1).read_to_string(&mut text).map_err(not_text);
    read.map_err(|error| Failure::config(format!("cannot read stdin: {error}")))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > BYTES_MAX) {
        return Err(Failure::config("cannot read stdin: it is too big"));
    }
    let name = "what stdin brought".into();
    Ok(Source { text: without_bom(text), written_at: SystemTime::now(), name })
}

/// Whether it is a login of this profile, and alive as far as can be known from here.
fn check(settings: &Settings, login: &Login, shown: &str) -> Result<(), Failure> {
    if let Some(key) = &login.key
        && let Some((what, theirs, ours)) = difference(key, &settings.key())
    {
        let (theirs, ours) = (clean(&theirs), clean(&ours));
        return Err(Failure::config(format!(
            "{shown} has a login with another {what}: `{theirs}`, not `{ours}`"
        ))
        .with_hint("choose the profile that it is for"));
    }
    if !is_alive(settings, &login.tokens) {
        let failure = Failure::new(Kind::SessionEnded, format!("the login in {shown} has ended"));
        return Err(failure.mended_by(&settings.login_command));
    }
    Ok(())
}

/// The first thing in which two logins are not the same.
fn difference(theirs: &RecordKey, ours: &RecordKey) -> Option<(&'static str, String, String)> {
    let texts = |key: &RecordKey| {
        let RecordKey { issuer, client_id, account, scope, resource } = key.clone();
        let account = account.unwrap_or_default();
        [issuer, client_id, account, scope.to_string(), resource.join(" ")]
    };
    let names = ["issuer", "client_id", "account", "scope", "resource"];
    let pairs = texts(theirs).into_iter().zip(texts(ours));
    let (name, (theirs, ours)) =
        names.into_iter().zip(pairs).find(|(_, (theirs, ours))| theirs != ours)?;
    Some((name, theirs, ours))
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
    tokens: &Tokens,
) -> Result<(), Failure> {
    let key = settings.key();
    let _lock = transfer::lock(settings)?;
    context.interrupt.report_first();
    let before = match settings.store().load(&key) {
        // Like a login, this moves it aside.
        Err(StoreError::Damaged { .. }) => None,
        loaded => loaded?,
    };
    if let Some(before) = before
        && may_be_newer(&before, tokens)
        && is_alive(settings, &before)
        && !options.force
    {
        let there = before.issued_at;
        return Err(Failure::usage(format!("there is a newer login, of {there}"))
            .with_hint("keep it, or say --force"));
    }
    Ok(settings.store().save(&key, tokens)?)
}

/// Stores may keep whole seconds only: of two logins of one second, either may be the newer one.
fn may_be_newer(before: &Tokens, tokens: &Tokens) -> bool {
    let second = |tokens: &Tokens| tokens.issued_at.as_unix_millis().div_euclid(1000);
    let same_refresh_token = match (&before.refresh_token, &tokens.refresh_token) {
        (Some(before), Some(tokens)) => before.same_as(tokens),
        (None, None) => true,
        _ => false,
    };
    let same = same_refresh_token && before.access_token.same_as(&tokens.access_token);
    !same && second(before) >= second(tokens)
}
