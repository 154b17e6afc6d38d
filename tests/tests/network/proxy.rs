//! Proxies. Each knows every name, and leads to loopback.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// On a port of loopback.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy)]
pub(crate) enum Answers {
    /// Leads on.
    Http,
    /// Leads on, after this answer.
    HttpWith(&'static str),
    /// Leads on who has the credentials `me:p w`, or `me:p%41`.
    HttpForMe,
    /// Opens a tunnel, and closes it: before anything has come through it, or after the client's first bytes.
    HttpBreaks { after_hello: bool },
    /// Answers this to everything.
    Bytes(&'static [u8]),
    /// RFC 1928.
    Socks,
    /// RFC 1929, for `me:p w`.
    SocksForMe,
    /// The same, and closes the connection in place of a verdict.
    SocksCloses,
    /// This reply code to everything.
    SocksReply(u8),
}

impl Proxy {
    pub(crate) fn new(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let log = Arc::clone(&log);
                thread::spawn(move || drop(serve(stream, answers, &log)));
            }
        });
        Self { port, asked }
    }

    /// Speaks TLS with its clients.
    pub(crate) fn secure(answers: Answers, config: rustls::ServerConfig) -> Self {
        let plain = Self::new(answers);
        let (behind, config) = (plain.port, Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let tls = rustls::StreamOwned::new(tls, stream);
                thread::spawn(move || drop(unwrap_tls(tls, behind)));
            }
        });
        Self { port, asked: plain.asked }
    }

    /// What it was asked for since this was asked last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn serve(mut client: TcpStream, answers: Answers, log: &Mutex<Vec<String>>) -> io::Result<()> {
    match answers {
        Answers::Http
        | Answers::HttpWith(_)
        | Answers::HttpForMe
        | Answers::HttpBreaks { .. }
        | Answers::Bytes(_) => {
            let head = head(&mut client)?;
            let line = head.lines().next().unwrap_or_default().to_owned();
            let shown = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("proxy-authorization").then_some(value)
            });
            // `me:p w`, `me:p%41`
            let knows_me = matches!(shown, Some("Basic bWU6cCB3" | "Basic bWU6cCU0MQ=="));
            let of_a_stranger = if shown.is_some() && !knows_me { ", by a stranger" } else { "" };
            log.lock().unwrap().push(format!("{line}{of_a_stranger}"));
            if let Answers::Bytes(bytes) = answers {
                return client.write_all(bytes);
            }
            if let Answers::HttpBreaks { after_hello } = answers {
                client.write_all(b"HTTP/1.1 200 Open\r\n\r\n")?;
                if after_hello {
                    let [_] = read(&mut client)?;
                }
                return client.shutdown(Shutdown::Both);
            }
            if matches!(answers, Answers::HttpForMe) && !knows_me {
                return client.write_all(
                    b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                );
            }
            let mut words = line.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            if method == "CONNECT" {
                let server = TcpStream::connect(("127.0.0.1", port_of(target)))?;
                let usual = "HTTP/1.1 200 Connection established\r\n\r\n";
                let opens = if let Answers::HttpWith(head) = answers { head } else { usual };
                client.write_all(opens.as_bytes())?;
                join(client, server)
            } else {
                // Absolute form: without it there is no host to ask.
                let rest = target.strip_prefix("http://").ok_or(ErrorKind::InvalidInput)?;
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let mut server = TcpStream::connect(("127.0.0.1", port_of(host)))?;
                let fields = head.split_once("\r\n").unwrap().1;
                write!(server, "{method} /{path} HTTP/1.1\r\n{fields}")?;
                join(client, server)
            }
        }
        Answers::Socks | Answers::SocksForMe | Answers::SocksCloses | Answers::SocksReply(_) => {
            socks(client, answers, log)
        }
    }
}

fn socks(mut client: TcpStream, answers: Answers, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let [_, methods] = read(&mut client)?;
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered)?;
    if matches!(answers, Answers::SocksForMe | Answers::SocksCloses) {
        if !offered.contains(&2) {
            log.lock().unwrap().push("no credentials".into());
            return client.write_all(&[5, 0xff]);
        }
        client.write_all(&[5, 2])?;
        let [_, length] = read(&mut client)?;
        let mut user = vec![0; length.into()];
        client.read_exact(&mut user)?;
        let [length] = read(&mut client)?;
        let mut password = vec![0; length.into()];
        client.read_exact(&mut password)?;
        if matches!(answers, Answers::SocksCloses) {
            log.lock().unwrap().push("credentials".into());
            return Ok(());
        }
        let is_me = user == b"me" && password == b"p w";
        if !is_me {
            log.lock().unwrap().push("a stranger".into());
            return client.write_all(&[1, 1]);
        }
        client.write_all(&[1, 0])?;
    } else {
        client.write_all(&[5, 0])?;
    }
    let [_, _, _, kind] = read(&mut client)?;
    let host = if kind == 3 {
        let [length] = read(&mut client)?;
        let mut name = vec![0; length.into()];
        client.read_exact(&mut name)?;
        String::from_utf8(name).unwrap()
    } else {
        panic!("names are the proxy's to look up")
    };
    let port = u16::from_be_bytes(read(&mut client)?);
    log.lock().unwrap().push(format!("SOCKS {host}:{port}"));
    if let Answers::SocksReply(code) = answers {
        return client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    join(client, server)
}

fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let [byte] = read(stream)?;
        head.push(byte);
    }
    Ok(String::from_utf8(head).unwrap())
}

fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn port_of(authority: &str) -> u16 {
    authority.rsplit_once(':').unwrap().1.parse().unwrap()
}

fn join(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        drop(io::copy(&mut from_client, &mut to_server));
        drop(to_server.shutdown(Shutdown::Write));
    });
    let (mut from_server, mut to_client) = (server, client);
    drop(io::copy(&mut from_server, &mut to_client));
    to_client.shutdown(Shutdown::Write)
}

/// Passes on what is inside of TLS, each way in its turn.
fn unwrap_tls(
    mut tls: rustls::StreamOwned<rustls::ServerConnection, TcpStream>,
    port: u16,
) -> io::Result<()> {
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    let mut plain = TcpStream::connect(("127.0.0.1", port))?;
    tls.sock.set_read_timeout(Some(TURN))?;
    plain.set_read_timeout(Some(TURN))?;
    let (mut is_asked, mut buffer) = (true, [0; 4096]);
    // For ten seconds without a byte, at most.
    let mut idle = 0;
    while idle < 1000 {
        idle += 1;
        if is_asked && let Some(length) = read_some(&mut tls, &mut buffer) {
            idle = 0;
            plain.write_all(&buffer[..length])?;
            is_asked = length > 0;
        }
        if let Some(length) = read_some(&mut plain, &mut buffer) {
            idle = 0;
            if length == 0 {
                break;
            }
            tls.write_all(&buffer[..length])?;
        }
    }
    tls.conn.send_close_notify();
    tls.conn.complete_io(&mut tls.sock)?;
    tls.sock.shutdown(Shutdown::Write)
}

const TURN: Duration = Duration::from_millis(5);

/// `None`: nothing yet. What has broken has come to its end.
fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> Option<usize> {
    match stream.read(buffer) {
        Ok(length) => Some(length),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(_) => Some(0),
    }
}
