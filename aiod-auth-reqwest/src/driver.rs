//! The async loop: performs what a machine asks for, and has no opinion of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_core::{
    Error, Exchange, Machine, Prompt, Reason, Reply, Step, StoreAccess, StoreFailure, Timestamp,
};
use aiod_auth_store::{Lock, Store};
use tokio::sync::oneshot;

#[cfg(feature = "reqwest")]
use crate::TokioRuntime;
use crate::{runtime::Runtime, store_call::StoreCall};

/// Drives any machine of `aiod-auth-core` in the calling task, on tokio and reqwest or another
/// [`Runtime`].
///
/// A future that is dropped drops the machine's ticket with it: a request that may be on its way
/// counts as sent, and a store's lock is given back. So a refresh token that the server has rotated
/// meanwhile is lost with the answer: no `select!` or `timeout` around a
/// [`Session`](aiod_auth_core::session::Session) that is run here. [`Client`](crate::Client) runs it in
/// a task of its own, so there it is fine.
///
/// ```no_run
/// # async fn discover() -> Result<(), Box<dyn std::error::Error>> {
/// use aiod_auth_core::{Issuer, RetryPolicy, flow::Discovery};
/// use aiod_auth_reqwest::Driver;
///
/// let issuer = Issuer::new("https://auth.example.org/realms/lab")?;
/// let server = Driver::new().run(&mut Discovery::new(issuer, RetryPolicy::default())).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Driver {
    runtime: Arc<dyn Runtime>,
    timeout: Duration,
    store: Option<Arc<dyn Store>>,
}

#[cfg(feature = "reqwest")]
impl Default for Driver {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver {
    /// On tokio and reqwest, without a store. A request may take 30 s in all, 10 s of it to connect.
    #[cfg(feature = "reqwest")]
    #[must_use]
    pub fn new() -> Self {
        Self::with_runtime(TokioRuntime::new())
    }

    /// On this runtime and its HTTP stack, without a store. A request may take 30 s in all.
    #[must_use]
    pub fn with_runtime(runtime: impl Runtime + 'static) -> Self {
        Self { runtime: Arc::new(runtime), timeout: REQUEST_TIMEOUT, store: None }
    }

    /// Gives machines that ask for it a store.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// How long a request and its answer may take together.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs a machine that needs no person to its end.
    ///
    /// # Errors
    /// The machine's. One that needs a person is [`Error::Cancelled`].
    pub async fn run<M: Machine + Send>(&self, machine: &mut M) -> Result<M::Output, Error> {
        self.run_with(machine, &mut |_| Reply::Cancelled).await
    }

    /// Runs a machine to its end; `person` shows what there is to show.
    ///
    /// # Errors
    /// The machine's.
    pub async fn run_with<M: Machine + Send>(
        &self,
        machine: &mut M,
        person: &mut (dyn FnMut(&Prompt) -> Reply + Send),
    ) -> Result<M::Output, Error> {
        self.run_for(machine, &mut Here { person, runtime: &*self.runtime }).await
    }

    pub(crate) async fn run_for<M: Machine + Send>(
        &self,
        machine: &mut M,
        caller: &mut impl Caller,
    ) -> Result<M::Output, Error> {
        let mut lock = None;
        loop {
            match machine.poll(now())? {
                Step::Send(exchange) => self.exchange(exchange).await,
                Step::Store(access) => self.access(access, &mut lock).await,
                Step::Ask(ask) => {
                    let started = Instant::now();
                    let reply = caller.ask(ask.prompt()).await;
                    ask.complete(started.elapsed(), reply);
                }
                Step::Wait(pause) => {
                    let started = Instant::now();
                    caller.sleep(pause.delay(), pause.reason()).await?;
                    pause.complete(started.elapsed());
                }
                Step::Done(output) => return Ok(output),
            }
        }
    }

    async fn exchange(&self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let started = Instant::now();
        let request = in_flight.request().within(self.timeout);
        let received = self.runtime.send(&request).await;
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

    /// Files and their locks block, so not in the task itself.
    async fn access(&self, access: StoreAccess<'_>, lock: &mut Option<Lock>) {
        let Some(store) = &self.store else {
            let reply = access.request().answered_without_store();
            return access.complete(Duration::ZERO, Ok(reply));
        };
        let started = Instant::now();
        let call = StoreCall::new(Arc::clone(store), access.request().clone(), lock.take());
        let (answer, answered) = oneshot::channel();
        let work = move || drop(answer.send(call.perform()));
        self.runtime.run_blocking(Box::new(work));
        let outcome = match answered.await {
            Ok((outcome, held)) => {
                *lock = held;
                outcome
            }
            Err(_) => {
                Err(StoreFailure::new("the token store panicked, or the runtime is shutting down"))
            }
        };
        access.complete(started.elapsed(), outcome);
    }
}

/// Who waits for a machine: whom it asks, and how long it may sleep for him.
pub(crate) trait Caller: Send {
    fn ask(&mut self, prompt: &Prompt) -> impl Future<Output = Reply> + Send;

    /// An error ends the machine where it stands.
    fn sleep(
        &mut self,
        delay: Duration,
        reason: Reason,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// In the same task: it is dropped with the machine.
struct Here<'a> {
    person: &'a mut (dyn FnMut(&Prompt) -> Reply + Send),
    runtime: &'a dyn Runtime,
}

impl Caller for Here<'_> {
    async fn ask(&mut self, prompt: &Prompt) -> Reply {
        (self.person)(prompt)
    }

    async fn sleep(&mut self, delay: Duration, _: Reason) -> Result<(), Error> {
        self.runtime.sleep(delay).await;
        Ok(())
    }
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}
