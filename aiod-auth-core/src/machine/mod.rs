//! The vocabulary of every flow: a machine says what it wants next, and takes back what came of it.
//!
//! A [`Step`] hands out a ticket that borrows the machine, so the compiler refuses an answer to a
//! question that was not asked, a second answer, and a [`poll`](Machine::poll) in between. The rules:
//!
//! - `poll` is level-triggered: same state and time, same step. Only completing a ticket moves a
//!   machine on. After `Done` or an error it is [`Error::Finished`].
//! - A ticket that is dropped means "nothing happened", and the next `poll` offers it again. The one
//!   exception is [`InFlight`]: dropped, it means "sent, and no answer came".
//! - Waits are durations, reported back as really slept. No machine computes a wait from the clock.
//!
//! Inside, a flow is an `async fn` over [`Io`]: what it awaits is a step. [`Runner`] runs it.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, time::Duration};

#[cfg(feature = "std")]
pub use browser_prompt::BrowserPrompt;
pub use failed::Failed;
pub use prompt::Prompt;
pub use question::{
    Ask, Asked, Credentials, EmptyPassword, ListenQuestion, Listening, NoAnswer, Password,
    PasswordQuestion, ProviderQuestion, Question, RedirectQuestion,
};

pub(crate) use deadline::Deadline;
pub(crate) use io::{Answered, Io};
use io::{Arrived, Open, Wait};
pub(crate) use runner::{Runner, Start, public_machine};

use crate::{
    error::{Error, StoreFailure},
    http::{NoResponse, Request, Response},
    note::Note,
    session::{StoreReply, StoreRequest},
    time::Timestamp,
};

#[cfg(feature = "std")]
mod browser_prompt;
mod deadline;
mod failed;
mod io;
mod prompt;
mod question;
mod runner;

/// A flow, or a composition of flows, that ends in an output or an error.
///
/// A driver that keeps no ticket between two calls (callbacks of a browser, a foreign function) looks at
/// [`wanted`](Self::wanted), does it, and completes the ticket of the next [`poll`](Self::poll), which is
/// for the same step.
pub trait Machine {
    /// What it is for.
    type Output;

    /// How it fails. [`Error`]; or [`Failed`] where a refresh token may come with the failure.
    type Error: From<Error>;

    /// What the machine wants next.
    ///
    /// # Errors
    /// The one that ended the machine, once; then [`Error::Finished`].
    fn poll(&mut self, now: Timestamp) -> Result<Step<'_, Self::Output>, Self::Error>;

    /// Shows what the machine wants next, as often as it is called, and takes nothing: the outcome is
    /// handed over by [`poll`](Self::poll).
    fn wanted(&mut self, now: Timestamp) -> Wanted<'_>;

    /// What was tolerated in the answers so far, for a log. Each is handed over once.
    fn take_notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

/// What a machine wants next.
///
/// ```
/// use aiod_auth_core::{Issuer, Machine, RetryPolicy, Step, Timestamp, flow::Discovery};
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let mut machine = Discovery::new(Issuer::new("https://as.example")?, RetryPolicy::default());
/// match machine.poll(now)? {
///     Step::Send(exchange) => println!("{:?}", exchange.request()),
///     Step::Wait(pause) => println!("{:?}", pause.delay()),
///     Step::Done(server) => println!("{server:?}"),
///     Step::Store(_) | Step::Show(_) | Step::Ask(_) => unreachable!("discovery wants none of these"),
/// }
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[must_use]
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver that does not know a step can't drive")]
pub enum Step<'m, T> {
    /// Perform one HTTP request: [`Exchange::begin`], send, then [`InFlight::complete`].
    Send(Exchange<'m>),
    /// Perform one store operation, then call [`StoreAccess::complete`]. Only sessions ask.
    Store(StoreAccess<'m>),
    /// Show the user a code or an address, then call [`Show::complete`]. Only logins ask.
    Show(Show<'m>),
    /// Ask the user a question, then call [`Asked::answer`] or give it up. Only logins ask.
    Ask(Ask<'m>),
    /// Sleep, then call [`Pause::complete`] with the time really slept.
    Wait(Pause<'m>),
    /// Finished. The outcome is handed over once.
    Done(T),
}

/// What a machine wants next, to look at.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver that does not know a step can't drive")]
pub enum Wanted<'m> {
    /// This request is to be sent.
    Send(&'m Request),
    /// This store operation is to be performed.
    Store(&'m StoreRequest),
    /// This is to be shown.
    Show(&'m Prompt),
    /// This is to be asked.
    Ask(Question<'m>),
    /// So long is to be slept, for this reason.
    Wait(Duration, Reason),
    /// Nothing: the machine has finished.
    Nothing,
}

/// A ticket for one request.
///
/// ```
/// use aiod_auth_core::{Issuer, Machine, RetryPolicy, Step, Timestamp, flow::Discovery};
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let mut machine = Discovery::new(Issuer::new("https://as.example")?, RetryPolicy::default());
/// // One that is dropped before it is begun has not happened: the same request is wanted again.
/// for _ in 0..2 {
///     let Step::Send(exchange) = machine.poll(now)? else { panic!() };
///     assert_eq!(exchange.request().url().path(), "/.well-known/openid-configuration");
/// }
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[must_use]
pub struct Exchange<'m>(&'m mut Open<Box<Request>, Arrived>);

impl<'m> Exchange<'m> {
    /// What to send.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.0.wanted
    }

    /// The request goes out now.
    pub fn begin(self) -> InFlight<'m> {
        InFlight { step: self.0, completed: false }
    }
}

/// The request may be on its way. Dropped, it counts as [`NoResponse::Unknown`]: a cancelled future
/// never sends a code twice.
///
/// ```
/// use aiod_auth_core::{Issuer, Machine, Response, RetryPolicy, Step, Timestamp, flow::Discovery};
/// use core::time::Duration;
///
/// # let now = Timestamp::UNIX_EPOCH;
/// let mut machine = Discovery::new(Issuer::new("https://as.example")?, RetryPolicy::default());
/// let Step::Send(exchange) = machine.poll(now)? else { panic!() };
/// let in_flight = exchange.begin(); // from here on, to drop it means: sent, and no answer
/// let body = br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token"}"#;
/// in_flight.complete(now, Duration::from_millis(20), Ok(Response::new(200, [], body)));
/// assert!(matches!(machine.poll(now)?, Step::Done(_)));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[must_use]
pub struct InFlight<'m> {
    step: &'m mut Open<Box<Request>, Arrived>,
    completed: bool,
}

impl InFlight<'_> {
    /// What to send.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.step.wanted
    }

    /// What came back, when (wall clock), and how long it took (monotonic clock).
    pub fn complete(
        mut self,
        now: Timestamp,
        took: Duration,
        outcome: Result<Response, NoResponse>,
    ) {
        self.completed = true;
        let sent_at = now.saturating_sub(took);
        self.step.complete(took, Arrived { sent_at, outcome });
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.completed {
            let outcome = Err(NoResponse::Unknown("the request was abandoned"));
            let sent_at = Timestamp::UNIX_EPOCH;
            self.step.complete(Duration::ZERO, Arrived { sent_at, outcome });
        }
    }
}

/// A ticket for one store operation.
#[must_use]
pub struct StoreAccess<'m>(&'m mut Open<StoreRequest, Result<StoreReply, StoreFailure>>);

impl StoreAccess<'_> {
    /// What to do.
    #[must_use]
    pub const fn request(&self) -> &StoreRequest {
        &self.0.wanted
    }

    /// What came of it, and how long it took.
    pub fn complete(self, took: Duration, outcome: Result<StoreReply, StoreFailure>) {
        self.0.complete(took, outcome);
    }
}

/// A ticket for what the user has to be shown.
#[must_use]
pub struct Show<'m>(&'m mut Open<Prompt, ()>);

impl Show<'_> {
    /// What to show. It is cheap to clone.
    #[must_use]
    pub const fn prompt(&self) -> &Prompt {
        &self.0.wanted
    }

    /// It is shown, which took so long.
    pub fn complete(self, took: Duration) {
        self.0.complete(took, ());
    }
}

/// A ticket for a sleep.
#[must_use]
pub struct Pause<'m>(&'m mut Open<Wait, ()>);

impl Pause<'_> {
    /// How long to sleep.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.0.wanted.delay
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.0.wanted.reason
    }

    /// How long the sleep really was, by a monotonic clock. Less is fine: the rest is asked for.
    pub fn complete(self, slept: Duration) {
        self.0.complete(slept, ());
    }
}

/// What a machine is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The user, who has to approve the login.
    Approval,
    /// The network or the server, after a transient failure.
    Retry,
    /// Another process or thread, which holds the store's lock.
    Lock,
    /// The network or the server, after a transient failure, with a new refresh token at stake that is
    /// nowhere else yet: to give up now loses it.
    Tokens,
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
redacted_debug!(Exchange, InFlight, StoreAccess, Show, Pause);
