//! Who is logged in: OpenID Connect Core §5.3.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
};
use core::time::Duration;

use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, ErrorCode, Problem, ServerError},
    flow::call::Call,
    http::Request,
    machine::{Flow, Step, machine},
    retry::{Resend, RetryPolicy},
    server::AuthorizationServer,
    text::clean,
    time::Timestamp,
    token::Tokens,
    wire::{
        answer::{self, Answer, Received, Refused},
        id_token::Claims,
        userinfo::Userinfo,
    },
};

/// Shows the access token and asks who it is for. Ends in [`Userinfo`].
#[derive(Debug)]
pub struct UserinfoRequest {
    call: Call<Userinfo>,
    /// Whom the ID token is about.
    subject: Option<String>,
}

impl UserinfoRequest {
    /// Asks with this access token, in a header and nowhere else (RFC 6750 §2.1). The answer has to be
    /// about whom the ID token is about, if there is one.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a userinfo endpoint. As an outcome
    /// [`Error::TokenRejected`] if the server doesn't accept the token.
    pub fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        tokens: &Tokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let url = server.require(Endpoint::Userinfo)?.clone();
        let request =
            Request::get(url).with_header("Authorization", tokens.authorization().to_string());
        let call = Call::new(Endpoint::Userinfo, request, read, policy, Resend::Freely)
            .from(&server.deviations);
        // OpenID Connect Core §3.1.3.7: without these two it is not for us, and says nothing.
        let claims = tokens.id_token.as_ref().and_then(Claims::of).filter(|claims| {
            claims.issuer == server.issuer().as_str()
                && claims.audience.iter().any(|audience| audience == client.id())
        });
        Ok(Self { call, subject: claims.map(|claims| claims.subject) })
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
            // OpenID Connect Core §5.3.2: nothing of it may be used.
            Ok(userinfo)
                if self.subject.as_ref().is_some_and(|subject| *subject != userinfo.subject) =>
            {
                Err(answer::broken(Endpoint::Userinfo, 200, Problem::OtherSubject))
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
fn read(received: &Received<'_>) -> Answer<Userinfo> {
    let response = &received.response;
    let status = response.status();
    let challenges = response.challenges();
    let bearer = challenges.iter().find(|challenge| challenge.scheme() == "bearer");
    if let (401 | 403, Some(challenge)) = (status, bearer) {
        let code = challenge.param("error").map(ErrorCode::from_wire);
        let said = challenge.param("error_description").or_else(|| challenge.param("scope"));
        if code.is_some() {
            let missing =
                challenge.param("scope").filter(|_| code == Some(ErrorCode::InsufficientScope));
            let error = ServerError {
                endpoint: Endpoint::Userinfo,
                status,
                code,
                description: said.map(clean),
                uri: None,
                html: false,
                advice: missing
                    .map(|scope| format!("log in again with the scope `{}`", clean(scope)).into()),
            };
            let error = Box::new(error);
            return Answer::Refused(Refused { error, interval: None, retry_after: None });
        }
    }
    answer::read(Endpoint::Userinfo, received, Userinfo::parse)
}
