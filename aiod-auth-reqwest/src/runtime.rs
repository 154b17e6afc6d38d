//! What sends, waits and runs tasks: tokio with reqwest, or any other runtime and HTTP stack.

use std::{
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_core::{NoResponse, Request, Response, Timestamp};

/// A future that a [`Runtime`] hands out or takes.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An async runtime with an HTTP stack.
///
/// Nothing here is called outside a task of the runtime, but [`spawn`](Self::spawn), which says so then.
pub trait Runtime: Send + Sync + Debug {
    /// Sends a request exactly as it is, once, and returns the whole answer: no redirect is followed (a
    /// 307 would take a refresh token elsewhere), nothing is repeated, no cookie kept, every status is an
    /// answer. It is given up after [`Request::timeout`], and on a body beyond
    /// [`BODY_BYTES_MAX`](aiod_auth_core::BODY_BYTES_MAX).
    ///
    /// # Errors
    /// [`NoResponse`]: whether the server may have got the request decides what is sent again.
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>>;

    /// Waits this long.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs a task of its own, to its end, whether anything waits for it or not.
    ///
    /// # Errors
    /// [`NoRuntime`] if there is none to run it; the task is dropped.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime>;

    /// Runs what may block, on a thread that may. Where that can't be had any more, it is dropped.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>);

    /// The wall clock. The default is the system's.
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    /// A clock that only goes on, from any point: what requests and waits take is measured by it. The
    /// default is the system's.
    fn monotonic(&self) -> Duration {
        START.elapsed()
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// There is no runtime here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRuntime;
