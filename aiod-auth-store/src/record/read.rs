//! From text to tokens.

use aiod_auth_core::{AccessToken, IdToken, RecordKey, RefreshToken, Refusal, Scope, Tokens};

use super::{parse, plain};
use crate::document::{Members, Unreadable, damaged};

/// Reads a record, and which key it is for.
pub(crate) fn read(text: &str) -> Result<(RecordKey, Tokens), Unreadable> {
    if !text.ends_with('\n') {
        return Err(damaged("it ends within a line"));
    }
    if let Some(found) = plain::read(text) {
        return Ok(found);
    }
    read_any(text)
}

pub(super) fn read_any(text: &str) -> Result<(RecordKey, Tokens), Unreadable> {
    let mut record = Members::of(parse(text)?.into_table());
    let tokens = tokens(record.require("tokens")?)?;
    let key = key(record.require("key")?)?;
    Ok((key, tokens))
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

fn key(mut section: Members) -> Result<RecordKey, Unreadable> {
    Ok(RecordKey {
        issuer: section.required("issuer")?,
        client_id: section.required("client_id")?,
        account: section.text("account")?,
        scope: scope(&mut section)?,
        resource: section.texts("resource")?,
    })
}

fn scope(section: &mut Members) -> Result<Scope, Unreadable> {
    section.scope("scope")?.ok_or_else(|| section.wrong("scope", "is missing"))
}
