//! Who is logged in, where an API says it and not the authorization server.

use alloc::boxed::Box;

use url::Url;

use super::{resource, send::Sender};
use crate::{
    deviations::Deviations,
    error::{Endpoint, Error},
    http::Request,
    machine::{Deadline, Io, Runner, Start, public_machine},
    retry::RetryPolicy,
    token::Tokens,
    wire::{
        answer::{Answer, Received},
        userinfo::Userinfo,
    },
};

/// Shows the access token to an API, and asks who it is for: AI-on-Demand's `authorization_test`.
/// Ends in [`Userinfo`].
///
/// ```
/// use aiod_auth_core::{AccessToken, Machine, RetryPolicy, Step, Timestamp, Tokens, Url, flow::CurrentUserRequest};
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let tokens = Tokens::new(AccessToken::new("secret")?, now);
/// let address = Url::parse("https://api.example.org/me").unwrap();
/// let mut machine = CurrentUserRequest::new(&address, &tokens, RetryPolicy::default())?;
/// let Ok(Step::Send(exchange)) = machine.poll(now) else { panic!() };
/// assert_eq!(exchange.request().url(), &address);
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct CurrentUserRequest(Runner<CurrentUser>);

public_machine!(CurrentUserRequest => Userinfo, Error);

impl CurrentUserRequest {
    /// Asks at this address, which sees the token: it has to be one that the configuration names, as
    /// [`Profile::with_current_user_at`](crate::Profile::with_current_user_at) takes it.
    ///
    /// The answer is JSON with `name`; `roles` and `sub` may be missing. As an outcome
    /// [`Error::TokenRejected`] if the API doesn't accept the token.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] without an access token.
    pub fn new(address: &Url, tokens: &Tokens, policy: RetryPolicy) -> Result<Self, Error> {
        Ok(Self(Runner::new(CurrentUser { request: request(address, tokens)?, policy })))
    }
}

struct CurrentUser {
    request: Box<Request>,
    policy: RetryPolicy,
}

impl Start for CurrentUser {
    type Output = Userinfo;
    type Error = Error;

    async fn run(self, io: Io) -> Result<Userinfo, Error> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        ask(&io, self.request, &self.policy, deadline).await
    }
}

pub(crate) fn request(address: &Url, tokens: &Tokens) -> Result<Box<Request>, Error> {
    let request = Request::get(address.clone());
    let authorization = tokens.access_token()?.authorization();
    Ok(Box::new(request.with_header("Authorization", authorization)))
}

pub(crate) async fn ask(
    io: &Io,
    request: Box<Request>,
    policy: &RetryPolicy,
    deadline: Deadline,
) -> Result<Userinfo, Error> {
    let deviations = Deviations::default();
    let sender = Sender::new(Endpoint::CurrentUser, policy, deadline, &deviations);
    sender.send(io, request, read).await.map_err(resource::token_rejected)
}

fn read(received: &Received<'_>) -> Answer<Userinfo> {
    resource::read(Endpoint::CurrentUser, received, Userinfo::parse_from_api)
}
