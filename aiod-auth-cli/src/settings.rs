//! What the command line and `config.toml` mean together, checked: which login, kept where.

use std::{env, sync::Arc};

use aiod_auth_core::{
    ClientIdentity, Error, Issuer, LoginMethod, Parameters, Profile, RecordKey, Scope,
};
use aiod_auth_store::{FileStore, MemoryStore, Store};
use aiod_auth_ureq::Client;

use crate::{
    args::Flow,
    config::{Config, ProfileConfig},
    context::Context,
    failure::Failure,
    interrupt::GuardedStore,
    login_command,
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
    pub(crate) store: Arc<dyn Store>,
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
        let settings = config.profile(name)?;
        let store = context.global.store.as_ref().or(settings.store.as_ref());
        Ok(Self {
            name: Some(name.into()),
            profile: profile_of_record(settings)
                .map_err(|failure| failure.within(&format!("profile `{name}`")))?,
            config: settings.clone(),
            store: open_store(context, store.map(String::as_str))?,
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
        Ok(Self {
            name: None,
            profile: profile_of_record(&settings)?,
            config: settings,
            store: open_store(context, global.store.as_deref())?,
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
        self.store = Arc::new(MemoryStore::default());
        self
    }

    /// What makes requests, with the client's secret.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let profile = profile(&self.config).map_err(|failure| match &self.name {
            Some(name) => failure.within(&format!("profile `{name}`")),
            None => failure,
        })?;
        Ok(Client::new(profile, Arc::clone(&self.store)))
    }

    /// What makes requests that may be refused for lack of the client's secret.
    pub(crate) fn client_without_secret(&self) -> Client {
        Client::new(self.profile.clone(), Arc::clone(&self.store))
    }

    /// Whether a new token needs neither a person nor a refresh token.
    pub(crate) fn logs_in_by_itself(&self) -> bool {
        match self.config.flow.unwrap_or(Flow::Auto) {
            Flow::ClientCredentials => true,
            Flow::Auto => self.config.client_secret.is_some(),
            Flow::Device | Flow::Browser | Flow::Password => false,
        }
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
        self.config.resource.iter().map(String::as_str)
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

/// What the core needs to know, checked by it.
pub(crate) fn profile(settings: &ProfileConfig) -> Result<Profile, Failure> {
    let issuer = issuer(settings)?;
    let mut client = public_client(settings)?;
    if let Some(secret) = &settings.client_secret {
        client = client.with_secret(secret.read()?)?;
    }
    if let Some(method) = settings.client_authentication {
        client = client.with_authentication_method(method);
    }
    let mut profile = Profile::with_client(issuer, client)
        .with_scope(Scope::new(&settings.scopes)?)
        .with_parameters(parameters(settings)?)
        .with_login(login_method(settings.flow.unwrap_or(Flow::Auto))?);
    for (endpoint, address) in &settings.endpoints {
        profile = profile.with_endpoint(*endpoint, address)?;
    }
    Ok(profile)
}

/// As much of it as tells whose record it is.
fn profile_of_record(settings: &ProfileConfig) -> Result<Profile, Failure> {
    let profile = Profile::with_client(issuer(settings)?, public_client(settings)?);
    Ok(profile.with_scope(Scope::new(&settings.scopes)?).with_parameters(parameters(settings)?))
}

fn parameters(settings: &ProfileConfig) -> Result<Parameters, Failure> {
    let parameters = Parameters::default();
    Ok(settings.resource.iter().try_fold(parameters, |all, uri| all.with_resource(uri))?)
}

fn issuer(settings: &ProfileConfig) -> Result<Issuer, Failure> {
    let address = settings.issuer.as_deref().ok_or_else(|| missing("issuer"))?;
    if settings.allow_insecure_http {
        Ok(Issuer::allowing_insecure_http(address)?)
    } else {
        Ok(Issuer::new(address)?)
    }
}

fn public_client(settings: &ProfileConfig) -> Result<ClientIdentity, Failure> {
    let client_id = settings.client_id.as_deref().ok_or_else(|| missing("client_id"))?;
    Ok(ClientIdentity::public(client_id)?)
}

fn missing(what: &str) -> Failure {
    Failure::config(format!("there is no {what}"))
}

fn login_method(flow: Flow) -> Result<LoginMethod, Failure> {
    match flow {
        Flow::Auto => Ok(LoginMethod::Auto),
        Flow::Device => Ok(LoginMethod::Device),
        Flow::ClientCredentials => Ok(LoginMethod::ClientCredentials),
        Flow::Browser | Flow::Password => {
            Err(Failure::usage("this version has neither the browser flow nor the password flow")
                .with_hint("use --flow device"))
        }
    }
}

pub(crate) fn open_store(context: &Context, uri: Option<&str>) -> Result<Arc<dyn Store>, Failure> {
    let store: Box<dyn Store> = match uri.unwrap_or("file") {
        "file" => Box::new(FileStore::new(context.config_folder()?.join("tokens"))),
        "memory" => Box::<MemoryStore>::default(),
        uri => {
            let known = ["aiod", "polars", "tiled", "keyring", "redis", "rediss"];
            let scheme = uri.split(':').next().unwrap_or_default();
            // The rest of the address may have a password in it.
            return Err(if known.contains(&scheme) {
                Failure::config(format!("the store `{scheme}` is not in this version"))
            } else {
                Failure::config("there is no such store").with_hint("use file or memory")
            });
        }
    };
    Ok(Arc::new(GuardedStore::new(store, &context.interrupt)))
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}
