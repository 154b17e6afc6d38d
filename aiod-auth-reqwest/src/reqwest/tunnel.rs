//! Why a proxy opens no tunnel. reqwest keeps the status to itself, and it decides whether the same
//! request may work later: 403 is a refusal, 503 may pass. So the proxy is asked once more, for the
//! status alone. Its credentials were not what it refused.

use std::time::Duration;

use aiod_auth_core::{ProxyProblem, Url, proxy::Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use zeroize::Zeroizing;

pub(super) async fn ask_again(proxy: &Proxy, url: &Url) -> ProxyProblem {
    match timeout(LIMIT, answer(proxy, url, proxy.authorization())).await {
        Ok(Ok(Some((407, head)))) => ProxyProblem::of_407_head(&head),
        // It has changed its mind: what it said before may pass.
        Ok(Ok(Some((200..=299, _)))) => ProxyProblem::Status(503),
        Ok(Ok(Some((status, _)))) => ProxyProblem::Status(status),
        Ok(Ok(None)) => ProxyProblem::Unusable("is no HTTP proxy"),
        Ok(Err(_)) | Err(_) => ProxyProblem::NotReached("it closed the connection"),
    }
}

/// What a proxy wants that has answered 407. Without credentials: wrong ones that are sent again lock accounts.
pub(super) async fn ask_for_scheme(proxy: &Proxy, url: &Url) -> ProxyProblem {
    match timeout(LIMIT, answer(proxy, url, None)).await {
        Ok(Ok(Some((407, head)))) => ProxyProblem::of_407_head(&head),
        _ => ProxyProblem::CredentialsWanted,
    }
}

/// The status and the head of its answer; `None` if that is no HTTP.
async fn answer(
    proxy: &Proxy,
    url: &Url,
    authorization: Option<Zeroizing<String>>,
) -> std::io::Result<Option<(u16, String)>> {
    let host = proxy.host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let mut stream = TcpStream::connect((bare, proxy.port())).await?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut head =
        Zeroizing::new(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n"));
    if let Some(authorization) = authorization {
        head.push_str("Proxy-Authorization: ");
        head.push_str(&authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut head = Vec::with_capacity(1024);
    // `HTTP/1.1 403` at least.
    while head.len() < 12 || head.starts_with(b"HTTP/") && !is_whole(&head) {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    if head.len() < 12 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let status = head.lines().next().filter(|line| line.starts_with("HTTP/"));
    let status = status.and_then(|line| line.split(' ').nth(1)?.parse().ok());
    Ok(status.map(|status| (status, head)))
}

fn is_whole(head: &[u8]) -> bool {
    head.len() >= HEAD_BYTES_MAX || head.windows(4).any(|end| end == b"\r\n\r\n")
}

const LIMIT: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: usize = 16 * 1024;
