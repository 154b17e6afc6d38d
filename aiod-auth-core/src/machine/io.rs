//! All that a flow sees of the outside, and the step that is open.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    future::{Future, poll_fn},
    mem,
    task::Poll,
    time::Duration,
};

use atomic_refcell::AtomicRefCell;

use super::{
    Credentials, ListenQuestion, Listening, NoAnswer, PasswordQuestion, Prompt, ProviderQuestion,
    Question, Reason, RedirectQuestion,
};
use crate::{
    error::StoreFailure,
    flow::Redirect,
    http::{NoResponse, Request, Response},
    note::Note,
    profile::RecordKey,
    session::{StoreOperation, StoreReply, StoreRequest},
    time::Timestamp,
};

/// Where a flow asks for what it can't do itself. Each of its futures is one step of the driver's.
#[derive(Clone)]
pub(crate) struct Io(Arc<AtomicRefCell<Meeting>>);

/// Where a flow and its driver meet. Never contended: a flow runs only inside `Machine::poll`, which
/// borrows the machine, as each ticket does.
struct Meeting {
    /// The step that is wanted, on its way to the driver; then what came of it, on its way back.
    step: Option<OpenStep>,
    now: Timestamp,
    /// Slept or waited for, as reported: monotonic, whatever the wall clock does.
    elapsed: Duration,
    notes: Vec<Note>,
}

/// One step, from when it is wanted until what came of it is fetched.
pub(super) enum OpenStep {
    Send(Open<Box<Request>, Arrived>),
    Store(Open<StoreRequest, Result<StoreReply, StoreFailure>>),
    Show(Open<Prompt, ()>),
    /// Rare, and large.
    Ask(Box<OpenAsk>),
    Wait(Open<Wait, ()>),
}

/// A question: what it asks decides what it is answered with.
pub(super) enum OpenAsk {
    Listen(Open<ListenQuestion, Result<Listening, NoAnswer>>),
    Redirect(Open<RedirectQuestion, Result<Redirect, NoAnswer>>),
    Password(Open<PasswordQuestion, Result<Credentials, NoAnswer>>),
    Provider(Open<ProviderQuestion, Result<usize, NoAnswer>>),
}

/// What is wanted, and what came of it.
pub(super) struct Open<W, R> {
    pub(super) wanted: W,
    came: Option<R>,
    took: Duration,
}

/// What came of a request, and when it was sent by the wall clock.
pub(super) struct Arrived {
    pub(super) sent_at: Timestamp,
    pub(super) outcome: Result<Response, NoResponse>,
}

/// How a request was answered.
pub(crate) struct Answered {
    /// By the wall clock.
    pub(crate) sent_at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) outcome: Result<Response, NoResponse>,
}

pub(super) struct Wait {
    pub(super) delay: Duration,
    pub(super) reason: Reason,
}

impl<W, R> Open<W, R> {
    const fn new(wanted: W) -> Self {
        Self { wanted, came: None, took: Duration::ZERO }
    }

    pub(super) fn complete(&mut self, took: Duration, came: R) {
        (self.took, self.came) = (took, Some(came));
    }

    fn is_complete(&self) -> Option<Duration> {
        self.came.as_ref().map(|_| self.took)
    }
}

impl OpenAsk {
    pub(super) const fn question(&self) -> Question<'_> {
        match self {
            Self::Listen(open) => Question::Listen(&open.wanted),
            Self::Redirect(open) => Question::Redirect(&open.wanted),
            Self::Password(open) => Question::Password(&open.wanted),
            Self::Provider(open) => Question::Provider(&open.wanted),
        }
    }

    fn is_complete(&self) -> Option<Duration> {
        match self {
            Self::Listen(open) => open.is_complete(),
            Self::Redirect(open) => open.is_complete(),
            Self::Password(open) => open.is_complete(),
            Self::Provider(open) => open.is_complete(),
        }
    }
}

impl OpenStep {
    /// How long it took, once it is complete.
    fn is_complete(&self) -> Option<Duration> {
        match self {
            Self::Send(open) => open.is_complete(),
            Self::Store(open) => open.is_complete(),
            Self::Show(open) => open.is_complete(),
            Self::Ask(open) => open.is_complete(),
            Self::Wait(open) => open.is_complete(),
        }
    }
}

impl Io {
    pub(super) fn new(now: Timestamp) -> Self {
        let meeting = Meeting { step: None, now, elapsed: Duration::ZERO, notes: Vec::new() };
        Self(Arc::new(AtomicRefCell::new(meeting)))
    }

    // None of these is an `async fn`: the compiler keeps an argument of such a one twice for as long as it
    // waits, and what waits for a user or a server is nearly always one of these.

    /// Sends a request, once. It comes back, so that it can be sent again without being built again.
    pub(crate) fn send(
        &self,
        request: Box<Request>,
    ) -> impl Future<Output = (Box<Request>, Answered)> {
        self.step(OpenStep::Send(Open::new(request)), |step| {
            let OpenStep::Send(Open { wanted, came, took }) = step else { return None };
            let Arrived { sent_at, outcome } = came?;
            Some((wanted, Answered { sent_at, took, outcome }))
        })
    }

    pub(crate) fn store(
        &self,
        key: &Arc<RecordKey>,
        operation: StoreOperation,
    ) -> impl Future<Output = Result<StoreReply, StoreFailure>> {
        let request = StoreRequest::new(Arc::clone(key), operation);
        self.step(OpenStep::Store(Open::new(request)), |step| {
            let OpenStep::Store(Open { came, .. }) = step else { return None };
            came
        })
    }

    pub(crate) fn show(&self, prompt: Prompt) -> impl Future<Output = ()> {
        self.step(OpenStep::Show(Open::new(prompt)), |_| Some(()))
    }

    pub(crate) fn listen(
        &self,
        question: ListenQuestion,
    ) -> impl Future<Output = Result<Listening, NoAnswer>> {
        self.ask(OpenAsk::Listen(Open::new(question)), |ask| {
            let OpenAsk::Listen(Open { came, .. }) = ask else { return None };
            came
        })
    }

    pub(crate) fn redirect(
        &self,
        question: RedirectQuestion,
    ) -> impl Future<Output = Result<Redirect, NoAnswer>> {
        self.ask(OpenAsk::Redirect(Open::new(question)), |ask| {
            let OpenAsk::Redirect(Open { came, .. }) = ask else { return None };
            came
        })
    }

    pub(crate) fn password(
        &self,
        question: PasswordQuestion,
    ) -> impl Future<Output = Result<Credentials, NoAnswer>> {
        self.ask(OpenAsk::Password(Open::new(question)), |ask| {
            let OpenAsk::Password(Open { came, .. }) = ask else { return None };
            came
        })
    }

    pub(crate) fn provider(
        &self,
        question: ProviderQuestion,
    ) -> impl Future<Output = Result<usize, NoAnswer>> {
        self.ask(OpenAsk::Provider(Open::new(question)), |ask| {
            let OpenAsk::Provider(Open { came, .. }) = ask else { return None };
            came
        })
    }

    /// Waits for the whole of `delay`, however often the driver wakes up.
    pub(crate) fn wait(&self, delay: Duration, reason: Reason) -> impl Future<Output = ()> {
        let until = self.elapsed().saturating_add(delay);
        async move {
            while self.elapsed() < until {
                self.sleep(until.saturating_sub(self.elapsed()), reason).await;
            }
        }
    }

    fn sleep(&self, delay: Duration, reason: Reason) -> impl Future<Output = ()> {
        self.step(OpenStep::Wait(Open::new(Wait { delay, reason })), |_| Some(()))
    }

    /// The wall clock, as of the last poll.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    /// What has been slept or waited for since the flow began: monotonic.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.borrow().elapsed
    }

    pub(crate) fn note(&self, notes: impl IntoIterator<Item = Note>) {
        self.0.borrow_mut().notes.extend(notes);
    }

    /// Asks for a step and takes what came of it. (Another step than the one that was asked for can't come:
    /// it would leave the flow waiting for nothing, which ends the machine as `Error::Internal`.)
    fn step<T>(
        &self,
        wanted: OpenStep,
        take: impl Fn(OpenStep) -> Option<T>,
    ) -> impl Future<Output = T> {
        self.0.borrow_mut().step = Some(wanted);
        poll_fn(move |_| {
            let came = self.0.borrow_mut().step.take_if(|step| step.is_complete().is_some());
            came.and_then(&take).map_or(Poll::Pending, Poll::Ready)
        })
    }

    fn ask<T>(
        &self,
        wanted: OpenAsk,
        take: impl Fn(OpenAsk) -> Option<T>,
    ) -> impl Future<Output = T> {
        self.step(OpenStep::Ask(Box::new(wanted)), move |step| {
            let OpenStep::Ask(ask) = step else { return None };
            take(*ask)
        })
    }

    // The driver's side.

    /// Gives back a step that is complete; one that isn't is returned.
    pub(super) fn give(&self, step: Option<OpenStep>, now: Timestamp) -> Option<OpenStep> {
        let step = step?;
        let Some(took) = step.is_complete() else { return Some(step) };
        let mut meeting = self.0.borrow_mut();
        meeting.step = Some(step);
        meeting.now = now;
        meeting.elapsed = meeting.elapsed.saturating_add(took);
        None
    }

    pub(super) fn take_wanted(&self) -> Option<OpenStep> {
        self.0.borrow_mut().step.take()
    }

    pub(super) fn take_notes(&self) -> Vec<Note> {
        mem::take(&mut self.0.borrow_mut().notes)
    }
}
