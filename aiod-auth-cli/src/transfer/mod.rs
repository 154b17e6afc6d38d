//! A login as it travels from one machine to another: one file for each format.

use aiod_auth_core::{ClientSecret, RecordKey, Tokens, clean};

use crate::{args::ExportFormat, failure::Failure};

pub(crate) use source::Source;

mod aiod;
mod json;
mod source;

/// What stands in a file.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) format: ExportFormat,
    /// Whose it is, where the format says so.
    key: Option<RecordKey>,
    pub(crate) tokens: Tokens,
    /// Whether the file says when they were issued.
    pub(crate) is_dated: bool,
}

/// The text of a file. It is a secret.
pub(crate) fn write(
    format: ExportFormat,
    key: &RecordKey,
    tokens: &Tokens,
    secret: impl FnOnce() -> Result<Option<ClientSecret>, Failure>,
) -> Result<String, Failure> {
    match format {
        ExportFormat::Json => json::write(key, tokens),
        ExportFormat::Aiod => aiod::write(key, tokens, secret()?),
    }
}

/// The login of this key from a file, whichever format that is in. What is wrong is said without any of
/// the text.
pub(crate) fn read(key: &RecordKey, source: &Source) -> Result<Login, Failure> {
    let (name, text) = (&source.name, &source.text);
    let login = if text.trim_start().starts_with('{') {
        json::read(text)
    } else if aiod::is_one(text) {
        return aiod::read(key, source);
    } else {
        Err("is no login that this version can read".into())
    };
    let login = login.map_err(|problem| Failure::config(format!("{name} {problem}")))?;
    if let Some(theirs) = &login.key
        && let Some((what, theirs, ours)) = difference(theirs, key)
    {
        let (theirs, ours) = (clean(&theirs), clean(&ours));
        return Err(Failure::config(format!(
            "{name} has a login with another {what}: `{theirs}`, not `{ours}`"
        ))
        .with_hint("choose the profile that it is for"));
    }
    Ok(login)
}

/// The first thing in which two logins are not the same. The account is none: that is a name on one machine,
/// and a login is imported as the profile that it is imported for.
fn difference(theirs: &RecordKey, ours: &RecordKey) -> Option<(&'static str, String, String)> {
    let texts = |key: &RecordKey| {
        let RecordKey { issuer, client_id, account: _, scope, resource } = key.clone();
        [issuer, client_id, scope.to_string(), resource.join(" ")]
    };
    let names = ["issuer", "client_id", "scope", "resource"];
    let pairs = texts(theirs).into_iter().zip(texts(ours));
    let (name, (theirs, ours)) =
        names.into_iter().zip(pairs).find(|(_, (theirs, ours))| theirs != ours)?;
    Some((name, theirs, ours))
}
