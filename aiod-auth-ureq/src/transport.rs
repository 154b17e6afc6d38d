//! What sends a request: ureq, or any other HTTP stack.

use std::{
    fmt::Debug,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_core::{NoResponse, Request, Response, Timestamp, cache::Cancel};

use crate::wait::wait_at_most;

/// An HTTP stack that sends one request at a time, and blocks until its answer is there.
///
/// An implementation sends a request exactly as it is, once: it follows no redirect (a 307 would take a
/// refresh token elsewhere), repeats nothing, keeps no cookie, and takes every status for an answer. It
/// gives up after [`Request::timeout`], and on a body beyond
/// [`BODY_BYTES_MAX`](aiod_auth_core::BODY_BYTES_MAX). It is called from many threads.
///
/// ```
/// use aiod_auth_ureq::{
///     Driver, Transport,
///     core::{Issuer, NoResponse, Request, Response, RetryPolicy, flow::Discovery},
/// };
///
/// /// A server that knows one issuer.
/// #[derive(Debug)]
/// struct Canned;
///
/// impl Transport for Canned {
///     fn send(&self, _: &Request) -> Result<Response, NoResponse> {
///         let body = br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/t"}"#;
///         Ok(Response::new(200, [("Content-Type", "application/json")], body))
///     }
/// }
///
/// let issuer = Issuer::new("https://as.example")?;
/// let driver = Driver::with_transport(Canned);
/// let server = driver.run(&mut Discovery::new(issuer, RetryPolicy::default()))?;
/// # Ok::<(), aiod_auth_ureq::Error>(())
/// ```
pub trait Transport: Send + Sync + Debug {
    /// Sends a request, and returns the whole answer.
    ///
    /// # Errors
    /// [`NoResponse`]: whether the server may have got the request decides what is sent again.
    fn send(&self, request: &Request) -> Result<Response, NoResponse>;

    /// The wall clock. The default is the system's.
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    /// A clock that only goes on, from any point: what requests and waits take is measured by it. The
    /// default is the system's.
    fn monotonic(&self) -> Duration {
        START.elapsed()
    }

    /// Waits this long, or until `cancel` is cancelled. The default blocks the thread; a test in virtual
    /// time sets its clocks forward.
    fn sleep(&self, duration: Duration, cancel: &Cancel) {
        wait_at_most(duration, cancel.cancelled());
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
