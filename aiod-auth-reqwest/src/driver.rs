//! The async loop: performs what a machine asks for, and has no opinion of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_core::{
    Error, Exchange, Machine, Prompt, Reply, Response, Step, StoreAccess, StoreFailure, Timestamp,
};
use aiod_auth_store::{Lock, Store, perform};

use crate::http::Http;

/// Drives any machine of `aiod-auth-core` on reqwest, in the calling task.
///
/// A future that is dropped drops the machine's ticket with it: a request that may be on its way
/// counts as sent, and a store's lock is given back. So a refresh token that the server has rotated
/// meanwhile is lost with the answer: run a [`Session`](aiod_auth_core::session::Session) in a task of
/// its own, and await that; no `select!` or `timeout` around `run` itself.
///
/// ```no_run
/// # async fn discover() -> Result<(), Box<dyn std::error::Error>> {
/// use aiod_auth_core::{Issuer, RetryPolicy, flow::Discovery};
/// use aiod_auth_reqwest::Driver;
///
/// let issuer = Issuer::new("https://auth.example.org/realms/lab")?;
/// let server = Driver::new()?.run(&mut Discovery::new(issuer, RetryPolicy::default())).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Driver {
    http: Http,
    store: Option<Arc<dyn Store>>,
}

/// The HTTP client could not be made: its TLS could not be set up.
#[derive(Debug)]
#[non_exhaustive]
pub struct StartError;

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the HTTP client's TLS could not be set up")
    }
}

impl std::error::Error for StartError {}

impl Driver {
    /// Without a store. A request may take 30 s in all, 10 s of it to connect.
    ///
    /// # Errors
    /// If TLS can't be set up.
    pub fn new() -> Result<Self, StartError> {
        Self::with_request_timeout(Duration::from_secs(30))
    }

    /// Without a store, and with this limit for a request and its answer together.
    ///
    /// # Errors
    /// If TLS can't be set up.
    pub fn with_request_timeout(timeout: Duration) -> Result<Self, StartError> {
        Ok(Self { http: Http::new(timeout).map_err(|_| StartError)?, store: None })
    }

    /// Gives machines that ask for it a store.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
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
        let mut lock = None;
        loop {
            match machine.poll(now())? {
                Step::Send(exchange) => self.exchange(exchange).await,
                Step::Store(access) => self.access(access, &mut lock).await,
                Step::Ask(ask) => {
                    let started = Instant::now();
                    let reply = person(ask.prompt());
                    ask.complete(started.elapsed(), reply);
                }
                Step::Wait(pause) => {
                    let started = Instant::now();
                    tokio::time::sleep(pause.delay()).await;
                    pause.complete(started.elapsed());
                }
                Step::Done(output) => return Ok(output),
            }
        }
    }

    async fn exchange(&self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let started = Instant::now();
        let received = self.http.send(in_flight.request()).await;
        let took = started.elapsed();
        match received {
            Ok(received) => {
                log::debug!("{:?} -> {}", in_flight.request(), received.status);
                let headers = received.headers();
                let response = Response::new(received.status, &headers, &received.body);
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
        let (store, request, held) = (self.store.clone(), access.request().clone(), lock.take());
        let started = Instant::now();
        let performed = tokio::task::spawn_blocking(move || {
            let mut held = held;
            (perform(store.as_deref(), &request, &mut held), held)
        });
        let outcome = match performed.await {
            Ok((outcome, held)) => {
                *lock = held;
                outcome
            }
            Err(_) => Err(StoreFailure::new("the token store panicked")),
        };
        access.complete(started.elapsed(), outcome);
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
