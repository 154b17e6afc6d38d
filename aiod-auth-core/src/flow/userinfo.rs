//! Who is logged in: OpenID Connect Core §5.3.

use alloc::{boxed::Box, string::String, sync::Arc};

use super::{resource, send::Sender};
use crate::{
    deviations::Deviations,
    error::{Endpoint, Error, Problem},
    http::Request,
    machine::{Deadline, Io, Runner, Start, public_machine},
    retry::RetryPolicy,
    server::AuthorizationServer,
    token::Tokens,
    wire::{answer::Received, id_token, userinfo::Userinfo},
};

/// Shows the access token and asks who it is for. Ends in [`Userinfo`].
///
/// ```
/// use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer, Machine, RetryPolicy, Step, Timestamp, AccessToken, Tokens, flow::UserinfoRequest};
///
/// # let server = AuthorizationServer::new(Issuer::new("https://as.example")?)
/// #     .with_endpoint(Endpoint::Userinfo, "https://as.example/userinfo")?;
/// # let now = Timestamp::UNIX_EPOCH;
/// let tokens = Tokens::new(AccessToken::new("secret")?, now);
/// let mut machine = UserinfoRequest::new(&server, &tokens, RetryPolicy::default())?;
/// let Ok(Step::Send(exchange)) = machine.poll(now) else { panic!() };
/// assert_eq!(exchange.request().url().as_str(), "https://as.example/userinfo");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct UserinfoRequest(Runner<UserinfoJob>);

public_machine!(UserinfoRequest => Userinfo, Error);

impl UserinfoRequest {
    /// Asks with this access token, in a header and nowhere else (RFC 6750 §2.1). The answer has to be
    /// about the user that the ID token is about, if there is one.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a userinfo endpoint, [`Error::NotAuthenticated`] without an
    /// access token. As an outcome [`Error::TokenRejected`] if the server doesn't accept the token.
    pub fn new(
        server: &AuthorizationServer,
        tokens: &Tokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        UserinfoJob::new(server, tokens, policy).map(|job| Self(Runner::new(job)))
    }
}

pub(crate) struct UserinfoJob {
    request: Box<Request>,
    /// Whom the ID token is about.
    subject: Option<String>,
    deviations: Arc<Deviations>,
    policy: RetryPolicy,
}

impl UserinfoJob {
    pub(crate) fn new(
        server: &AuthorizationServer,
        tokens: &Tokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let request = Request::get(server.require(Endpoint::Userinfo)?.clone());
        let authorization = tokens.access_token()?.authorization();
        Ok(Self {
            request: Box::new(request.with_header("Authorization", authorization)),
            // Nothing is believed because of it, so that its issuer and audience don't matter.
            subject: id_token::subject(tokens.id_token.as_ref()),
            deviations: Arc::clone(&server.deviations),
            policy,
        })
    }

    pub(crate) async fn ask(self, io: &Io, deadline: Deadline) -> Result<Userinfo, Error> {
        let Self { request, subject, deviations, policy } = self;
        let sender = Sender::new(Endpoint::Userinfo, &policy, deadline, &deviations);
        let read = |received: &Received<'_>| {
            resource::read(Endpoint::Userinfo, received, |object| {
                let userinfo = Userinfo::parse(object)?;
                // OpenID Connect Core §5.3.2: nothing of it may be used.
                match subject {
                    Some(_) if subject != userinfo.subject => Err(Problem::OtherSubject),
                    _ => Ok(userinfo),
                }
            })
        };
        sender.send(io, request, read).await.map_err(resource::token_rejected)
    }
}

impl Start for UserinfoJob {
    type Output = Userinfo;
    type Error = Error;

    async fn run(self, io: Io) -> Result<Userinfo, Error> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        self.ask(&io, deadline).await
    }
}
