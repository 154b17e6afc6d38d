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

pub(super) async fn ask_again(proxy: &Proxy, tls: Option<&Tls>, url: &Url) -> ProxyProblem {
    match answer(proxy, tls, url, proxy.authorization()).await {
        Some(Ok(Some((407, head)))) => ProxyProblem::of_407_head(&head),
        Some(Ok(Some((status @ 100..=299, head)))) if is_beyond_hyper(status, &head) => {
            ProxyProblem::Unusable(BEYOND_HYPER)
        }
        // It has changed its mind: what it said before may pass.
        Some(Ok(Some((200..=299, _)))) => ProxyProblem::Status(503),
        Some(Ok(Some((status, _)))) => ProxyProblem::Status(status),
        Some(Ok(None)) => ProxyProblem::Unusable("is no HTTP proxy"),
        Some(Err(_)) | None => ProxyProblem::NotReached("it closed the connection"),
    }
}

/// What a proxy wants that has answered 407. Without credentials: wrong ones that are sent again lock accounts.
pub(super) async fn ask_for_scheme(proxy: &Proxy, tls: Option<&Tls>, url: &Url) -> ProxyProblem {
    match answer(proxy, tls, url, None).await {
        Some(Ok(Some((407, head)))) => ProxyProblem::of_407_head(&head),
        _ => ProxyProblem::CredentialsWanted,
    }
}

/// Whether a SOCKS5 proxy closed the connection because of the credentials. It is greeted once more, without
/// them: one that asks for them has had them.
pub(super) async fn why_socks_closed(proxy: &Proxy) -> ProxyProblem {
    let proxy = proxy.clone();
    let greeting = spawn_blocking(move || -> io::Result<bool> {
        let mut stream = connect(&proxy)?;
        stream.write_all(&[5, 2, 0, 2])?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen)?;
        Ok(proxy.credentials().is_some() && chosen == [5, 2])
    });
    match timeout(LIMIT, greeting).await {
        Ok(Ok(Ok(true))) => ProxyProblem::SocksCredentialsUnanswered,
        _ => ProxyProblem::NotReached("it closed the connection"),
    }
}

/// The status and the head of its answer; `None` inside if that is no HTTP, and outside if there was none in time.
/// In a thread that may block: TLS has one face for both clients.
async fn answer(
    proxy: &Proxy,
    tls: Option<&Tls>,
    url: &Url,
    authorization: Option<Zeroizing<String>>,
) -> Option<io::Result<Option<(u16, String)>>> {
    let (proxy, tls, url) = (proxy.clone(), tls.cloned(), url.clone());
    let asking = spawn_blocking(move || ask(&proxy, tls.as_ref(), &url, authorization.as_ref()));
    timeout(LIMIT, asking).await.ok()?.ok()
}

fn ask(
    proxy: &Proxy,
    tls: Option<&Tls>,
    url: &Url,
    authorization: Option<&Zeroizing<String>>,
) -> io::Result<Option<(u16, String)>> {
    let stream = connect(proxy)?;
    match tls.filter(|_| proxy.kind() == ProxyKind::Https) {
        Some(tls) => head_of(tls.connect(proxy.host(), stream)?, url, authorization),
        None => head_of(stream, url, authorization),
    }
}

fn connect(proxy: &Proxy) -> io::Result<TcpStream> {
    let host = proxy.host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let mut addresses = (bare, proxy.port()).to_socket_addrs()?;
    let stream = addresses.find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok());
    let stream = stream.ok_or(io::ErrorKind::ConnectionRefused)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

fn head_of(
    mut stream: impl Read + Write,
    url: &Url,
    authorization: Option<&Zeroizing<String>>,
) -> io::Result<Option<(u16, String)>> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut head =
        Zeroizing::new(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n"));
    if let Some(authorization) = authorization {
        head.push_str("Proxy-Authorization: ");
        head.push_str(authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    let (mut head, mut part) = (Vec::with_capacity(1024), [0; 1024]);
    // `HTTP/1.1 403` at least.
    while head.len() < 12 || head.starts_with(b"HTTP/") && !is_whole(&head) {
        match stream.read(&mut part)? {
            0 => break,
            count => head.extend_from_slice(part.get(..count).unwrap_or_default()),
        }
    }
    if head.len() < 12 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let status = head.lines().next().filter(|line| line.starts_with("HTTP/"));
    let status = status.and_then(|line| line.split(' ').nth(1)?.parse().ok());
    Ok(status.map(|status| (status, head)))
}

/// RFC 9112 §2.2: a bare line feed ends a line, too.
fn is_whole(head: &[u8]) -> bool {
    head.len() >= HEAD_BYTES_MAX || [&b"\r\n\r\n"[..], b"\n\n"].iter().any(|end| has(head, end))
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|found| found == part)
}

/// What hyper-util takes for the opening of a tunnel is 200, with so much before it and around it.
fn is_beyond_hyper(status: u16, head: &str) -> bool {
    status != 200 || head.lines().count() > 100 || head.len() >= 8 * 1024
}

const BEYOND_HYPER: &str = "opens its tunnels in a way that the async client doesn't read (another status than 200, more than 100 header fields, or 8 KiB)";

const LIMIT: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: usize = 16 * 1024;
