//! A flow under way: what every public machine is made of.

use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::{Ask, Exchange, Io, Pause, Show, Step, StoreAccess, Wanted, io::OpenStep};
use crate::{error::Error, note::Note, time::Timestamp};

/// A flow: what it needs to know before it begins, and how it runs.
pub(crate) trait Start: Send + Sync + 'static {
    type Output: Send + Sync + 'static;
    type Error: From<Error> + Send + Sync + 'static;

    fn run(self, io: Io) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send + Sync;
}

/// Runs a flow, and keeps the step that is open. Tickets borrow that step, not the flow, so no type
/// parameter and no `dyn` stands behind them.
pub(crate) struct Runner<S: Start>(State<S>);

enum State<S: Start> {
    Ready(S),
    Running(Running<S::Output, S::Error>),
    Ended {
        /// As long as it was only looked at. Boxed: all the time before, it would take up room.
        outcome: Option<Box<Result<S::Output, S::Error>>>,
        notes: Vec<Note>,
    },
}

struct Running<T, E> {
    flow: Pin<Box<dyn Future<Output = Result<T, E>> + Send + Sync>>,
    io: Io,
    open: Option<OpenStep>,
}

impl<S: Start> Runner<S> {
    pub(crate) const fn new(start: S) -> Self {
        Self(State::Ready(start))
    }

    /// Says more, before the flow begins.
    pub(crate) fn configure(mut self, configure: impl FnOnce(&mut S)) -> Self {
        if let State::Ready(start) = &mut self.0 {
            configure(start);
        }
        self
    }

    pub(crate) fn poll(&mut self, now: Timestamp) -> Result<Step<'_, S::Output>, S::Error> {
        if let Some(outcome) = self.advance(now) {
            return outcome.map(Step::Done);
        }
        match self.open() {
            Some(OpenStep::Send(open)) => Ok(Step::Send(Exchange(open))),
            Some(OpenStep::Store(open)) => Ok(Step::Store(StoreAccess(open))),
            Some(OpenStep::Show(open)) => Ok(Step::Show(Show(open))),
            Some(OpenStep::Ask(open)) => Ok(Step::Ask(Ask::new(open))),
            Some(OpenStep::Wait(open)) => Ok(Step::Wait(Pause(open))),
            None => Err(Error::Finished.into()),
        }
    }

    pub(crate) fn wanted(&mut self, now: Timestamp) -> Wanted<'_> {
        if let Some(end) = self.advance(now)
            && let State::Ended { outcome, .. } = &mut self.0
        {
            *outcome = Some(Box::new(end));
        }
        match self.open() {
            Some(OpenStep::Send(open)) => Wanted::Send(&open.wanted),
            Some(OpenStep::Store(open)) => Wanted::Store(&open.wanted),
            Some(OpenStep::Show(open)) => Wanted::Show(&open.wanted),
            Some(OpenStep::Ask(open)) => Wanted::Ask(open.question()),
            Some(OpenStep::Wait(open)) => Wanted::Wait(open.wanted.delay, open.wanted.reason),
            None => Wanted::Nothing,
        }
    }

    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        match &mut self.0 {
            State::Ready(_) => Vec::new(),
            State::Running(running) => running.io.take_notes(),
            State::Ended { notes, .. } => mem::take(notes),
        }
    }

    /// Runs the flow up to its next step, unless one is open, or to its outcome.
    fn advance(&mut self, now: Timestamp) -> Option<Result<S::Output, S::Error>> {
        let ended = State::Ended { outcome: None, notes: Vec::new() };
        let mut running = match mem::replace(&mut self.0, ended) {
            State::Ready(start) => {
                let io = Io::new(now);
                Running { flow: Box::pin(start.run(io.clone())), io, open: None }
            }
            State::Running(running) => running,
            State::Ended { outcome, notes } => {
                self.0 = State::Ended { outcome: None, notes };
                return outcome.map(|outcome| *outcome);
            }
        };
        let outcome = running.advance(now);
        self.0 = match outcome {
            None => State::Running(running),
            Some(_) => State::Ended { outcome: None, notes: running.io.take_notes() },
        };
        outcome
    }

    const fn open(&mut self) -> Option<&mut OpenStep> {
        match &mut self.0 {
            State::Running(running) => running.open.as_mut(),
            State::Ready(_) | State::Ended { .. } => None,
        }
    }
}

impl<T, E: From<Error>> Running<T, E> {
    fn advance(&mut self, now: Timestamp) -> Option<Result<T, E>> {
        self.open = self.io.give(self.open.take(), now);
        if self.open.is_some() {
            return None;
        }
        match self.flow.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => {
                self.open = self.io.take_wanted();
                self.open.is_none().then(|| Err(Error::Internal("machine").into()))
            }
        }
    }
}

impl<S: Start> fmt::Debug for Runner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

/// A public machine is a struct around one [`Runner`].
macro_rules! public_machine {
    ($machine:ty => $output:ty, $error:ty) => {
        impl $crate::machine::Machine for $machine {
            type Output = $output;
            type Error = $error;

            fn poll(
                &mut self,
                now: $crate::time::Timestamp,
            ) -> Result<$crate::machine::Step<'_, $output>, $error> {
                self.0.poll(now)
            }

            fn wanted(&mut self, now: $crate::time::Timestamp) -> $crate::machine::Wanted<'_> {
                self.0.wanted(now)
            }

            fn take_notes(&mut self) -> alloc::vec::Vec<$crate::note::Note> {
                self.0.take_notes()
            }
        }
    };
}
pub(crate) use public_machine;
