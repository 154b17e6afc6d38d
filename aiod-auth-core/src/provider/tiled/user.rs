//! What the server is asked for a user who is logged in: who that is, and their API keys.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use super::{
    Settings,
    api_key::{ApiKey, NewApiKey, first_eight},
    server::{Server, read_for_user},
};
use crate::{
    deviations::Deviations,
    error::{Endpoint, Error, NotLoggedIn, Problem},
    flow::{resource::token_rejected, send::Sender},
    http::Request,
    machine::{Deadline, Io, Runner, Start, public_machine},
    profile::Profile,
    retry::{Resend, RetryPolicy},
    session::SessionTokens,
    token::Tokens,
    wire::{
        answer::{Answer, Received},
        json::Object,
        userinfo::Userinfo,
    },
};

/// Makes an API key, which stands for a login until it expires or is revoked. Ends in an [`ApiKey`] with its
/// secret, which the server says this once.
#[derive(Debug)]
#[doc(alias = "create_api_key")]
pub struct CreateApiKey(Runner<ApiKeyJob<ApiKey>>);

public_machine!(CreateApiKey => ApiKey, Error);

impl CreateApiKey {
    /// Makes it with this login.
    ///
    /// # Errors
    /// [`Error::Usage`] for a profile that is not at a Tiled server, or an empty scope; [`Error::NotAuthenticated`] for tokens
    /// of another one. As an outcome [`Error::TokenRejected`], [`Error::Refused`] for more than this login
    /// may, and [`Error::OutcomeUnknown`]: the key may be there then, without its secret.
    pub fn new(
        profile: &Profile,
        session: &SessionTokens,
        policy: RetryPolicy,
        key: NewApiKey,
    ) -> Result<Self, Error> {
        if key.scopes.iter().any(|scope| scope.trim().is_empty()) {
            return Err(Error::Usage(
                "an empty scope is none: leave it out for all that its owner may",
            ));
        }
        let read = |received: &Received<'_>| read_for_user(received, ApiKey::parse);
        Ok(Self(Runner::new(ApiKeyJob::new(
            profile,
            session,
            policy,
            Operation::Create(Box::new(key)),
            read,
        )?)))
    }
}

/// Describes all API keys of the user who is logged in. Ends in [`ApiKey`]s without secrets.
#[derive(Debug)]
pub struct ListApiKeys(Runner<ApiKeyJob<Vec<ApiKey>>>);

public_machine!(ListApiKeys => Vec<ApiKey>, Error);

impl ListApiKeys {
    /// Asks with this login.
    ///
    /// # Errors
    /// As for [`CreateApiKey::new`].
    pub fn new(
        profile: &Profile,
        session: &SessionTokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let read = |received: &Received<'_>| {
            read_for_user(received, |object| Principal::parse(object)?.api_keys)
        };
        Ok(Self(Runner::new(ApiKeyJob::new(profile, session, policy, Operation::List, read)?)))
    }
}

/// Describes the API key that is in use. Ends in an [`ApiKey`] without its secret.
#[derive(Debug)]
#[doc(alias = "which_api_key")]
pub struct WhichApiKey(Runner<ApiKeyJob<ApiKey>>);

public_machine!(WhichApiKey => ApiKey, Error);

impl WhichApiKey {
    /// Asks with this API key.
    ///
    /// # Errors
    /// [`Error::Usage`] where tokens are in use, and no API key; else as for [`CreateApiKey::new`].
    pub fn new(
        profile: &Profile,
        session: &SessionTokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        if !session.tokens.access_token()?.is_api_key() {
            return Err(Error::Usage("no API key is in use: TILED_API_KEY is not set"));
        }
        let read = |received: &Received<'_>| read_for_user(received, ApiKey::parse);
        Ok(Self(Runner::new(ApiKeyJob::new(profile, session, policy, Operation::Which, read)?)))
    }
}

/// Revokes an API key of the user who is logged in.
#[derive(Debug)]
#[doc(alias = "revoke_api_key")]
pub struct RevokeApiKey(Runner<ApiKeyJob<()>>);

public_machine!(RevokeApiKey => (), Error);

impl RevokeApiKey {
    /// By its first eight characters. A whole key is cut: its secret goes nowhere.
    ///
    /// # Errors
    /// [`Error::Usage`] for what can't be the name of one; else as for [`CreateApiKey::new`].
    pub fn new(
        profile: &Profile,
        session: &SessionTokens,
        policy: RetryPolicy,
        key: &str,
    ) -> Result<Self, Error> {
        let operation = Operation::Revoke(first_eight(key)?.into());
        let read = |received: &Received<'_>| match received.response.status() {
            204 => Answer::Good(()),
            // It may be a page.
            200..=299 => Answer::Malformed(Problem::UnexpectedStatus),
            _ => read_for_user(received, |_| Ok(())),
        };
        Ok(Self(Runner::new(ApiKeyJob::new(profile, session, policy, operation, read)?)))
    }
}

enum Operation {
    Create(Box<NewApiKey>),
    List,
    Which,
    Revoke(String),
}

struct ApiKeyJob<T> {
    settings: Arc<Settings>,
    tokens: Arc<Tokens>,
    policy: RetryPolicy,
    operation: Operation,
    read: fn(&Received<'_>) -> Answer<T>,
}

impl<T> ApiKeyJob<T> {
    fn new(
        profile: &Profile,
        session: &SessionTokens,
        policy: RetryPolicy,
        operation: Operation,
        read: fn(&Received<'_>) -> Answer<T>,
    ) -> Result<Self, Error> {
        let none = Error::Usage("only a Tiled server has API keys");
        let settings = Arc::clone(profile.tiled().ok_or(none)?);
        if *session.key != profile.key() {
            return Err(Error::NotAuthenticated(NotLoggedIn::NoRecord));
        }
        Ok(Self { settings, tokens: Arc::clone(&session.tokens), policy, operation, read })
    }
}

impl<T: Send + Sync + 'static> Start for ApiKeyJob<T> {
    type Output = T;
    type Error = Error;

    async fn run(self, io: Io) -> Result<T, Error> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        let server = Server::ask(&io, &self.settings.api, &self.policy, deadline).await?;
        let resend = match &self.operation {
            // A second one would be another key.
            Operation::Create(_) => Resend::IfUnhandled,
            Operation::List | Operation::Which | Operation::Revoke(_) => Resend::Freely,
        };
        let (tokens, policy) = (&self.tokens, &self.policy);
        let read = |received: &Received<'_>| unless_null(received, self.read);
        let (io, read) = (&io, &read);
        let attempt = |server: &Server| {
            let request = self.operation.request(server);
            async move { Ok(send(io, request?, tokens, policy, deadline, resend, read).await?) }
        };
        let until = deadline.earlier(resend.time_for_answer());
        let outcome = server.send_guarded(io, policy, until, attempt).await;
        // There are no tokens to salvage from an API key.
        outcome.map_err(|failed| failed.error)
    }
}

impl Operation {
    fn request(&self, server: &Server) -> Result<Box<Request>, Error> {
        let keys = || server.description.needed_api_keys().cloned();
        Ok(match self {
            Self::Create(key) => server.guarded(Request::post_json(keys()?, key.to_json())),
            Self::Which => Box::new(Request::get(keys()?)),
            Self::List => Box::new(Request::get(server.description.needed_whoami()?.clone())),
            Self::Revoke(first_eight) => {
                let mut link = keys()?;
                link.query_pairs_mut().append_pair("first_eight", first_eight);
                server.guarded(Request::delete(link))
            }
        })
    }
}

/// Who is logged in, as the server says it.
pub(crate) async fn who_am_i(
    io: &Io,
    settings: &Settings,
    tokens: &Tokens,
    policy: &RetryPolicy,
    deadline: Deadline,
) -> Result<Userinfo, Error> {
    let server = Server::ask(io, &settings.api, policy, deadline).await?;
    let request = Box::new(Request::get(server.description.needed_whoami()?.clone()));
    let read = |received: &Received<'_>| {
        unless_null(received, |received| {
            read_for_user(received, |object| Principal::parse(object).map(|it| it.userinfo))
        })
    };
    send(io, request, tokens, policy, deadline, Resend::Freely, read).await
}

/// Without a user the answer is `null`.
fn unless_null<T>(
    received: &Received<'_>,
    read: impl FnOnce(&Received<'_>) -> Answer<T>,
) -> Answer<Option<T>> {
    if received.response.status() == 200 && received.response.body().trim_ascii() == b"null" {
        return Answer::Good(None);
    }
    match read(received) {
        Answer::Good(good) => Answer::Good(Some(good)),
        Answer::Refused(refused) => Answer::Refused(refused),
        Answer::Unavailable { status, retry_after, said } => {
            Answer::Unavailable { status, retry_after, said }
        }
        Answer::Malformed(problem) => Answer::Malformed(problem),
    }
}

async fn send<T>(
    io: &Io,
    request: Box<Request>,
    tokens: &Tokens,
    policy: &RetryPolicy,
    deadline: Deadline,
    resend: Resend,
    read: impl Fn(&Received<'_>) -> Answer<Option<T>>,
) -> Result<T, Error> {
    let authorization = tokens.access_token()?.authorization();
    let request = Box::new(request.with_header("Authorization", authorization));
    let deviations = Deviations::default();
    let sender = Sender::new(Endpoint::CurrentUser, policy, deadline, &deviations);
    let answer =
        Sender { resend, ..sender }.send(io, request, read).await.map_err(token_rejected)?;
    answer.ok_or(Error::NotAuthenticated(NotLoggedIn::NoRecord))
}

/// The answer of `whoami`: a user or a service, as the server knows it. Without a login the answer is `null`.
#[derive(Debug)]
struct Principal {
    userinfo: Userinfo,
    /// Who that is can be known where these can't.
    api_keys: Result<Vec<ApiKey>, Problem>,
}

impl Principal {
    fn parse(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_whole()?;
        let names = |list, name| -> Vec<String> {
            let objects = object.objects(list).unwrap_or_default();
            objects.iter().filter_map(|object| object.text(name).ok()?.map(String::from)).collect()
        };
        let userinfo = Userinfo {
            subject: Some(object.required_text("uuid")?.into()),
            name: names("identities", "id").into_iter().next(),
            roles: names("roles", "name"),
        };
        // One without a name can't be revoked or told from another.
        let api_keys = object
            .objects("api_keys")
            .map(|keys| keys.iter().filter_map(|key| ApiKey::parse(key).ok()).collect());
        Ok(Self { userinfo, api_keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Tiled 0.2.20 answers.
    #[test]
    fn a_user_has_identities_roles_and_api_keys() {
        let text = r#"{"uuid":"627ce16d","type":"user",
            "identities":[{"id":"alice","provider":"toy","latest_login":"2026-11-22T17:52:11"}],
            "roles":[{"name":"user","scopes":["read:data"]},{"name":"admin","scopes":[]}],
            "api_keys":[{"first_eight":"dd3d3f4a","expiration_time":"2026-11-22T18:52:11","note":"a",
            "scopes":["read:metadata"],"access_tags":null,"latest_activity":null}],"sessions":[]}"#;
        let principal = Principal::parse(&Object::parse(text).unwrap()).unwrap();
        let Userinfo { subject, name, roles } = principal.userinfo;
        assert_eq!((subject.as_deref(), name.as_deref()), (Some("627ce16d"), Some("alice")));
        assert_eq!(roles, ["user", "admin"]);
        let keys: Vec<_> =
            principal.api_keys.unwrap().into_iter().map(|key| key.first_eight).collect();
        assert_eq!(keys, ["dd3d3f4a"]);
        assert!(Principal::parse(&Object::parse("{}").unwrap()).is_err());
    }
}
