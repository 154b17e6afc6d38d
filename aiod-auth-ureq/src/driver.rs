//! The blocking loop: performs what a machine asks for, and has no opinion of its own.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Ask, Error, Exchange, Machine, MetadataCache, NoAnswer, Pause, Prompt, Reason, Step, Timestamp,
    cache::{Cancel, UserQuestion},
};
use aiod_auth_store::{Store, perform};

#[cfg(feature = "ureq")]
use crate::UreqTransport;
use crate::{asking::Asking, transport::Transport, wait::wait_for};

/// Drives any machine of `aiod-auth-core` on the calling thread, with ureq or another [`Transport`].
///
/// All clients with clones of one driver share what is known of servers.
///
/// The example at [`Transport`] runs [`Discovery`](aiod_auth_core::flow::Discovery) with one.
#[derive(Clone, Debug)]
pub struct Driver {
    transport: Arc<dyn Transport>,
    request_timeout: Option<Duration>,
    store: Option<Arc<dyn Store>>,
    metadata: MetadataCache,
    cancel: Cancel,
}

#[cfg(feature = "ureq")]
impl Default for Driver {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver {
    /// On ureq, without a store.
    #[cfg(feature = "ureq")]
    #[must_use]
    pub fn new() -> Self {
        Self::with_transport(UreqTransport::new())
    }

    /// On this HTTP stack, without a store.
    #[must_use]
    pub fn with_transport(transport: impl Transport + 'static) -> Self {
        Self {
            transport: Arc::new(transport),
            request_timeout: None,
            store: None,
            metadata: MetadataCache::default(),
            cancel: Cancel::new(),
        }
    }

    /// Gives machines that ask for it a store.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// How long a request and its answer may take together, at most. The default is each machine's own
    /// limit: [`RetryPolicy::request_timeout`](aiod_auth_core::RetryPolicy::request_timeout).
    #[must_use]
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = Some(timeout);
        self
    }

    /// Machines that wait for the user or for a server are given up then, with [`Error::Cancelled`]:
    /// between two requests, and not while tokens are at stake.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// What is known of servers.
    #[must_use]
    pub const fn metadata(&self) -> &MetadataCache {
        &self.metadata
    }

    /// Runs a machine that needs no user to its end.
    ///
    /// # Errors
    /// The machine's. One that asks the user gets no answer.
    pub fn run<M: Machine>(&self, machine: &mut M) -> Result<M::Output, M::Error> {
        self.run_with(machine, &mut |_| {}, &mut unasked)
    }

    /// Runs a machine to its end: `show` shows the user what there is to show, `ask` answers what there
    /// is to ask, or sends the question to what does.
    ///
    /// # Errors
    /// The machine's.
    pub fn run_with<M: Machine>(
        &self,
        machine: &mut M,
        show: &mut dyn FnMut(&Prompt),
        ask: &mut dyn FnMut(UserQuestion),
    ) -> Result<M::Output, M::Error> {
        let outcome = self.drive(machine, show, ask);
        log_notes(machine);
        outcome
    }

    fn drive<M: Machine>(
        &self,
        machine: &mut M,
        show: &mut dyn FnMut(&Prompt),
        ask: &mut dyn FnMut(UserQuestion),
    ) -> Result<M::Output, M::Error> {
        let (mut lock, mut asking) = (None, Asking::default());
        loop {
            log_notes(machine);
            let began = self.monotonic();
            let took = || self.monotonic().saturating_sub(began);
            match machine.poll(self.now())? {
                Step::Send(exchange) => self.exchange(exchange),
                Step::Store(access) => {
                    let outcome = perform(self.store.as_deref(), access.request(), &mut lock);
                    access.complete(took(), outcome);
                }
                Step::Show(ticket) => {
                    show(ticket.prompt());
                    ticket.complete(took());
                }
                Step::Ask(ticket @ (Ask::Listen(_) | Ask::Redirect(_))) => {
                    asking.answer(self, ticket, show, &self.cancel);
                }
                Step::Ask(ticket) => {
                    let (question, pending) = UserQuestion::of(ticket);
                    ask(question);
                    wait_for(self.cancel.unless_cancelled(pending.get(took)))?;
                }
                Step::Wait(pause) => {
                    self.sleep(&pause)?;
                    pause.complete(took());
                }
                Step::Done(output) => return Ok(output),
            }
        }
    }

    fn exchange(&self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let began = self.monotonic();
        let outcome = match self.request_timeout {
            Some(limit) => self.transport.send(&in_flight.request().within(limit)),
            None => self.transport.send(in_flight.request()),
        };
        let took = self.monotonic().saturating_sub(began);
        match &outcome {
            Ok(response) => log::debug!("{:?} -> {}", in_flight.request(), response.status()),
            Err(no_response) => log::debug!("{:?} -> {no_response:?}", in_flight.request()),
        }
        in_flight.complete(self.now(), took, outcome);
    }

    fn sleep(&self, pause: &Pause<'_>) -> Result<(), Error> {
        if matches!(pause.reason(), Reason::Lock | Reason::Tokens) {
            // Tokens are here, and wait to be saved or completed.
            self.transport.sleep(pause.delay(), &Cancel::new());
            return Ok(());
        }
        self.transport.sleep(pause.delay(), &self.cancel);
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.transport.now()
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.transport.monotonic()
    }
}

/// For a program that has no way to ask.
pub(crate) fn unasked(question: UserQuestion) {
    question.give_up(NoAnswer::Impossible(NO_USER));
}

const NO_USER: &str = "this login asks the user, and the program has no way to";

fn log_notes(machine: &mut impl Machine) {
    for note in machine.take_notes() {
        log::debug!("in an answer {note}");
    }
}
