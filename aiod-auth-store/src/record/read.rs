//! From text to tokens.

use aiod_auth_core::{AccessToken, IdToken, RecordKey, RefreshToken, Refusal, Scope, Tokens};

use super::{parse, plain};
use crate::document::{Members, Unreadable, damaged};

/// What a record says.
pub(crate) struct Found {
    pub(crate) key: RecordKey,
    pub(crate) tokens: Tokens,
    /// It names no account, and doesn't say that it belongs to none.
    pub(crate) account_is_unknown: bool,
}

/// Reads a record, and which key it is for.
pub(crate) fn read(text: &str) -> Result<Found, Unreadable> {
    if !text.ends_with('\n') {
        return Err(damaged("it ends within a line"));
    }
    if let Some(found) = plain::read(text) {
        return Ok(found);
    }
    read_any(text)
}

pub(super) fn read_any(text: &str) -> Result<Found, Unreadable> {
    let mut record = Members::of(parse(text)?.into_table());
    let tokens = tokens(record.require("tokens")?)?;
    let (key, account_is_unknown) = key(record.require("key")?)?;
    Ok(Found { key, tokens, account_is_unknown })
}

fn tokens(mut section: Members) -> Result<Tokens, Unreadable> {
    // What can't go into a header is no token.
    let access_token = section.text("access_token")?.map(AccessToken::new);
    let refresh_token = section.text("refresh_token")?.map(RefreshToken::new);
    if access_token.is_none() && refresh_token.is_none() {
        return Err(section.wrong("access_token", "is missing"));
    }
    let Some(issued_at) = section.time("issued_at")? else {
        return Err(section.wrong("issued_at", "is missing"));
    };
    let mut tokens = Tokens::empty(issued_at);
    tokens.access_token = access_token.and_then(Result::ok);
    tokens.expires_at = section.time("expires_at")?;
    tokens.refresh_token = refresh_token;
    tokens.refresh_expires_at = section.time("refresh_expires_at")?;
    tokens.scope = scope(&mut section)?;
    tokens.session_scope = section.scope("session_scope")?;
    tokens.id_token = section.text("id_token")?.map(IdToken::new);
    tokens.session_ended_at = section.time("session_ended_at")?;
    let code = section.text("refused_code")?;
    tokens.refused = section.time("refused_at")?.map(|at| Refusal { at, code });
    Ok(tokens)
}

fn key(mut section: Members) -> Result<(RecordKey, bool), Unreadable> {
    let belongs_to = section.text("belongs_to")?;
    let key = RecordKey {
        issuer: section.required("issuer")?,
        client_id: section.required("client_id")?,
        account: section.text("account")?,
        scope: scope(&mut section)?,
        resource: section.texts("resource")?,
    };
    let account_is_unknown = key.account.is_none() && belongs_to.is_none();
    Ok((key, account_is_unknown))
}

fn scope(section: &mut Members) -> Result<Scope, Unreadable> {
    section.scope("scope")?.ok_or_else(|| section.wrong("scope", "is missing"))
}
