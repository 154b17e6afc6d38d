//! What sends a request: ureq, or any other HTTP stack.

use std::fmt::Debug;

use aiod_auth_core::{NoResponse, Request, Response};

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
}
