//! A login by TLS, with the TLS that is compiled in. `.ci/run features` runs it with each kind.
#![cfg(all(
    feature = "ureq",
    any(feature = "ring", feature = "aws-lc-rs", feature = "native-tls", feature = "no-provider")
))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use aiod_auth_ureq::{Driver, UreqTransport};

#[path = "../../aiod-auth-tls/tests/tls_login/mod.rs"]
mod tls_login;

#[test]
fn a_login_by_tls_comes_through_or_the_reason_is_said() {
    tls_login::check(|roots, mut request| {
        let transport = UreqTransport::builder().root_certificates(roots.as_bytes()).unwrap();
        Driver::with_transport(transport.build()).run(&mut request)
    });
}
