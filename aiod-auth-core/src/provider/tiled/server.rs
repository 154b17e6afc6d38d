//! A Tiled server: its description of itself, requests to it, and who issued its users' tokens.

use alloc::{boxed::Box, format, string::String};
use core::future::Future;

use url::Url;

use super::{
    address::Api,
    description::{Description, ProviderLogin},
};
use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    error::{Advice, Endpoint, Error, ErrorCode, Problem, Says},
    flow::{
        resource,
        send::{Sender, no_time},
    },
    http::Request,
    machine::{Deadline, Failed, Io, Runner, Start, public_machine},
    profile::{LoginMethod, Profile},
    retry::RetryPolicy,
    secret::{AccessToken, IdToken, RefreshToken},
    server::{AuthorizationServer, Issuer, Transport},
    token::Tokens,
    wire::{
        answer::{self, Answer, Received, malformed},
        json::Object,
        jwt::Payload,
        servers::{is_about_permissions, same_issuer},
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

    /// Does what changes something at this server, and once more with a new cookie where that protection refused
    /// this one: nothing was done then. At `until` and after it, it is not done again: a new cookie
    /// takes no time away from the answer to what it is for.
    pub(super) async fn send_guarded<T, F: Future<Output = Result<T, Failed>>>(
        &self,
        io: &Io,
        policy: &RetryPolicy,
        until: Deadline,
        send: impl Fn(&Self) -> F,
    ) -> Result<T, Failed> {
        match send(self).await {
            Err(failed) if is_forged(&failed.error) => {}
            outcome => return outcome,
        }
        let server = Self::ask(io, &self.api, policy, until).await?;
        if until.has_passed(io) {
            return Err(no_time(Endpoint::Metadata).into());
        }
        send(&server).await
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
        let link = description.needed_refresh()?;
        let is_its = |login: &&ProviderLogin| matches!(login, ProviderLogin::OpenId { token_endpoint, .. } if token_endpoint == link);
        match description.providers.iter().map(|provider| &provider.login).find(is_its) {
            Some(login) if is_of_provider(refresh_token, tokens) => {
                Ok(Refreshes::There(Box::new(self.openid(login)?)))
            }
            Some(_) => Ok(Refreshes::Here(self.api.refresh_session())),
            None if link.origin() == self.api.url().origin() => Ok(Refreshes::Here(link.clone())),
            None => Err(malformed(Endpoint::Metadata, 200, Problem::Invalid("refresh_session"))),
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

/// Reads an answer to a user who is logged in. A 401 doesn't refuse the token where it says that a permission is
/// missing.
pub(super) fn read_for_user<T>(
    received: &Received<'_>,
    parse: impl FnOnce(&Object<'_>) -> Result<T, Problem>,
) -> Answer<T> {
    let mut answer = resource::read(Endpoint::CurrentUser, received, parse);
    if let Answer::Refused(refused) = &mut answer
        && refused.error.description.as_deref().is_some_and(is_about_permissions)
    {
        refused.error.code = Some(ErrorCode::InsufficientScope);
        refused.error.advice = Some(Advice::PermissionIsMissing);
    }
    answer
}

fn is_forged(error: &Error) -> bool {
    error.server_error().is_some_and(|said| said.says == Some(Says::Forged))
}

/// The cookie of the server's CSRF protection by double submit: it has to come back as a header as well. It is no
/// secret, and authenticates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Csrf(String);

impl Csrf {
    /// From the `Set-Cookie` fields of an answer (RFC 6265 §5.2): the last one counts. Its attributes don't:
    /// it is sent nowhere but to the API that set it, and lives as long as the machine.
    fn of<'h>(fields: impl Iterator<Item = &'h str>) -> Option<Self> {
        let value = |field: &'h str| {
            let pair = field.split(';').next()?;
            let (name, value) = pair.split_once('=')?;
            let value = value.trim().trim_matches('"');
            let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
            (name.trim() == CSRF_COOKIE
                && is_plain
                && !value.is_empty()
                && value.len() <= CSRF_BYTES_MAX)
                .then(|| Self(value.into()))
        };
        fields.filter_map(value).last()
    }

    /// Name and value of the two header fields.
    fn headers(&self) -> [(&'static str, String); 2] {
        [("x-csrf", self.0.clone()), ("Cookie", format!("{CSRF_COOKIE}={}", self.0))]
    }
}

const CSRF_COOKIE: &str = "tiled_csrf";

const CSRF_BYTES_MAX: usize = 4096;

/// Whether an OpenID provider issued this refresh token, which came with these tokens. The folder that is shared with
/// Tiled's own client doesn't say, but the tokens do: a server takes a provider's access tokens as JWTs that name their
/// issuer (`iss`), and what it issues itself are JWTs that name none. Of one that says nothing and
/// came alone it is not known, and taken for so.
fn is_of_provider(refresh_token: &RefreshToken, tokens: Option<&Tokens>) -> bool {
    match tokens.and_then(|tokens| Some((tokens, tokens.access_token.as_ref()?))) {
        Some((tokens, access_token)) => {
            names_issuer(access_token.expose()).unwrap_or_else(|| tokens.id_token.is_some())
        }
        None => names_issuer(refresh_token.expose()).unwrap_or(true),
    }
}

/// `None` for what is no JWT.
fn names_issuer(token: &str) -> Option<bool> {
    let payload = Payload::of(token)?;
    let claims = payload.claims()?;
    Some(matches!(claims.text("iss"), Ok(Some(_))))
}

/// Whether an access token and an ID token say that they are of the same issuer and about the same user. The
/// signatures are not checked.
///
/// ```
/// use aiod_auth_core::{AccessToken, IdToken, provider::tiled::are_of_one_user};
///
/// // {"iss":"https://as.example","sub":"alice"}
/// let jwt = "e30.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJhbGljZSJ9.c2ln";
/// assert!(are_of_one_user(&AccessToken::new(jwt)?, &IdToken::new(jwt)));
/// assert!(!are_of_one_user(&AccessToken::new("opaque")?, &IdToken::new(jwt)));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[must_use]
pub fn are_of_one_user(access_token: &AccessToken, id_token: &IdToken) -> bool {
    let payloads = (Payload::of(access_token.expose()), Payload::of(id_token.expose()));
    let (Some(access), Some(id)) = payloads else { return false };
    let (Some(access), Some(id)) = (access.claims(), id.claims()) else { return false };
    let same = |name, is_same: fn(&str, &str) -> bool| match (access.text(name), id.text(name)) {
        (Ok(Some(one)), Ok(Some(other))) => is_same(&one, &other),
        _ => false,
    };
    same("iss", same_issuer) && same("sub", |one, other| one == other)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn the_cookie_goes_back_twice() {
        let csrf = |fields: &[&str]| Csrf::of(fields.iter().copied()).map(|csrf| csrf.headers());
        let expected = [("x-csrf", "a-b_c".into()), ("Cookie", "tiled_csrf=a-b_c".into())];
        for fields in [
            &["tiled_csrf=a-b_c; HttpOnly; Path=/; SameSite=lax"][..],
            &["session=x", "tiled_csrf=old", " tiled_csrf = \"a-b_c\" ;Secure"],
        ] {
            assert_eq!(csrf(fields), Some(expected.clone()), "{fields:?}");
        }
        for fields in [
            &[][..],
            &["session=x"],
            &["tiled_csrf"],
            &["tiled_csrf="],
            &["Tiled_CSRF=a"],
            &["tiled_csrf=a\r\nX: y"],
            &["tiled_csrf=a b"],
        ] {
            assert_eq!(csrf(fields), None, "{fields:?}");
        }
    }

    fn jwt(payload: &str) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn the_tokens_say_whose_they_are() {
        let (own, theirs) = (jwt(r#"{"sid":"1"}"#), jwt(r#"{"iss":"https://as.example"}"#));
        for (access, id, refresh, expected) in [
            (Some(&*own), None, "opaque", false),
            // An ID token that stayed of an earlier login.
            (Some(&*own), Some(&*theirs), "opaque", false),
            (Some(&*theirs), None, &*own, true),
            (Some("opaque"), None, "opaque", false),
            (Some("opaque"), Some(&*theirs), "opaque", true),
            (None, None, &*own, false),
            (None, None, &*theirs, true),
            (None, None, "opaque", true),
        ] {
            let mut tokens = Tokens::empty(Timestamp::UNIX_EPOCH);
            tokens.access_token = access.map(|token| AccessToken::new(token).unwrap());
            tokens.id_token = id.map(IdToken::new);
            let refresh = RefreshToken::new(refresh);
            assert_eq!(is_of_provider(&refresh, Some(&tokens)), expected, "{access:?} {id:?}");
            if access.is_none() {
                assert_eq!(is_of_provider(&refresh, None), expected);
            }
        }
    }

    #[test]
    fn one_user_has_one_issuer_and_one_subject() {
        let alice = jwt(r#"{"iss":"https://as.example","sub":"alice"}"#);
        for (id, expected) in [
            (r#"{"iss":"https://as.example/","sub":"alice","nonce":"x"}"#, true),
            (r#"{"iss":"https://as.example","sub":"bob"}"#, false),
            (r#"{"iss":"https://other.example","sub":"alice"}"#, false),
            (r#"{"sub":"alice"}"#, false),
            (r#"{"iss":"https://as.example"}"#, false),
            ("no JSON", false),
        ] {
            let id = IdToken::new(jwt(id));
            assert_eq!(are_of_one_user(&AccessToken::new(&*alice).unwrap(), &id), expected);
        }
    }
}
