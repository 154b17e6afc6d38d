//! From text to tokens.

use aiod_auth_core::{
    AccessToken, IdToken, RecordKey, RefreshToken, Refusal, Scope, Timestamp, Tokens,
};

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
    let refresh_token = some_text(section.text("refresh_token")?).map(RefreshToken::new);
    let rest = Rest { is_needed: refresh_token.is_none() };
    let access_token = some_text(rest.of(section.text("access_token"))?);
    if access_token.is_none() && rest.is_needed {
        return Err(section.wrong("access_token", "is missing"));
    }
    let issued_at = match rest.of(section.time("issued_at"))? {
        None if rest.is_needed => return Err(section.wrong("issued_at", "is missing")),
        issued_at => issued_at.unwrap_or(Timestamp::UNIX_EPOCH),
    };
    let expires_at = section.time("expires_at");
    // One that can't be read may be over.
    let access_token = access_token.filter(|_| rest.is_needed || expires_at.is_ok());
    let mut tokens = Tokens::empty(issued_at);
    // What can't go into a header is no token.
    tokens.access_token = access_token.and_then(|text| AccessToken::new(text).ok());
    tokens.expires_at = rest.of(expires_at)?;
    tokens.refresh_token = refresh_token;
    tokens.refresh_expires_at = rest.of(section.time("refresh_expires_at"))?;
    tokens.scope = rest.of(scope(&mut section).map(Some))?.unwrap_or_default();
    tokens.session_scope = rest.of(section.scope("session_scope"))?;
    tokens.id_token = some_text(rest.of(section.text("id_token"))?).map(IdToken::new);
    tokens.session_ended_at = rest.of(section.time("session_ended_at"))?;
    let code = rest.of(section.text("refused_code"))?;
    tokens.refused = rest.of(section.time("refused_at"))?.map(|at| Refusal { at, code });
    tokens.given_sha256 = rest.of(section.text("given_sha256"))?;
    Ok(tokens)
}

/// What a record says beside its refresh token. With a whole one, all of that can be had anew: what can't be read
/// is unknown, and costs no login.
#[derive(Clone, Copy)]
struct Rest {
    is_needed: bool,
}

impl Rest {
    fn of<T>(self, read: Result<Option<T>, Unreadable>) -> Result<Option<T>, Unreadable> {
        match read {
            Err(_) if !self.is_needed => Ok(None),
            read => read,
        }
    }
}

/// A token that is empty is none: it is never sent.
pub(super) fn some_text<T: AsRef<str>>(text: Option<T>) -> Option<T> {
    text.filter(|text| !text.as_ref().is_empty())
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
