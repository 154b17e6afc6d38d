//! The second half of the device flow: polling for the tokens, RFC 8628 §3.4 and §3.5.
//!
//! ```text
//!               slept              sent
//!   Waiting -----------> Ready -----------> (in flight) ---verdict---> Ended ---> Taken
//!      ^   \                                     |
//!      |    +--- no time left: Ended             | pending, slow_down, or no verdict
//!      +-----------------------------------------+
//! ```
//!
//! Pace and deadline come from what was really waited. A jump of the wall clock changes neither.

use alloc::{sync::Arc, vec::Vec};
use core::{mem, time::Duration};

use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    error::{Endpoint, Error, ErrorCode, Problem, Unreachable},
    flow::DeviceAuthorization,
    http::{NoResponse, Request, Response},
    machine::{Exchange, Flow, Pause, Reason, Sends, Sleeps, Step, machine},
    note::Note,
    parameters::Parameters,
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

/// Polls until the person has decided, the code has expired, or the time limit is over. Ends in
/// [`Tokens`]. Whatever is no verdict (a dropped network, a 503, a web page) is waited out.
#[derive(Debug)]
pub struct DeviceAccessTokenRequest {
    request: Request,
    requested: Scope,
    deviations: Arc<Deviations>,
    new_refresh_token: Option<RefreshToken>,
    pace: Pace,
    time: Time,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Duration, Reason),
    Ready,
    Ended(Result<Tokens, Error>),
    Taken,
}

impl DeviceAccessTokenRequest {
    /// Polls for `authorization`, which was asked for with `scope`, no longer than `limit`.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a token endpoint.
    pub fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        authorization: &DeviceAuthorization,
        scope: &Scope,
        limit: Duration,
    ) -> Result<Self, Error> {
        let mut form = Form::default();
        form.push("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        form.push_secret("device_code", authorization.device_code.expose());
        let prompt = &authorization.prompt;
        // RFC 8628 §3.2 wants a lifetime. Without one, nobody waits for ever.
        let limit = if prompt.expires_in.is_some() { limit } else { limit.min(LIFETIME_MAX) };
        // However the authorization was kept, an interval of nothing is none.
        let interval = prompt.interval.max(INTERVAL_MIN);
        let time = Time { code: prompt.expires_in, limit, left: limit, spent: Duration::ZERO };
        let mut machine = Self {
            request: client.post(server, Endpoint::Token, form)?,
            requested: scope.clone(),
            deviations: Arc::clone(&server.deviations),
            new_refresh_token: None,
            pace: Pace { interval, slowed: false, in_a_row: 0, failures: 0 },
            time,
            state: State::Taken,
        };
        // Not at once: Abblix and other servers answer a first immediate poll with `slow_down`.
        machine.wait(interval, Reason::Approval);
        Ok(machine)
    }

    /// Says more than the flow needs: which API the token is for, or a parameter of the server's own.
    #[must_use]
    pub fn with_parameters(mut self, parameters: &Parameters) -> Self {
        parameters.add_to(&mut self.request);
        self
    }

    /// After an error: a refresh token that came with an answer which is otherwise of no use. The code is
    /// spent, and this is the login.
    pub fn take_new_refresh_token(&mut self) -> Option<RefreshToken> {
        self.new_refresh_token.take()
    }

    /// Counts time that has gone since the code was given. No wait goes past the deadline.
    pub(crate) fn spend(&mut self, time: Duration) {
        self.time.spend(time);
        self.request.set_timeout(self.time.left());
        if let State::Waiting(delay, reason) = self.state {
            self.wait(delay, reason);
        }
    }

    fn wait(&mut self, delay: Duration, reason: Reason) {
        self.state = State::Waiting(delay.min(self.time.left()), reason);
    }

    fn no_answer(&mut self) {
        let delay = self.pace.after_failure();
        self.no_verdict(delay, Duration::ZERO);
    }

    fn no_verdict(&mut self, delay: Duration, at_least: Duration) {
        self.wait(delay.max(at_least.min(RETRY_AFTER_MAX)), Reason::Retry);
    }

    fn end(&mut self, outcome: Result<Tokens, Error>) {
        self.state = State::Ended(outcome);
    }

    fn refused(&mut self, refusal: answer::Refused) {
        let error = refusal.error;
        let delay = match error.code {
            Some(ErrorCode::AuthorizationPending) => self.pace.after_pending(),
            Some(ErrorCode::SlowDown) => self.pace.after_slow_down(refusal.interval),
            Some(ErrorCode::AccessDenied) => return self.end(Err(Error::AccessDenied(error))),
            Some(ErrorCode::ExpiredToken) => return self.end(Err(Error::Expired)),
            // RFC 8628 §3.5: any other error ends the polling.
            _ => return self.end(Err(Error::Refused(error))),
        };
        let at_least = refusal.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        self.wait(delay.max(at_least), Reason::Approval);
    }
}

impl Flow for DeviceAccessTokenRequest {
    type Output = Tokens;

    fn take_outcome(&mut self, _now: Timestamp) -> Option<Result<Tokens, Error>> {
        match mem::replace(&mut self.state, State::Taken) {
            State::Ended(outcome) => Some(outcome),
            // No poll at the deadline or after it, and no wait past it.
            State::Waiting(..) | State::Ready if self.time.left().is_zero() => {
                Some(Err(self.time.is_up()))
            }
            unfinished @ (State::Waiting(..) | State::Ready | State::Taken) => {
                self.state = unfinished;
                None
            }
        }
    }

    fn step<T>(&mut self) -> Result<Step<'_, T>, Error> {
        match self.state {
            State::Ready => Ok(Step::Send(Exchange::new(self))),
            State::Waiting(delay, reason) => Ok(Step::Wait(Pause::new(self, delay, reason))),
            State::Ended(_) | State::Taken => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.time.spent
    }
}

machine!(DeviceAccessTokenRequest => Tokens);

impl Sends for DeviceAccessTokenRequest {
    fn request(&self) -> &Request {
        &self.request
    }

    fn answered(
        &mut self,
        sent_at: Timestamp,
        took: Duration,
        outcome: Result<Response, NoResponse>,
    ) -> Vec<Note> {
        self.spend(took);
        match outcome {
            Ok(response) => {
                let deviations = Arc::clone(&self.deviations);
                let received = Received::new(&self.request, &response, sent_at, &deviations);
                let answer = answer::read(Endpoint::Token, &received, |object| {
                    Ok(TokenAnswer::parse(object, &deviations))
                });
                let mut notes = received.into_notes();
                self.read(answer, response.status(), sent_at);
                notes.extend(self.pace.note());
                return notes;
            }
            Err(NoResponse::NotSent(_) | NoResponse::Unknown(_)) => self.no_answer(),
            Err(NoResponse::TooLarge) => {
                self.end(Err(answer::broken(Endpoint::Token, 0, Problem::TooLarge)));
            }
            Err(NoResponse::Untrusted) => {
                let (endpoint, cause) = (Endpoint::Token, Unreachable::Untrusted);
                self.end(Err(Error::Unreachable { endpoint, attempts: 1, cause }));
            }
        }
        Vec::new()
    }
}

impl DeviceAccessTokenRequest {
    fn read(&mut self, answer: Answer<TokenAnswer>, status: u16, sent_at: Timestamp) {
        let broken = |problem| answer::broken(Endpoint::Token, status, problem);
        match answer {
            Answer::Good(answer) => {
                let outcome = match answer.granted {
                    Ok(granted) => {
                        Ok(granted.into_tokens(answer.refresh_token, sent_at, &self.requested))
                    }
                    Err(problem) => {
                        self.new_refresh_token = answer.refresh_token;
                        Err(broken(problem))
                    }
                };
                self.end(outcome);
            }
            Answer::Refused(refusal) => self.refused(refusal),
            Answer::Later { status, retry_after } => {
                let mut at_least = retry_after.unwrap_or_default();
                let delay = self.pace.after_failure();
                if status == 429 {
                    self.pace.slow_down();
                    at_least = at_least.max(self.pace.next());
                }
                self.no_verdict(delay, at_least);
            }
            // A captive portal, or a proxy: not this server.
            Answer::Broken(Problem::Html) => self.no_answer(),
            Answer::Broken(problem) => self.end(Err(broken(problem))),
        }
    }
}

impl Sleeps for DeviceAccessTokenRequest {
    fn slept(&mut self, slept: Duration) {
        if let State::Waiting(delay, reason) = self.state {
            let rest = delay.saturating_sub(slept);
            self.state = if rest.is_zero() { State::Ready } else { State::Waiting(rest, reason) };
        }
        self.spend(slept);
    }
}

/// How fast to poll: RFC 8628 §3.5.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    /// The server has asked for a slower pace.
    slowed: bool,
    /// How often in a row it said `slow_down`.
    in_a_row: u32,
    /// Failures in a row.
    failures: u32,
}

impl Pace {
    fn after_pending(&mut self) -> Duration {
        (self.failures, self.in_a_row) = (0, 0);
        self.next()
    }

    /// Five seconds more, for this and every later request; GitHub names its own new interval.
    fn after_slow_down(&mut self, named: Option<Duration>) -> Duration {
        self.slow_down();
        self.interval = self.interval.max(named.unwrap_or_default());
        (self.failures, self.in_a_row) = (0, self.in_a_row.saturating_add(1));
        self.next()
    }

    /// For all later polls. 429 means it as well, whoever says it: Auth0, or a proxy.
    fn slow_down(&mut self) {
        self.interval = self.interval.saturating_add(Duration::from_secs(5));
        self.slowed = true;
    }

    /// GitHub and virtual machines: five seconds of this machine may be less than the server's.
    fn note(&self) -> Option<Note> {
        let rule = "came again and again: does this machine's clock run too fast?";
        (self.in_a_row >= 3).then_some(Note { field: "slow_down", rule })
    }

    /// Doubled each time, up to a minute. An answer ends the doubling.
    fn after_failure(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doubled = self.next().saturating_mul(1_u32 << self.failures.min(10));
        doubled.min(self.next().max(Duration::from_secs(60)))
    }

    /// A server that once said `slow_down` may measure with another clock than this machine's (GitHub
    /// and virtual machines): an eighth more.
    fn next(&self) -> Duration {
        let margin = self.interval.checked_div(8).filter(|_| self.slowed).unwrap_or_default();
        self.interval.saturating_add(margin)
    }
}

const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// A `Retry-After` counts up to this much: one bad header must not cost the login.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// How long a code without a lifetime is waited for, however patient the caller is.
const LIFETIME_MAX: Duration = Duration::from_secs(30 * 60);

/// How long there still is.
#[derive(Debug)]
struct Time {
    /// What is left of the code's life; `None`: the server didn't say how long it is.
    code: Option<Duration>,
    limit: Duration,
    /// What is left of the limit.
    left: Duration,
    spent: Duration,
}

impl Time {
    fn spend(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time);
        self.left = self.left.saturating_sub(time);
        self.code = self.code.map(|code| code.saturating_sub(time));
    }

    fn left(&self) -> Duration {
        self.code.map_or(self.left, |code| code.min(self.left))
    }

    fn is_up(&self) -> Error {
        match self.code {
            Some(Duration::ZERO) => Error::Expired,
            _ => Error::TimedOut { limit: self.limit },
        }
    }
}
