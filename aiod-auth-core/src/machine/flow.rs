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

/// What a flow needs to know before it begins, and the flow itself.
pub(crate) trait Start: Send + Sync + 'static {
    type Output: Send + Sync + 'static;
    type Error: From<Error> + Send + Sync + 'static;

    fn run(self, io: Io) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send + Sync;
}

/// Runs a flow, and keeps the step that is open. Tickets borrow that step, not the flow, so no type
/// parameter and no `dyn` stands behind them.
pub(crate) struct Flow<S: Start> {
    state: State<S>,
    io: Option<Io>,
    open: Option<OpenStep>,
}

enum State<S: Start> {
    Ready(S),
    Running(Running<S::Output, S::Error>),
    /// It was looked at, and not handed over yet. Boxed: all the time before, it would take up room.
    Done(Box<Result<S::Output, S::Error>>),
    Finished,
}

type Running<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + Sync>>;

impl<S: Start> Flow<S> {
    pub(crate) const fn new(start: S) -> Self {
        Self { state: State::Ready(start), io: None, open: None }
    }

    /// Says more, before the flow begins.
    pub(crate) fn configure(mut self, configure: impl FnOnce(&mut S)) -> Self {
        if let State::Ready(start) = &mut self.state {
            configure(start);
        }
        self
    }

    pub(crate) fn poll(&mut self, now: Timestamp) -> Result<Step<'_, S::Output>, S::Error> {
        if let Some(outcome) = self.advance(now) {
            return outcome.map(Step::Done);
        }
        match &mut self.open {
            Some(OpenStep::Send(open)) => Ok(Step::Send(Exchange(open))),
            Some(OpenStep::Store(open)) => Ok(Step::Store(StoreAccess(open))),
            Some(OpenStep::Show(open)) => Ok(Step::Show(Show(open))),
            Some(OpenStep::Ask(open)) => Ok(Step::Ask(Ask::new(open))),
            Some(OpenStep::Wait(open)) => Ok(Step::Wait(Pause(open))),
            None => Err(Error::Finished.into()),
        }
    }

    pub(crate) fn wanted(&mut self, now: Timestamp) -> Wanted<'_> {
        if let Some(outcome) = self.advance(now) {
            self.state = State::Done(Box::new(outcome));
        }
        match &self.open {
            Some(OpenStep::Send(open)) => Wanted::Send(&open.wanted),
            Some(OpenStep::Store(open)) => Wanted::Store(&open.wanted),
            Some(OpenStep::Show(open)) => Wanted::Show(&open.wanted),
            Some(OpenStep::Ask(open)) => Wanted::Ask(open.question()),
            Some(OpenStep::Wait(open)) => Wanted::Wait(open.wanted.delay, open.wanted.reason),
            None => Wanted::Nothing,
        }
    }

    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        self.io.as_ref().map(Io::take_notes).unwrap_or_default()
    }

    /// Runs the flow up to its next step, unless one is open, or to its outcome.
    fn advance(&mut self, now: Timestamp) -> Option<Result<S::Output, S::Error>> {
        let io = self.io.get_or_insert_with(|| Io::new(now));
        self.open = io.give(self.open.take(), now);
        if self.open.is_some() {
            return None;
        }
        let mut running = match mem::replace(&mut self.state, State::Finished) {
            State::Ready(start) => Box::pin(start.run(io.clone())),
            State::Running(running) => running,
            State::Done(outcome) => return Some(*outcome),
            State::Finished => return None,
        };
        match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => {
                self.open = io.take_wanted();
                if self.open.is_none() {
                    return Some(Err(Error::Internal("machine").into()));
                }
                self.state = State::Running(running);
                None
            }
        }
    }
}

impl<S: Start> fmt::Debug for Flow<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").finish_non_exhaustive()
    }
}

/// A public machine is a struct around one [`Flow`].
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
