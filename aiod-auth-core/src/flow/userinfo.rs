//! Who is logged in: OpenID Connect Core §5.3.

use alloc::string::String;
use core::time::Duration;

use super::resource;
use crate::{
    error::{Endpoint, Error, Problem},
    flow::call::Call,
    http::Request,
    machine::{Flow, Step, machine},
    retry::{Resend, RetryPolicy},
    server::AuthorizationServer,
    time::Timestamp,
    token::Tokens,
    wire::{answer, id_token::Claims, userinfo::Userinfo},
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
        tokens: &Tokens,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let url = server.require(Endpoint::Userinfo)?.clone();
        let request =
            Request::get(url).with_header("Authorization", tokens.access_token()?.authorization());
        let call = Call::new(
            Endpoint::Userinfo,
            request,
            |received| resource::read(Endpoint::Userinfo, received, Userinfo::parse),
            policy,
            Resend::Freely,
        );
        let call = call.with_deviations(&server.deviations);
        // Nothing is believed because of it, so that its issuer and audience don't matter.
        let claims = Claims::known(tokens.id_token.as_ref());
        Ok(Self { call, subject: claims.map(|claims| claims.subject) })
    }
}

impl Flow for UserinfoRequest {
    type Output = Userinfo;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Userinfo, Error>> {
        Some(match self.call.take_outcome(now)? {
            // OpenID Connect Core §5.3.2: nothing of it may be used.
            Ok(userinfo) if self.subject.is_some() && self.subject != userinfo.subject => {
                Err(answer::broken(Endpoint::Userinfo, 200, Problem::OtherSubject))
            }
            outcome => outcome.map_err(resource::token_rejected),
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
