//! TLS as both clients of `aiod-auth` have it: what is trusted, the client's certificate, and why a
//! handshake failed. Programs use it through the builders of `aiod-auth-ureq` and `aiod-auth-reqwest`.
//!
//! [`Tls`] is one backend behind one face. With several features on, the first of `ring`, `aws-lc-rs`,
//! `native-tls` and `no-provider` counts; with none, [`Tls::new`] is [`TlsFailure::Unavailable`].
//!
//! The platform's certificates are trusted: on Linux those that `SSL_CERT_FILE` and `SSL_CERT_DIR`
//! name, or the distribution's.

pub use aiod_auth_core::TlsFailure;
pub use backend::{Stream, Tls, explain};
pub use expiry::last_expiry;
pub use options::{InvalidPem, TlsOptions};

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[path = "rustls/mod.rs"]
mod backend;
#[cfg(all(feature = "native-tls", not(any(feature = "ring", feature = "aws-lc-rs"))))]
#[path = "native.rs"]
mod backend;
#[cfg(all(
    feature = "no-provider",
    not(any(feature = "ring", feature = "aws-lc-rs", feature = "native-tls"))
))]
#[path = "rustls/mod.rs"]
mod backend;
#[cfg(not(any(
    feature = "ring",
    feature = "aws-lc-rs",
    feature = "native-tls",
    feature = "no-provider"
)))]
#[path = "none.rs"]
mod backend;
mod expiry;
#[cfg(all(
    unix,
    not(any(target_vendor = "apple", target_os = "android")),
    any(feature = "ring", feature = "aws-lc-rs", feature = "native-tls", feature = "no-provider")
))]
mod named_roots;
mod options;
