//! A login as it travels from one machine to another: one file for each format.

use std::path::Path;

use aiod_auth_core::{ClientSecret, RecordKey, Tokens, clean};

use crate::{args::ExportFormat, failure::Failure, settings::Settings};

use source::Source;

mod aiod;
pub(crate) mod folder;
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
        ExportFormat::Polars | ExportFormat::Tiled => {
            Err(Failure::usage(format!("the format {} is a folder", format.name())))
        }
    }
}

/// The login of these settings from a file, or from the folder of its platform's own client; and what that is called.
pub(crate) fn read_from(settings: &Settings, file: &Path) -> Result<(Login, String), Failure> {
    if file.is_dir()
        && let Some(login) = folder::read(settings, file)?
    {
        return Ok((login, file.display().to_string()));
    }
    let source = Source::read(file)?;
    Ok((read(&settings.key(), &source)?, source.name))
}

/// The login of this key from a file, whichever format that is in. What is wrong is said without any of
/// the text.
fn read(key: &RecordKey, source: &Source) -> Result<Login, Failure> {
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
        && let Some(what) = difference(theirs, key)
    {
        return Err(Failure::config(format!("{name} has a login with {what}"))
            .with_hint("choose the profile that it is for"));
    }
    Ok(login)
}

/// The first thing in which two logins are not the same. The account is none: that is a name on one machine,
/// and a login is imported as the profile that it is imported for.
fn difference(theirs: &RecordKey, ours: &RecordKey) -> Option<String> {
    let texts = |key: &RecordKey| {
        let RecordKey { issuer, client_id, account: _, scope, resource } = key.clone();
        let resources: Vec<_> = resource.into_iter().filter(|text| !is_parameter(text)).collect();
        [issuer, client_id, scope.to_string(), resources.join(" ")]
    };
    let names = ["issuer", "client_id", "scope", "resource"];
    let pairs = texts(theirs).into_iter().zip(texts(ours));
    let differs = names.into_iter().zip(pairs).find(|(_, (theirs, ours))| theirs != ours);
    if let Some((name, (theirs, ours))) = differs {
        return Some(format!("another {name}: `{}`, not `{}`", clean(&theirs), clean(&ours)));
    }
    // What stands in a parameter may be a secret.
    (theirs.resource != ours.resource).then(|| "other parameters".into())
}

/// A parameter of the server's own stands in the key as `name value`.
fn is_parameter(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(name, _)| !name.contains(':'))
}
