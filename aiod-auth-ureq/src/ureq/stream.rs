//! Connections as ureq wants them.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use ::ureq::{
    Error,
    config::Config,
    unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport, TransportAdapter},
};
use aiod_auth_core::{NoResponse, TlsFailure, Url, proxy::Proxy};
use aiod_auth_tls::{Stream, Tls};
use zeroize::Zeroizing;

use super::connector::NotConnected;

/// TCP.
pub(super) struct Plain {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl Plain {
    pub(super) fn new(stream: TcpStream, config: &Config) -> Self {
        Self { stream, buffers: buffers(config) }
    }
}

impl Transport for Plain {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if timeout.after.is_zero() {
            return Err(Error::Timeout(timeout.reason));
        }
        self.stream.set_write_timeout(timeout.not_zero().map(|limit| *limit))?;
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output).map_err(|error| timed(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if timeout.after.is_zero() {
            return Err(Error::Timeout(timeout.reason));
        }
        self.stream.set_read_timeout(timeout.not_zero().map(|limit| *limit))?;
        let input = self.buffers.input_append_buf();
        let amount = loop {
            match self.stream.read(input) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => break outcome.map_err(|error| timed(error, timeout))?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Bytes without a request, or the end: either way it is of no use any more.
    fn is_open(&mut self) -> bool {
        let waits = |stream: &TcpStream| {
            stream.set_nonblocking(true)?;
            let peeked = stream.peek(&mut [0]);
            stream.set_nonblocking(false)?;
            peeked.map(|_| ())
        };
        waits(&self.stream).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain")
    }
}

fn timed(error: io::Error, timeout: NextTimeout) -> Error {
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        return Error::Timeout(timeout.reason);
    }
    error.into()
}

/// TLS over any other.
pub(super) struct Secure {
    stream: Stream<TransportAdapter>,
    buffers: LazyBuffers,
    tls: Arc<Tls>,
}

impl Secure {
    pub(super) fn new(stream: Stream<TransportAdapter>, tls: Arc<Tls>, config: &Config) -> Self {
        Self { stream, buffers: buffers(config), tls }
    }

    /// In TLS 1.3 a server says after the client's handshake that it wants another client certificate: it
    /// has read none of the request then (RFC 8446 §4.4.2.4).
    fn explained(&self, error: io::Error) -> Error {
        match self.tls.explain(&error) {
            Some(
                failure @ (TlsFailure::ClientCertificateWanted
                | TlsFailure::ClientCertificateRefused),
            ) => NotConnected(NoResponse::Tls(failure)).into(),
            _ => error.into(),
        }
    }
}

impl Transport for Secure {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        let written = self.stream.write_all(output).and_then(|()| self.stream.flush());
        written.map_err(|error| self.explained(error))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input).map_err(|error| self.explained(error))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secure")
    }
}

/// A connection to a proxy that asks the server itself: the first line names the whole address (RFC 9112
/// §3.2.2), and the proxy's credentials go along. For one request.
pub(super) struct AbsoluteForm {
    connection: Box<dyn Transport>,
    head: Option<Head>,
}

struct Head {
    origin: String,
    authorization: Option<Zeroizing<String>>,
}

impl AbsoluteForm {
    pub(super) fn new(connection: Box<dyn Transport>, url: &Url, proxy: &Proxy) -> Self {
        let origin = url.origin().ascii_serialization();
        let head = Some(Head { origin, authorization: proxy.authorization() });
        Self { connection, head }
    }
}

impl Head {
    /// With the address in the first line, and one more header field.
    fn insert(&self, head: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let method_end = head.iter().position(|byte| *byte == b' ')? + 1;
        let line_end = head.windows(2).position(|pair| pair == b"\r\n")? + 2;
        let field = match &self.authorization {
            Some(value) => Zeroizing::new(format!("Proxy-Authorization: {}\r\n", **value)),
            None => Zeroizing::default(),
        };
        let (line, rest) = head.split_at_checked(line_end)?;
        let (method, target) = line.split_at_checked(method_end)?;
        let parts = [method, self.origin.as_bytes(), target, field.as_bytes(), rest];
        Some(Zeroizing::new(parts.concat()))
    }
}

impl Transport for AbsoluteForm {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.connection.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let Some(head) = self.head.take() else {
            return self.connection.transmit_output(amount, timeout);
        };
        let output = self.connection.buffers().output();
        let whole = head.insert(output.get(..amount).unwrap_or_default());
        let unsendable = NoResponse::NotSent("such a request can't go through a proxy");
        let whole = whole.ok_or(NotConnected(unsendable))?;
        let mut rest = whole.as_slice();
        while !rest.is_empty() {
            let output = self.connection.buffers().output();
            let (now, later) = rest.split_at(rest.len().min(output.len()));
            for (to, from) in output.iter_mut().zip(now) {
                *to = *from;
            }
            self.connection.transmit_output(now.len(), timeout)?;
            rest = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.connection.await_input(timeout)
    }

    /// The next request would need its own first line.
    fn is_open(&mut self) -> bool {
        false
    }
}

impl fmt::Debug for AbsoluteForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AbsoluteForm")
    }
}

fn buffers(config: &Config) -> LazyBuffers {
    LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size())
}
