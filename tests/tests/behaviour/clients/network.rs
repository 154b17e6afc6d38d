//! The simulator as a network for both clients, in virtual time: no socket, and no sleep that is as long as
//! it says.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use aiod_auth_core::{NoResponse, Request, Response, Timestamp, cache::Cancel};
use aiod_auth_reqwest::{BoxFuture, NoRuntime};
use aiod_auth_tests::{
    sim::{self, Simulator},
    world::as_simulated,
};

use tokio::runtime::Handle;

use super::*;

/// A server, and the clock of all that are on it. Its clock stands still but for waits: those of a client,
/// those of an answer that is late, and [`pass`](Self::pass).
pub(crate) struct Network {
    simulator: Mutex<Simulator>,
    pub(crate) base_url: &'static str,
    /// How long this network has been there, in nanoseconds: a wait may be shorter than a millisecond.
    elapsed_ns: AtomicU64,
    /// How much longer each wait takes than it says.
    oversleep_ns: AtomicU64,
    /// The path whose answers are held up.
    held_up: Mutex<Option<&'static str>>,
    /// A wait takes this part of what it says in real time, so that waits end in their order.
    pace: u32,
}

impl Network {
    /// For clients on threads.
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Self::at_pace(200, settings)
    }

    /// For processes that wait for one another's lock: what the holder does with the disk takes real time, which
    /// must not use up the time that they have.
    pub(crate) fn with_files(settings: Settings) -> Arc<Self> {
        Self::at_pace(10, settings)
    }

    /// For tokio's clock, which is paused.
    pub(crate) fn paused(settings: Settings) -> Arc<Self> {
        Self::at_pace(1, settings)
    }

    fn at_pace(pace: u32, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            simulator: Mutex::new(Simulator::new(ISSUER, 0, settings)),
            base_url: ISSUER,
            elapsed_ns: AtomicU64::new(0),
            oversleep_ns: AtomicU64::new(0),
            held_up: Mutex::default(),
            pace,
        })
    }

    pub(crate) fn simulator(&self) -> MutexGuard<'_, Simulator> {
        self.simulator.lock().unwrap()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        START_MS + u64::try_from(self.elapsed().as_millis()).unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now_ms().cast_signed())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed_ns.load(Ordering::SeqCst))
    }

    /// Time goes by, for everything.
    pub(crate) fn pass(&self, time: Duration) {
        self.elapsed_ns.fetch_add(nanos(time), Ordering::SeqCst);
    }

    /// Each wait takes so much longer than it says from now on, as on a laptop that was suspended.
    pub(crate) fn oversleep(&self, time: Duration) {
        self.oversleep_ns.store(nanos(time), Ordering::SeqCst);
    }

    /// Requests to this path arrive from now on, and no answer does until [`let_go`](Self::let_go).
    pub(crate) fn hold_up(&self, path: &'static str) {
        *self.held_up.lock().unwrap() = Some(path);
    }

    pub(crate) fn let_go(&self) {
        *self.held_up.lock().unwrap() = None;
    }

    /// What comes of a request, and how late.
    fn handle(&self, request: &Request) -> (Duration, Result<Response, NoResponse>) {
        let reply = self.simulator().handle(self.now_ms(), &as_simulated(request));
        let sim::Reply::Answer(answer) = reply else {
            return (Duration::ZERO, Err(NoResponse::Unknown("connection reset")));
        };
        match request.timeout() {
            Some(limit) if answer.delay > limit => (limit, Err(NoResponse::Unknown("timed out"))),
            _ => {
                let headers = answer.headers.iter();
                let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
                (answer.delay, Ok(Response::new(answer.status, headers, answer.body.clone())))
            }
        }
    }

    /// Until when a wait goes that begins now, and how long it takes in real time.
    fn wait(&self, delay: Duration) -> (Duration, Duration) {
        let longer = Duration::from_nanos(self.oversleep_ns.load(Ordering::SeqCst));
        (self.elapsed() + delay + longer, delay / self.pace)
    }

    fn is_over(&self, until: Duration) {
        self.elapsed_ns.fetch_max(nanos(until), Ordering::SeqCst);
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// This network, for a client.
#[derive(Clone, Debug)]
pub(crate) struct Wire(pub(crate) Arc<Network>);

impl Wire {
    fn is_held_up(&self, request: &Request) -> bool {
        self.0.held_up.lock().unwrap().is_some_and(|path| path == request.url().path())
    }
}

impl aiod_auth_ureq::Transport for Wire {
    fn send(&self, request: &Request) -> Result<Response, NoResponse> {
        let (delay, outcome) = self.0.handle(request);
        aiod_auth_ureq::Transport::sleep(self, delay, &Cancel::new());
        for _ in 0..LOOKS_MAX {
            if !self.is_held_up(request) {
                return outcome;
            }
            thread::sleep(LOOK);
        }
        panic!("the answer to {request:?} was never let go");
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, delay: Duration, cancel: &Cancel) {
        let (until, real) = self.0.wait(delay);
        if !delay.is_zero() && !cancel.is_cancelled() {
            thread::sleep(real);
            self.0.is_over(until);
        }
    }
}

/// On tokio, whose clock may be paused.
impl aiod_auth_reqwest::Runtime for Wire {
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>> {
        Box::pin(async move {
            let (delay, outcome) = self.0.handle(request);
            aiod_auth_reqwest::Runtime::sleep(self, delay).await;
            for _ in 0..LOOKS_MAX {
                if !self.is_held_up(request) {
                    return outcome;
                }
                tokio::time::sleep(LOOK).await;
            }
            panic!("the answer to {request:?} was never let go");
        })
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'static, ()> {
        let network = Arc::clone(&self.0);
        Box::pin(async move {
            let (until, real) = network.wait(delay);
            if !delay.is_zero() {
                tokio::time::sleep(real).await;
                network.is_over(until);
            }
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime> {
        drop(Handle::try_current().map_err(|_| NoRuntime)?.spawn(task));
        Ok(())
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn_blocking(work));
        }
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;
const LOOK: Duration = Duration::from_millis(1);
const LOOKS_MAX: u32 = 10_000;
