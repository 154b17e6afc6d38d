//! The HTTP server of a loopback redirect (RFC 8252 §7.3), without sockets: bytes in, an answer out.
//!
//! ```
//! use aiod_auth_core::loopback::{RedirectAddress, Visit};
//! # use aiod_auth_core::{AuthorizationServer, ClientIdentity, Endpoint, Entropy, Issuer, Parameters};
//! # use aiod_auth_core::{flow::AuthorizationRequest, loopback::Listener};
//! # let issuer = Issuer::new("https://as.example")?;
//! # let server = AuthorizationServer::new(issuer.clone())
//! #     .with_endpoint(Endpoint::Authorization, "https://as.example/authorize")?;
//! # let client = ClientIdentity::public("my-tool")?;
//! # let entropy = [Entropy::new([1; 32]), Entropy::new([2; 32])];
//!
//! let address = RedirectAddress::of(&issuer);
//! let bound = address.candidates()[0]; // bind one of them, and ask which port it got
//! let redirect_uri = address.at(bound);
//! # let (scope, parameters) = (Default::default(), Parameters::default());
//! let request =
//!     AuthorizationRequest::new(&server, &client, &scope, &parameters, redirect_uri, entropy)?;
//! let mut listener = Listener::new(request.into())?;
//!
//! let mut visit = Visit::default(); // one per connection
//! let answer = listener.receive(&mut visit, b"GET /favicon.ico HTTP/1.1\r\n").or_else(|| {
//!     listener.receive(&mut visit, b"Host: 127.0.0.1:0\r\n\r\n")
//! });
//! let (bytes, redirect) = answer.unwrap().into_parts(); // write the bytes, then close
//! assert!(bytes.starts_with(b"HTTP/1.1 404 ") && redirect.is_none(), "and listen on");
//! # Ok::<(), aiod_auth_core::Error>(())
//! ```
//!
//! The rest is the adapter's. It listens on a loopback address alone, from the beginning of the login to its
//! end. It serves connections side by side, since browsers open some and send nothing: each for
//! [`VISIT_TIME_MAX`], and no more than [`VISITS_MAX`] at once. After an answer it shuts down its own half of
//! the connection and goes on reading for a moment: a reset could overtake the answer.

pub use address::RedirectAddress;
pub use listener::{Answer, Listener};
pub use visit::Visit;

use core::time::Duration;

mod address;
mod listener;
mod page;
mod visit;

/// How long one connection may take to send its request. After that the answer is
/// [`Listener::out_of_time`], unless nothing was sent at all.
pub const VISIT_TIME_MAX: Duration = Duration::from_secs(10);

/// How many connections are served at once; one more closes the oldest.
pub const VISITS_MAX: usize = 64;

/// The limit on a request's head, which is far above the length of any code and state.
pub const HEAD_BYTES_MAX: usize = 256 * 1024;
