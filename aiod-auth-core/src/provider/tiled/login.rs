//! Logging in: as the server says, by password, by its own device flow, or at an OpenID provider.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use url::Url;

use super::{
    confirmation::Confirmation,
    description::{Provider, ProviderLogin},
    deviations,
    device::{self, OwnDevice},
    server::{Server, json},
    settings::Settings,
};
use crate::{
    error::{ConfigProblem, Endpoint, Error},
    flow::device_access_token::Polls,
    flow::{access_token_request::TokenRequest, send::Sender},
    http::Request,
    login::LoginJob,
    machine::{
        Credentials, Deadline, EmptyPassword, Failed, Io, NoAnswer, PasswordQuestion,
        ProviderQuestion, Reason,
    },
    profile::LoginMethod,
    token::Tokens,
    token_server::TokenServer,
    wire::{answer, form::Form},
};

/// Logs in with the given refresh token, or by the provider that fits or that the user chooses.
pub(crate) async fn log_in(
    io: &Io,
    job: &mut LoginJob,
    settings: Arc<Settings>,
    deadline: Deadline,
    end: Deadline,
) -> Result<Tokens, Failed> {
    let refresh_token = job.refresh_token.take();
    let server = Server::ask(io, &settings.api, &job.policy, deadline).await?;
    let tiled = TokenServer::Tiled(&server);
    if let Some(token) = refresh_token {
        return job.redeem(io, tiled, token, deadline, Reason::Retry).await;
    }
    let provider = choose(io, job, &server, settings.provider.as_deref(), end).await?;
    let whoami = server.description.whoami.as_ref();
    job.confirmation = Confirmation::of(provider, whoami).map(Box::new);
    match provider.usable()? {
        ProviderLogin::Password { token_endpoint } => {
            by_password(io, job, &server, token_endpoint, end).await
        }
        ProviderLogin::Device { endpoint } => by_own_device(io, job, &server, endpoint, end).await,
        login @ (ProviderLogin::OpenId { .. } | ProviderLogin::Unusable(_)) => {
            let openid = server.openid(login)?;
            let deadline = Deadline::within(io, job.policy.time_limit).min(end);
            job.profile = Arc::new(openid.profile);
            Box::pin(job.by_device(io, &openid.server, deadline, end)).await
        }
    }
}

/// The provider: the configured one, the only one that fits the profile, or the one that the user chooses.
async fn choose<'a>(
    io: &Io,
    job: &LoginJob,
    server: &'a Server,
    name: Option<&str>,
    end: Deadline,
) -> Result<&'a Provider, Error> {
    let choices: Vec<_> = server.description.choices(name)?;
    let fitting: Vec<&Provider> =
        choices.iter().copied().filter(|provider| fits(&job.profile.login(), provider)).collect();
    match fitting.as_slice() {
        [only] => return Ok(*only),
        [] => {
            return Err(Error::Usage("this server has no such flow; leave it to the server"));
        }
        _ => {}
    }
    let names: Vec<String> = fitting.iter().map(|provider| provider.name.clone()).collect();
    let question = ProviderQuestion { names: names.clone(), limit: end.left(io) };
    match io.provider(question).await {
        Ok(place) => fitting
            .get(place)
            .copied()
            .ok_or(Error::Config(ConfigProblem::NoSuchProvider { names })),
        Err(NoAnswer::Impossible(_)) => {
            Err(Error::Config(ConfigProblem::SeveralProviders { names }))
        }
        Err(why) => Err(why.into_error(job.limit)),
    }
}

/// Whether this provider has the profile's flow. One that can't be used fits: its use names the problem.
const fn fits(method: &LoginMethod, provider: &Provider) -> bool {
    match (method, &provider.login) {
        (_, ProviderLogin::Unusable(_)) => true,
        (LoginMethod::Password, login) => matches!(login, ProviderLogin::Password { .. }),
        // A profile of a public client has one of these, unless another flow was configured.
        (LoginMethod::Auto | LoginMethod::Device, _) => true,
        (LoginMethod::AuthorizationCode | LoginMethod::ClientCredentials, _) => false,
    }
}

/// Sends the password to the server itself, which answers 401 to a wrong one: the user is asked again, up to
/// twice.
async fn by_password(
    io: &Io,
    job: &LoginJob,
    server: &Server,
    token_endpoint: &Url,
    end: Deadline,
) -> Result<Tokens, Failed> {
    let mut username = None;
    let mut attempts = 0_u8;
    loop {
        attempts = attempts.saturating_add(1);
        let question = PasswordQuestion {
            username: username.take(),
            is_retry: attempts > 1,
            limit: end.left(io),
            empty: EmptyPassword::Cancels,
        };
        let credentials = io.password(question).await.map_err(|why| why.into_error(job.limit))?;
        if credentials.password.expose().is_empty() {
            return Err(Error::Cancelled.into());
        }
        let request = password_request(job, server, token_endpoint, &credentials)?;
        username = Some(credentials.username);
        drop(credentials.password);
        let outcome = job.send_for_user(io, TokenServer::Tiled(server), request, end).await;
        match outcome {
            Err(Failed { error: Error::Refused(refused), .. }) if refused.status == Some(401) => {
                if attempts >= ATTEMPTS_MAX {
                    return Err(Error::AccessDenied(refused).into());
                }
            }
            outcome => return outcome,
        }
    }
}

const ATTEMPTS_MAX: u8 = 3;

fn password_request(
    job: &LoginJob,
    server: &Server,
    token_endpoint: &Url,
    credentials: &Credentials,
) -> Result<TokenRequest, Error> {
    let Credentials { username, password } = credentials;
    let mut form = Form::default();
    form.push("grant_type", "password");
    form.push("username", username);
    form.push_password("password", password.expose());
    let request = server.guarded(Request::post_form(token_endpoint.clone(), form.encode()));
    Ok(TokenRequest::of(request, job.policy, Arc::new(deviations())))
}

/// The flow begins with an empty POST. Polls are JSON, to the address in the first answer.
async fn by_own_device(
    io: &Io,
    job: &LoginJob,
    server: &Server,
    endpoint: &Url,
    end: Deadline,
) -> Result<Tokens, Failed> {
    let deviations = Arc::new(deviations());
    let deadline = Deadline::within(io, job.policy.time_limit).min(end);
    let begins = Endpoint::DeviceAuthorization;
    let sender = Sender::new(begins, &job.policy, deadline, &deviations);
    let request = server.guarded(Request::post_nothing(endpoint.clone()));
    let device = sender.send(io, request, |received| {
        answer::read(begins, received, |object| OwnDevice::parse(object, &server.api))
    });
    let OwnDevice { authorization, poll_at } = device.await?;
    let parts = authorization.into_parts();
    let body = json(&[
        ("device_code", parts.device_code.expose()),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
    ]);
    let request = server.guarded(Request::post_json(poll_at, body));
    let polls = Polls::of(request, &parts.prompt, job.limit, deviations, device::refused);
    let polling = job.show_code(io, polls, parts.prompt, end).await;
    Box::pin(job.approved(io, TokenServer::Tiled(server), polling, end)).await
}
