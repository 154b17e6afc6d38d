//! Who is logged in, where an API says it and not the authorization server.

use core::time::Duration;

use url::Url;

use super::resource;
use crate::{
    error::{Endpoint, Error},
    flow::call::Call,
    http::Request,
    machine::{Flow, Step, machine},
    retry::{Resend, RetryPolicy},
    time::Timestamp,
    token::Tokens,
    wire::userinfo::Userinfo,
};

/// Shows the access token to an API, and asks who it is for: AI-on-Demand's `authorization_test`.
/// Ends in [`Userinfo`].
#[derive(Debug)]
pub struct CurrentUserRequest {
    call: Call<Userinfo>,
}

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
        let request = Request::get(address.clone())
            .with_header("Authorization", tokens.access_token()?.authorization());
        let call = Call::new(
            Endpoint::CurrentUser,
            request,
            |received| resource::read(Endpoint::CurrentUser, received, Userinfo::parse_from_api),
            policy,
            Resend::Freely,
        );
        Ok(Self { call })
    }
}

impl Flow for CurrentUserRequest {
    type Output = Userinfo;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Userinfo, Error>> {
        Some(self.call.take_outcome(now)?.map_err(resource::token_rejected))
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        self.call.step()
    }

    fn spent(&self) -> Duration {
        self.call.spent()
    }
}

machine!(CurrentUserRequest => Userinfo);
