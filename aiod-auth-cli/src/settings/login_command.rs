//! The command that logs in with the same settings, as a user may paste it into a shell.

use std::{borrow::Cow, env, path::Path};

use crate::{args::Global, config::Config, print::without_users};

/// With a profile of `config.toml`, which is named unless it is the one anyway.
pub(crate) fn of_profile(global: &Global, config: &Config, name: &str) -> String {
    let variable = profile_variable();
    let is_default = config.default_profile.as_deref() == Some(name)
        && variable.is_none_or(|variable| variable == name);
    let profile = (!is_default).then_some(("--profile", Cow::Borrowed(name)));
    written(global, profile)
}

/// One that is no text names no profile, and must not become another one.
pub(super) fn profile_variable() -> Option<String> {
    let name = env::var_os("AIOD_AUTH_PROFILE").filter(|name| !name.is_empty())?;
    Some(name.to_string_lossy().into_owned())
}

/// With the options that were given.
pub(crate) fn ad_hoc(global: &Global) -> String {
    let text = |option, value: &Option<String>| Some((option, Cow::Owned(value.clone()?)));
    let secret =
        global.client_secret_file.as_deref().map(|file| ("--client-secret-file", lossy(file)));
    let options = [
        text("--issuer", &global.issuer),
        text("--api", &global.api),
        text("--client-id", &global.client_id),
        secret,
    ];
    let scopes = global.scope.iter().map(|scope| ("--scope", Cow::Borrowed(scope.as_str())));
    let resources =
        global.resource.iter().map(|resource| ("--resource", Cow::Borrowed(resource.as_str())));
    let parameters = global.parameter.iter();
    let parameters =
        parameters.map(|(name, value)| ("--parameter", Cow::Owned(format!("{name}={value}"))));
    let options = options.into_iter().flatten().chain(scopes).chain(resources);
    written(global, options.chain(parameters))
}

fn written<'a>(
    global: &'a Global,
    options: impl IntoIterator<Item = (&'static str, Cow<'a, str>)>,
) -> String {
    let variable = env::var_os("AIOD_AUTH_CONFIG_DIR").unwrap_or_default();
    let folder = global.config_dir.as_deref().filter(|folder| folder.as_os_str() != variable);
    let folder = folder.map(|folder| ("--config-dir", lossy(folder)));
    let account = global.account.as_deref().map(|name| ("--account", Cow::Borrowed(name)));
    let store = global.store.as_deref().map(|store| ("--store", Cow::Borrowed(store)));
    let ca_file = global.ca_file.as_deref().map(|file| ("--ca-file", lossy(file)));
    let certificate = global.client_certificate.as_deref();
    let certificate = certificate.map(|file| ("--client-certificate", lossy(file)));
    let network = ca_file.into_iter().chain(certificate);
    let mut command = String::from("aiod-auth login");
    for (option, value) in
        options.into_iter().chain(account).chain(store).chain(folder).chain(network)
    {
        command.push_str(&format!(" {option} {}", quoted(&value)));
    }
    command
}

fn lossy(path: &Path) -> Cow<'_, str> {
    path.to_string_lossy()
}

/// One word of a POSIX shell, without control characters, which a terminal would obey, and passwords.
pub(crate) fn quoted(word: &str) -> String {
    let word = without_users(word).replace(char::is_control, "");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_is_one_word() {
        for (word, expected) in [
            ("https://as.example/realms/lab", "https://as.example/realms/lab"),
            ("https://u:canary@as.example", "https://as.example"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(id)`id`", "'$(id)`id`'"),
            ("it's; \u{1b}[2Jid\n", r"'it'\''s; [2Jid'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
