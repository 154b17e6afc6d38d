//! Who is logged in: OpenID Connect Core §5.3.

use alloc::{
    boxed::Box,
    string::{String, ToString},
};
use core::time::Duration;

use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, ErrorCode, Problem, ServerError},
    flow::call::Call,
    http::{Challenge, Request, Response},
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
    call: Call<Result<Userinfo, Rejected>>,
    /// The token was rejected, and a new one may not be.
    renewable: bool,
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
        Ok(Self { call, renewable: false, subject: claims.map(|claims| claims.subject) })
    }

    pub(crate) const fn is_renewable(&self) -> bool {
        self.renewable
    }
}

/// The server doesn't accept the token.
#[derive(Debug)]
struct Rejected {
    error: Box<ServerError>,
    renewable: bool,
}

impl Flow for UserinfoRequest {
    type Output = Userinfo;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Userinfo, Error>> {
        Some(match self.call.take_outcome(now)? {
            Ok(Err(Rejected { error, renewable })) => {
                self.renewable = renewable;
                Err(Error::TokenRejected(error))
            }
            // OpenID Connect Core §5.3.2: nothing of it may be used.
            Ok(Ok(userinfo))
                if self.subject.as_ref().is_some_and(|subject| *subject != userinfo.subject) =>
            {
                Err(answer::broken(Endpoint::Userinfo, 200, Problem::OtherSubject))
            }
            Ok(Ok(userinfo)) => Ok(userinfo),
            Err(error) => Err(error),
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

/// RFC 6750 §3.1: a new token may help with a 401 without a code or for the token, and with nothing
/// else. Not where `DPoP` alone is asked for (oidc-provider): a new one is Bearer as well.
fn read(received: &Received<'_>) -> Answer<Result<Userinfo, Rejected>> {
    let challenges = received.response.challenges();
    let renewable =
        challenges.is_empty() || challenges.iter().any(|challenge| challenge.scheme() != "dpop");
    match read_userinfo(received) {
        Answer::Good(userinfo) => Answer::Good(Ok(userinfo)),
        Answer::Refused(Refused { error, .. })
            if error.status == 401
                && matches!(error.code, None | Some(ErrorCode::InvalidToken)) =>
        {
            Answer::Good(Err(Rejected { error, renewable }))
        }
        Answer::Refused(refused) => Answer::Refused(refused),
        Answer::Later { status, retry_after } => Answer::Later { status, retry_after },
        Answer::Broken(problem) => Answer::Broken(problem),
    }
}

/// A resource's errors are in its challenge (RFC 6750 §3); Keycloak's body is empty.
fn read_userinfo(received: &Received<'_>) -> Answer<Userinfo> {
    let response = &received.response;
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
                advice: None,
            };
            let error = Box::new(error);
            return Answer::Refused(Refused { error, interval: None, retry_after: None });
        }
    }
    answer::read(Endpoint::Userinfo, received, Userinfo::parse)
}

fn bearer_challenge(response: &Response<'_>) -> Option<Challenge> {
    response.challenges().into_iter().find(|challenge| challenge.scheme() == "bearer")
}
