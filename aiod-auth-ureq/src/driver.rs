//! The blocking loop: performs what a machine asks for, and has no opinion of its own.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_core::{Error, Exchange, Machine, Prompt, Reply, Step, Timestamp};
use aiod_auth_store::{Store, perform};

#[cfg(feature = "ureq")]
use crate::UreqTransport;
use crate::transport::Transport;

/// Drives any machine of `aiod-auth-core` on the calling thread, with ureq or another [`Transport`].
///
/// ```no_run
/// use aiod_auth_core::{Issuer, RetryPolicy, flow::Discovery};
/// use aiod_auth_ureq::Driver;
///
/// let issuer = Issuer::new("https://auth.example.org/realms/lab")?;
/// let server = Driver::new().run(&mut Discovery::new(issuer, RetryPolicy::default()))?;
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Driver {
    transport: Arc<dyn Transport>,
    timeout: Duration,
    store: Option<Arc<dyn Store>>,
}

#[cfg(feature = "ureq")]
impl Default for Driver {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver {
    /// On ureq, without a store. A request may take 30 s in all, 10 s of it to connect.
    #[cfg(feature = "ureq")]
    #[must_use]
    pub fn new() -> Self {
        Self::with_transport(UreqTransport::new())
    }

    /// On this HTTP stack, without a store. A request may take 30 s in all.
    #[must_use]
    pub fn with_transport(transport: impl Transport + 'static) -> Self {
        Self { transport: Arc::new(transport), timeout: REQUEST_TIMEOUT, store: None }
    }

    /// Gives machines that ask for it a store.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// How long a request and its answer may take together; ureq takes up to a second more.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs a machine that needs no person to its end.
    ///
    /// # Errors
    /// The machine's. One that needs a person is [`Error::Cancelled`].
    pub fn run<M: Machine>(&self, machine: &mut M) -> Result<M::Output, Error> {
        self.run_with(machine, &mut |_| Reply::Cancelled)
    }

    /// Runs a machine to its end; `person` shows what there is to show.
    ///
    /// # Errors
    /// The machine's.
    pub fn run_with<M: Machine>(
        &self,
        machine: &mut M,
        person: &mut dyn FnMut(&Prompt) -> Reply,
    ) -> Result<M::Output, Error> {
        let mut lock = None;
        loop {
            match machine.poll(now())? {
                Step::Send(exchange) => self.exchange(exchange),
                Step::Store(access) => {
                    let started = Instant::now();
                    let outcome = perform(self.store.as_deref(), access.request(), &mut lock);
                    access.complete(started.elapsed(), outcome);
                }
                Step::Ask(ask) => {
                    let started = Instant::now();
                    let reply = person(ask.prompt());
                    ask.complete(started.elapsed(), reply);
                }
                Step::Wait(pause) => {
                    let started = Instant::now();
                    thread::sleep(pause.delay());
                    pause.complete(started.elapsed());
                }
                Step::Done(output) => return Ok(output),
            }
        }
    }

    fn exchange(&self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let started = Instant::now();
        let received = self.transport.send(&in_flight.request().within(self.timeout));
        let took = started.elapsed();
        match received {
            Ok(response) => {
                log::debug!("{:?} -> {}", in_flight.request(), response.status());
                for note in in_flight.complete(now(), took, Ok(response)) {
                    log::debug!("in that answer {note}");
                }
            }
            Err(no_response) => {
                log::debug!("{:?} -> {no_response:?}", in_flight.request());
                in_flight.complete(now(), took, Err(no_response));
            }
        }
    }
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}
