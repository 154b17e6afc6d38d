//! Where a client's secret is, and how it is read. It is never on a command line.

use std::{
    env,
    path::{Path, PathBuf},
};

use aiod_auth_core::ClientSecret;
use toml_edit::DocumentMut;

use crate::{failure::Failure, private_file::OwnFile};

/// The variable with the secret of an ad hoc profile.
pub(crate) const CLIENT_SECRET_VARIABLE: &str = "AIOD_AUTH_CLIENT_SECRET";

/// Where a client's secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In this file: TOML with `client_secret`, or the secret alone.
    File(PathBuf),
    /// In this environment variable.
    Variable(String),
}

impl SecretSource {
    pub(crate) fn read(&self) -> Result<ClientSecret, Failure> {
        match self {
            Self::File(file) => read_file(file),
            Self::Variable(name) => match env::var(name) {
                Ok(secret) if !secret.is_empty() => Ok(ClientSecret::new(secret)),
                _ => Err(Failure::config(format!(
                    "the environment variable {name} has no client secret in it"
                ))),
            },
        }
    }
}

fn read_file(file: &Path) -> Result<ClientSecret, Failure> {
    let shown = file.display();
    let read = OwnFile::read(file).map_err(|error| {
        Failure::config(format!("cannot read the client secret in {shown}: {error}"))
    })?;
    if read.is_public {
        log::warn!("every user of this machine can read the client secret in {shown}");
    }
    let secret =
        parse(read.text).map_err(|problem| Failure::config(format!("{shown} {problem}")))?;
    if secret.is_empty() {
        return Err(Failure::config(format!("{shown} has no client secret in it")));
    }
    Ok(ClientSecret::new(secret))
}

/// What is wrong is said without any of the text: it is a secret.
fn parse(mut text: String) -> Result<String, &'static str> {
    if text.lines().any(names_the_secret) {
        let document: DocumentMut = text.parse().map_err(|_| "is not valid TOML")?;
        let secret = document.get("client_secret").and_then(|item| item.as_str());
        return secret.map(Into::into).ok_or("has a client_secret that is no text");
    }
    // An editor's line break at the end is not part of it; anything else is.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// `client_secret = …`: so this is TOML, and not a secret that happens to look like it.
fn names_the_secret(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix("client_secret");
    rest.is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_toml_or_the_secret_alone() {
        for (text, secret) in [
            ("p:a+s%20s/w&o=rd é", "p:a+s%20s/w&o=rd é"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret\n\n", "secret\n"),
            (" secret ", " secret "),
            ("a = \"b\"", "a = \"b\""),
            ("client_secret", "client_secret"),
            ("client_secret = \"s\"\n", "s"),
            ("# a comment\nid = 1\n client_secret='s\"'", "s\""),
            ("", ""),
        ] {
            assert_eq!(parse(text.into()).as_deref(), Ok(secret), "{text:?}");
        }
        for text in ["client_secret = canary", "client_secret = 1", "client_secret=\"canary"] {
            let problem = parse(text.into()).unwrap_err();
            assert!(!problem.contains("canary"), "{problem}");
        }
    }
}
