//! From tokens to text.

use aiod_auth_core::{AccessToken, IdToken, RecordKey, RefreshToken, Scope, Timestamp, Tokens};
use toml_edit::{Array, DocumentMut, Item, TableLike};
use zeroize::Zeroizing;

use super::{NEW_RECORD, parse, plain};
use crate::document::{Unreadable, damaged, put, text};

/// Writes a record. Comments, and members that this version doesn't know, are kept from the record
/// that stood there before.
pub(crate) fn write(
    before: Option<&str>,
    key: &RecordKey,
    tokens: &Tokens,
) -> Result<Zeroizing<String>, Unreadable> {
    // Nothing is kept from a record in which there is nothing else.
    if before.is_none_or(|before| plain::read(before).is_some())
        && let Some(text) = plain::write(key, tokens)
    {
        return Ok(text);
    }
    edit(before.unwrap_or(NEW_RECORD), key, tokens)
}

pub(super) fn edit(
    before: &str,
    key: &RecordKey,
    tokens: &Tokens,
) -> Result<Zeroizing<String>, Unreadable> {
    let mut record = parse(before)?.into_mut();
    write_tokens(section(&mut record, "tokens")?, tokens);
    write_key(section(&mut record, "key")?, key);
    Ok(text(&record))
}

fn section<'a>(
    record: &'a mut DocumentMut,
    name: &str,
) -> Result<&'a mut dyn TableLike, Unreadable> {
    record
        .get_mut(name)
        .and_then(Item::as_table_like_mut)
        .ok_or_else(|| damaged(format!("{name} is missing, or no table")))
}

fn write_tokens(section: &mut dyn TableLike, tokens: &Tokens) {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let refresh_token = tokens.refresh_token.as_ref().map(RefreshToken::expose);
    let id_token = tokens.id_token.as_ref().map(IdToken::expose);

    put(section, "access_token", tokens.access_token.as_ref().map(AccessToken::expose));
    put(section, "issued_at", time(Some(tokens.issued_at)));
    put(section, "expires_at", time(tokens.expires_at));
    put(section, "refresh_token", refresh_token);
    put(section, "refresh_expires_at", time(tokens.refresh_expires_at));
    put(section, "scope", Some(tokens.scope.to_string()));
    put(section, "session_scope", tokens.session_scope.as_ref().map(Scope::to_string));
    put(section, "id_token", id_token);
    put(section, "session_ended_at", time(tokens.session_ended_at));
    let refused = tokens.refused.as_ref();
    put(section, "refused_at", time(refused.map(|refusal| refusal.at)));
    put(section, "refused_code", refused.and_then(|refusal| refusal.code.as_deref()));
    put(section, "given_sha256", tokens.given_sha256.as_deref());
}

fn write_key(section: &mut dyn TableLike, key: &RecordKey) {
    put(section, "issuer", Some(&key.issuer));
    put(section, "client_id", Some(&key.client_id));
    put(section, "account", key.account.as_deref());
    put(section, "scope", Some(key.scope.to_string()));
    put(section, "resource", Some(Array::from_iter(&key.resource)));
}
