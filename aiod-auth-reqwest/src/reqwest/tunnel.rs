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
    match timeout(LIMIT, status(proxy, url)).await {
        Ok(Ok(Some(407))) => ProxyProblem::CredentialsWanted,
        // It has changed its mind: what it said before may pass.
        Ok(Ok(Some(200..=299))) => ProxyProblem::Status(503),
        Ok(Ok(Some(status))) => ProxyProblem::Status(status),
        Ok(Ok(None)) => ProxyProblem::Unusable("is no HTTP proxy"),
        Ok(Err(_)) | Err(_) => ProxyProblem::NotReached("it closed the connection"),
    }
}

async fn status(proxy: &Proxy, url: &Url) -> std::io::Result<Option<u16>> {
    let host = proxy.host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let mut stream = TcpStream::connect((bare, proxy.port())).await?;
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
    stream.write_all(head.as_bytes()).await?;
    // `HTTP/1.1 403`
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    let line = std::str::from_utf8(&line).ok().filter(|line| line.starts_with("HTTP/"));
    Ok(line.and_then(|line| line.split(' ').nth(1)?.parse().ok()))
}

const LIMIT: Duration = Duration::from_secs(5);
