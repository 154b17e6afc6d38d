//! Which of a host's addresses are tried, and in what order: RFC 8305 §4, §5. Linux has all of 127.0.0.0/8.
#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use aiod_auth_core::{Issuer, Kind};

use crate::{
    CLIENTS, Network, discovery,
    proxies::{NOWHERE, is_said},
    server::Server,
};

const HOST: &str = "as.example.test";

/// What the host's addresses are, and the one that is asked, or what is said. At 127.0.0.1 and 127.0.0.2 there are
/// servers, at ::1 nothing answers, and at 127.0.0.3 and 127.0.0.4 connections are refused.
const ROWS: &[(&[&str], Result<&str, &str>)] = &[
    // In the order that they came.
    (&["127.0.0.1", "127.0.0.2"], Ok("127.0.0.1")),
    (&["127.0.0.2", "127.0.0.1"], Ok("127.0.0.2")),
    // One that refuses, and one that swallows packets, costs no login.
    (&["127.0.0.3", "127.0.0.2", "127.0.0.1"], Ok("127.0.0.2")),
    (&["::1", "127.0.0.1", "127.0.0.2"], Ok("127.0.0.1")),
    (&["127.0.0.1", "::1"], Ok("127.0.0.1")),
    // The families take turns. (The second one is 127.0.0.2, called by IPv6.)
    (&["::1", "::ffff:127.0.0.2", "127.0.0.1"], Ok("127.0.0.1")),
    (&["127.0.0.3", "127.0.0.4"], Err("can't be reached: connection refused (tried 2 times)")),
];

#[test]
fn the_first_address_that_answers_is_asked_whatever_the_ones_before_do() {
    let (one, two, dead) = servers();
    for (addresses, expected) in ROWS {
        let parsed: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        if dead.is_none() && parsed.iter().any(IpAddr::is_ipv6) {
            // Without IPv6 there is no dead address either.
            continue;
        }
        let network = Network { names: vec![(HOST, parsed)], ..Network::direct() };
        let issuer = Issuer::allowing_insecure_http(&format!("http://{HOST}:{}", one.port));
        for (client, discover) in CLIENTS {
            let outcome = discover(&network, discovery(issuer.clone().unwrap()));
            let connections = [one.connections(), two.connections()];
            let at = format!("{client}, {addresses:?}: {outcome:?}");
            match expected {
                Ok(name) => {
                    assert!(outcome.is_ok(), "{at}");
                    let expected = if *name == "127.0.0.1" { [1, 0] } else { [0, 1] };
                    assert_eq!(connections, expected, "{at}");
                }
                Err(says) => {
                    is_said(&outcome.unwrap_err(), Kind::Unavailable, says, &at);
                    assert_eq!(connections, [0, 0], "{at}");
                }
            }
        }
    }
    assert!(dead.is_none_or(|dead| dead.is_dead()));
}

#[test]
fn a_host_that_is_not_found_is_named() {
    let roots = Some(crate::server::Authority::new().pem());
    let network = Network { roots, ..Network::direct() };
    for ((client, discover), scheme) in
        CLIENTS.into_iter().flat_map(|it| [(it, "http"), (it, "https")])
    {
        let issuer = Issuer::allowing_insecure_http(&format!("{scheme}://{NOWHERE}")).unwrap();
        let error = discover(&network, discovery(issuer)).unwrap_err();
        let says = format!("can't be reached: the host name {NOWHERE} was not found");
        is_said(&error, Kind::Unavailable, &says, client);
    }
}

/// At one port, all of them.
fn servers() -> (Server, Server, Option<Dead>) {
    let free = || {
        let one = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = one.local_addr().ok()?.port();
        let two = TcpListener::bind(("127.0.0.2", port)).ok()?;
        let is_taken =
            |last| TcpListener::bind(SocketAddr::from(([127, 0, 0, last], port))).is_err();
        if is_taken(3) || is_taken(4) {
            return None;
        }
        Some((Server::plain_on(one), Server::plain_on(two), Dead::new(port)))
    };
    std::iter::repeat_with(free).take(20).flatten().next().unwrap()
}

/// A listener whose backlog is full swallows packets, as a dead address does. What keeps it full comes along.
struct Dead(TcpListener, #[expect(dead_code, reason = "keeps it full")] Vec<TcpStream>);

impl Dead {
    /// At ::1, unless there is no IPv6.
    fn new(port: u16) -> Option<Self> {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok()?;
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, WAIT).ok();
        let waiting: Vec<_> = std::iter::from_fn(connect).take(5000).collect();
        assert!(waiting.len() < 5000, "the backlog has no end");
        Some(Self(listener, waiting))
    }

    fn is_dead(&self) -> bool {
        TcpStream::connect_timeout(&self.0.local_addr().unwrap(), WAIT).is_err()
    }
}

const WAIT: std::time::Duration = std::time::Duration::from_millis(300);
