//! The access token request that all grants of RFC 6749 share. A grant's own file says which
//! parameters it sends.

use alloc::{boxed::Box, sync::Arc};

use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    error::{Endpoint, Error, Problem, ServerError},
    flow::send::Sender,
    http::Request,
    machine::{Deadline, Failed, Io, Reason, Runner, Start, public_machine},
    parameters::Parameters,
    retry::{Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    token::{Scope, Tokens},
    wire::{
        answer::{self, Answer, Received},
        form::Form,
        token::TokenAnswer,
    },
};

/// One request at the token endpoint: RFC 6749 §4.4.2, §6. Ends in [`Tokens`].
///
/// ```
/// use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer, Machine, RetryPolicy, Step, Timestamp, ClientIdentity, ClientSecret, flow::AccessTokenRequest};
///
/// # let server = AuthorizationServer::new(Issuer::new("https://as.example")?)
/// #     .with_endpoint(Endpoint::Token, "https://as.example/token")?;
/// # let now = Timestamp::UNIX_EPOCH;
/// let bot = ClientIdentity::public("report")?.with_secret(ClientSecret::new("s3cr3t"))?;
/// let scope = "data.read".parse()?;
/// let mut machine =
///     AccessTokenRequest::client_credentials(&server, &bot, &scope, RetryPolicy::default())?;
/// let Ok(Step::Send(exchange)) = machine.poll(now) else { panic!() };
/// assert_eq!(exchange.request().url().as_str(), "https://as.example/token");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct AccessTokenRequest(Runner<TokenRequest>);

public_machine!(AccessTokenRequest => Tokens, Failed);

impl AccessTokenRequest {
    pub(super) const fn new(request: TokenRequest) -> Self {
        Self(Runner::new(request))
    }

    /// Says more than the flow needs: which API the token is for, or a parameter of the server's own.
    #[must_use]
    pub fn with_parameters(self, parameters: &Parameters) -> Self {
        Self(self.0.configure(|request| parameters.add_to(&mut request.request)))
    }
}

/// What is sent, and what it takes to read the answer.
pub(crate) struct TokenRequest {
    pub(super) request: Box<Request>,
    pub(super) requested: Scope,
    pub(super) policy: RetryPolicy,
    pub(super) deviations: Arc<Deviations>,
    pub(super) resend: Resend,
    /// A client that logs in as itself needs no refresh token: RFC 6749 §4.4.3.
    pub(super) for_itself: bool,
    /// A refresh: what is kept if the answer brings no other (RFC 6749 §6).
    pub(super) refresh_token: Option<RefreshToken>,
    /// What a refusal means.
    pub(super) refused: fn(Box<ServerError>) -> Error,
}

impl TokenRequest {
    pub(super) fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        form: Form<'_>,
        requested: Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let request = Box::new(client.post(server, Endpoint::Token, form)?);
        let deviations = Arc::clone(&server.deviations);
        Ok(Self { requested, ..Self::of(request, policy, deviations) })
    }

    /// A request that is answered with tokens, whatever it is.
    pub(crate) fn of(
        request: Box<Request>,
        policy: RetryPolicy,
        deviations: Arc<Deviations>,
    ) -> Self {
        Self {
            request,
            requested: Scope::default(),
            policy,
            deviations,
            resend: Resend::Freely,
            for_itself: false,
            refresh_token: None,
            refused: Error::Refused,
        }
    }

    /// It spends a refresh token, and this is what a refusal means.
    pub(crate) fn spending(
        self,
        refresh_token: &RefreshToken,
        resend: Resend,
        refused: fn(Box<ServerError>) -> Error,
    ) -> Self {
        Self { resend, refresh_token: Some(refresh_token.clone()), refused, ..self }
    }

    /// When it may be sent again.
    pub(crate) fn resent(self, resend: Resend) -> Self {
        Self { resend, ..self }
    }

    pub(crate) fn with_parameters(mut self, parameters: &Parameters) -> Self {
        parameters.add_to(&mut self.request);
        self
    }

    /// Sends it. A refresh token that comes with an answer which is otherwise of no use is salvaged.
    pub(crate) async fn send(
        self,
        io: &Io,
        deadline: Deadline,
        reason: Reason,
    ) -> Result<Tokens, Failed> {
        let Self { request, requested, policy, deviations, resend, .. } = self;
        let Self { for_itself, refresh_token, refused, .. } = self;
        let sender = Sender::new(Endpoint::Token, &policy, deadline, &deviations);
        let sender = Sender { resend, reason, ..sender };
        let mut answer = match sender.send(io, request, read).await {
            Err(Error::Refused(error)) => return Err(refused(error).into()),
            outcome => outcome?,
        };
        if for_itself {
            answer.refresh_token = None;
        }
        answer.into_tokens(&requested, refresh_token)
    }
}

impl Start for TokenRequest {
    type Output = Tokens;
    type Error = Failed;

    async fn run(self, io: Io) -> Result<Tokens, Failed> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        self.send(&io, deadline, Reason::Retry).await
    }
}

pub(super) fn read(received: &Received<'_>) -> Answer<TokenAnswer> {
    let answer =
        answer::read(Endpoint::Token, received, |object| Ok(TokenAnswer::parse(object, received)));
    let problem = match &answer {
        Answer::Malformed(problem) => problem.clone(),
        Answer::Unavailable { .. } => Problem::UnexpectedStatus,
        Answer::Refused(refused) if refused.error.code.is_none() => Problem::UnexpectedStatus,
        // An error is no grant, whatever stands beside it.
        Answer::Good(_) | Answer::Refused(_) => return answer,
    };
    // In a form that broke off it isn't known where a value ends.
    if received.cut.is_some() && !received.response.is_json_object() {
        return answer;
    }
    TokenAnswer::stray(received, problem).map_or(answer, Answer::Good)
}
