//! The sockets that a browser comes back to: RFC 8252 §7.3. What a visit means is decided in the core.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use aiod_auth_core::{
    Entropy, Listening, NoAnswer,
    flow::Redirect,
    loopback::{Answer, Listener, RedirectAddress, VISIT_TIME_MAX, VISITS_MAX, Visit},
};

/// A port of the loopback interface, open until this is dropped, and its connections. Nothing here waits.
pub(crate) struct Sockets {
    port: TcpListener,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    visit: Visit,
    /// When it came, or was answered.
    since: Instant,
    is_answered: bool,
}

impl Sockets {
    /// Opens the first address that works.
    pub(crate) fn open(address: &RedirectAddress) -> Result<(Self, Listening), NoAnswer> {
        Self::open_by(address, TcpListener::bind)
    }

    fn open_by(
        address: &RedirectAddress,
        bind: impl Fn(SocketAddr) -> io::Result<TcpListener>,
    ) -> Result<(Self, Listening), NoAnswer> {
        let mut why = ErrorKind::AddrNotAvailable;
        for candidate in address.candidates() {
            let opened = bind(candidate).and_then(|port| {
                port.set_nonblocking(true)?;
                let bound = port.local_addr()?;
                Ok((port, bound))
            });
            match opened {
                // The browser may go to the program that has it, though the other family's is free.
                Ok((_, bound)) if address.twin(bound).is_some_and(is_taken) => {
                    return Err(NoAnswer::PortTaken(bound.port()));
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    return Err(NoAnswer::PortTaken(candidate.port()));
                }
                Ok((port, bound)) => {
                    let entropy = [entropy()?, entropy()?];
                    let sockets = Self { port, connections: Vec::new() };
                    return Ok((sockets, Listening { bound, entropy }));
                }
                Err(error) => why = error.kind(),
            }
        }
        Err(NoAnswer::Impossible(if why == ErrorKind::PermissionDenied {
            "the port of the redirect address may not be opened"
        } else {
            "no port could be opened on the loopback interface"
        }))
    }

    /// Serves what has come so far. One redirect counts.
    pub(crate) fn serve(&mut self, listener: &mut Listener) -> Option<Redirect> {
        self.accept();
        let mut found = None;
        self.connections.retain_mut(|connection| {
            let (stays, redirect) = connection.serve(listener);
            found = found.take().or(redirect);
            stays
        });
        found
    }

    /// At the end: answers what has come in the meantime. Whether the browser has all its answers, which a reset could
    /// overtake. A connection that it opened ahead of time wants none.
    pub(crate) fn is_quiet(&mut self, listener: &mut Listener) -> bool {
        self.serve(listener);
        self.connections.iter().all(|connection| connection.visit.is_silent())
    }

    fn accept(&mut self) {
        for _ in 0..VISITS_MAX {
            let Ok((stream, _)) = self.port.accept() else { return };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            if self.connections.len() >= VISITS_MAX {
                self.connections.remove(0);
            }
            self.connections.push(Connection {
                stream,
                visit: Visit::default(),
                since: Instant::now(),
                is_answered: false,
            });
        }
    }
}

impl Connection {
    /// Whether it stays, and whether it was the one.
    fn serve(&mut self, listener: &mut Listener) -> (bool, Option<Redirect>) {
        if self.is_answered {
            return (self.drain(), None);
        }
        let mut bytes = [0; 16 * 1024];
        for _ in 0..READS_AT_ONCE {
            let answer = match self.stream.read(&mut bytes) {
                Ok(0) => return (false, None),
                Ok(length) => {
                    listener.receive(&mut self.visit, bytes.get(..length).unwrap_or_default())
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.since.elapsed() < VISIT_TIME_MAX {
                        return (true, None);
                    }
                    if self.visit.is_silent() {
                        return (false, None);
                    }
                    Some(listener.out_of_time())
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => None,
                Err(_) => return (false, None),
            };
            if let Some(answer) = answer {
                return (true, self.answer(answer));
            }
        }
        (true, None)
    }

    fn answer(&mut self, answer: Answer) -> Option<Redirect> {
        let (page, redirect) = answer.into_parts();
        // A page is small enough for any socket's buffer. The visit counts even if its answer is not read.
        self.stream.write_all(&page).ok();
        self.stream.shutdown(Shutdown::Write).ok();
        (self.is_answered, self.since) = (true, Instant::now());
        redirect
    }

    /// Reads on after the answer, so that no reset overtakes it. Whether it is still open.
    fn drain(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        for _ in 0..READS_AT_ONCE {
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        self.since.elapsed() < DRAIN_TIME_MAX
    }
}

fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

fn entropy() -> Result<Entropy, NoAnswer> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)
        .map_err(|_| NoAnswer::Impossible("the system gives no random bytes"))?;
    Ok(Entropy::new(*bytes))
}

/// How often the sockets are looked at: a browser's user notices no less.
pub(crate) const TURN: Duration = Duration::from_millis(20);

/// How long the browser may take to close its end after the last answer.
pub(crate) const DRAIN_TIME_MAX: Duration = Duration::from_millis(500);

/// What one connection may say before it is the next one's turn.
const READS_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use aiod_auth_core::Issuer;

    use super::*;

    /// RFC 8252 §7.3: as on a machine that has only one of them.
    #[test]
    fn an_address_that_can_not_be_opened_leaves_the_other_family() {
        let address = RedirectAddress::of(&Issuer::new("https://as.example").unwrap());
        let without = |family: fn(&SocketAddr) -> bool| {
            let opened = Sockets::open_by(&address, |candidate| match family(&candidate) {
                true => Err(ErrorKind::AddrNotAvailable.into()),
                false => TcpListener::bind(candidate),
            });
            opened.map(|(_, listening)| listening.bound)
        };
        assert!(without(SocketAddr::is_ipv6).unwrap().is_ipv4());
        match TcpListener::bind("[::1]:0") {
            Ok(_) => assert!(without(SocketAddr::is_ipv4).unwrap().is_ipv6()),
            Err(_) => assert!(matches!(without(SocketAddr::is_ipv4), Err(NoAnswer::Impossible(_)))),
        }
        assert!(matches!(without(|_| true), Err(NoAnswer::Impossible(_))));
    }
}
