//! The second half of the device flow: polling for the tokens, RFC 8628 §3.4 and §3.5.
//!
//! Pace and deadline come from what was really waited. A jump of the wall clock changes neither.

use alloc::{boxed::Box, sync::Arc};
use core::{future::Future, time::Duration};

use super::{
    access_token_request::read,
    send::{Sent, send},
};
use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    error::{Endpoint, Error, ErrorCode, Problem, ServerError, Unreachable},
    flow::{DeviceAuthorization, DevicePrompt},
    http::Request,
    machine::{Deadline, Failed, Io, Reason, Runner, Start, public_machine},
    note::Note,
    parameters::Parameters,
    retry::RETRY_AFTER_MAX_BETWEEN_POLLS,
    server::AuthorizationServer,
    token::{Scope, Tokens},
    wire::{
        answer::{self, Answer, Refused},
        form::Form,
        token::TokenAnswer,
    },
};

/// Polls until the user has decided, the code has expired, or the time limit is over. Ends in
/// [`Tokens`]. A transient failure (a dropped network, a 503, a web page) is waited out.
#[derive(Debug)]
pub struct DeviceAccessTokenRequest(Runner<Polls>);

public_machine!(DeviceAccessTokenRequest => Tokens, Failed);

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
        let parameters = Parameters::default();
        let polls = Polls::new(server, client, authorization, scope, &parameters, limit)?;
        Ok(Self(Runner::new(polls)))
    }

    /// Says more than the flow needs: which API the token is for, or a parameter of the server's own.
    #[must_use]
    pub fn with_parameters(self, parameters: &Parameters) -> Self {
        Self(self.0.configure(|polls| parameters.add_to(&mut polls.request)))
    }
}

/// What is sent again and again, and for how long.
pub(crate) struct Polls {
    request: Box<Request>,
    requested: Scope,
    deviations: Arc<Deviations>,
    interval: Duration,
    /// How long the code lives, if the server said so.
    code_lifetime: Option<Duration>,
    limit: Duration,
    /// What a refusal without an error code says of the device code, if anything; else a proxy may have
    /// answered.
    without_code: fn(&ServerError) -> Option<Error>,
}

impl Polls {
    pub(crate) fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        authorization: &DeviceAuthorization,
        scope: &Scope,
        parameters: &Parameters,
        limit: Duration,
    ) -> Result<Self, Error> {
        let mut form = Form::default();
        form.push_escaped("grant_type", "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code");
        form.push_secret("device_code", authorization.device_code.expose());
        let mut request = Box::new(client.post(server, Endpoint::Token, form)?);
        parameters.add_to(&mut request);
        let deviations = Arc::clone(&server.deviations);
        let polls = Self::of(request, &authorization.prompt, limit, deviations, |_| None);
        Ok(Self { requested: scope.clone(), ..polls })
    }

    /// With this request.
    pub(crate) fn of(
        request: Box<Request>,
        prompt: &DevicePrompt,
        limit: Duration,
        deviations: Arc<Deviations>,
        without_code: fn(&ServerError) -> Option<Error>,
    ) -> Self {
        Self {
            request,
            requested: Scope::default(),
            deviations,
            // However the authorization was kept, an interval of nothing is none.
            interval: prompt.interval.max(INTERVAL_MIN),
            code_lifetime: prompt.expires_in,
            // RFC 8628 §3.2 wants a lifetime. Without one, the wait is not for ever.
            limit: match prompt.expires_in {
                Some(_) => limit,
                None => limit.min(LIFETIME_MAX),
            },
            without_code,
        }
    }

    /// When polling ends, counted from now: the server has just given the code.
    pub(crate) fn end(&self, io: &Io) -> PollingEnd {
        PollingEnd {
            code: self.code_lifetime.map(|lifetime| Deadline::within(io, lifetime)),
            caller: Deadline::within(io, self.limit),
            limit: self.limit,
        }
    }

    /// RFC 8628 §3.4, §3.5. A refresh token that comes with an answer which is otherwise of no use is
    /// salvaged: the code is spent, and this is the login.
    ///
    /// No `async fn`: a server that waits for thousands of users has this for each, and the compiler
    /// would keep the arguments of such a one twice.
    pub(crate) fn poll(
        mut self,
        io: Io,
        end: PollingEnd,
    ) -> impl Future<Output = Result<Tokens, Failed>> {
        let mut pace = Pace::new(self.interval);
        async move {
            let mut strays = Strays::default();
            // Why the last poll came to nothing, unless the user had just not decided.
            let mut trouble = None;
            // Not at once: Abblix and other servers answer a first immediate poll with `slow_down`.
            let (mut delay, mut reason) = (end.first_wait(&io, pace.interval), Reason::Approval);
            loop {
                io.wait(delay.min(end.left(&io)), reason).await;
                end.check(&io, self.code_lifetime, &mut trouble)?;
                self.request.set_timeout(end.left(&io));
                let sent;
                (self.request, sent) = send(&io, self.request, &self.deviations, read).await;
                let poll = class(sent, self.without_code);
                if !matches!(poll, Poll::Stray(_) | Poll::NoAnswer(_)) {
                    strays = Strays::default();
                }
                trouble = None;
                (delay, reason) = match poll {
                    Poll::Answered(answer) => return answer.into_tokens(&self.requested, None),
                    Poll::Final(error) => return Err(error.into()),
                    Poll::Pending { at_least } => {
                        (pace.after_pending().max(at_least), Reason::Approval)
                    }
                    Poll::SlowDown { named, at_least } => {
                        (pace.after_slow_down(named).max(at_least), Reason::Approval)
                    }
                    Poll::TooFast { at_least } => (pace.after_429().max(at_least), Reason::Retry),
                    Poll::Unavailable { at_least, why } => {
                        trouble = Some(why);
                        (pace.after_failure().max(at_least), Reason::Retry)
                    }
                    Poll::Stray(error) => {
                        trouble = Some(strays.count(&io, error)?);
                        (pace.after_failure(), Reason::Retry)
                    }
                    Poll::NoAnswer(why) => {
                        trouble = why;
                        (pace.after_failure(), Reason::Retry)
                    }
                };
                if let Some(Error::Unreachable { attempts, .. }) = trouble.as_deref_mut() {
                    *attempts = pace.failures;
                }
                io.note(pace.note());
            }
        }
    }
}

impl Start for Polls {
    type Output = Tokens;
    type Error = Failed;

    fn run(self, io: Io) -> impl Future<Output = Result<Tokens, Failed>> + Send + Sync {
        let end = self.end(&io);
        self.poll(io, end)
    }
}

/// What one poll came to.
enum Poll {
    /// Not with an error.
    Answered(Box<TokenAnswer>),
    /// An error that ends the polling: RFC 8628 §3.5.
    Final(Error),
    Pending {
        at_least: Duration,
    },
    /// GitHub names the new interval.
    SlowDown {
        named: Option<Duration>,
        at_least: Duration,
    },
    /// 429: Auth0, or a proxy.
    TooFast {
        at_least: Duration,
    },
    Unavailable {
        at_least: Duration,
        why: Box<Error>,
    },
    /// A malformed answer, as of a captive portal or a proxy. The error is for the case that all further
    /// answers are malformed, too.
    Stray(Error),
    /// The error is for the case that nothing better comes until the end.
    NoAnswer(Option<Box<Error>>),
}

fn class(sent: Sent<TokenAnswer>, without_code: fn(&ServerError) -> Option<Error>) -> Poll {
    let at_least = |retry_after: Option<Duration>| {
        retry_after.unwrap_or_default().min(RETRY_AFTER_MAX_BETWEEN_POLLS)
    };
    match sent {
        Sent::Answer(_, Answer::Good(answer)) => Poll::Answered(Box::new(answer)),
        Sent::Answer(_, Answer::Refused(Refused { error, interval, retry_after })) => {
            let at_least = at_least(retry_after);
            match error.code {
                Some(ErrorCode::AuthorizationPending) => Poll::Pending { at_least },
                Some(ErrorCode::SlowDown) => Poll::SlowDown { named: interval, at_least },
                Some(ErrorCode::AccessDenied) => Poll::Final(Error::AccessDenied(error)),
                Some(ErrorCode::ExpiredToken) => Poll::Final(Error::Expired),
                // RFC 8628 §3.5: any other error ends the polling.
                Some(_) => Poll::Final(Error::Refused(error)),
                None => match without_code(&error) {
                    Some(error) => Poll::Final(error),
                    None => Poll::Stray(Error::Refused(error)),
                },
            }
        }
        Sent::Answer(_, Answer::Unavailable { status: 429, retry_after, .. }) => {
            Poll::TooFast { at_least: at_least(retry_after) }
        }
        Sent::Answer(_, Answer::Unavailable { status, retry_after, said }) => {
            let cause = said.map_or(Unreachable::Status(status), Unreachable::Unavailable);
            Poll::Unavailable { at_least: at_least(retry_after), why: Box::new(away(cause)) }
        }
        Sent::Answer(status, Answer::Malformed(problem)) => {
            let is_stray = is_stray(&problem);
            let error = answer::malformed(Endpoint::Token, status, problem);
            if is_stray { Poll::Stray(error) } else { Poll::Final(error) }
        }
        Sent::Unreadable(problem) => Poll::Stray(answer::malformed(Endpoint::Token, None, problem)),
        Sent::NoResponse { why, .. } if why.ends_polling() => {
            let cause = Unreachable::from_no_response(why);
            Poll::Final(cause.map_or(Error::Internal("polling"), away))
        }
        // After a good answer in this login, a certificate that doesn't hold is a portal's, too.
        Sent::NoResponse { why, .. } => {
            Poll::NoAnswer(Unreachable::from_no_response(why).map(away).map(Box::new))
        }
    }
}

const fn away(cause: Unreachable) -> Error {
    Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause }
}

/// What says nothing about this code: whatever is no JSON object is not this server's.
fn is_stray(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Html
            | Problem::Empty
            | Problem::NotJson { .. }
            | Problem::NotAnObject
            | Problem::Redirect { .. }
            | Problem::UnexpectedStatus
            | Problem::TooDeep
            | Problem::TooManyMembers
            | Problem::TooLarge
            | Problem::NotHttp
            | Problem::OfProxy { .. }
    )
}

/// Stray answers in a row.
#[derive(Default)]
struct Strays {
    count: u32,
    /// When the first one came, on the flow's clock.
    since: Option<Duration>,
}

impl Strays {
    /// Ten in a row, over at least a minute, are no accident: the last one's error. Until then it is given back.
    fn count(&mut self, io: &Io, error: Error) -> Result<Box<Error>, Error> {
        self.count = self.count.saturating_add(1);
        let since = *self.since.get_or_insert_with(|| io.elapsed());
        let lasted = io.elapsed().saturating_sub(since);
        if self.count >= STRAYS_MAX && lasted >= STRAYS_TIME {
            return Err(error);
        }
        Ok(Box::new(error))
    }
}

const STRAYS_MAX: u32 = 10;
const STRAYS_TIME: Duration = Duration::from_secs(60);

/// Whichever comes first: the code expires, or the caller's limit is over.
#[derive(Clone, Copy)]
pub(crate) struct PollingEnd {
    code: Option<Deadline>,
    caller: Deadline,
    limit: Duration,
}

impl PollingEnd {
    /// The end of a login whose caller gave it a limit in all.
    pub(crate) fn with_caller(self, caller: Deadline, limit: Duration) -> Self {
        let caller = self.caller.min(caller);
        Self { caller, limit, ..self }
    }

    fn left(self, io: &Io) -> Duration {
        self.code.map_or(self.caller, |code| code.min(self.caller)).left(io)
    }

    /// An interval that is as long as all the time there is would let no poll ask at all: then one does, shortly
    /// before the end. (RFC 8628 §3.5 has it between polls.)
    fn first_wait(self, io: &Io, interval: Duration) -> Duration {
        let left = self.left(io);
        let before_end = left.checked_div(2).unwrap_or_default().min(LAST_POLL_BEFORE_END);
        if interval < left { interval } else { left.saturating_sub(before_end) }
    }

    /// No poll at the deadline or after it. What was wrong with the last poll is the reason then: the user may have
    /// approved. Where the code has expired, it is one only if it can't pass by itself.
    fn check(
        self,
        io: &Io,
        code_lifetime: Option<Duration>,
        trouble: &mut Option<Box<Error>>,
    ) -> Result<(), Error> {
        if !self.left(io).is_zero() {
            return Ok(());
        }
        let cause = trouble.take();
        if !self.code.is_some_and(|code| code.has_passed(io)) {
            return Err(Error::TimedOut { limit: self.limit, cause });
        }
        match cause {
            Some(error) if matches!(*error, Error::Unreachable { .. } if !error.is_retryable()) => {
                let limit = self.limit.min(code_lifetime.unwrap_or(Duration::MAX));
                Err(Error::TimedOut { limit, cause: Some(error) })
            }
            _ => Err(Error::Expired),
        }
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
    const fn new(interval: Duration) -> Self {
        Self { interval, slowed: false, in_a_row: 0, failures: 0 }
    }

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

    /// 429 means `slow_down` as well.
    fn after_429(&mut self) -> Duration {
        let doubled = self.after_failure();
        self.slow_down();
        doubled.max(self.next())
    }

    /// For all later polls.
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

/// For an answer to come in time.
const LAST_POLL_BEFORE_END: Duration = Duration::from_secs(5);

/// How long a code without a lifetime is waited for, however patient the caller is.
const LIFETIME_MAX: Duration = Duration::from_secs(30 * 60);
