//! Without TLS, or with rustls and no provider installed: an https address is a configuration error.
//! `.ci/run features` runs it.
#![cfg(all(
    feature = "reqwest",
    not(any(feature = "ring", feature = "aws-lc-rs", feature = "native-tls"))
))]
#![allow(clippy::unwrap_used, reason = "tests")]

use aiod_auth_reqwest::{
    Driver, Kind,
    core::{Issuer, RetryPolicy, flow::Discovery},
};

#[tokio::test]
async fn an_https_address_is_a_configuration_error() {
    let issuer = Issuer::new("https://as.example").unwrap();
    let mut discovery = Discovery::new(issuer, RetryPolicy::default());
    let error = Driver::new().run(&mut discovery).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
    assert!(!error.is_retryable());
}
