//! Logging in: as the server says, by password, by its own device flow, or at an OpenID provider; and what a
//! provider says to a user who has logged in.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use url::Url;

use super::{
    Settings,
    address::Api,
    description::{Provider, ProviderLogin},
    deviations,
    json::Json,
    server::Server,
};
use crate::{
    error::{ConfigProblem, Endpoint, Error, Problem, Says, ServerError},
    flow::{
        DeviceAuthorization, access_token_request::TokenRequest, device_access_token::Polls,
        password, send::Sender,
    },
    http::Request,
    login::LoginJob,
    machine::{
        Credentials, Deadline, EmptyPassword, Failed, Io, NoAnswer, PasswordQuestion, Prompt,
        ProviderQuestion, Reason,
    },
    profile::LoginMethod,
    retry::Resend,
    token::Tokens,
    token_server::TokenServer,
    wire::{
        answer::{self, Received},
        device,
        form::Form,
        json::Object,
        servers::is_about_device_code,
    },
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
    job.confirmation = Confirmation::of(provider).map(Box::new);
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
    let method = match job.profile.login_is_explicit() {
        true => job.profile.login(),
        false => LoginMethod::Auto,
    };
    let fitting: Vec<&Provider> =
        choices.iter().copied().filter(|provider| fits(method, provider)).collect();
    match fitting.as_slice() {
        [only] => return Ok(*only),
        [] => {
            let flow = name_of(method);
            let named = |it: &&Provider| format!("{} ({})", it.name, flow_of(it));
            let names = choices.iter().map(named).collect();
            return Err(Error::Config(ConfigProblem::NoProviderWithFlow { flow, names }));
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
const fn fits(method: LoginMethod, provider: &Provider) -> bool {
    match (method, &provider.login) {
        (_, ProviderLogin::Unusable(_)) => true,
        (LoginMethod::Auto, _) => true,
        (LoginMethod::Password, login) => matches!(login, ProviderLogin::Password { .. }),
        (LoginMethod::Device, login) => !matches!(login, ProviderLogin::Password { .. }),
        (LoginMethod::AuthorizationCode | LoginMethod::ClientCredentials, _) => false,
    }
}

const fn flow_of(provider: &Provider) -> &'static str {
    name_of(match provider.login {
        ProviderLogin::Password { .. } => LoginMethod::Password,
        ProviderLogin::Device { .. }
        | ProviderLogin::OpenId { .. }
        | ProviderLogin::Unusable(_) => LoginMethod::Device,
    })
}

const fn name_of(method: LoginMethod) -> &'static str {
    match method {
        LoginMethod::Auto => "automatic",
        LoginMethod::Device => "device",
        LoginMethod::AuthorizationCode => "browser",
        LoginMethod::Password => "password",
        LoginMethod::ClientCredentials => "client credentials",
    }
}

/// Sends the password to the server itself, which answers 401 to a wrong one: the user is asked again, up to
/// twice. A 401 that is not in its words is a gateway's or a proxy's, and says nothing of the password.
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
        let send = |guarding: &Server| {
            let request = password_request(job, guarding, token_endpoint, &credentials);
            async move { job.send_for_user(io, TokenServer::Tiled(server), request?, end).await }
        };
        let until = job.deadline_for_user(io, end);
        let outcome = server.send_guarded(io, &job.policy, until, send).await;
        let Credentials { username: typed, password } = credentials;
        drop(password);
        match outcome {
            Ok(mut tokens) => {
                tokens.user_name.get_or_insert(typed);
                return Ok(tokens);
            }
            Err(Failed { error: Error::Refused(refused), .. }) if is_wrong_password(&refused) => {
                if attempts >= ATTEMPTS_MAX {
                    return Err(Error::AccessDenied(refused).into());
                }
            }
            failed => return failed,
        }
        username = Some(typed);
    }
}

fn is_wrong_password(refused: &ServerError) -> bool {
    refused.status == Some(401) && refused.code.is_none() && refused.says == Some(Says::Detail)
}

const ATTEMPTS_MAX: u8 = 3;

fn password_request(
    job: &LoginJob,
    server: &Server,
    token_endpoint: &Url,
    credentials: &Credentials,
) -> Result<TokenRequest, Error> {
    password::check(credentials)?;
    let Credentials { username, password } = credentials;
    let mut form = Form::default();
    form.push("grant_type", "password");
    form.push("username", username);
    form.push_password("password", password.expose());
    let request = server.guarded(Request::post_form(token_endpoint.clone(), form.encode()));
    let request = TokenRequest::of(request, job.policy, Arc::new(deviations()));
    // 500 is what it says while its database is busy with another login; to a wrong password it says 401.
    Ok(request.resent(Resend::IfAnswered))
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
    let read = |received: &Received<'_>| {
        answer::read(begins, received, |object| OwnDevice::parse(object, &server.api))
    };
    let begin = |server: &Server| {
        let request = server.guarded(Request::post_nothing(endpoint.clone()));
        async move { sender.send(io, request, read).await.map_err(Failed::from) }
    };
    let device = server.send_guarded(io, &job.policy, deadline, begin).await?;
    let OwnDevice { authorization, poll_at } = device;
    let DeviceAuthorization { device_code, prompt } = authorization;
    let polls = |server: &Server| {
        let json = Json::default()
            .with_secret("device_code", device_code.expose())
            .with("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        let request = server.guarded(Request::post_json(poll_at.clone(), json.encode()));
        Polls::of(request, &prompt, job.limit, Arc::clone(&deviations), refused)
    };
    let polling_end = job.show_code(io, &polls(server), prompt.clone(), end).await;
    let poll = |server: &Server| polls(server).poll(io.clone(), polling_end);
    let polling = server.send_guarded(io, &job.policy, end, poll);
    Box::pin(job.approved(io, TokenServer::Tiled(server), polling, end)).await
}

/// The codes of a login by Tiled's own device flow, and the address to poll. The flow looks like RFC 8628 and is not:
/// `verification_uri` is where the client polls, `authorization_uri` where the user goes, and requests are JSON.
#[derive(Debug)]
struct OwnDevice {
    authorization: DeviceAuthorization,
    poll_at: Url,
}

impl OwnDevice {
    fn parse(object: &Object<'_>, api: &Api) -> Result<Self, Problem> {
        object.must_be_whole()?;
        let page = api.page("authorization_uri", &object.required_text("authorization_uri")?)?;
        let poll_at =
            api.own_link("verification_uri", &object.required_text("verification_uri")?)?;
        let authorization = device::read_shown_at(object, page, None)?;
        Ok(Self { authorization, poll_at })
    }
}

/// The meaning of a refused poll without an error code, where it is Tiled's own word. 404: the device code is unknown,
/// used or expired. 401 or 422: it is malformed. This server has no denial and no `slow_down`; any other answer is
/// a gateway's or a proxy's, and says nothing of the code.
fn refused(error: &ServerError) -> Option<Error> {
    let is_about_code = || error.description.as_deref().is_some_and(is_about_device_code);
    match (error.says?, error.status?) {
        (Says::Detail, 404) if is_about_code() => Some(Error::Expired),
        (Says::Detail, 401 | 422) => Some(Error::Refused(Box::new(error.clone()))),
        (Says::Detail, _) => None,
        // There is another cookie to be had.
        (Says::Forged, _) => Some(Error::Refused(Box::new(error.clone()))),
    }
}

/// The words of the provider that was chosen.
pub(crate) struct Confirmation(Provider);

impl Confirmation {
    /// `None`: the provider says nothing.
    fn of(provider: &Provider) -> Option<Self> {
        provider.confirmation_message.as_ref()?;
        Some(Self(provider.clone()))
    }

    /// Shows them, with the name that the server or the user has said: none is asked for, since the user is logged
    /// in, and waits.
    pub(crate) async fn show(self, io: &Io, tokens: &Tokens) {
        // As the real client says of a user whom only the provider knows.
        let is_external = matches!(self.0.login, ProviderLogin::OpenId { .. });
        let name = if is_external { Some("external user") } else { tokens.user_name.as_deref() };
        let name = name.unwrap_or("a user without a name");
        if let Some(words) = self.0.confirmation(name) {
            io.show(Prompt::Confirmation(Arc::from(words))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    fn read(text: &str) -> Result<(String, String, u64), Problem> {
        let text = text.replace("HERE", "http://127.0.0.1:8481/api/v1/auth/provider/keycloak");
        let api = Api::new("http://127.0.0.1:8481").unwrap();
        let device = OwnDevice::parse(&Object::parse(&text)?, &api)?;
        let prompt = device.authorization.prompt();
        assert!(prompt.verification_uri_complete.is_none());
        let lifetime = prompt.expires_in.unwrap_or_default().as_secs();
        Ok((prompt.verification_uri.to_string(), device.poll_at.to_string(), lifetime))
    }

    /// As Tiled 0.2.20 answers.
    #[test]
    fn the_user_goes_to_one_address_and_the_client_to_another() {
        let answer = r#"{"authorization_uri":"http://127.0.0.1:8180/auth?client_id=tiled",
            "verification_uri":"HERE/token","interval":5,"device_code":"91dd","expires_in":900.0,
            "user_code":"C18D-DC4F"}"#;
        let (page, poll_at, lifetime) = read(answer).unwrap();
        assert_eq!(page, "http://127.0.0.1:8180/auth?client_id=tiled");
        assert_eq!(poll_at, "http://127.0.0.1:8481/api/v1/auth/provider/keycloak/token");
        assert_eq!(lifetime, 900);
        let (member, host) = ("verification_uri", "https://evil.example".into());
        let elsewhere = Problem::OtherHost { member, host };
        for (from, to, problem) in [
            ("authorization_uri", "other", Problem::Missing("authorization_uri")),
            ("http://127.0.0.1:8180/auth", "javascript:a", Problem::Invalid("authorization_uri")),
            ("\"verification_uri\"", "\"other\"", Problem::Missing("verification_uri")),
            ("HERE/token", "https://evil.example/", elsewhere),
            ("user_code", "other", Problem::Missing("user_code")),
            ("device_code", "other", Problem::Missing("device_code")),
        ] {
            assert_eq!(read(&answer.replacen(from, to, 1)), Err(problem), "{from}");
        }
    }
}
