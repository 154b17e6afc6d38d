//! `--format aiod`: the file of AI-on-Demand's Python client.

use aiod_auth_core::{ClientSecret, RecordKey, Tokens};
use aiod_auth_store::{AiodFile, StoreError};

use super::{Login, Source};
use crate::{args::ExportFormat, failure::Failure};

pub(super) fn write(
    key: &RecordKey,
    tokens: &Tokens,
    secret: Option<ClientSecret>,
) -> Result<String, Failure> {
    let mut file = AiodFile::new("token.toml", key.clone());
    if let Some(secret) = secret {
        file = file.with_client_secret(secret);
    }
    match file.text(tokens) {
        Err(StoreError::CannotHold { why, .. }) => {
            Err(Failure::config(format!("the format aiod can't hold this login: {why}")))
        }
        text => Ok(text?.as_str().into()),
    }
}

/// Whether it looks like one. A user's is TOML and may have comments before all else.
pub(super) fn is_one(text: &str) -> bool {
    let members = ["refresh_token", "client_secret", "access_token"];
    let names_one = |line: &str| {
        let rest = members.into_iter().find_map(|member| line.trim_start().strip_prefix(member));
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().any(names_one) || text.trim_start().starts_with("[aiod_auth]")
}

pub(super) fn read(key: &RecordKey, source: &Source) -> Result<Login, Failure> {
    let name = &source.name;
    let file = AiodFile::at(name, key.clone())?;
    let login = file.parse(&source.text, source.written_at.into());
    let login = login.map_err(|error| explain(error, name))?;
    if login.client_secret.is_some() {
        return Err(Failure::config(format!(
            "{name} has a bot's client secret, which is no login"
        ))
        .with_hint("use the file where it is, with --store aiod:FILE"));
    }
    let (tokens, is_dated) = (login.tokens, login.is_dated);
    let tokens = tokens.ok_or_else(|| Failure::config(format!("{name} has no tokens")))?;
    Ok(Login { format: ExportFormat::Aiod, key: None, tokens, is_dated })
}

fn explain(error: StoreError, name: &str) -> Failure {
    if let StoreError::Damaged { what, .. } = &error {
        return Failure::config(format!("{name} is damaged: {what}"));
    }
    if let StoreError::OtherKey { .. } = &error {
        return Failure::config(format!("{name} has a login with another issuer or client_id"))
            .with_hint("choose the profile that it is for");
    }
    error.into()
}
