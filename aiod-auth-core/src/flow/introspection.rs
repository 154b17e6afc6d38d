//! Asking whether a token is good: RFC 7662.

use alloc::{boxed::Box, sync::Arc};

use super::send::OneRequest;
use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    error::{ConfigProblem, Endpoint, Error},
    http::Request,
    machine::{Runner, public_machine},
    retry::RetryPolicy,
    secret::AccessToken,
    server::AuthorizationServer,
    token::Tokens,
    wire::{
        answer::{self, Answer, Received},
        form::Form,
        introspection::Introspection,
    },
};

/// Asks what an access token is worth, for an API that is shown one. Ends in an [`Introspection`],
/// which is kept nowhere: a caller that keeps it must not keep it longer than it says (RFC 7662 §4).
///
/// ```
/// use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer, Machine, RetryPolicy, Step, Timestamp, AccessToken, ClientIdentity, ClientSecret, flow::IntrospectionRequest};
///
/// # let server = AuthorizationServer::new(Issuer::new("https://as.example")?)
/// #     .with_endpoint(Endpoint::Introspection, "https://as.example/introspect")?;
/// # let now = Timestamp::UNIX_EPOCH;
/// let api = ClientIdentity::public("api")?.with_secret(ClientSecret::new("s3cr3t"))?;
/// let token = AccessToken::new("what a caller has shown")?;
/// let mut machine = IntrospectionRequest::new(&server, &api, &token, RetryPolicy::default())?;
/// let Ok(Step::Send(exchange)) = machine.poll(now) else { panic!() };
/// assert_eq!(exchange.request().url().as_str(), "https://as.example/introspect");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct IntrospectionRequest(Runner<OneRequest<Introspection>>);

public_machine!(IntrospectionRequest => Introspection, Error);

impl IntrospectionRequest {
    /// Asks as a client with a secret: the server must know who asks (RFC 7662 §2.1).
    ///
    /// # Errors
    /// [`Error::Config`] for a client without a secret, or a server without an introspection endpoint.
    pub fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        token: &AccessToken,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        if !client.is_confidential() {
            return Err(Error::Config(ConfigProblem::MissingClientSecret));
        }
        let request = client.post(server, Endpoint::Introspection, form(token))?;
        Ok(Self::sending(request, policy, &server.deviations))
    }

    /// Asks with an access token of one's own, where the server takes that.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without an introspection endpoint.
    pub fn with_bearer(
        server: &AuthorizationServer,
        own: &Tokens,
        token: &AccessToken,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let url = server.require(Endpoint::Introspection)?.clone();
        let request = Request::post_form(url, form(token).encode())
            .with_header("Authorization", own.access_token()?.authorization());
        Ok(Self::sending(request, policy, &server.deviations))
    }

    fn sending(request: Request, policy: RetryPolicy, deviations: &Arc<Deviations>) -> Self {
        Self(Runner::new(OneRequest {
            endpoint: Endpoint::Introspection,
            request: Box::new(request),
            read,
            policy,
            deviations: Arc::clone(deviations),
        }))
    }
}

fn form(token: &AccessToken) -> Form<'_> {
    let mut form = Form::default();
    form.push_secret("token", token.expose());
    form.push("token_type_hint", "access_token");
    form
}

fn read(received: &Received<'_>) -> Answer<Introspection> {
    answer::read(Endpoint::Introspection, received, |object| {
        Introspection::parse(object, received.deviations)
    })
}
