//! A reverse proxy in front of Keycloak that counts the refreshes which pass it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::keycloak;

pub(crate) struct CountingProxy {
    /// Its own address, in place of Keycloak's.
    pub(crate) base: String,
    refreshes: Arc<AtomicUsize>,
}

impl CountingProxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let refreshes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&refreshes);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // A client that goes away gets no answer.
                thread::spawn(move || drop(forward(client, &count)));
            }
        });
        Self { base, refreshes }
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }
}

/// One connection, with one request. Keycloak is told its own address as the host: it is in each token.
fn forward(mut client: TcpStream, refreshes: &AtomicUsize) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(client.try_clone()?);
    let base = keycloak::base();
    let address = base.strip_prefix("http://").unwrap();
    let (mut head, mut length) = (String::new(), 0);
    for line in reader.by_ref().lines() {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            if line.is_empty() {
                break;
            }
            head += &format!("{line}\r\nhost: {address}\r\nconnection: close\r\n");
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
        if !["host", "connection"].contains(&&*name.to_ascii_lowercase()) {
            head += &format!("{line}\r\n");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if String::from_utf8_lossy(&body).contains("grant_type=refresh_token") {
        refreshes.fetch_add(1, Ordering::SeqCst);
    }
    let mut server = TcpStream::connect(address)?;
    server.set_read_timeout(Some(Duration::from_secs(30)))?;
    server.write_all(format!("{head}\r\n").as_bytes())?;
    server.write_all(&body)?;
    io::copy(&mut server, &mut client).map(drop)
}
