//! One request and its answer: what every flow is made of.
//!
//! ```text
//!          poll                verdict
//!   Ready ------> (in flight) ---------> Ended ---> Taken
//!     ^               |
//!     |               | no verdict, and the policy allows one more
//!     +--- Waiting <--+
//! ```

use alloc::{sync::Arc, vec::Vec};
use core::{mem, time::Duration};

use crate::{
    deviations::Deviations,
    error::{Endpoint, Error, Problem},
    http::{NoResponse, Request, Response},
    machine::{Exchange, Flow, Pause, Reason, Sends, Sleeps, Step},
    note::Note,
    parameters::Parameters,
    retry::{Resend, RetryPolicy, Setback, Tries},
    time::Timestamp,
    wire::answer::{Answer, Received, broken},
};

/// One request, sent until there is a verdict or the policy's patience is at its end.
#[derive(Debug)]
pub(crate) struct Call<T> {
    endpoint: Endpoint,
    request: Request,
    read: Reader<T>,
    deviations: Arc<Deviations>,
    tries: Tries,
    state: State<T>,
}

/// Makes an answer of what was received.
pub(crate) type Reader<T> = fn(&Received<'_>) -> Answer<T>;

#[derive(Debug)]
enum State<T> {
    Ready,
    Waiting(Duration),
    Ended(Result<T, Error>),
    Taken,
}

impl<T: Send> Call<T> {
    pub(crate) fn new(
        endpoint: Endpoint,
        request: Request,
        read: Reader<T>,
        policy: RetryPolicy,
        resend: Resend,
    ) -> Self {
        let tries = Tries::new(endpoint, policy, resend);
        let deviations = Arc::default();
        let mut call = Self { endpoint, request, read, deviations, tries, state: State::Ready };
        call.request.set_timeout(call.tries.timeout());
        call
    }

    /// Reads the answers as this server means them.
    pub(crate) fn with_deviations(mut self, deviations: &Arc<Deviations>) -> Self {
        self.deviations = Arc::clone(deviations);
        self
    }

    pub(crate) fn with_parameters(mut self, parameters: &Parameters) -> Self {
        parameters.add_to(&mut self.request);
        self
    }

    fn again(&mut self, setback: Setback) -> State<T> {
        match self.tries.again(setback) {
            // A wait of nothing is none.
            Ok(Duration::ZERO) => State::Ready,
            Ok(delay) => State::Waiting(delay),
            Err(error) => State::Ended(Err(error)),
        }
    }
}

impl<T: Send> Flow for Call<T> {
    type Output = T;

    fn take_outcome(&mut self, _now: Timestamp) -> Option<Result<T, Error>> {
        match mem::replace(&mut self.state, State::Taken) {
            State::Ended(outcome) => Some(outcome),
            unfinished @ (State::Ready | State::Waiting(_) | State::Taken) => {
                self.state = unfinished;
                None
            }
        }
    }

    fn step<U>(&mut self) -> Result<Step<'_, U>, Error> {
        match self.state {
            State::Ready => Ok(Step::Send(Exchange::new(self))),
            State::Waiting(delay) => Ok(Step::Wait(Pause::new(self, delay, Reason::Retry))),
            State::Ended(_) | State::Taken => Err(Error::Finished),
        }
    }

    fn spent(&self) -> Duration {
        self.tries.spent()
    }
}

impl<T: Send> Sends for Call<T> {
    fn request(&self) -> &Request {
        &self.request
    }

    fn answered(
        &mut self,
        sent_at: Timestamp,
        took: Duration,
        outcome: Result<Response, NoResponse>,
    ) -> Vec<Note> {
        self.tries.spend(took);
        let mut notes = Vec::new();
        self.state = match outcome {
            Err(NoResponse::TooLarge) => {
                State::Ended(Err(broken(self.endpoint, 0, Problem::TooLarge)))
            }
            Err(no_response) => self.again(Setback::NoResponse(no_response)),
            Ok(response) => {
                let received = Received::new(&self.request, &response, sent_at, &self.deviations);
                let answer = (self.read)(&received);
                notes = received.into_notes();
                match answer {
                    Answer::Good(good) => State::Ended(Ok(good)),
                    Answer::Refused(refused) => State::Ended(Err(Error::Refused(refused.error))),
                    Answer::Later { status, retry_after } => {
                        self.again(Setback::Status { status, retry_after })
                    }
                    Answer::Broken(problem) => {
                        State::Ended(Err(broken(self.endpoint, response.status(), problem)))
                    }
                }
            }
        };
        self.request.set_timeout(self.tries.timeout());
        notes
    }
}

impl<T: Send> Sleeps for Call<T> {
    fn slept(&mut self, slept: Duration) {
        self.tries.spend(slept);
        if let State::Waiting(delay) = self.state {
            let rest = delay.saturating_sub(slept);
            self.state = if rest.is_zero() { State::Ready } else { State::Waiting(rest) };
        }
        self.request.set_timeout(self.tries.timeout());
    }
}
