//! Who is logged in: OpenID Connect Core §5.3.

use alloc::{boxed::Box, string::ToString};
use core::time::Duration;

use crate::{
    error::{Endpoint, Error, ErrorCode, ServerError},
    flow::call::Call,
    http::{Challenge, Request, Response},
    machine::{Flow, Step, machine},
    retry::{Resend, RetryPolicy},
    server::AuthorizationServer,
    text::clean,
    time::Timestamp,
    token::Tokens,
    wire::{
        answer::{self, Answer, Refused},
        userinfo::Userinfo,
    },
};

/// Shows the access token and asks who it is for. Ends in [`Userinfo`].
#[derive(Debug)]
pub struct UserinfoRequest {
    call: Call<Userinfo>,
}

impl UserinfoRequest {
    /// Asks with this access token, in a header and nowhere else (RFC 6750 §2.1).
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a userinfo endpoint. As an outcome
    /// [`Error::TokenRejected`] if the server doesn't accept the token.
    pub fn new(
        server: &AuthorizationServer,
        tokens: &Tokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let url = server.require(Endpoint::Userinfo)?.clone();
        let request =
            Request::get(url).with_header("Authorization", tokens.authorization().to_string());
        Ok(Self { call: Call::new(Endpoint::Userinfo, request, read, policy, Resend::Freely) })
    }
}

impl Flow for UserinfoRequest {
    type Output = Userinfo;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Userinfo, Error>> {
        Some(match self.call.take_outcome(now)? {
            // RFC 6750 §3.1: a new token may help with these, and with nothing else.
            Err(Error::Refused(error))
                if error.status == 401
                    && matches!(error.code, None | Some(ErrorCode::InvalidToken)) =>
            {
                Err(Error::TokenRejected(error))
            }
            outcome => outcome,
        })
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        self.call.step()
    }

    fn spent(&self) -> Duration {
        self.call.spent()
    }
}

machine!(UserinfoRequest => Userinfo);

/// A resource's errors are in its challenge (RFC 6750 §3); Keycloak's body is empty.
fn read(response: &Response<'_>, now: Timestamp) -> Answer<Userinfo> {
    let status = response.status();
    if let (401 | 403, Some(challenge)) = (status, bearer_challenge(response)) {
        let code = challenge.param("error").map(ErrorCode::from_wire);
        let said = challenge.param("error_description").or_else(|| challenge.param("scope"));
        if code.is_some() {
            let error = ServerError {
                endpoint: Endpoint::Userinfo,
                status,
                code,
                description: said.map(clean),
                uri: None,
                html: false,
            };
            let error = Box::new(error);
            return Answer::Refused(Refused { error, interval: None, retry_after: None });
        }
    }
    answer::read(Endpoint::Userinfo, response, now, Userinfo::parse)
}

fn bearer_challenge(response: &Response<'_>) -> Option<Challenge> {
    response.challenges().into_iter().find(|challenge| challenge.scheme() == "bearer")
}
