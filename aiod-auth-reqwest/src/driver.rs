//! The async loop: performs what a machine asks for, and has no opinion of its own.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Ask, Error, Exchange, Machine, MetadataCache, NoAnswer, Prompt, Reason, Step, StoreAccess,
    StoreFailure, Timestamp,
    cache::{Promise, UserQuestion},
    session::{StoreReply, StoreRequest},
};
use aiod_auth_store::{AsyncStore, Lock, Store, perform_async};

#[cfg(feature = "reqwest")]
use crate::TokioRuntime;
use crate::{asking::Asking, runtime::Runtime, store_call::StoreCall};

/// Drives any machine of `aiod-auth-core` in the calling task, on tokio and reqwest or another
/// [`Runtime`].
///
/// A future that is dropped drops the machine's ticket with it: a request that may be on its way
/// counts as sent, and a store's lock is given back. So a refresh token that the server has rotated
/// meanwhile is lost with the answer: no `select!` or `timeout` around a
/// [`Session`](aiod_auth_core::session::Session) that is run here. [`Client`](crate::Client) runs it in
/// a task of its own, so there it is fine.
///
/// All clients with clones of one driver share what is known of servers.
///
/// ```
/// # use std::time::Duration;
/// # use aiod_auth_reqwest::{BoxFuture, NoRuntime, Runtime, core::{NoResponse, Request, Response}};
/// # #[derive(Debug)]
/// # struct Canned;
/// # impl Runtime for Canned {
/// #     fn send<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>> {
/// #         let body = br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/t"}"#;
/// #         let answer = Response::new(200, [("Content-Type", "application/json")], body);
/// #         Box::pin(async move { Ok(answer) })
/// #     }
/// #     fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> { Box::pin(async {}) }
/// #     fn spawn(&self, _: BoxFuture<'static, ()>) -> Result<(), NoRuntime> { Err(NoRuntime) }
/// #     fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) { work() }
/// # }
/// use aiod_auth_reqwest::{
///     Driver,
///     core::{Issuer, RetryPolicy, flow::Discovery},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), aiod_auth_reqwest::Error> {
/// # let driver = Driver::with_runtime(Canned);
/// # /*
/// let driver = Driver::new();
/// # */
/// let issuer = Issuer::new("https://as.example")?;
/// let server = driver.run(&mut Discovery::new(issuer, RetryPolicy::default())).await?;
/// assert_eq!(server.issuer().as_str(), "https://as.example");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Driver {
    runtime: Arc<dyn Runtime>,
    request_timeout: Option<Duration>,
    store: Option<Kept>,
    metadata: MetadataCache,
}

/// Where tokens are kept.
#[derive(Clone, Debug)]
enum Kept {
    Blocking(Arc<dyn Store>),
    Waiting(Arc<dyn AsyncStore>),
}

#[cfg(feature = "reqwest")]
impl Default for Driver {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver {
    /// On tokio and reqwest, without a store.
    #[cfg(feature = "reqwest")]
    #[must_use]
    pub fn new() -> Self {
        Self::with_runtime(TokioRuntime::new())
    }

    /// On this runtime and its HTTP stack, without a store.
    #[must_use]
    pub fn with_runtime(runtime: impl Runtime + 'static) -> Self {
        Self {
            runtime: Arc::new(runtime),
            request_timeout: None,
            store: None,
            metadata: MetadataCache::default(),
        }
    }

    /// Gives machines that ask for it a store. Each operation runs where it may block
    /// ([`Runtime::run_blocking`]).
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(Kept::Blocking(store));
        self
    }

    /// Gives machines that ask for it a store that waits as they do, without a thread that may block. A runtime
    /// that shuts down while tokens are on their way there may lose them.
    #[must_use]
    pub fn with_async_store(mut self, store: Arc<dyn AsyncStore>) -> Self {
        self.store = Some(Kept::Waiting(store));
        self
    }

    /// How long a request and its answer may take together, at most. The default is each machine's own
    /// limit: [`RetryPolicy::request_timeout`](aiod_auth_core::RetryPolicy::request_timeout).
    #[must_use]
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = Some(timeout);
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
    pub async fn run<M: Machine<Error: Send> + Send>(
        &self,
        machine: &mut M,
    ) -> Result<M::Output, M::Error> {
        self.run_with(machine, &mut |_| {}).await
    }

    /// Runs a machine to its end; `show` shows the user what there is to show.
    ///
    /// # Errors
    /// The machine's. One that asks the user gets no answer.
    pub async fn run_with<M: Machine<Error: Send> + Send>(
        &self,
        machine: &mut M,
        show: &mut (dyn FnMut(&Prompt) + Send),
    ) -> Result<M::Output, M::Error> {
        self.run_for(machine, &mut Here { show, runtime: &*self.runtime }).await
    }

    pub(crate) async fn run_for<M: Machine<Error: Send> + Send>(
        &self,
        machine: &mut M,
        caller: &mut impl Caller,
    ) -> Result<M::Output, M::Error> {
        let outcome = self.drive(machine, caller).await;
        log_notes(machine);
        outcome
    }

    async fn drive<M: Machine<Error: Send> + Send>(
        &self,
        machine: &mut M,
        caller: &mut impl Caller,
    ) -> Result<M::Output, M::Error> {
        let (mut lock, mut asking) = (None, Asking::default());
        // What happens once or twice in a machine's life is boxed: most of it, a login waits.
        loop {
            log_notes(machine);
            let began = self.monotonic();
            let took = || self.monotonic().saturating_sub(began);
            match machine.poll(self.now())? {
                Step::Send(exchange) => self.exchange(exchange).await,
                Step::Store(access) => Box::pin(self.access(access, &mut lock)).await,
                Step::Show(ticket) => {
                    Box::pin(caller.show(ticket.prompt())).await;
                    ticket.complete(took());
                }
                Step::Ask(ticket @ (Ask::Listen(_) | Ask::Redirect(_))) => {
                    Box::pin(asking.answer(self, ticket, caller)).await;
                }
                Step::Ask(ticket) => {
                    let (question, pending) = UserQuestion::of(ticket);
                    Box::pin(caller.ask(question, pending.get(took))).await?;
                }
                Step::Wait(pause) => {
                    caller.sleep(pause.delay(), pause.reason()).await?;
                    pause.complete(took());
                }
                Step::Done(output) => return Ok(output),
            }
        }
    }

    async fn exchange(&self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let began = self.monotonic();
        let outcome = match self.request_timeout {
            Some(limit) => self.runtime.send(&in_flight.request().within(limit)).await,
            None => self.runtime.send(in_flight.request()).await,
        };
        let took = self.monotonic().saturating_sub(began);
        match &outcome {
            Ok(response) => log::debug!("{:?} -> {}", in_flight.request(), response.status()),
            Err(no_response) => log::debug!("{:?} -> {no_response:?}", in_flight.request()),
        }
        in_flight.complete(self.now(), took, outcome);
    }

    async fn access(&self, access: StoreAccess<'_>, lock: &mut Option<Lock>) {
        let began = self.monotonic();
        let request = access.request();
        let outcome = match &self.store {
            None => Ok(request.answered_without_store()),
            Some(Kept::Waiting(store)) => perform_async(&**store, request, lock).await,
            Some(Kept::Blocking(store)) => self.perform_blocking(store, request, lock).await,
        };
        access.complete(self.monotonic().saturating_sub(began), outcome);
    }

    /// Files and their locks block, so not in the task itself.
    async fn perform_blocking(
        &self,
        store: &Arc<dyn Store>,
        request: &StoreRequest,
        lock: &mut Option<Lock>,
    ) -> Result<StoreReply, StoreFailure> {
        let call = StoreCall::new(Arc::clone(store), request.clone(), lock.take());
        let (promise, answer) = Promise::new();
        self.runtime.run_blocking(Box::new(move || promise.keep(call.perform())));
        match answer.get().await {
            Some((outcome, held)) => {
                *lock = held;
                outcome
            }
            None => {
                Err(StoreFailure::new("the token store panicked, or the runtime is shutting down"))
            }
        }
    }

    pub(crate) const fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.runtime.monotonic()
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

/// What runs a machine: how it shows, asks and sleeps.
pub(crate) trait Caller: Send {
    fn show(&mut self, prompt: &Prompt) -> impl Future<Output = ()> + Send;

    /// Has a question answered, or given up. An error ends the machine where it stands.
    fn ask(
        &mut self,
        question: UserQuestion,
        answered: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// An error ends the machine where it stands.
    fn sleep(
        &mut self,
        delay: Duration,
        reason: Reason,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// In the same task: it is dropped with the machine.
struct Here<'a> {
    show: &'a mut (dyn FnMut(&Prompt) + Send),
    runtime: &'a dyn Runtime,
}

impl Caller for Here<'_> {
    async fn show(&mut self, prompt: &Prompt) {
        (self.show)(prompt);
    }

    async fn ask(
        &mut self,
        question: UserQuestion,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        unasked(question);
        answered.await;
        Ok(())
    }

    async fn sleep(&mut self, delay: Duration, _: Reason) -> Result<(), Error> {
        self.runtime.sleep(delay).await;
        Ok(())
    }
}
