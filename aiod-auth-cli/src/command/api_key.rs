//! `api-key`: keys of a Tiled server, which stand for a login.

use std::fmt;

use aiod_auth_core::{
    ApiKeySecret, Endpoint, Error, Kind, Timestamp, Unreachable, clean,
    provider::tiled::{ApiKey, CreateApiKey, ListApiKeys, NewApiKey, RevokeApiKey, WhichApiKey},
};
use serde::Serialize;
use serde_json::json;

use crate::{args, context::Context, failure::Failure, settings::Settings};

pub(crate) fn run(context: &Context, command: &args::ApiKey) -> Result<(), Failure> {
    let settings = Settings::in_use(context)?;
    if !settings.has_api_keys() {
        return Err(Failure::usage("only a Tiled server has API keys")
            .with_hint("say --api URL, or choose a profile with platform = \"tiled\""));
    }
    match command {
        args::ApiKey::Create(options) => create(context, &settings, options),
        args::ApiKey::List => list(context, &settings),
        args::ApiKey::Which => which(context, &settings),
        args::ApiKey::Revoke { first_eight } => revoke(context, &settings, first_eight),
    }
}

fn create(
    context: &Context,
    settings: &Settings,
    options: &args::CreateApiKey,
) -> Result<(), Failure> {
    let mut new = NewApiKey::default();
    new.lifetime = options.expires_in;
    new.note.clone_from(&options.note);
    // An empty one is an error, and not all that the user may.
    let is_blank = |scope: &&String| scope.trim().is_empty();
    let blank = options.scopes.iter().filter(is_blank).cloned();
    let words = options.scopes.iter().flat_map(|scope| scope.split_whitespace());
    new.scopes = words.map(Into::into).chain(blank).collect();
    new.access_tags.clone_from(&options.access_tags);
    let client = settings.client()?;
    // The server says the secret this once: leaving now would lose it.
    context.interrupt.report_first();
    let _held_off = context.interrupt.hold_off();
    let key = client.run_with_token(|profile, session, policy| {
        CreateApiKey::new(profile, session, policy, new.clone())
    });
    let key = key.map_err(|error| not_made(settings, error))?;
    // Its name first: it is there, whatever becomes of its secret.
    context.printer.say(&format!("Made the API key {}.", Shown::of(&key)));
    let printed = match &key.secret {
        None => Err(Failure::new(Kind::Protocol, "the server's answer has no usable `secret`")),
        Some(_) if context.global.json => context.printer.needed_json(&Shown::of(&key)),
        Some(secret) => context.printer.needed_text(secret.expose()),
    };
    printed.map_err(|failure| without_secret(failure, &key.first_eight))
}

/// Where the answer is lost, or says nothing of the key (a gateway's, or a success without one), the key may be there.
fn not_made(settings: &Settings, error: Error) -> Failure {
    let is_success = |status: &Option<u16>| status.is_none_or(|it| (200..300).contains(&it));
    let may_be_there = matches!(
        &error,
        Error::OutcomeUnknown { endpoint: Endpoint::CurrentUser, .. }
            | Error::Unreachable {
                endpoint: Endpoint::CurrentUser,
                cause: Unreachable::Status(_) | Unreachable::Unavailable(_),
                ..
            }
    ) || matches!(
        &error,
        Error::InvalidResponse { endpoint: Endpoint::CurrentUser, status, .. } if is_success(status)
    );
    let failure = settings.explain(error);
    if !may_be_there {
        return failure;
    }
    failure.with_hint(
        "the key may have been made all the same: see with `api-key list` whether there is one that you \
         don't know",
    )
}

/// The key is there, and its secret is not: the server doesn't say it again.
fn without_secret(mut failure: Failure, first_eight: &str) -> Failure {
    let message = format!("{}; the API key {first_eight} was made all the same", failure.message);
    failure.message = message;
    failure
        .with_hint(format!("revoke it with `api-key revoke {first_eight}`, and make another one"))
}

/// One object a line; for people, a line each.
fn list(context: &Context, settings: &Settings) -> Result<(), Failure> {
    let keys = settings
        .client()?
        .run_with_token(|profile, session, policy| ListApiKeys::new(profile, session, policy));
    let keys = keys.map_err(|error| settings.explain(error))?;
    keys.iter().try_for_each(|key| context.printer.answer(&Shown::of(key)))
}

fn which(context: &Context, settings: &Settings) -> Result<(), Failure> {
    let key = settings
        .client()?
        .run_with_token(|profile, session, policy| WhichApiKey::new(profile, session, policy));
    context.printer.answer(&Shown::of(&key.map_err(|error| settings.explain(error))?))
}

fn revoke(context: &Context, settings: &Settings, key: &str) -> Result<(), Failure> {
    let revoked = settings.client()?.run_with_token(|profile, session, policy| {
        RevokeApiKey::new(profile, session, policy, key)
    });
    revoked.map_err(|error| settings.explain(error))?;
    let first_eight: String = key.chars().take(8).collect();
    if context.global.json {
        let event = json!({ "event": "api_key_revoked", "first_eight": first_eight });
        return context.printer.json(&event);
    }
    context.printer.say(&format!("Revoked the API key {first_eight}."));
    Ok(())
}

/// A key, and its secret where the server says it.
#[derive(Serialize)]
struct Shown<'a> {
    first_eight: &'a str,
    expires_at: Option<String>,
    #[serde(skip)]
    unread_expiry: Option<&'a str>,
    note: Option<&'a str>,
    scope: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(key: &'a ApiKey) -> Self {
        Self {
            first_eight: &key.first_eight,
            expires_at: key.expires_at.as_ref().map(Timestamp::to_string),
            unread_expiry: key.unread_expiry.as_deref(),
            note: key.note.as_deref(),
            scope: key.scopes.iter().map(|scope| clean(scope)).collect(),
            secret: key.secret.as_ref().map(ApiKeySecret::expose),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match (&self.expires_at, self.unread_expiry) {
            (Some(at), _) => format!("until {at}"),
            (None, Some(words)) => format!("it isn't known until when ({words})"),
            (None, None) => "never expires".into(),
        };
        write!(f, "{}, {end}", self.first_eight)?;
        if !self.scope.is_empty() {
            write!(f, ": {}", self.scope.join(" "))?;
        }
        self.note.map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}
