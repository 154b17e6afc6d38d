//! One profile, as it is written, key by key.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use aiod_auth_core::{AuthenticationMethod, Deviations, Endpoint, LoginMethod, Profile};
use clap::ValueEnum;
use toml_edit::Item;

use super::{
    deviations,
    value::{boolean, must_be, string, string_or_strings, strings, table, unknown},
};
use crate::{
    args::Flow,
    failure::Failure,
    platform::{Given, Platform, Said},
    secret::SecretSource,
};

/// What a profile says, or the options in its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileConfig {
    pub(crate) issuer: Option<String>,
    /// Those that are not left to discovery, by their names in RFC 8414.
    pub(crate) endpoints: Vec<(Endpoint, String)>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretSource>,
    pub(crate) client_authentication: Option<AuthenticationMethod>,
    pub(crate) flow: Option<Flow>,
    /// Where the browser comes back to, for a server that takes one address only.
    pub(crate) redirect_uri: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: Vec<String>,
    /// The server's own.
    pub(crate) parameters: Vec<(String, String)>,
    /// The login's name, where that isn't the profile's. An empty one is none.
    pub(crate) account: Option<String>,
    pub(crate) store: Option<String>,
    /// What is stored there is sealed with the key in this file.
    pub(crate) store_key_file: Option<PathBuf>,
    pub(crate) redis_password_file: Option<PathBuf>,
    /// The user is asked for there; in a platform's profile, the address of its API.
    pub(crate) api: Option<String>,
    pub(crate) platform: Option<Platform>,
    /// For which organisation of the platform.
    pub(crate) organisation: Option<String>,
    /// The login that the platform's own settings make: not configured, found.
    pub(crate) of_platform: Option<Profile>,
    /// What the environment has in place of a login: found, too.
    pub(crate) given: Option<Given>,
    pub(crate) allow_insecure_http: bool,
    pub(crate) deviations: Deviations,
    pub(crate) request_timeout: Option<Duration>,
    /// What is trusted beyond the platform's certificates.
    pub(crate) ca_file: Option<PathBuf>,
    /// The client's own certificate, with its key.
    pub(crate) client_certificate_file: Option<PathBuf>,
}

impl ProfileConfig {
    /// With what the platform knows.
    pub(crate) fn complete(mut self, is_for_user: bool) -> Result<Self, Failure> {
        if let Some(key) = self.key_without_use() {
            return Err(Failure::config(format!("`{key}` has no use in this profile"))
                .with_hint("take it out, or set the `platform` that it is for"));
        }
        let Some(platform) = self.platform else {
            return Ok(self);
        };
        let known = platform.known(&Said {
            issuer: self.issuer.as_deref(),
            client_id: self.client_id.as_deref(),
            has_secret: self.client_secret.is_some(),
            logs_in_by_itself: self.logs_in_by_itself(),
            account: self.account.as_deref(),
            api: self.api.as_deref(),
            organisation: self.organisation.as_deref(),
            allow_insecure_http: self.allow_insecure_http,
            is_for_user,
        })?;
        if let Some(secret) = known.client_secret {
            self.client_secret = Some(secret);
            // What the profile says of a store is for its own login.
            self.store = None;
        }
        self.api = known.profile.current_user().map(|api| api.as_str().into()).or(self.api);
        self.account = self.account.or_else(|| known.profile.key().account);
        if known.profile.login() == LoginMethod::AuthorizationCode {
            self.flow.get_or_insert(Flow::Browser);
        }
        self.store = self.store.or_else(|| known.store.map(Into::into));
        self.given = known.given;
        self.of_platform = Some(known.profile);
        self.request_timeout = self.request_timeout.or(known.request_timeout);
        Ok(self)
    }

    /// What would be passed over in silence.
    fn key_without_use(&self) -> Option<&'static str> {
        let is_tiled = self.has_its_own_protocol();
        [
            (
                "organisation",
                self.organisation.is_some() && self.platform != Some(Platform::OF_ORGANISATIONS),
            ),
            ("scopes", is_tiled && !self.scopes.is_empty()),
            ("parameters", is_tiled && !self.parameters.is_empty()),
            ("redirect_uri", is_tiled && self.redirect_uri.is_some()),
        ]
        .into_iter()
        .find_map(|(key, is_useless)| is_useless.then_some(key))
    }

    /// Whether the server has a protocol of its own.
    pub(crate) fn has_its_own_protocol(&self) -> bool {
        self.platform.is_some_and(Platform::has_its_own_protocol)
    }

    /// Whether a new token needs neither a user nor a refresh token, for what stands here.
    pub(crate) fn logs_in_by_itself(&self) -> bool {
        match self.flow.unwrap_or(Flow::Auto) {
            Flow::ClientCredentials => true,
            Flow::Auto => self.client_secret.is_some(),
            Flow::Device | Flow::Browser | Flow::Password => false,
        }
    }
}

/// Reads the table of a profile; `file` is where it stands.
pub(super) fn read(file: &Path, name: &str, item: &Item) -> Result<ProfileConfig, String> {
    let mut profile = ProfileConfig::default();
    for (key, item) in table(&format!("profiles.{name}"), item)?.iter() {
        let place = &format!("profiles.{name}.{key}");
        match key {
            "issuer" => profile.issuer = Some(string(place, item)?),
            "client_id" => profile.client_id = Some(string(place, item)?),
            "client_secret_file" | "client_secret_env" if profile.client_secret.is_some() => {
                return Err(format!("two places for one secret: `{place}` is the second"));
            }
            "client_secret_file" => {
                let secret = named_file(file, &string(place, item)?);
                profile.client_secret = Some(SecretSource::File(secret));
            }
            "client_secret_env" => {
                profile.client_secret = Some(SecretSource::Variable(string(place, item)?));
            }
            "client_authentication" => {
                let method = AuthenticationMethod::from_name(&string(place, item)?);
                let known = "none, client_secret_basic or client_secret_post";
                profile.client_authentication = Some(method.ok_or_else(|| must_be(place, known))?);
            }
            "flow" => {
                let flow = Flow::from_str(&string(place, item)?, false);
                profile.flow = Some(flow.map_err(|_| must_be(place, &flow_names()))?);
            }
            "redirect_uri" => profile.redirect_uri = Some(string(place, item)?),
            "scopes" => profile.scopes = strings(place, item)?,
            "resource" => profile.resource = string_or_strings(place, item)?,
            "parameters" => profile.parameters = parameters(place, item)?,
            "account" => profile.account = Some(string(place, item)?),
            "store" => profile.store = Some(string(place, item)?),
            "store_key_file" => {
                profile.store_key_file = Some(named_file(file, &string(place, item)?));
            }
            "redis_password_file" => {
                profile.redis_password_file = Some(named_file(file, &string(place, item)?));
            }
            "api" => profile.api = Some(string(place, item)?),
            "platform" => profile.platform = Some(platform(place, item)?),
            "organisation" => profile.organisation = Some(string(place, item)?),
            "allow_insecure_http" => profile.allow_insecure_http = boolean(place, item)?,
            "deviations" => profile.deviations = deviations::read(place, item)?,
            "ca_file" => profile.ca_file = Some(named_file(file, &string(place, item)?)),
            "client_certificate_file" => {
                profile.client_certificate_file = Some(named_file(file, &string(place, item)?));
            }
            "request_timeout_seconds" => profile.request_timeout = Some(seconds(place, item)?),
            _ => match endpoint(key) {
                Some(endpoint) => profile.endpoints.push((endpoint, string(place, item)?)),
                None => return Err(unknown(place)),
            },
        }
    }
    Ok(profile)
}

/// A relative name starts from the folder of `config.toml`. One that systemd hands to the service
/// (`LoadCredential=`, systemd.exec(5)) is that.
fn named_file(config: &Path, name: &str) -> PathBuf {
    let is_name = Path::new(name).file_name().is_some_and(|file| file == name);
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let credential = credentials.filter(|folder| is_name && folder.is_absolute());
    match credential.map(|folder| folder.join(name)).filter(|file| file.exists()) {
        Some(credential) => credential,
        None => config.with_file_name(name),
    }
}

/// Each with one value; or with several, where the server takes several.
fn parameters(place: &str, item: &Item) -> Result<Vec<(String, String)>, String> {
    let mut parameters = Vec::new();
    for (name, item) in table(place, item)?.iter() {
        let values = string_or_strings(&format!("{place}.{name}"), item)?;
        parameters.extend(values.into_iter().map(|value| (name.to_owned(), value)));
    }
    Ok(parameters)
}

fn endpoint(key: &str) -> Option<Endpoint> {
    Endpoint::NAMED.into_iter().find(|endpoint| endpoint.metadata_name() == key)
}

fn platform(place: &str, item: &Item) -> Result<Platform, String> {
    let name = string(place, item)?;
    Platform::from_name(&name).ok_or_else(|| must_be(place, "aiod, polars, tiled or jetraw"))
}

fn seconds(place: &str, item: &Item) -> Result<Duration, String> {
    let seconds = item.as_integer().and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = seconds.filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| must_be(place, "a number of seconds from 1"))
}

fn flow_names() -> String {
    let names: Vec<_> = Flow::value_variants().iter().map(|flow| flow.name()).collect();
    names.join(", ")
}
