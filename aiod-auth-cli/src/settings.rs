//! What the command line and `config.toml` mean together, checked: which login, kept where.

use std::{env, path::Path, sync::Arc, time::Duration};

use aiod_auth_core::{ClientSecret, Error, Profile, RecordKey, RetryPolicy};
use aiod_auth_store::Store;
use aiod_auth_ureq::Client;

use crate::{
    args::Flow,
    config::{Config, ProfileConfig},
    context::Context,
    core_profile,
    failure::Failure,
    login_command,
    place::Place,
    secret::{CLIENT_SECRET_VARIABLE, SecretSource},
};

/// One login, and where its tokens are kept.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Its name in config.toml; an ad hoc profile has none.
    pub(crate) name: Option<String>,
    /// As much as tells whose record it is. What requests need is only looked for when there are any.
    pub(crate) profile: Profile,
    config: ProfileConfig,
    place: Place,
    /// The command that logs in with the same settings.
    pub(crate) login_command: String,
}

impl Settings {
    /// The login that the command line asks for.
    pub(crate) fn new(context: &Context) -> Result<Self, Failure> {
        let global = &context.global;
        match (&global.profile, &global.issuer) {
            (Some(_), Some(_)) => {
                Err(Failure::usage("--profile and --issuer contradict each other"))
            }
            (None, Some(_)) => Self::ad_hoc(context),
            (_, None) if global.is_ad_hoc() => Err(Failure::usage(
                "--client-id, --client-secret-file, --scope and --resource belong to --issuer",
            )
            .with_hint("say --issuer, too, or change the profile with `aiod-auth profile set`")),
            (_, None) => {
                let config = context.config()?;
                let name = profile_name(context, &config)?;
                Self::of_profile(context, &config, &name)
            }
        }
    }

    /// The login of a profile in `config.toml`.
    pub(crate) fn of_profile(
        context: &Context,
        config: &Config,
        name: &str,
    ) -> Result<Self, Failure> {
        let within = |failure: Failure| failure.within(&format!("profile `{name}`"));
        let settings = config.profile(name)?.complete().map_err(within)?;
        let profile = core_profile::of_record(&settings).map_err(within)?;
        // Files are named from where they were named.
        let (store, folder) = match &context.global.store {
            Some(store) => (Some(store), Path::new("")),
            None => (settings.store.as_ref(), config.folder()),
        };
        let place = Place::open(context, store.map(String::as_str), folder, &profile.key())?;
        Ok(Self {
            name: Some(name.into()),
            profile,
            config: settings,
            place,
            login_command: login_command::of_profile(&context.global, config, name),
        })
    }

    fn ad_hoc(context: &Context) -> Result<Self, Failure> {
        let global = &context.global;
        let secret = match &global.client_secret_file {
            Some(file) => Some(SecretSource::File(file.clone())),
            None => is_set(CLIENT_SECRET_VARIABLE)
                .then(|| SecretSource::Variable(CLIENT_SECRET_VARIABLE.into())),
        };
        let settings = ProfileConfig {
            issuer: global.issuer.clone(),
            client_id: global.client_id.clone(),
            client_secret: secret,
            scopes: global.scopes(),
            resource: global.resource.clone(),
            ..ProfileConfig::default()
        };
        let profile = core_profile::of_record(&settings)?;
        let place = Place::open(context, global.store.as_deref(), Path::new(""), &profile.key())?;
        Ok(Self {
            name: None,
            profile,
            config: settings,
            place,
            login_command: login_command::ad_hoc(global),
        })
    }

    /// Logs in like this, whatever the profile says; `auto` leaves it to the profile.
    pub(crate) fn with_flow(mut self, flow: Flow) -> Self {
        if flow != Flow::Auto {
            self.config.flow = Some(flow);
        }
        self
    }

    /// Keeps nothing on disk.
    pub(crate) fn without_saving(mut self) -> Self {
        self.place = self.place.without_saving();
        self
    }

    pub(crate) fn store_is_public(&self) -> bool {
        self.place.is_public()
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.place.store()
    }

    /// Whether the store is one file for whichever login it is that stands there.
    pub(crate) const fn store_is_shared(&self) -> bool {
        self.place.is_shared()
    }

    /// What makes requests, with the client's secret.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let secret = self.client_secret()?;
        let store = self.place.store_for(secret.as_ref());
        let profile =
            core_profile::whole(&self.config, secret).map_err(|failure| self.within(failure))?;
        Ok(self.client_of(profile, store))
    }

    /// What makes requests that may be refused for lack of the client's secret.
    pub(crate) fn client_without_secret(&self) -> Client {
        self.client_of(self.profile.clone(), self.place.store_for(None))
    }

    fn client_of(&self, profile: Profile, store: Arc<dyn Store>) -> Client {
        let mut policy = RetryPolicy::default();
        policy.time_limit = TIME_LIMIT;
        let client = Client::new(profile, store).with_retry_policy(policy);
        match self.config.request_timeout {
            Some(timeout) => client.with_request_timeout(timeout),
            None => client,
        }
    }

    /// The client's secret: the one that is configured, else the one that is kept with the tokens.
    pub(crate) fn client_secret(&self) -> Result<Option<ClientSecret>, Failure> {
        match &self.config.client_secret {
            Some(secret) => secret.read().map(Some).map_err(|failure| self.within(failure)),
            None => Ok(self.kept_secret()),
        }
    }

    /// Where a person logs in, what a bot left there is not theirs.
    fn kept_secret(&self) -> Option<ClientSecret> {
        match self.config.flow.unwrap_or(Flow::Auto) {
            Flow::Auto | Flow::ClientCredentials => self.place.client_secret(),
            Flow::Device | Flow::Browser | Flow::Password => None,
        }
    }

    fn within(&self, failure: Failure) -> Failure {
        match &self.name {
            Some(name) => failure.within(&format!("profile `{name}`")),
            None => failure,
        }
    }

    /// Whether a new token needs neither a person nor a refresh token.
    pub(crate) fn logs_in_by_itself(&self) -> bool {
        match self.config.flow.unwrap_or(Flow::Auto) {
            Flow::ClientCredentials => true,
            Flow::Auto => self.config.client_secret.is_some() || self.kept_secret().is_some(),
            Flow::Device | Flow::Browser | Flow::Password => false,
        }
    }

    /// Whether the profile says that nobody but the client itself logs in.
    pub(crate) fn is_only_itself(&self) -> bool {
        self.config.flow == Some(Flow::ClientCredentials)
    }

    /// The environment variables that may hold a client's secret: no other program's business.
    pub(crate) fn secret_variables(&self) -> Vec<String> {
        let mut variables = vec![CLIENT_SECRET_VARIABLE.to_owned()];
        if let Some(SecretSource::Variable(name)) = &self.config.client_secret {
            variables.push(name.clone());
        }
        variables
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
        Failure::from(error).mended_by(&self.login_command)
    }
}

/// The one that is named, else the default.
pub(crate) fn profile_name(context: &Context, config: &Config) -> Result<String, Failure> {
    let named = context
        .global
        .profile
        .clone()
        .or_else(|| env::var("AIOD_AUTH_PROFILE").ok().filter(|name| !name.is_empty()));
    if let Some(name) = named.or_else(|| config.default_profile.clone()) {
        return Ok(name);
    }
    Err(Failure::config("no profile was chosen, and there is no default_profile")
        .with_hint("say --profile NAME, or --issuer URL and --client-id ID"))
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// No command but `login` takes longer than 60 s. ureq waits for up to a second longer than it is told to,
/// and the store takes time, too.
const TIME_LIMIT: Duration = Duration::from_secs(57);
