//! Networks: proxies, resolution and trust. Each row runs on both clients, over real sockets, with servers
//! and proxies of this process; what the environment and the name servers would say is a value.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{net::IpAddr, time::Duration};

use aiod_auth_core::{
    AuthorizationServer, Error, Issuer, RetryPolicy, flow::Discovery, proxy::Proxies,
};

mod cut;
mod handed_in;
mod proxies;
mod proxy;
mod resolution;
mod server;
mod trust;

/// What a program says about the network.
struct Network {
    proxies: Proxies,
    roots: Option<String>,
    client_certificate: Option<String>,
    names: Vec<(&'static str, Vec<IpAddr>)>,
}

impl Network {
    fn direct() -> Self {
        Self { proxies: Proxies::none(), roots: None, client_certificate: None, names: Vec::new() }
    }
}

/// Asks for a server's metadata with each client.
const CLIENTS: [(&str, Discover); 2] = [("blocking", blocking), ("async", on_tokio)];

type Discover = fn(&Network, Discovery) -> Result<AuthorizationServer, Error>;

fn blocking(network: &Network, mut discovery: Discovery) -> Result<AuthorizationServer, Error> {
    blocking_driver(network).run(&mut discovery)
}

fn blocking_driver(network: &Network) -> aiod_auth_ureq::Driver {
    let mut transport = aiod_auth_ureq::UreqTransport::builder().proxies(network.proxies.clone());
    if let Some(roots) = &network.roots {
        transport = transport.root_certificates(roots.as_bytes()).unwrap();
    }
    if let Some(certificate) = &network.client_certificate {
        transport = transport.client_certificate(certificate.as_bytes()).unwrap();
    }
    for (host, addresses) in &network.names {
        transport = transport.resolve(host, addresses.iter().copied());
    }
    aiod_auth_ureq::Driver::with_transport(transport.build())
}

fn on_tokio(network: &Network, mut discovery: Discovery) -> Result<AuthorizationServer, Error> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async_driver(network).run(&mut discovery))
}

fn async_driver(network: &Network) -> aiod_auth_reqwest::Driver {
    let mut stack = aiod_auth_reqwest::TokioRuntime::builder().proxies(network.proxies.clone());
    if let Some(roots) = &network.roots {
        stack = stack.root_certificates(roots.as_bytes()).unwrap();
    }
    if let Some(certificate) = &network.client_certificate {
        stack = stack.client_certificate(certificate.as_bytes()).unwrap();
    }
    for (host, addresses) in &network.names {
        stack = stack.resolve(host, addresses.iter().copied());
    }
    aiod_auth_reqwest::Driver::with_runtime(stack.build())
}

/// Two attempts, at once. No test here waits longer than this.
fn discovery(issuer: Issuer) -> Discovery {
    let mut policy = RetryPolicy::default();
    policy.attempts = 2;
    policy.first_delay = Duration::from_millis(1);
    policy.time_limit = Duration::from_secs(20);
    Discovery::new(issuer, policy)
}
