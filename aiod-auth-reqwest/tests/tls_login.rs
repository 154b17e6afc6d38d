//! A login by TLS, with the TLS that is compiled in. `.ci/run features` runs it with each kind.
#![cfg(all(
    feature = "reqwest",
    any(feature = "ring", feature = "aws-lc-rs", feature = "native-tls", feature = "no-provider")
))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use aiod_auth_reqwest::{Driver, TokioRuntime};

#[path = "../../aiod-auth-tls/tests/tls_login/mod.rs"]
mod tls_login;

#[test]
fn a_login_by_tls_comes_through_or_the_reason_is_said() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tls_login::check(|roots, mut request| {
        let runtime = TokioRuntime::builder().root_certificates(roots.as_bytes()).unwrap();
        tokio.block_on(Driver::with_runtime(runtime.build()).run(&mut request))
    });
}
