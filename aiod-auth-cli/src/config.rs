//! What `config.toml` of the configuration folder may say. It holds no secrets, only where they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use aiod_auth_core::{AuthenticationMethod, Endpoint};
use clap::ValueEnum;
use toml_edit::{DocumentMut, Item, TableLike};

use crate::{
    args::Flow, failure::Failure, own_file::OwnFile, platform::Platform, secret::SecretSource,
};

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Where it is.
    pub(crate) file: PathBuf,
    pub(crate) default_profile: Option<String>,
    pub(crate) profiles: BTreeMap<String, ProfileConfig>,
}

/// One profile, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProfileConfig {
    pub(crate) issuer: Option<String>,
    /// Those that are not left to discovery, by their names in RFC 8414.
    pub(crate) endpoints: Vec<(Endpoint, String)>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretSource>,
    pub(crate) client_authentication: Option<AuthenticationMethod>,
    pub(crate) flow: Option<Flow>,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: Vec<String>,
    pub(crate) store: Option<String>,
    /// Who is logged in is asked there; in a platform's profile, the address of its API.
    pub(crate) api: Option<String>,
    pub(crate) platform: Option<Platform>,
    pub(crate) allow_insecure_http: bool,
    /// Not in the file: a platform's own client has it in its settings.
    pub(crate) request_timeout: Option<Duration>,
}

impl ProfileConfig {
    /// With what the platform knows.
    pub(crate) fn complete(mut self) -> Result<Self, Failure> {
        if let Some(platform) = self.platform {
            platform.complete(&mut self)?;
        }
        Ok(self)
    }
}

/// Keys that belong to the format, for features that this version doesn't have. To pass over them
/// would log in to something else than what was meant.
const LATER: [&str; 1] = ["authorization_endpoint"];
const LATER_PLATFORMS: [&str; 2] = ["polars", "tiled"];

impl Config {
    /// Reads the file; none is an empty one.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join("config.toml");
        match OwnFile::read(&file) {
            Ok(read) => Self::parse(&read.text, &file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Self { file, ..Self::default() })
            }
            Err(error) => Err(Failure::config(format!("cannot read {}: {error}", file.display()))),
        }
    }

    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, Failure> {
        let mut config = Self { file: file.into(), ..Self::default() };
        config
            .fill(text)
            .map_err(|problem| Failure::config(format!("{problem} in {}", file.display())))?;
        Ok(config)
    }

    /// The profile of this name, as it is written. A platform's own needs not be written.
    pub(crate) fn profile(&self, name: &str) -> Result<ProfileConfig, Failure> {
        let built_in = Platform::from_name(name);
        let written = self.profiles.get(name).cloned();
        let Some(mut profile) = written.or_else(|| built_in.map(|_| ProfileConfig::default()))
        else {
            let file = self.file.display();
            return Err(Failure::config(format!("there is no profile `{name}` in {file}"))
                .with_hint("run `aiod-auth profile list`"));
        };
        profile.platform = profile.platform.or(built_in);
        Ok(profile)
    }

    /// The names of all profiles, those of the platforms included.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let mut names: BTreeSet<_> = self.profiles.keys().map(String::as_str).collect();
        names.extend(Platform::ALL.map(Platform::name));
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
                        let profile = self.read_profile(name, item)?;
                        self.profiles.insert(name.into(), profile);
                    }
                }
                _ => return Err(format!("unknown key `{key}`")),
            }
        }
        Ok(())
    }

    fn read_profile(&self, name: &str, item: &Item) -> Result<ProfileConfig, String> {
        let mut profile = ProfileConfig::default();
        for (key, item) in table(&format!("profiles.{name}"), item)?.iter() {
            let place = format!("profiles.{name}.{key}");
            match key {
                "issuer" => profile.issuer = Some(string(&place, item)?),
                "client_id" => profile.client_id = Some(string(&place, item)?),
                "client_secret_file" | "client_secret_env" if profile.client_secret.is_some() => {
                    return Err(format!("two places for one secret: `{place}` is the second"));
                }
                "client_secret_file" => {
                    let file = self.file.with_file_name(string(&place, item)?);
                    profile.client_secret = Some(SecretSource::File(file));
                }
                "client_secret_env" => {
                    profile.client_secret = Some(SecretSource::Variable(string(&place, item)?));
                }
                "client_authentication" => {
                    let method = AuthenticationMethod::from_name(&string(&place, item)?);
                    let known = "none, client_secret_basic or client_secret_post";
                    profile.client_authentication =
                        Some(method.ok_or_else(|| must_be(&place, known))?);
                }
                "flow" => {
                    let flow = Flow::from_str(&string(&place, item)?, false);
                    profile.flow = Some(flow.map_err(|_| must_be(&place, &flow_names()))?);
                }
                "scopes" => profile.scopes = strings(&place, item)?,
                "resource" => profile.resource = string_or_strings(&place, item)?,
                "store" => profile.store = Some(string(&place, item)?),
                "api" => profile.api = Some(string(&place, item)?),
                "platform" => profile.platform = Some(platform(&place, item)?),
                "allow_insecure_http" => {
                    let allowed = item.as_bool();
                    profile.allow_insecure_http =
                        allowed.ok_or_else(|| must_be(&place, "true or false"))?;
                }
                _ => match Endpoint::NAMED
                    .into_iter()
                    .find(|endpoint| endpoint.metadata_name() == key)
                {
                    Some(endpoint) => profile.endpoints.push((endpoint, string(&place, item)?)),
                    None if LATER.contains(&key) => {
                        return Err(not_in_this_version(&place));
                    }
                    None => return Err(format!("unknown key `{place}`")),
                },
            }
        }
        Ok(profile)
    }
}

fn platform(place: &str, item: &Item) -> Result<Platform, String> {
    let name = string(place, item)?;
    if LATER_PLATFORMS.contains(&name.as_str()) {
        return Err(not_in_this_version(place));
    }
    Platform::from_name(&name).ok_or_else(|| must_be(place, "aiod"))
}

fn not_in_this_version(place: &str) -> String {
    format!("this version can't do what `{place}` is for, set")
}

fn table<'a>(place: &str, item: &'a Item) -> Result<&'a dyn TableLike, String> {
    item.as_table_like().ok_or_else(|| must_be(place, "a table"))
}

fn string(place: &str, item: &Item) -> Result<String, String> {
    item.as_str().map(Into::into).ok_or_else(|| must_be(place, "a string"))
}

fn strings(place: &str, item: &Item) -> Result<Vec<String>, String> {
    let all = item.as_array().and_then(|array| {
        array.iter().map(|value| value.as_str().map(Into::into)).collect::<Option<Vec<_>>>()
    });
    all.ok_or_else(|| must_be(place, "a list of strings"))
}

fn string_or_strings(place: &str, item: &Item) -> Result<Vec<String>, String> {
    match item.as_str() {
        Some(one) => Ok(vec![one.into()]),
        None => strings(place, item),
    }
}

/// What is there is not repeated: it may be a secret in the wrong place.
fn must_be(place: &str, what: &str) -> String {
    format!("`{place}` must be {what}")
}

fn flow_names() -> String {
    let names: Vec<_> = Flow::value_variants().iter().map(|flow| flow.name()).collect();
    names.join(", ")
}

fn not_toml(text: &str, error: &toml_edit::TomlError) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let problem = error.message().lines().next().unwrap_or("not TOML");
    format!("{problem}, line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
api = "https://api.example/me"
platform = "aiod"
allow_insecure_http = true
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
            api: Some("https://api.example/me".into()),
            platform: Some(Platform::Aiod),
            allow_insecure_http: true,
            request_timeout: None,
        };
        assert_eq!(config.profile("lab").unwrap(), lab);
        assert_eq!(config.profile("aiod").unwrap().platform, Some(Platform::Aiod));
        assert_eq!(config.names().into_iter().collect::<Vec<_>>(), ["aiod", "lab", "small"]);
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
        ] {
            let text = format!("[profiles.a]\n{line}");
            let failure = Config::parse(&text, Path::new("/config.toml")).unwrap_err();
            assert!(!failure.message.contains("canary"), "{}", failure.message);
            assert!(failure.message.ends_with("in /config.toml"), "{}", failure.message);
        }
    }
}
