//! A TCP connection to a host of many addresses: RFC 8305 (Happy Eyeballs) §4, §5.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unconnected {
    /// The system's lookup failed.
    NotFound(io::Error),
    NoAddress,
    LookupTimedOut,
    TimedOut,
    Failed(io::Error),
}

/// The addresses of hosts that the system isn't asked for, by names in lower case.
pub(super) type Names = BTreeMap<String, Vec<IpAddr>>;

/// Looks the host up, and connects to the first of its addresses that takes the connection.
pub(super) fn connect(
    names: &Names,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, Unconnected> {
    // An IPv6 address has brackets in a URL.
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let at_port = |address: &IpAddr| SocketAddr::new(*address, port);
    let addresses = match (bare.parse(), names.get(bare)) {
        (Ok(address), _) => vec![at_port(&address)],
        (Err(_), Some(known)) => in_turn(known.iter().map(at_port).collect()),
        (Err(_), None) => in_turn(look_up(bare.to_owned(), port, deadline)?),
    };
    match addresses.as_slice() {
        [] => Err(Unconnected::NoAddress),
        [address] => attempt(*address, deadline).map_err(failed),
        _ => race(addresses, deadline),
    }
}

/// The system's lookup has no limit of its own; a thread that still waits is left behind.
fn look_up(host: String, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Unconnected> {
    let (found, finds) = mpsc::sync_channel(1);
    beside(move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        drop(found.send(addresses));
    });
    match finds.recv_timeout(left(deadline)) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(Unconnected::NotFound(error)),
        Err(RecvTimeoutError::Disconnected) => Err(Unconnected::NoAddress),
        Err(RecvTimeoutError::Timeout) => Err(Unconnected::LookupTimedOut),
    }
}

/// §4: the system's order, but the families take turns.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    let mut turns = Vec::new();
    loop {
        let round = [preferred.next(), other.next()];
        if round == [None, None] {
            return turns;
        }
        turns.extend(round.into_iter().flatten());
    }
}

/// §5: an attempt every quarter of a second, or at once when one has failed. The first connection
/// counts; attempts that still run end by themselves, and what they get is closed.
fn race(addresses: Vec<SocketAddr>, deadline: Instant) -> Result<TcpStream, Unconnected> {
    let (outcome, outcomes) = mpsc::channel();
    let mut waiting = addresses.into_iter().take(ATTEMPTS_MAX);
    let mut under_way = 0_u32;
    let mut last = None;
    loop {
        let more = waiting.next();
        if let Some(address) = more {
            let outcome = outcome.clone();
            beside(move || drop(outcome.send(attempt(address, deadline))));
            under_way += 1;
        } else if under_way == 0 {
            return Err(last.map_or(Unconnected::NoAddress, failed));
        }
        let pause = if waiting.len() > 0 { ATTEMPT_DELAY } else { Duration::MAX };
        match outcomes.recv_timeout(pause.min(left(deadline))) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                under_way -= 1;
                last = Some(error);
            }
            Err(_) if left(deadline).is_zero() => return Err(Unconnected::TimedOut),
            Err(_) => {}
        }
    }
}

/// In a thread of its own; in this one, where no more can be had (`ulimit -u`): that takes longer where a host is
/// silent, and works.
fn beside(work: impl FnOnce() + Clone + Send + 'static) {
    if thread::Builder::new().spawn(work.clone()).is_err() {
        work();
    }
}

fn attempt(address: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, left(deadline).max(INSTANT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn failed(error: io::Error) -> Unconnected {
    if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
        return Unconnected::TimedOut;
    }
    Unconnected::Failed(error)
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// §5 recommends this much.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Each costs a thread for a while.
const ATTEMPTS_MAX: usize = 20;

/// `connect_timeout` takes no zero.
const INSTANT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn families_take_turns_in_the_systems_order() {
        let addresses = |texts: &[&str]| {
            texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 1)).collect::<Vec<_>>()
        };
        for (found, tried) in [
            (vec!["::1", "::2", "::3", "1.1.1.1"], vec!["::1", "1.1.1.1", "::2", "::3"]),
            (vec!["1.1.1.1", "1.1.1.2", "::1"], vec!["1.1.1.1", "::1", "1.1.1.2"]),
            (vec!["1.1.1.1", "1.1.1.2"], vec!["1.1.1.1", "1.1.1.2"]),
            (vec![], vec![]),
        ] {
            assert_eq!(in_turn(addresses(&found)), addresses(&tried));
        }
    }

    /// A listener whose backlog is full swallows packets, as a dead address does. What keeps it full comes along.
    fn dead() -> (TcpListener, Vec<TcpStream>) {
        let listener = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
        let waiting: Vec<_> = std::iter::from_fn(connect).take(5000).collect();
        assert!(waiting.len() < 5000, "the backlog has no end");
        (listener, waiting)
    }

    #[test]
    fn an_address_that_swallows_packets_costs_a_quarter_of_a_second() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let dead = dead();
        let started = Instant::now();
        // The dead one alone would take all of it.
        let deadline = started + Duration::from_secs(20);
        let stream = race(vec![dead.0.local_addr().unwrap(), good], deadline).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(started.elapsed() >= ATTEMPT_DELAY, "it was not dead");
    }

    #[test]
    fn all_that_are_refused_are_tried_at_once_and_the_refusal_is_said() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        // A quarter of a second for each would be longer.
        let deadline = Instant::now() + Duration::from_secs(4);
        let outcome = race(vec![free; ATTEMPTS_MAX], deadline);
        let Err(Unconnected::Failed(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
