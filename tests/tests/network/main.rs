//! Networks: proxies and trust. Each row runs on both clients, over real sockets, with servers
//! and proxies of this process; what the environment would say is a value. Names are the system's to look up, so what a
//! client does with several addresses is tried beside it: `ureq/connect.rs`, `reqwest/mod.rs`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use aiod_auth_core::{
    AuthorizationServer, Error, Issuer, RetryPolicy, flow::Discovery, proxy::Proxies,
};

mod cut;
mod handed_in;
mod proxies;
mod proxy;
mod server;
mod trust;

/// What a program says about the network.
struct Network {
    proxies: Proxies,
    roots: Option<String>,
    client_certificate: Option<String>,
}

impl Network {
    fn direct() -> Self {
        Self { proxies: Proxies::none(), roots: None, client_certificate: None }
    }
}

/// Asks for a server's metadata with each client.
const CLIENTS: [(&str, Discover); 2] = [("blocking", blocking), ("async", on_tokio)];

type Discover = fn(&Network, Discovery) -> Result<AuthorizationServer, Error>;

fn blocking(network: &Network, mut discovery: Discovery) -> Result<AuthorizationServer, Error> {
    let mut transport = aiod_auth_ureq::UreqTransport::builder().proxies(network.proxies.clone());
    if let Some(roots) = &network.roots {
        transport = transport.root_certificates(roots.as_bytes()).unwrap();
    }
    if let Some(certificate) = &network.client_certificate {
        transport = transport.client_certificate(certificate.as_bytes()).unwrap();
    }
    aiod_auth_ureq::Driver::with_transport(transport.build()).run(&mut discovery)
}

fn on_tokio(network: &Network, mut discovery: Discovery) -> Result<AuthorizationServer, Error> {
    let mut stack = aiod_auth_reqwest::TokioRuntime::builder().proxies(network.proxies.clone());
    if let Some(roots) = &network.roots {
        stack = stack.root_certificates(roots.as_bytes()).unwrap();
    }
    if let Some(certificate) = &network.client_certificate {
        stack = stack.client_certificate(certificate.as_bytes()).unwrap();
    }
    let driver = aiod_auth_reqwest::Driver::with_runtime(stack.build());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(driver.run(&mut discovery))
}

/// Two attempts, at once. No test here waits longer than this.
fn discovery(issuer: Issuer) -> Discovery {
    let mut policy = RetryPolicy::default();
    policy.attempts = 2;
    policy.first_delay = Duration::from_millis(1);
    policy.time_limit = Duration::from_secs(20);
    Discovery::new(issuer, policy)
}
