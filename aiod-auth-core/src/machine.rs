//! The vocabulary of every flow: a machine says what it wants next, and takes back what came of it.
//!
//! A [`Step`] hands out a ticket that borrows the machine, so the compiler refuses an answer that
//! nobody asked for, a second answer, and a [`poll`](Machine::poll) in between. The rules:
//!
//! - `poll` is level-triggered: same state and time, same step. Only completing a ticket moves a
//!   machine on. After `Done` or an error it is [`Error::Finished`].
//! - A ticket that is dropped means "nothing happened", and the next `poll` offers it again. The one
//!   exception is [`InFlight`]: dropped, it means "sent, and no answer came".
//! - Waits are durations, reported back as really slept. No machine computes a wait from the clock.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, mem, time::Duration};

use crate::{
    error::{Error, StoreFailure},
    flow::DevicePrompt,
    http::{NoResponse, Request, Response},
    note::Note,
    session::{StoreReply, StoreRequest},
    time::Timestamp,
};

/// A flow, or a composition of flows, that ends in an output or an error.
pub trait Machine {
    /// What it is for.
    type Output;

    /// What the machine wants next.
    ///
    /// # Errors
    /// The one that ended the machine, once; then [`Error::Finished`].
    fn poll(&mut self, now: Timestamp) -> Result<Step<'_, Self::Output>, Error>;
}

/// What a machine wants next.
#[must_use]
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver that does not know a step can't drive")]
pub enum Step<'m, T> {
    /// Perform one HTTP request: [`Exchange::begin`], send, then [`InFlight::complete`].
    Send(Exchange<'m>),
    /// Perform one store operation, then call [`StoreAccess::complete`]. Only sessions ask.
    Store(StoreAccess<'m>),
    /// A person is needed: show a code. Only logins ask.
    Ask(Ask<'m>),
    /// Sleep, then call [`Pause::complete`] with the time really slept.
    Wait(Pause<'m>),
    /// Finished. The outcome is handed over once.
    Done(T),
}

/// A ticket for one request.
#[must_use]
pub struct Exchange<'m> {
    machine: &'m mut dyn Sends,
}

impl<'m> Exchange<'m> {
    pub(crate) fn new(machine: &'m mut dyn Sends) -> Self {
        Self { machine }
    }

    /// What to send.
    #[must_use]
    pub fn request(&self) -> &Request {
        self.machine.request()
    }

    /// The request goes out now.
    pub fn begin(self) -> InFlight<'m> {
        InFlight { machine: self.machine, completed: false }
    }
}

/// The request may be on its way. Dropped, it counts as [`NoResponse::Unknown`]: a cancelled future
/// never sends a code twice.
#[must_use]
pub struct InFlight<'m> {
    machine: &'m mut dyn Sends,
    completed: bool,
}

impl InFlight<'_> {
    /// What to send.
    #[must_use]
    pub fn request(&self) -> &Request {
        self.machine.request()
    }

    /// What came back, when (wall clock), and how long it took (monotonic clock). Returns what was
    /// tolerated in it, for a log.
    pub fn complete(
        mut self,
        now: Timestamp,
        took: Duration,
        outcome: Result<Response, NoResponse>,
    ) -> Vec<Note> {
        self.completed = true;
        self.machine.answered(now.saturating_sub(took), took, outcome)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.completed {
            let lost = NoResponse::Unknown("the request was abandoned");
            self.machine.answered(Timestamp::UNIX_EPOCH, Duration::ZERO, Err(lost));
        }
    }
}

/// A ticket for one store operation.
#[must_use]
pub struct StoreAccess<'m> {
    machine: &'m mut dyn Stores,
    request: StoreRequest,
}

impl<'m> StoreAccess<'m> {
    pub(crate) fn new(machine: &'m mut dyn Stores, request: StoreRequest) -> Self {
        Self { machine, request }
    }

    /// What to do.
    #[must_use]
    pub const fn request(&self) -> &StoreRequest {
        &self.request
    }

    /// What came of it, and how long it took.
    pub fn complete(self, took: Duration, outcome: Result<StoreReply, StoreFailure>) {
        self.machine.stored(took, outcome);
    }
}

/// A ticket for one thing that a person has to be shown or asked.
#[must_use]
pub struct Ask<'m> {
    machine: &'m mut dyn Asks,
    prompt: Box<Prompt>,
}

/// What a person has to be shown or asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Prompt {
    /// Show where to go and which code to enter: RFC 8628 §3.3.
    DeviceCode(DevicePrompt),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// It was shown.
    Shown,
    /// The person, or the program, gave up.
    Cancelled,
}

/// A closure that only shows something has shown it.
impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::Shown
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceCode(prompt) => prompt.fmt(f),
        }
    }
}

impl<'m> Ask<'m> {
    pub(crate) fn new(machine: &'m mut dyn Asks, prompt: Prompt) -> Self {
        Self { machine, prompt: Box::new(prompt) }
    }

    /// What to show.
    #[must_use]
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// What came of it, and how long it took.
    pub fn complete(self, took: Duration, reply: Reply) {
        self.machine.replied(took, reply);
    }
}

/// A ticket for a sleep.
#[must_use]
pub struct Pause<'m> {
    machine: &'m mut dyn Sleeps,
    delay: Duration,
    reason: Reason,
}

/// What a machine is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The person, who has to approve the login.
    Approval,
    /// The network or the server, after a failure.
    Retry,
    /// Another process or thread, which holds the store's lock.
    Lock,
    /// The network or the server, after a failure, with a new refresh token at stake that is nowhere else
    /// yet: who gives up now loses it.
    Tokens,
}

impl<T> Step<'_, T> {
    /// If it is a wait, this is what for.
    pub(crate) fn waiting_for(self, reason: Reason) -> Self {
        match self {
            Self::Wait(pause) => Self::Wait(Pause { reason, ..pause }),
            step @ (Self::Send(_) | Self::Store(_) | Self::Ask(_) | Self::Done(_)) => step,
        }
    }
}

impl<'m> Pause<'m> {
    pub(crate) fn new(machine: &'m mut dyn Sleeps, delay: Duration, reason: Reason) -> Self {
        Self { machine, delay, reason }
    }

    /// How long to sleep.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// How long the sleep really was, by a monotonic clock. Less is fine: the rest is asked for.
    pub fn complete(self, slept: Duration) {
        self.machine.slept(slept);
    }
}

macro_rules! redacted_debug {
    ($($ticket:ident),*) => {$(
        impl fmt::Debug for $ticket<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($ticket)).finish_non_exhaustive()
            }
        }
    )*};
}
redacted_debug!(Exchange, InFlight, StoreAccess, Ask, Pause);

/// A machine that can stand inside another one.
///
/// The outer machine first looks whether the inner one is through, and only then asks for its next
/// step: a step borrows the inner machine, and the borrow checker wants the two apart.
pub(crate) trait Flow {
    type Output;

    /// What came of it, once it is through. Also goes from one inner machine to the next.
    fn take_outcome(&mut self, now: Timestamp) -> Option<Result<Self::Output, Error>>;

    /// What it wants next; never `Done`.
    fn step<T>(&mut self) -> Result<Step<'_, T>, Error>;

    /// Time that has gone, sleeping or waiting for an answer.
    fn spent(&self) -> Duration;
}

/// Goes from state to state, until one has something to do or the machine is through, and in its last
/// state: one may be through at once.
pub(crate) fn settle<M, S, T>(
    machine: &mut M,
    state: impl Fn(&mut M) -> &mut S,
    ended: S,
    advance: impl Fn(&mut M) -> Result<Option<T>, Error>,
) -> Option<Result<T, Error>> {
    loop {
        let before = mem::discriminant(state(machine));
        if let Some(outcome) = advance(machine).transpose() {
            *state(machine) = ended;
            return Some(outcome);
        }
        if mem::discriminant(state(machine)) == before {
            return None;
        }
    }
}

macro_rules! machine {
    // One request and nothing else: the field is its `Call`.
    ($flow:ty => $output:ty, by $call:ident) => {
        impl $crate::machine::Flow for $flow {
            type Output = $output;

            fn take_outcome(
                &mut self,
                now: $crate::time::Timestamp,
            ) -> Option<Result<$output, $crate::error::Error>> {
                self.$call.take_outcome(now)
            }

            fn step<T>(&mut self) -> Result<$crate::machine::Step<'_, T>, $crate::error::Error> {
                self.$call.step()
            }

            fn spent(&self) -> core::time::Duration {
                self.$call.spent()
            }
        }

        $crate::machine::machine!($flow => $output);
    };
    ($flow:ty => $output:ty) => {
        impl $crate::machine::Machine for $flow {
            type Output = $output;

            fn poll(
                &mut self,
                now: $crate::time::Timestamp,
            ) -> Result<$crate::machine::Step<'_, $output>, $crate::error::Error> {
                match $crate::machine::Flow::take_outcome(self, now) {
                    Some(outcome) => outcome.map($crate::machine::Step::Done),
                    None => $crate::machine::Flow::step(self),
                }
            }
        }
    };
}
pub(crate) use machine;

/// What stands behind an [`Exchange`]. `Send`, because async adapters hold tickets across an await.
pub(crate) trait Sends: Send {
    fn request(&self) -> &Request;
    fn answered(
        &mut self,
        sent_at: Timestamp,
        took: Duration,
        outcome: Result<Response, NoResponse>,
    ) -> Vec<Note>;
}

/// What stands behind a [`StoreAccess`].
pub(crate) trait Stores: Send {
    fn stored(&mut self, took: Duration, outcome: Result<StoreReply, StoreFailure>);
}

/// What stands behind an [`Ask`].
pub(crate) trait Asks: Send {
    fn replied(&mut self, took: Duration, reply: Reply);
}

/// What stands behind a [`Pause`].
pub(crate) trait Sleeps: Send {
    fn slept(&mut self, slept: Duration);
}
