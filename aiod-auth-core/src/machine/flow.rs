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
    Done(Result<S::Output, S::Error>),
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
        self.advance(now);
        match (&mut self.open, &mut self.state) {
            (Some(OpenStep::Send(open)), _) => Ok(Step::Send(Exchange(open))),
            (Some(OpenStep::Store(open)), _) => Ok(Step::Store(StoreAccess(open))),
            (Some(OpenStep::Show(open)), _) => Ok(Step::Show(Show(open))),
            (Some(OpenStep::Ask(open)), _) => Ok(Step::Ask(Ask::new(open))),
            (Some(OpenStep::Wait(open)), _) => Ok(Step::Wait(Pause(open))),
            (None, state) => match mem::replace(state, State::Finished) {
                State::Done(outcome) => outcome.map(Step::Done),
                State::Ready(_) | State::Running(_) | State::Finished => {
                    Err(Error::Finished.into())
                }
            },
        }
    }

    pub(crate) fn wanted(&mut self, now: Timestamp) -> Wanted<'_> {
        self.advance(now);
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

    /// Runs the flow up to its next step, unless one is open.
    fn advance(&mut self, now: Timestamp) {
        let io = self.io.get_or_insert_with(|| Io::new(now));
        if let State::Ready(_) = self.state
            && let State::Ready(start) = mem::replace(&mut self.state, State::Finished)
        {
            self.state = State::Running(Box::pin(start.run(io.clone())));
        }
        let State::Running(running) = &mut self.state else { return };
        self.open = io.give(self.open.take(), now);
        if self.open.is_some() {
            return;
        }
        let outcome = match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                self.open = io.take_wanted();
                if self.open.is_some() {
                    return;
                }
                Err(Error::Internal("machine").into())
            }
        };
        self.state = State::Done(outcome);
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
