//! One request and its answer: what every flow is made of, and the only place that sends.

use alloc::{boxed::Box, sync::Arc};
use core::future::Future;

use crate::{
    deviations::Deviations,
    error::{Endpoint, Error, Problem, ProxyFailure, ProxyProblem, Unreachable},
    http::{NoResponse, Request, Response},
    machine::{Answered, Deadline, Io, Reason, Start},
    retry::{Attempts, Resend, RetryPolicy, Transient},
    wire::answer::{Answer, Received, malformed},
};

/// What came of one attempt.
pub(crate) enum Sent<T> {
    /// With which status, and what it amounts to.
    Answer(u16, Answer<T>),
    /// Something came, and can't be read at all.
    Unreadable(Problem),
    /// No answer; and whether all the time that it had went by.
    NoResponse { why: NoResponse, timed_out: bool },
}

/// Sends a request once, reads its answer, and gives the request back.
pub(crate) fn send<T>(
    io: &Io,
    request: Box<Request>,
    deviations: &Deviations,
    read: impl Fn(&Received<'_>) -> Answer<T>,
) -> impl Future<Output = (Box<Request>, Sent<T>)> {
    let answered = io.send(request);
    async move {
        let (request, Answered { sent_at, took, outcome }) = answered.await;
        // A part of an answer is of use where it has a new refresh token in it.
        let good = |request: &Request, response: &Response, why| {
            let received = Received::new(request, response, sent_at, deviations).cut(why);
            match read(&received) {
                good @ Answer::Good(_) => Some(Sent::Answer(response.status(), good)),
                Answer::Refused(_) | Answer::Unavailable { .. } | Answer::Malformed(_) => None,
            }
        };
        let why = match outcome {
            Ok(response) => {
                let received = Received::new(&request, &response, sent_at, deviations);
                let mut answer = read(&received);
                if let Answer::Malformed(problem) = answer {
                    answer = Answer::Malformed(problem.through(response.proxy()));
                }
                io.note(received.into_notes());
                return (request, Sent::Answer(response.status(), answer));
            }
            Err(NoResponse::Cut { response, why }) => match good(&request, &response, Problem::Cut)
            {
                Some(sent) => return (request, sent),
                None => match response.proxy() {
                    Some(proxy) => NoResponse::Proxy(Box::new(ProxyFailure::new(
                        proxy,
                        ProxyProblem::Unanswered(why),
                    ))),
                    None => NoResponse::Unknown(why),
                },
            },
            Err(NoResponse::TooLarge(response)) => {
                let sent = good(&request, &response, Problem::TooLarge);
                let problem = Problem::TooLarge.through(response.proxy());
                return (request, sent.unwrap_or(Sent::Unreadable(problem)));
            }
            Err(NoResponse::NotHttp) => return (request, Sent::Unreadable(Problem::NotHttp)),
            Err(NoResponse::Proxy(failure)) if failure.problem == ProxyProblem::NotHttp => {
                let problem = Problem::NotHttp.through(Some(&failure.proxy));
                return (request, Sent::Unreadable(problem));
            }
            Err(why) => why,
        };
        let timed_out = request.timeout().is_some_and(|limit| took >= limit);
        (request, Sent::NoResponse { why, timed_out })
    }
}

/// How a request is sent, and sent again after transient failures.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) policy: &'a RetryPolicy,
    pub(crate) deadline: Deadline,
    pub(crate) resend: Resend,
    /// What its waits are for.
    pub(crate) reason: Reason,
    /// How this server's answers are meant.
    pub(crate) deviations: &'a Deviations,
}

impl<'a> Sender<'a> {
    /// What may be sent as often as the policy says, since the first one spends nothing.
    pub(crate) const fn new(
        endpoint: Endpoint,
        policy: &'a RetryPolicy,
        deadline: Deadline,
        deviations: &'a Deviations,
    ) -> Self {
        let (resend, reason) = (Resend::Freely, Reason::Retry);
        Self { endpoint, policy, deadline, resend, reason, deviations }
    }

    /// Sends the request until it succeeds or is refused, or until the policy or the deadline ends it.
    pub(crate) async fn send<T>(
        self,
        io: &Io,
        mut request: Box<Request>,
        read: impl Fn(&Received<'_>) -> Answer<T>,
    ) -> Result<T, Error> {
        let mut attempts = Attempts::new(self.endpoint, self.resend);
        loop {
            let left = self.deadline.left(io);
            if left.is_zero() {
                return Err(no_time(self.endpoint));
            }
            request.set_timeout(self.policy.request_timeout(self.resend, left));
            let sent;
            (request, sent) = send(io, request, self.deviations, &read).await;
            let failure = match sent {
                Sent::Answer(_, Answer::Good(good)) => return Ok(good),
                Sent::Answer(_, Answer::Refused(refused)) => {
                    return Err(Error::Refused(refused.error));
                }
                Sent::Answer(status, Answer::Malformed(problem)) => {
                    return Err(malformed(self.endpoint, status, problem));
                }
                Sent::Answer(_, Answer::Unavailable { status, retry_after, said }) => {
                    Transient::Status { status, retry_after, said }
                }
                Sent::Unreadable(problem) => return Err(attempts.unreadable(problem)),
                Sent::NoResponse { why, timed_out } => Transient::NoResponse { why, timed_out },
            };
            let delay = attempts.after(failure, self.policy, self.deadline.left(io))?;
            io.wait(delay, self.reason).await;
        }
    }
}

/// Nothing was sent.
pub(crate) const fn no_time(endpoint: Endpoint) -> Error {
    let cause = Unreachable::NotSent("no time was left for it");
    Error::Unreachable { endpoint, attempts: 0, cause }
}

/// A flow that is one request, which may be sent as often as the policy says.
pub(crate) struct OneRequest<T> {
    pub(crate) endpoint: Endpoint,
    pub(crate) request: Box<Request>,
    pub(crate) read: fn(&Received<'_>) -> Answer<T>,
    pub(crate) policy: RetryPolicy,
    pub(crate) deviations: Arc<Deviations>,
}

impl<T> OneRequest<T> {
    pub(crate) async fn send(self, io: &Io, deadline: Deadline) -> Result<T, Error> {
        let sender = Sender::new(self.endpoint, &self.policy, deadline, &self.deviations);
        sender.send(io, self.request, self.read).await
    }
}

impl<T: Send + Sync + 'static> Start for OneRequest<T> {
    type Output = T;
    type Error = Error;

    async fn run(self, io: Io) -> Result<T, Error> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        self.send(&io, deadline).await
    }
}
