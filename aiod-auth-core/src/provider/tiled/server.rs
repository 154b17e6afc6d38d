//! A Tiled server's description of itself, and requests to the server.

use alloc::{boxed::Box, string::String};

use url::Url;

use super::{
    address::Api,
    csrf::Csrf,
    description::{Description, ProviderLogin},
    issuer::is_of_provider,
};
use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    error::{Endpoint, Error, Problem},
    flow::send::Sender,
    http::Request,
    machine::{Deadline, Io, Runner, Start, public_machine},
    profile::{LoginMethod, Profile},
    retry::RetryPolicy,
    secret::{RefreshToken, Wiped},
    server::{AuthorizationServer, Issuer, Transport},
    token::Tokens,
    wire::{
        answer::{self, Answer, Received, broken},
        form::Encoded,
        json::push_string,
        servers::is_about_permissions,
    },
};

/// Asks a server for its description: whether it needs a login, and by which providers. Ends in a
/// [`Description`].
#[derive(Debug)]
pub struct DescriptionRequest(Runner<DescriptionJob>);

public_machine!(DescriptionRequest => Description, Error);

impl DescriptionRequest {
    /// Asks this server. It ends in [`Error::InvalidResponse`] if that is no Tiled server.
    #[must_use]
    pub const fn new(api: Api, policy: RetryPolicy) -> Self {
        Self(Runner::new(DescriptionJob { api, policy }))
    }
}

struct DescriptionJob {
    api: Api,
    policy: RetryPolicy,
}

impl Start for DescriptionJob {
    type Output = Description;
    type Error = Error;

    async fn run(self, io: Io) -> Result<Description, Error> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        Ok(Server::ask(&io, &self.api, &self.policy, deadline).await?.description)
    }
}

/// A server's description, and the cookie that came with it.
pub(crate) struct Server {
    pub(super) api: Api,
    pub(super) description: Description,
    csrf: Option<Csrf>,
}

/// The server that refreshes the tokens.
pub(super) enum Refreshes {
    /// The Tiled server itself, at this endpoint.
    Here(Url),
    /// An OpenID provider.
    There(Box<OpenId>),
}

/// An OpenID provider as the server describes it: an authorization server like any other.
pub(super) struct OpenId {
    pub(super) profile: Profile,
    pub(super) server: AuthorizationServer,
}

impl Server {
    pub(crate) async fn ask(
        io: &Io,
        api: &Api,
        policy: &RetryPolicy,
        deadline: Deadline,
    ) -> Result<Box<Self>, Error> {
        let request = Box::new(Request::get(api.url().clone()));
        let deviations = Deviations::default();
        let sender = Sender::new(Endpoint::Metadata, policy, deadline, &deviations);
        let read = |received: &Received<'_>| {
            answer::read(Endpoint::Metadata, received, |object| {
                let description = Description::parse(object, api)?;
                let csrf = Csrf::of(received.response.headers("set-cookie"));
                Ok(Box::new(Self { api: api.clone(), description, csrf }))
            })
        };
        sender.send(io, request, read).await
    }

    /// A request that changes something at this server, with the headers of its CSRF protection.
    pub(super) fn guarded(&self, request: Request) -> Box<Request> {
        let headers = self.csrf.iter().flat_map(Csrf::headers);
        Box::new(headers.fold(request, |request, (name, value)| request.with_header(name, value)))
    }

    /// A link of the description that is needed here.
    pub(super) fn link<'a>(link: Option<&'a Url>, name: &'static str) -> Result<&'a Url, Error> {
        link.ok_or_else(|| broken(Endpoint::Metadata, 200, Problem::Missing(name)))
    }

    /// The server that refreshes this token, which came with these: an OpenID provider if that issued it and the
    /// link `refresh_session` is its own, else the Tiled server. Its own tokens go nowhere else, whatever the
    /// description says by then.
    pub(super) fn refreshes(
        &self,
        refresh_token: &RefreshToken,
        tokens: Option<&Tokens>,
    ) -> Result<Refreshes, Error> {
        let description = &self.description;
        let link = Self::link(description.refresh.as_ref(), "refresh_session")?;
        let is_its = |login: &&ProviderLogin| matches!(login, ProviderLogin::OpenId { token_endpoint, .. } if token_endpoint == link);
        match description.providers.iter().map(|provider| &provider.login).find(is_its) {
            Some(login) if is_of_provider(refresh_token, tokens) => {
                Ok(Refreshes::There(Box::new(self.openid(login)?)))
            }
            Some(_) => Ok(Refreshes::Here(self.api.refresh_session())),
            None if link.origin() == self.api.url().origin() => Ok(Refreshes::Here(link.clone())),
            None => Err(broken(Endpoint::Metadata, 200, Problem::Invalid("refresh_session"))),
        }
    }

    pub(super) fn openid(&self, login: &ProviderLogin) -> Result<OpenId, Error> {
        let ProviderLogin::OpenId {
            device_authorization_endpoint,
            token_endpoint,
            client_id,
            scope,
        } = login
        else {
            return Err(Error::Internal("tiled"));
        };
        // No discovery is needed: the description has all endpoints. So the API's address stands in for the
        // issuer, which is not known.
        let issuer = match self.api.transport() {
            Transport::HttpsOnly => Issuer::new(self.api.as_str())?,
            Transport::HttpAllowed => Issuer::allowing_insecure_http(self.api.as_str())?,
        };
        let mut server = AuthorizationServer::new(issuer.clone())
            .with_endpoint(Endpoint::Token, token_endpoint.as_str())?
            .with_endpoint(Endpoint::DeviceAuthorization, device_authorization_endpoint.as_str())?;
        if let Some(logout) = &self.description.logout {
            server = server.with_endpoint(Endpoint::EndSession, logout.as_str())?;
        }
        let client = ClientIdentity::public(client_id.as_str())?;
        let profile = Profile::with_client(issuer, client)
            .with_scope(scope.clone())
            .with_login(LoginMethod::Device);
        Ok(OpenId { profile, server })
    }
}

/// A JSON object of strings, the first of which is a secret. Its buffer never grows: a copy left behind could
/// not be wiped.
pub(super) fn json(members: &[(&str, &str)]) -> Encoded {
    let length = |text: &str| text.len().saturating_mul(6).saturating_add(4);
    let length = members.iter().map(|(name, text)| length(name).saturating_add(length(text))).sum();
    let mut json = Wiped::new(String::with_capacity(length));
    let mut secrets = alloc::vec::Vec::new();
    json.push('{');
    for (at, (name, text)) in members.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        push_string(&mut json, name);
        json.push(':');
        let start = json.len().saturating_add(1);
        push_string(&mut json, text);
        if at == 0 {
            secrets.push(start..json.len().saturating_sub(1));
        }
    }
    json.push('}');
    Encoded { body: Wiped::new(json.into_inner().into_bytes()), secrets }
}

/// Reads an answer to a user who is logged in. A 401 doesn't refuse the token where it says that a permission is
/// missing.
pub(super) fn read_for_user<T>(
    received: &Received<'_>,
    parse: impl FnOnce(&crate::wire::json::Object<'_>) -> Result<T, Problem>,
) -> Answer<T> {
    let mut answer = crate::flow::resource::read(Endpoint::CurrentUser, received, parse);
    if let Answer::Refused(refused) = &mut answer
        && refused.error.description.as_deref().is_some_and(is_about_permissions)
    {
        refused.error.code = Some(crate::error::ErrorCode::InsufficientScope);
        refused.error.advice = Some(crate::error::Advice::PermissionIsMissing);
    }
    answer
}
