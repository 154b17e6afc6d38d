//! Why a proxy opens no tunnel. reqwest keeps the status to itself, and it decides whether the same
//! request may work later: 403 is a refusal, 503 may pass. So the proxy is asked once more, for the
//! status alone. Its credentials were not what it refused.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use aiod_auth_core::{
    ProxyProblem, Url,
    proxy::{Proxy, ProxyKind},
};
use aiod_auth_tls::Tls;
use tokio::{task::spawn_blocking, time::timeout};
use zeroize::Zeroizing;

/// In a thread that may block: TLS has one face for both clients.
pub(super) async fn ask_again(proxy: &Proxy, tls: Option<&Tls>, url: &Url) -> ProxyProblem {
    let (asked, tls, url) = (proxy.clone(), tls.cloned(), url.clone());
    let asking = spawn_blocking(move || status(&asked, tls.as_ref(), &url));
    match timeout(LIMIT, asking).await {
        Ok(Ok(Ok(Some(407)))) => ProxyProblem::CredentialsWanted,
        // It has changed its mind: what it said before may pass.
        Ok(Ok(Ok(Some(200..=299)))) => ProxyProblem::Status(503),
        Ok(Ok(Ok(Some(status)))) => ProxyProblem::Status(status),
        Ok(Ok(Ok(None))) => ProxyProblem::Unusable("is no HTTP proxy"),
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => ProxyProblem::NotReached("it closed the connection"),
    }
}

fn status(proxy: &Proxy, tls: Option<&Tls>, url: &Url) -> io::Result<Option<u16>> {
    let host = proxy.host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let mut addresses = (bare, proxy.port()).to_socket_addrs()?;
    let stream = addresses.find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok());
    let stream = stream.ok_or(io::ErrorKind::ConnectionRefused)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    match tls.filter(|_| proxy.kind() == ProxyKind::Https) {
        Some(tls) => status_of(tls.connect(host, stream)?, proxy, url),
        None => status_of(stream, proxy, url),
    }
}

fn status_of(mut stream: impl Read + Write, proxy: &Proxy, url: &Url) -> io::Result<Option<u16>> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut head =
        Zeroizing::new(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n"));
    if let Some(authorization) = proxy.authorization() {
        head.push_str("Proxy-Authorization: ");
        head.push_str(&authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    // `HTTP/1.1 403`
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    let line = std::str::from_utf8(&line).ok().filter(|line| line.starts_with("HTTP/"));
    Ok(line.and_then(|line| line.split(' ').nth(1)?.parse().ok()))
}

const LIMIT: Duration = Duration::from_secs(5);
