//! The access token request that all grants of RFC 6749 share. A grant's own file says which
//! parameters it sends.

use core::time::Duration;

use crate::{
    client::ClientIdentity,
    error::{Endpoint, Error, Problem},
    flow::call::Call,
    machine::{Flow, Step, machine},
    parameters::Parameters,
    retry::{Resend, RetryPolicy},
    secret::RefreshToken,
    server::AuthorizationServer,
    time::Timestamp,
    token::{Scope, Tokens},
    wire::{
        answer::{self, Answer, Received},
        form::Form,
        token::TokenAnswer,
    },
};

/// One request at the token endpoint: RFC 6749 §4.4.2, §6. Ends in [`Tokens`].
#[derive(Debug)]
pub struct AccessTokenRequest {
    call: Call<(TokenAnswer, Timestamp)>,
    requested: Scope,
    /// A client that logs in as itself needs no refresh token: RFC 6749 §4.4.3.
    for_itself: bool,
    /// A refresh: what is kept if the answer brings no other (RFC 6749 §6).
    sent_refresh_token: Option<RefreshToken>,
    new_refresh_token: Option<RefreshToken>,
}

impl AccessTokenRequest {
    pub(super) fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        form: Form<'_>,
        requested: Scope,
        policy: RetryPolicy,
        resend: Resend,
    ) -> Result<Self, Error> {
        let request = client.post(server, Endpoint::Token, form)?;
        Ok(Self {
            call: Call::new(Endpoint::Token, request, read, policy, resend)
                .with_deviations(&server.deviations),
            requested,
            for_itself: false,
            sent_refresh_token: None,
            new_refresh_token: None,
        })
    }

    /// Says more than the flow needs: which API the token is for, or a parameter of the server's own.
    #[must_use]
    pub fn with_parameters(mut self, parameters: &Parameters) -> Self {
        self.call = self.call.with_parameters(parameters);
        self
    }

    pub(super) fn with_sent(mut self, refresh_token: RefreshToken) -> Self {
        self.sent_refresh_token = Some(refresh_token);
        self
    }

    pub(super) fn for_itself(mut self) -> Self {
        self.for_itself = true;
        self
    }

    /// After an error: a new refresh token that came with an answer which is otherwise of no use.
    /// Keep it in place of the old one, which may be dead.
    pub fn take_new_refresh_token(&mut self) -> Option<RefreshToken> {
        self.new_refresh_token.take()
    }

    fn tokens(&mut self, mut answer: TokenAnswer, sent_at: Timestamp) -> Result<Tokens, Error> {
        if self.for_itself {
            answer.refresh_token = None;
        }
        match answer.granted {
            Ok(granted) => {
                let refresh_token = answer.refresh_token.or_else(|| self.sent_refresh_token.take());
                Ok(granted.into_tokens(refresh_token, sent_at, &self.requested))
            }
            Err(problem) => {
                self.new_refresh_token = answer.refresh_token;
                Err(broken(problem))
            }
        }
    }
}

impl Flow for AccessTokenRequest {
    type Output = Tokens;

    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Tokens, Error>> {
        Some(match self.call.take_outcome(now)? {
            Ok((answer, sent_at)) => self.tokens(answer, sent_at),
            Err(Error::Refused(refused)) if self.sent_refresh_token.is_some() => {
                Err(super::refresh::refused(refused))
            }
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

machine!(AccessTokenRequest => Tokens);

fn read(received: &Received<'_>) -> Answer<(TokenAnswer, Timestamp)> {
    answer::read(Endpoint::Token, received, |object| {
        Ok((TokenAnswer::parse(object, received.deviations), received.sent_at))
    })
}

/// Any 2xx can carry tokens; 200 is what the standard asks for.
pub(super) fn broken(problem: Problem) -> Error {
    answer::broken(Endpoint::Token, 200, problem)
}
