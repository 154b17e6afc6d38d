//! What `config.toml` of the configuration folder may say. It holds no secrets, only where they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use toml_edit::DocumentMut;

use crate::{
    failure::Failure,
    platform::Platform,
    private_file::{OwnFile, unreadable},
};

pub(crate) use edit::{ConfigFile, set};
pub(crate) use profile::ProfileConfig;
use value::{string, table, unknown};

mod deviations;
mod edit;
mod profile;
mod value;

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Where it is.
    pub(crate) file: PathBuf,
    pub(crate) default_profile: Option<String>,
    pub(crate) profiles: BTreeMap<String, ProfileConfig>,
}

impl Config {
    /// Reads the file; none is an empty one.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join("config.toml");
        match OwnFile::read(&file) {
            Ok(read) => Self::parse(&read.text, &file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Self { file, ..Self::default() })
            }
            Err(error) => Err(unreadable("", &file, &error)),
        }
    }

    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, Failure> {
        let mut config = Self { file: file.into(), ..Self::default() };
        config.fill(text).map_err(|problem| {
            let message = format!("{problem} in {}", file.display());
            Failure::config(message).with_hint(next_step(&problem))
        })?;
        Ok(config)
    }

    /// The profile of this name, as it is written. A platform's own needs not be written.
    pub(crate) fn profile(&self, name: &str) -> Result<ProfileConfig, Failure> {
        let built_in = Platform::built_in(name).map(|_| ProfileConfig::default());
        let written = self.profiles.get(name).cloned();
        let Some(mut profile) = written.or(built_in) else {
            let file = self.file.display();
            let hint = match Platform::from_name(name).map(Platform::needed_options) {
                Some(options) => format!("run `aiod-auth profile set {name}{options}`"),
                None => "run `aiod-auth profile list`".into(),
            };
            return Err(
                Failure::config(format!("there is no profile `{name}` in {file}")).with_hint(hint)
            );
        };
        profile.platform = profile.platform.or_else(|| Platform::from_name(name));
        Ok(profile)
    }

    /// The names of all profiles, those of the platforms included.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let mut names: BTreeSet<_> = self.profiles.keys().map(String::as_str).collect();
        names.extend(Platform::BUILT_IN.map(Platform::name));
        names
    }

    /// Where files are that the configuration names.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(&self.file)
    }

    fn fill(&mut self, text: &str) -> Result<(), String> {
        let document: DocumentMut = text.parse().map_err(|error| not_toml(text, &error))?;
        for (key, item) in document.iter() {
            match key {
                "default_profile" => self.default_profile = Some(string(key, item)?),
                "profiles" => {
                    for (name, item) in table(key, item)?.iter() {
                        let profile = profile::read(&self.file, name, item)?;
                        self.profiles.insert(name.into(), profile);
                    }
                }
                _ => return Err(unknown(key)),
            }
        }
        Ok(())
    }
}

/// What to do about what is wrong with the text.
fn next_step(problem: &str) -> &'static str {
    if problem.starts_with("unknown key") && problem.ends_with("client_secret`") {
        return "put the secret into a file, and name that: client_secret_file = \"FILE\"";
    }
    match problem.starts_with("unknown key") {
        true => "correct it, or take it out: `aiod-auth profile set --help` has most of the keys",
        false => "correct it there",
    }
}

fn not_toml(text: &str, error: &toml_edit::TomlError) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let problem = error.message().lines().next().unwrap_or("not TOML");
    format!("{problem}, line {line}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aiod_auth_core::{AuthenticationMethod, Deviations, Endpoint, ErrorCode};

    use super::*;
    use crate::{args::Flow, secret::SecretSource};

    #[test]
    fn every_key_has_its_place() {
        let text = r#"
default_profile = "lab"
[profiles.lab]
issuer = "https://as.example"
token_endpoint = "https://as.example/token"
userinfo_endpoint = "https://as.example/me"
client_id = "cli"
client_secret_file = "secret.toml"
client_authentication = "client_secret_post"
flow = "client-credentials"
scopes = ["a", "b"]
resource = "https://api.example"
store = "memory"
store_key_file = "store.key"
redis_password_file = "redis.txt"
api = "https://api.example/me"
platform = "aiod"
account = "bob"
redirect_uri = "http://127.0.0.1/cb"
organisation = "o"
parameters = { audience = ["b", "c"], organization = "o" }
request_timeout_seconds = 20
ca_file = "ca.pem"
client_certificate_file = "/etc/me.pem"
allow_insecure_http = true
[profiles.lab.deviations]
bearer_names = "bot"
scope_separator = ","
error_at = "/message"
errors = { "Invalid refresh token" = "invalid_grant" }
unescaped_basic = true
issuer = "https://as.example/{tenant}"
[profiles]
small = { client_secret_env = "NAME" }
"#;
        let config = Config::parse(text, Path::new("/folder/config.toml")).unwrap();
        assert_eq!(config.default_profile.as_deref(), Some("lab"));
        let lab = ProfileConfig {
            issuer: Some("https://as.example".into()),
            endpoints: vec![
                (Endpoint::Token, "https://as.example/token".into()),
                (Endpoint::Userinfo, "https://as.example/me".into()),
            ],
            client_id: Some("cli".into()),
            client_secret: Some(SecretSource::File("/folder/secret.toml".into())),
            client_authentication: Some(AuthenticationMethod::ClientSecretPost),
            flow: Some(Flow::ClientCredentials),
            scopes: vec!["a".into(), "b".into()],
            resource: vec!["https://api.example".into()],
            store: Some("memory".into()),
            store_key_file: Some("/folder/store.key".into()),
            redis_password_file: Some("/folder/redis.txt".into()),
            api: Some("https://api.example/me".into()),
            platform: Some(Platform::Aiod),
            allow_insecure_http: true,
            redirect_uri: Some("http://127.0.0.1/cb".into()),
            organisation: Some("o".into()),
            given: None,
            of_platform: None,
            account: Some("bob".into()),
            parameters: vec![
                ("audience".into(), "b".into()),
                ("audience".into(), "c".into()),
                ("organization".into(), "o".into()),
            ],
            deviations: Deviations::default()
                .with_bearer_name("bot")
                .with_scope_separator(',')
                .with_error_at("/message")
                .with_error("Invalid refresh token", ErrorCode::InvalidGrant)
                .with_unescaped_basic()
                .with_issuer("https://as.example/{tenant}"),
            request_timeout: Some(Duration::from_secs(20)),
            ca_file: Some("/folder/ca.pem".into()),
            client_certificate_file: Some("/etc/me.pem".into()),
        };
        assert_eq!(format!("{:#?}", config.profile("lab").unwrap()), format!("{lab:#?}"));
        assert_eq!(config.profile("aiod").unwrap().platform, Some(Platform::Aiod));
        assert_eq!(
            config.names().into_iter().collect::<Vec<_>>(),
            ["aiod", "lab", "polars", "small"]
        );
        let small = config.profile("small").unwrap();
        assert_eq!(small.client_secret, Some(SecretSource::Variable("NAME".into())));
    }

    #[test]
    fn a_mistake_is_named_without_its_value() {
        for line in [
            "client_secret = \"canary\"",
            "issuer = canary",
            "scopes = [\"canary\", 1]",
            "flow = \"canary\"",
            "parameters = { audience = { canary = 1 } }",
            "request_timeout_seconds = \"canary\"",
            "deviations = { scope_separator = \"canary\" }",
            "deviations = \"canary\"",
        ] {
            let text = format!("[profiles.a]\n{line}");
            let failure = Config::parse(&text, Path::new("/config.toml")).unwrap_err();
            assert!(!failure.message.contains("canary"), "{}", failure.message);
            assert!(failure.message.ends_with("in /config.toml"), "{}", failure.message);
        }
    }
}
