//! The one loop that drives machines in tests, and what may stand around a machine.
//!
//! It is limited: a machine that goes round in circles, or sleeps without an end, fails the test that drives
//! it, and by name.

#![expect(clippy::panic, reason = "a test fails by it")]

use std::{any::type_name, sync::mpsc, thread, time::Duration};

use aiod_auth_core::{
    Ask, Error, Exchange, Failed, Machine, NoAnswer, NoResponse, Pause, Request, Response, Show,
    Step, StoreAccess, Timestamp, Tokens, Wanted,
};

/// What stands around a machine. By itself there is no store, the user sees what is shown and answers
/// nothing, and every sleep is as long as it should be and takes no time.
pub trait Around {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// The network.
    fn send(&mut self, exchange: Exchange<'_>);

    /// The store.
    fn store(&mut self, access: StoreAccess<'_>) {
        let reply = access.request().answered_without_store();
        access.complete(Duration::ZERO, Ok(reply));
    }

    /// The user looks.
    fn show(&mut self, show: Show<'_>) {
        show.complete(Duration::ZERO);
    }

    /// The user is asked.
    fn ask(&mut self, ask: Ask<'_>) {
        ask.give_up(Duration::ZERO, NoAnswer::Cancelled);
    }

    /// Time goes by.
    fn wait(&mut self, pause: Pause<'_>) {
        let delay = pause.delay();
        pause.complete(delay);
    }
}

/// How a machine fails: with an error, and perhaps with tokens.
pub trait Failure {
    /// The error.
    fn error(&self) -> &Error;

    /// Both.
    fn into_parts(self) -> (Error, Option<Box<Tokens>>);
}

impl Failure for Error {
    fn error(&self) -> &Error {
        self
    }

    fn into_parts(self) -> (Error, Option<Box<Tokens>>) {
        (self, None)
    }
}

impl Failure for Failed {
    fn error(&self) -> &Error {
        &self.error
    }

    fn into_parts(self) -> (Error, Option<Box<Tokens>>) {
        (self.error, self.salvaged)
    }
}

/// Runs a machine to its end.
///
/// # Errors
/// The machine's.
///
/// # Panics
/// It takes too many steps, or asks for too long a wait.
pub fn run<M: Machine + ?Sized>(
    machine: &mut M,
    around: &mut impl Around,
) -> Result<M::Output, M::Error> {
    run_with(machine, around, |_, step| Some(step))
}

/// The same. `or_else` sees each step first: what it completes itself, it keeps.
///
/// # Errors
/// The machine's.
///
/// # Panics
/// As [`run`].
pub fn run_with<M: Machine + ?Sized, A: Around>(
    machine: &mut M,
    around: &mut A,
    mut or_else: impl for<'step> FnMut(&mut A, Step<'step, M::Output>) -> Option<Step<'step, M::Output>>,
) -> Result<M::Output, M::Error> {
    for _ in 0..STEPS_MAX {
        let step = machine.poll(around.now())?;
        if let Some(step) = or_else(around, step)
            && let Some(output) = perform(step, around)
        {
            return Ok(output);
        }
    }
    panic!("no end after {STEPS_MAX} steps of {}", type_name::<M>());
}

/// Performs one step; the output, if that was the last one.
///
/// # Panics
/// It is too long a wait.
pub fn perform<T>(step: Step<'_, T>, around: &mut impl Around) -> Option<T> {
    match step {
        Step::Send(exchange) => around.send(exchange),
        Step::Store(access) => around.store(access),
        Step::Show(show) => around.show(show),
        Step::Ask(ask) => around.ask(ask),
        Step::Wait(pause) => {
            let delay = pause.delay();
            assert!(delay <= WAIT_MAX, "a wait of {delay:?}, for {:?}", pause.reason());
            around.wait(pause);
        }
        Step::Done(output) => return Some(output),
    }
    None
}

/// The request that is due, after the waits before it; `None` where the machine wants anything else.
///
/// # Panics
/// As [`run`].
pub fn next_request<M: Machine + ?Sized>(machine: &mut M, now: Timestamp) -> Option<Request> {
    for _ in 0..STEPS_MAX {
        match machine.wanted(now) {
            Wanted::Send(request) => return Some(request.clone()),
            Wanted::Wait(..) => {
                let Ok(Step::Wait(pause)) = machine.poll(now) else { return None };
                perform::<()>(Step::Wait(pause), &mut Answering::new(now, |_, _| unanswered()));
            }
            Wanted::Store(_) | Wanted::Show(_) | Wanted::Ask(_) | Wanted::Nothing => return None,
        }
    }
    panic!("no request after {STEPS_MAX} waits of {}", type_name::<M>());
}

/// How long the machine waits now; nothing if it doesn't.
pub fn next_wait<M: Machine + ?Sized>(machine: &mut M, now: Timestamp) -> Duration {
    match machine.wanted(now) {
        Wanted::Wait(delay, _) => delay,
        Wanted::Send(_) | Wanted::Store(_) | Wanted::Show(_) | Wanted::Ask(_) | Wanted::Nothing => {
            Duration::ZERO
        }
    }
}

/// A network that is a function, of what was slept so far and the request. Every answer comes at once, and
/// the clock stands still.
#[derive(Debug)]
pub struct Answering<F> {
    now: Timestamp,
    /// What was slept in all.
    pub slept: Duration,
    answer: F,
}

impl<F: FnMut(Duration, &Request) -> Result<Response, NoResponse>> Answering<F> {
    /// Answers like this, at this time.
    pub const fn new(now: Timestamp, answer: F) -> Self {
        Self { now, slept: Duration::ZERO, answer }
    }
}

impl<F: FnMut(Duration, &Request) -> Result<Response, NoResponse>> Around for Answering<F> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn send(&mut self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let outcome = (self.answer)(self.slept, in_flight.request());
        in_flight.complete(self.now, Duration::ZERO, outcome);
    }

    fn wait(&mut self, pause: Pause<'_>) {
        let delay = pause.delay();
        self.slept = self.slept.saturating_add(delay);
        pause.complete(delay);
    }
}

/// Runs a machine to its end, with a network that is this function.
///
/// # Errors
/// The machine's.
pub fn answering<M: Machine + ?Sized>(
    machine: &mut M,
    now: Timestamp,
    mut answer: impl FnMut(&Request) -> Response,
) -> Result<M::Output, M::Error> {
    run(machine, &mut Answering::new(now, |_, request| Ok(answer(request))))
}

/// The answer to the request that is due, whatever comes of it.
///
/// # Panics
/// No request is due.
pub fn answer_once<M: Machine + ?Sized>(
    machine: &mut M,
    now: Timestamp,
    outcome: Result<Response, NoResponse>,
) {
    match machine.poll(now) {
        Ok(Step::Send(exchange)) => exchange.begin().complete(now, Duration::ZERO, outcome),
        _ => panic!("{} sends nothing", type_name::<M>()),
    }
}

/// All that a machine sends, until it ends, while it gets this answer each time.
///
/// # Panics
/// As [`run`].
pub fn all_requests<M: Machine + ?Sized>(
    machine: &mut M,
    now: Timestamp,
    answer: &Response,
) -> Vec<Request> {
    let mut requests = Vec::new();
    let _ends_anyhow = answering(machine, now, |request| {
        requests.push(request.clone());
        answer.clone()
    })
    .is_ok();
    requests
}

/// Does something that waits for other threads or processes, and fails if it takes too long in real time.
///
/// # Panics
/// It took too long, or panicked.
pub fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    within(REAL_TIME_MAX, what, work)
}

/// The same with a limit of its own.
///
/// # Panics
/// As [`in_time`].
pub fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || sender.send(work()).is_ok());
    match receiver.recv_timeout(limit) {
        Ok(done) => done,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: not within {limit:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("{what}: {:?}", worker.join().err().map(|_| "panicked"))
        }
    }
}

const fn unanswered() -> Result<Response, NoResponse> {
    Err(NoResponse::NotSent("nothing is sent here"))
}

/// More than a login takes that polls for half an hour, or a lock that is waited for.
const STEPS_MAX: usize = 10_000;
/// No machine sleeps longer at a time.
const WAIT_MAX: Duration = Duration::from_secs(2 * 3600);
/// What no test over real sockets comes near to.
const REAL_TIME_MAX: Duration = Duration::from_secs(60);
