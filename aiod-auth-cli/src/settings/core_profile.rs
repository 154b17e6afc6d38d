//! From a profile as it is configured to what the core needs to know, checked by it.

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Deviations, Issuer, LoginMethod, Parameters, Profile, Scope,
    clean,
};

use crate::{args::Flow, config::ProfileConfig, failure::Failure};

/// All of it, to make requests with.
pub(crate) fn whole(
    settings: &ProfileConfig,
    account: Option<&str>,
    secret: Option<ClientSecret>,
) -> Result<Profile, Failure> {
    let login = login_method(settings.flow.unwrap_or(Flow::Auto));
    let mut profile = of_record(settings, account)?.with_login(login);
    if settings.has_its_own_protocol() {
        return Ok(profile);
    }
    if let Some(secret) = secret {
        profile = profile.with_client_secret(secret)?;
    }
    if let Some(method) = settings.client_authentication {
        profile = profile.with_client_authentication(method);
    }
    if let Some(address) = &settings.redirect_uri {
        profile = profile.with_redirect_uri(address)?;
    }
    for (endpoint, address) in &settings.endpoints {
        profile = profile.with_endpoint(*endpoint, address)?;
    }
    if let Some(api) = &settings.api {
        profile = profile.with_current_user_at(api)?;
    }
    Ok(profile)
}

/// As much of it as tells whose record it is.
pub(crate) fn of_record(
    settings: &ProfileConfig,
    account: Option<&str>,
) -> Result<Profile, Failure> {
    let mut profile = match &settings.of_platform {
        Some(profile) => profile.clone(),
        None => Profile::with_client(issuer(settings)?, public_client(settings)?),
    };
    if !settings.has_its_own_protocol() {
        let parameters = parameters(settings, profile.parameters())?;
        profile = profile.with_scope(Scope::new(&settings.scopes)?).with_parameters(parameters);
        if settings.deviations != Deviations::default() {
            profile = profile.with_deviations(settings.deviations.clone());
        }
    }
    Ok(match account {
        Some(account) => profile.with_account(account),
        None => profile,
    })
}

/// The profile's own, with those of its platform.
fn parameters(settings: &ProfileConfig, more: &Parameters) -> Result<Parameters, Failure> {
    let resource = settings.resource.iter().map(|uri| ("resource", uri.as_str()));
    let own = settings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    resource.chain(own).try_fold(more.clone(), |all, (name, value)| {
        let within = |error| Failure::from(error).within(&format!("parameter `{}`", clean(name)));
        all.with(name, value).map_err(within)
    })
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
    let option = what.replace('_', "-");
    Failure::config(format!("there is no {what}"))
        .with_hint(format!("say --{option}, for a profile with `aiod-auth profile set`"))
}

const fn login_method(flow: Flow) -> LoginMethod {
    match flow {
        Flow::Auto => LoginMethod::Auto,
        Flow::Device => LoginMethod::Device,
        Flow::Browser => LoginMethod::AuthorizationCode,
        Flow::Password => LoginMethod::Password,
        Flow::ClientCredentials => LoginMethod::ClientCredentials,
    }
}
