//! What the command line and `config.toml` mean together, resolved once: which login, whose record, where
//! it is stored, where the client's secret is. Commands use what stands here, and nothing before it.

use std::{env, path::Path, sync::Arc, time::Duration};

use aiod_auth_core::{ClientSecret, Error, Kind, Profile, RecordKey, RetryPolicy, Tokens};
use aiod_auth_store::{Lock, Store};
use aiod_auth_ureq::Client;

use crate::{
    args::Flow,
    config::{Config, ProfileConfig},
    context::Context,
    failure::Failure,
    platform::{Given, Platform},
    secret::{CLIENT_SECRET_VARIABLE, SecretSource},
    stored::{Clients, Made},
};

pub(crate) use earlier::Earlier;
pub(crate) use login_command::quoted;
use place::Place;
pub(crate) use store_uri::StoreUri;

mod core_profile;
mod earlier;
mod guarded_store;
#[cfg(feature = "keyring")]
mod keyring;
mod lock;
mod login_command;
mod network;
mod place;
#[cfg(feature = "redis")]
mod redis;
mod store_uri;

/// The variable with Redis' password.
const REDIS_PASSWORD_VARIABLE: &str = "AIOD_AUTH_REDIS_PASSWORD";

/// The variable in which a program gets its token.
const ACCESS_TOKEN_VARIABLE: &str = "AIOD_AUTH_ACCESS_TOKEN";

/// One login, and where its tokens are stored.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Its name in config.toml; an ad hoc profile has none.
    pub(crate) name: Option<String>,
    /// The login's name, which keeps it apart from other logins at the same server.
    pub(crate) account: Option<String>,
    /// As much as tells whose record it is. What requests need is only looked for when there are any.
    pub(crate) profile: Profile,
    config: ProfileConfig,
    place: Place,
    clients: Clients,
    /// The command that logs in with the same settings.
    pub(crate) login_command: String,
}

impl Settings {
    /// The login that the command line asks for, to look at.
    pub(crate) fn new(context: &Context) -> Result<Self, Failure> {
        let global = &context.global;
        match (&global.profile, &global.issuer) {
            (Some(_), Some(_)) => Err(Failure::usage("--profile can't be used with --issuer")),
            (Some(_), None) if global.api.is_some() => {
                Err(Failure::usage("--profile can't be used with --api")
                    .with_hint("give the profile that address with `aiod-auth profile set`"))
            }
            (None, Some(_)) if global.api.is_some() => {
                Err(Failure::usage("--issuer can't be used with --api, which is for Tiled"))
            }
            (None, Some(_)) => Self::ad_hoc(context),
            (None, None) if global.api.is_some() => Self::ad_hoc_by_api(context),
            (_, None) if global.has_options_of_issuer() => Err(Failure::usage(
                "--client-id, --client-secret-file, --scope, --resource and --parameter belong to --issuer",
            )
            .with_hint("say --issuer, too, or change the profile with `aiod-auth profile set`")),
            (_, None) => {
                let config = context.config()?;
                let name = profile_name(context, &config)?;
                Self::of_profile(context, &config, &name)
            }
        }
    }

    /// The login that the command line asks for, to use: one that was made before profiles had logins of
    /// their own is this profile's from then on, if it is that of no other.
    pub(crate) fn in_use(context: &Context) -> Result<Self, Failure> {
        let mut settings = Self::new(context)?;
        settings.take_over_earlier(context)?;
        Ok(settings)
    }

    /// The login of a profile in `config.toml`.
    pub(crate) fn of_profile(
        context: &Context,
        config: &Config,
        name: &str,
    ) -> Result<Self, Failure> {
        // Files are named from where they were named.
        let (store, folder) = match &context.global.store {
            Some(store) => (Some(store.clone()), Path::new("")),
            None => (None, config.folder()),
        };
        let mut written = config.profile(name)?;
        written.account = context.global.account.clone().or(written.account);
        let resolve = || {
            let mut profile = written.complete(context.is_for_user)?;
            check_one_server(config, name, &profile)?;
            profile.store = store.or(profile.store);
            let account = profile.account.clone().unwrap_or_else(|| name.into());
            let login_command = login_command::of_profile(&context.global, config, name);
            Self::resolve(context, Some(name), account, profile, folder, login_command)
        };
        resolve().map_err(|failure| failure.in_config().within(&format!("profile `{name}`")))
    }

    fn ad_hoc(context: &Context) -> Result<Self, Failure> {
        let global = &context.global;
        let secret = match &global.client_secret_file {
            Some(file) => Some(SecretSource::File(file.clone())),
            None => is_set(CLIENT_SECRET_VARIABLE)
                .then(|| SecretSource::Variable(CLIENT_SECRET_VARIABLE.into())),
        };
        let profile = ProfileConfig {
            issuer: global.issuer.clone(),
            client_id: global.client_id.clone(),
            client_secret: secret,
            scopes: global.scopes(),
            resource: global.resource.clone(),
            parameters: global.parameter.clone(),
            store: global.store.clone(),
            ..ProfileConfig::default()
        };
        let account = global.account.clone().unwrap_or_default();
        let login_command = login_command::ad_hoc(global);
        Self::resolve(context, None, account, profile, Path::new(""), login_command)
    }

    /// At a server that says itself how to log in.
    fn ad_hoc_by_api(context: &Context) -> Result<Self, Failure> {
        let global = &context.global;
        if global.has_options_of_issuer() {
            return Err(Failure::usage(
                "--client-id, --client-secret-file, --scope, --resource and --parameter can't be used with --api",
            ));
        }
        let profile = ProfileConfig {
            platform: Some(Platform::BY_API),
            api: global.api.clone(),
            account: global.account.clone(),
            store: global.store.clone(),
            ..ProfileConfig::default()
        };
        let profile = profile.complete(context.is_for_user)?;
        let account = global.account.clone().unwrap_or_default();
        let login_command = login_command::ad_hoc(global);
        Self::resolve(context, None, account, profile, Path::new(""), login_command)
    }

    fn resolve(
        context: &Context,
        name: Option<&str>,
        account: String,
        mut config: ProfileConfig,
        folder: &Path,
        login_command: String,
    ) -> Result<Self, Failure> {
        let global = &context.global;
        config.ca_file = global.ca_file.clone().or(config.ca_file);
        config.client_certificate_file =
            global.client_certificate.clone().or(config.client_certificate_file);
        // An empty name is none: the login of programs that give it none.
        let account = Some(account).filter(|account| !account.is_empty());
        let profile = core_profile::of_record(&config, account.as_deref())?;
        let place = match (config.given, config.store.as_deref()) {
            (Some(given), uri) => {
                let key = profile.key();
                let is_logged_in = || {
                    let uri = uri.unwrap_or("file");
                    let place = Place::open(context, uri, folder, &key, &config)?;
                    Ok(place.store().load(&key)?.is_some())
                };
                Place::given(context, &given.tokens(is_logged_in)?, &key)?
            }
            (None, Some(uri)) => Place::open(context, uri, folder, &profile.key(), &config)?,
            (None, None) if is_homeless_bot(context, &config) => {
                log::warn!("the user's home folder is not known, so the token is not stored");
                Place::open(context, "memory", folder, &profile.key(), &config)?
            }
            (None, None) => Place::open(context, "file", folder, &profile.key(), &config)?,
        };
        let (name, clients) = (name.map(Into::into), context.clients.clone());
        Ok(Self { name, account, profile, config, place, clients, login_command })
    }

    /// Logs in like this, whatever the profile says; `auto` leaves it to the profile.
    pub(crate) fn with_flow(mut self, flow: Flow) -> Self {
        if flow != Flow::Auto {
            self.config.flow = Some(flow);
        }
        self
    }

    /// Whether a user's login may come to be by browser. (At a Tiled server it never does.)
    pub(crate) fn leaves_the_flow_open(&self) -> bool {
        let is_open = self.config.flow.unwrap_or(Flow::Auto) == Flow::Auto;
        is_open && !self.logs_in_by_itself() && !self.config.has_its_own_protocol()
    }

    /// Logs in with this one, where there are several.
    pub(crate) fn with_provider(mut self, provider: &str) -> Result<Self, Failure> {
        if !self.config.has_its_own_protocol() {
            return Err(Failure::usage("--provider is for Tiled servers"));
        }
        self.config.of_platform =
            self.config.of_platform.map(|profile| profile.with_provider(provider));
        Ok(self)
    }

    /// Whether answers are taken from whatever standard input is.
    pub(crate) fn forces_prompt(&self) -> bool {
        self.config.platform.is_some_and(Platform::forces_prompt)
    }

    /// Whether nothing in the environment is in the way of a login.
    pub(crate) fn check_login(&self) -> Result<(), Failure> {
        self.config.platform.map_or(Ok(()), Platform::check_login)
    }

    /// Stores nothing on disk.
    pub(crate) fn without_saving(mut self) -> Self {
        self.place = self.place.without_saving();
        self
    }

    /// Whether what is stored is there for the next command.
    pub(crate) const fn saves(&self) -> bool {
        self.place.saves()
    }

    /// For what stores a login.
    pub(crate) fn warn_of_memory(&self, context: &Context) {
        if !self.saves() {
            context.printer.warn("the store is `memory`: the login ends with this command");
        }
    }

    pub(crate) fn store_is_public(&self) -> bool {
        self.place.is_public()
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.place.store()
    }

    /// Which store that is, as it is configured.
    pub(crate) fn store_name(&self) -> &str {
        self.config.store.as_deref().unwrap_or("file")
    }

    /// The stored tokens.
    pub(crate) fn tokens(&self) -> Result<Option<Tokens>, Failure> {
        Ok(self.store().load(&self.key())?)
    }

    /// Where the tokens are stored, for people.
    pub(crate) fn location(&self) -> String {
        self.store().location(&self.key())
    }

    /// Waits for the lock of the record, as long as a refresh may take.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        lock::take(self.store(), &self.key())
    }

    /// Whether the store is one file for whichever login it is that stands there.
    pub(crate) const fn store_is_shared(&self) -> bool {
        self.place.is_shared()
    }

    /// The other profiles whose login this is, too: a platform's own client keeps one for a server.
    pub(crate) fn profiles_of_the_same_login(&self, context: &Context) -> Vec<String> {
        // `--store` is for one command, and would be every profile's.
        if !self.store_is_shared() || context.global.store.is_some() {
            return Vec::new();
        }
        let config = context.config().unwrap_or_default();
        let is_same = |other: &&str| {
            let is_of_platform =
                config.profile(other).is_ok_and(|it| it.platform == self.platform());
            is_of_platform
                && Some(*other) != self.name.as_deref()
                && Self::of_profile(context, &config, other)
                    .is_ok_and(|it| it.store_is_shared() && it.location() == self.location())
        };
        config.names().into_iter().filter(is_same).map(Into::into).collect()
    }

    /// What makes requests, with the client's secret.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let secret = self.client_secret()?;
        let store = self.place.store_for(secret.as_ref());
        let profile = self.whole_profile(&self.config, secret)?;
        self.client_of(profile, store)
    }

    /// Whether there can be such a client.
    fn check_client(&self) -> Result<(), Failure> {
        self.whole_profile(&self.config, self.client_secret()?)?;
        network::driver(&self.config).map(drop).map_err(|failure| self.within(failure))
    }

    /// What makes requests that may be refused for lack of the client's secret. All else that the profile
    /// says counts, its endpoints above all.
    pub(crate) fn client_without_secret(&self) -> Result<Client, Failure> {
        let config = ProfileConfig {
            client_authentication: None,
            // That of a client with a secret needs one.
            flow: None,
            ..self.config.clone()
        };
        let profile = self.whole_profile(&config, None)?;
        self.client_of(profile, self.place.store_for(None))
    }

    fn whole_profile(
        &self,
        config: &ProfileConfig,
        secret: Option<ClientSecret>,
    ) -> Result<Profile, Failure> {
        core_profile::whole(config, self.account.as_deref(), secret)
            .map_err(|failure| self.within(failure))
    }

    fn client_of(&self, profile: Profile, store: Arc<dyn Store>) -> Result<Client, Failure> {
        let driver = network::driver(&self.config).map_err(|failure| self.within(failure))?;
        let key = profile.key();
        let client = Client::with_driver(profile, driver.with_store(Arc::clone(&store)));
        let client = client.with_retry_policy(policy_of(&self.config)).without_early_refresh();
        self.clients.add(Made { client: client.clone(), store, key });
        Ok(client)
    }

    /// The client's secret: the one that is configured, else the one that is stored with the tokens.
    pub(crate) fn client_secret(&self) -> Result<Option<ClientSecret>, Failure> {
        match &self.config.client_secret {
            Some(secret) => secret.read().map(Some).map_err(|failure| self.within(failure)),
            None => Ok(self.stored_secret()),
        }
    }

    /// Where a user logs in, what a bot left there is not theirs.
    fn stored_secret(&self) -> Option<ClientSecret> {
        match self.config.flow.unwrap_or(Flow::Auto) {
            Flow::Auto | Flow::ClientCredentials => self.place.client_secret(),
            Flow::Device | Flow::Browser | Flow::Password => None,
        }
    }

    fn within(&self, failure: Failure) -> Failure {
        match &self.name {
            Some(name) => failure.in_config().within(&format!("profile `{name}`")),
            None => failure,
        }
    }

    /// Whether a new token needs neither a user nor a refresh token.
    pub(crate) fn logs_in_by_itself(&self) -> bool {
        self.config.logs_in_by_itself()
            || self.config.flow.unwrap_or(Flow::Auto) == Flow::Auto
                && self.stored_secret().is_some()
    }

    /// Whether the profile says that only the client itself logs in.
    pub(crate) fn is_only_itself(&self) -> bool {
        self.config.flow == Some(Flow::ClientCredentials)
    }

    /// Whether the login needs a user who types a password.
    pub(crate) fn asks_for_a_password(&self) -> bool {
        self.config.flow == Some(Flow::Password)
    }

    /// The addresses of the APIs that the token is for, as far as they are known.
    pub(crate) fn api_addresses(&self) -> impl Iterator<Item = &str> {
        self.config.resource.iter().chain(&self.config.api).map(String::as_str)
    }

    pub(crate) fn key(&self) -> RecordKey {
        self.profile.key()
    }

    /// For `map_err`: what to do next is a command with these settings.
    pub(crate) fn explain(&self, error: Error) -> Failure {
        match self.config.given {
            Some(given) if error.kind() == Kind::NotAuthenticated => given.explain(error),
            _ if error.asks_for_another_token() && self.has_its_own_tokens() => {
                let hint = "a new login is no help: see at the server what this client may do";
                Failure::from(error).with_hint(hint)
            }
            _ => Failure::from(error).mended_by(&self.login_command),
        }
    }

    /// Whether the tokens are the client's, and no user's.
    fn has_its_own_tokens(&self) -> bool {
        let is_users = || {
            let tokens = self.tokens().ok().flatten();
            tokens.is_some_and(|tokens| tokens.refresh_token.is_some())
        };
        self.is_only_itself() || self.logs_in_by_itself() && (!self.saves() || !is_users())
    }

    /// The variable with an access token or a key that is used in place of a login.
    pub(crate) fn given(&self) -> Option<&'static str> {
        self.config.given.map(Given::variable)
    }

    pub(crate) const fn platform(&self) -> Option<Platform> {
        self.config.platform
    }

    /// In which variables a program gets its token.
    pub(crate) fn token_variables(&self) -> impl Iterator<Item = &'static str> {
        let of_platform = self.config.platform.and_then(Platform::token_variable);
        let (ours, theirs) = match self.config.given {
            // A key is no token, and has another scheme.
            Some(Given::Key(variable)) => (None, Some(variable)),
            Some(Given::Token(_)) | None => (Some(ACCESS_TOKEN_VARIABLE), of_platform),
        };
        ours.into_iter().chain(theirs)
    }

    /// Whether the server has API keys.
    pub(crate) fn has_api_keys(&self) -> bool {
        self.config.has_its_own_protocol()
    }
}

/// The environment variables that may hold a secret, of any platform or profile: no other program's business.
pub(crate) fn secret_variables(context: &Context) -> Vec<String> {
    let own = [CLIENT_SECRET_VARIABLE, REDIS_PASSWORD_VARIABLE, ACCESS_TOKEN_VARIABLE];
    let known = own.into_iter().chain(Platform::SECRET_VARIABLES).map(String::from);
    // A file that can't be read names none.
    let config = context.config().unwrap_or_default();
    let named = config.profiles.into_values().filter_map(|profile| match profile.client_secret {
        Some(SecretSource::Variable(name)) => Some(name),
        Some(SecretSource::File(_)) | None => None,
    });
    known.chain(named).collect()
}

/// The one that is named, else the default.
pub(crate) fn profile_name(context: &Context, config: &Config) -> Result<String, Failure> {
    let named = context.global.profile.clone().or_else(login_command::profile_variable);
    if let Some(name) = named.or_else(|| config.default_profile.clone()) {
        return Ok(name);
    }
    Err(Failure::config("no profile was chosen, and there is no default_profile").with_hint(
        "say --profile NAME, or --issuer URL and --client-id ID, or --api URL for Tiled",
    ))
}

/// Whether the profile can work. Its secret may be on another machine, or come later.
pub(crate) fn check(context: &Context, config: &Config, name: &str) -> Result<(), Failure> {
    let profile = config.profile(name)?.complete(true)?;
    check_one_server(config, name, &profile)?;
    let key = core_profile::whole(&profile, Some(name), None)?.key();
    let store = profile.store.as_deref().unwrap_or("file");
    Place::open(context, store, config.folder(), &key, &profile).map(drop)
}

/// RFC 9207 §4: an issuer is one server.
fn check_one_server(config: &Config, name: &str, profile: &ProfileConfig) -> Result<(), Failure> {
    let says_endpoints = |profile: &ProfileConfig| {
        !profile.endpoints.is_empty() || profile.platform.is_some_and(Platform::knows_endpoints)
    };
    if !says_endpoints(profile) {
        return Ok(());
    }
    let this = core_profile::whole(profile, None, None)?;
    for other in config.names().into_iter().filter(|other| *other != name) {
        let Ok(written) = config.profile(other) else { continue };
        if !says_endpoints(&written) {
            continue;
        }
        let theirs = written.complete(false);
        let theirs = theirs.and_then(|theirs| core_profile::whole(&theirs, None, None));
        // What can't be used sends nothing anywhere.
        let Ok(theirs) = theirs else { continue };
        if let Some(endpoint) = this.contradiction(&theirs) {
            let member = endpoint.metadata_name();
            return Err(Failure::config(format!(
                "the profiles `{name}` and `{other}` have one issuer, and each another {member}"
            ))
            .with_hint("an issuer is one server: correct one of the two, or remove it"));
        }
    }
    Ok(())
}

/// Whether this client can do without a store: it gets a new token by itself, as often as it likes.
fn is_homeless_bot(context: &Context, config: &ProfileConfig) -> bool {
    config.logs_in_by_itself() && context.config_folder().is_err()
}

fn policy_of(config: &ProfileConfig) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.time_limit = TIME_LIMIT;
    policy.request_timeout = config.request_timeout;
    policy
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// No command but `login` takes longer than 60 s. ureq waits for up to a second longer than it is told to,
/// and the store takes time, too.
const TIME_LIMIT: Duration = Duration::from_secs(57);

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut the line in `policy_of`: this fails. (That the client gets this policy, `cli` sees by the other limit.)
    #[test]
    fn a_command_has_less_than_a_minute() {
        let limit = policy_of(&ProfileConfig::default()).time_limit;
        // ureq may take a second more; a refresh has to fit in.
        assert!((Duration::from_secs(30)..Duration::from_secs(59)).contains(&limit), "{limit:?}");
    }
}
