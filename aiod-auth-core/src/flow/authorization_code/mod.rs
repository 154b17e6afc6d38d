//! The authorization code grant of a native program: RFC 6749 §4.1 with RFC 7636 (PKCE), RFC 8252
//! (loopback redirect) and RFC 9207 (`iss`).

pub use redirect::{AuthorizationCode, Redirect};
pub use request::AuthorizationRequest;

mod exchange;
mod redirect;
mod request;
