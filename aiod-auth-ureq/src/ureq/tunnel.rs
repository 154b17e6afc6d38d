//! What a proxy is asked before it passes bytes on.

use std::io::{self, ErrorKind, Read, Write};

use aiod_auth_core::{ProxyProblem, proxy::Proxy};
use zeroize::Zeroizing;

use super::connector::reason;

/// CONNECT: RFC 9110 §9.3.6. The proxy resolves the name.
pub(super) fn http(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    host: &str,
    port: u16,
    user_agent: &str,
) -> Result<(), ProxyProblem> {
    let mut head = Zeroizing::new(format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {user_agent}\r\n"
    ));
    if let Some(authorization) = proxy.authorization() {
        head.push_str("Proxy-Authorization: ");
        head.push_str(&authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).map_err(|error| broken(&error))?;
    let mut head = head_of_answer(stream)?;
    // RFC 9110 §15.2: an interim answer is passed over.
    while let Some(100..=199) = status(&head) {
        head = head_of_answer(stream)?;
    }
    match status(&head).ok_or(NO_PROXY)? {
        200..=299 => Ok(()),
        407 => Err(ProxyProblem::of_407_head(&head)),
        status => Err(ProxyProblem::Status(status)),
    }
}

/// Byte by byte: what follows is the server's.
fn head_of_answer(stream: &mut impl Read) -> Result<String, ProxyProblem> {
    let mut head = Vec::with_capacity(256);
    // RFC 9112 §2.2: a bare line feed ends a line, too.
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        let mut byte = [0];
        match stream.read_exact(&mut byte) {
            Ok(()) if head.len() < HEAD_BYTES_MAX => head.extend_from_slice(&byte),
            Ok(()) => return Err(NO_PROXY),
            Err(error) => return Err(broken(&error)),
        }
        let start = head.len().min(5);
        if !b"HTTP/".starts_with(head.get(..start).unwrap_or_default()) {
            return Err(NO_PROXY);
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn status(head: &str) -> Option<u16> {
    head.lines().next()?.split(' ').nth(1)?.parse().ok()
}

/// RFC 1928, with RFC 1929 where there are credentials. The proxy resolves the name.
pub(super) fn socks5(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), ProxyProblem> {
    let io = |error: io::Error| broken(&error);
    let greeting: &[u8] = match proxy.credentials() {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USERNAME_PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    stream.write_all(greeting).map_err(io)?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).map_err(io)?;
    match (chosen, proxy.credentials()) {
        ([VERSION, NO_AUTHENTICATION], _) => {}
        ([VERSION, USERNAME_PASSWORD], Some((user, password))) => {
            let mut request = Zeroizing::new(vec![1]);
            request.extend_from_slice(&counted(user)?);
            request.extend_from_slice(&counted(password)?);
            stream.write_all(&request).map_err(io)?;
            let mut verdict = [0; 2];
            stream.read_exact(&mut verdict).map_err(|error| unanswered(&error))?;
            if verdict[1] != 0 {
                return Err(ProxyProblem::SocksCredentialsWanted);
            }
        }
        ([VERSION, _], _) => return Err(ProxyProblem::SocksCredentialsWanted),
        _ => return Err(NO_SOCKS),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse() {
        Ok(std::net::IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Ok(std::net::IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            request.push(3);
            request.extend_from_slice(&counted(bare)?);
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).map_err(io)?;
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).map_err(io)?;
    let [VERSION, code, _, kind] = reply else { return Err(NO_SOCKS) };
    if code != 0 {
        return Err(ProxyProblem::SocksReply(code));
    }
    // The address that the proxy uses, which nothing here needs.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => {
            let mut length = [0];
            stream.read_exact(&mut length).map_err(io)?;
            length[0].into()
        }
        _ => return Err(NO_SOCKS),
    };
    let mut rest = vec![0; length + 2];
    stream.read_exact(&mut rest).map_err(io)
}

fn counted(text: &str) -> Result<Zeroizing<Vec<u8>>, ProxyProblem> {
    let length = u8::try_from(text.len());
    let length = length.map_err(|_| ProxyProblem::Unusable("takes no name this long (SOCKS)"))?;
    Ok(Zeroizing::new([&[length], text.as_bytes()].concat()))
}

/// A proxy that closes the connection in place of a verdict is asked once: each more may lock the account.
fn unanswered(error: &io::Error) -> ProxyProblem {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            ProxyProblem::SocksCredentialsUnanswered
        }
        _ => broken(error),
    }
}

fn broken(error: &io::Error) -> ProxyProblem {
    let is_closed = error.kind() == ErrorKind::UnexpectedEof;
    ProxyProblem::NotReached(if is_closed { "it closed the connection" } else { reason(error) })
}

const NO_PROXY: ProxyProblem = ProxyProblem::Unusable("is no HTTP proxy");
const NO_SOCKS: ProxyProblem = ProxyProblem::Unusable("is no SOCKS5 proxy");
const HEAD_BYTES_MAX: usize = 16 * 1024;
const VERSION: u8 = 5;
const CONNECT: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USERNAME_PASSWORD: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with these bytes, and keeps what was written.
    struct Scripted(io::Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Scripted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scripted(answer: &[u8]) -> Scripted {
        Scripted(io::Cursor::new(answer.to_vec()), Vec::new())
    }

    #[test]
    fn what_an_http_proxy_answers() {
        let proxy = Proxy::new("http://me:pw@proxy:1").unwrap();
        let closed = ProxyProblem::NotReached("it closed the connection");
        for (answer, expected) in [
            (b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n".as_slice(), Ok(())),
            (b"HTTP/1.0 200\r\n\r\n", Ok(())),
            (b"HTTP/1.0 200 OK\nVia: x\n\n", Ok(())),
            (b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Ok(())),
            (b"HTTP/1.1 407 No\r\n\r\n", Err(ProxyProblem::CredentialsWanted)),
            (
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n",
                Err(ProxyProblem::SchemeNotSpoken("NTLM")),
            ),
            (b"HTTP/1.1 403 No\r\n\r\n", Err(ProxyProblem::Status(403))),
            (b"HTTP/1.1 503 No\r\n\r\n", Err(ProxyProblem::Status(503))),
            (b"", Err(closed)),
            (b"HTTP/1.1 200 Conn", Err(closed)),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Err(NO_PROXY)),
            (b"\x15\x03\x01\x00\x02", Err(NO_PROXY)),
        ] {
            let mut stream = scripted(answer);
            let outcome = http(&mut stream, &proxy, "as.example", 443, "me/1");
            assert_eq!(outcome, expected, "{}", answer.escape_ascii());
            let sent = String::from_utf8(stream.1).unwrap();
            assert_eq!(
                sent,
                "CONNECT as.example:443 HTTP/1.1\r\nHost: as.example:443\r\nUser-Agent: me/1\r\n\
                 Proxy-Authorization: Basic bWU6cHc=\r\n\r\n"
            );
        }
        let endless = b"HTTP/1.1 200 OK\r\n".repeat(10_000);
        assert_eq!(http(&mut scripted(&endless), &proxy, "h", 1, ""), Err(NO_PROXY));
    }

    #[test]
    fn what_a_socks_proxy_answers() {
        let (open, closed) = (Proxy::new("socks5://p").unwrap(), "it closed the connection");
        let known = Proxy::new("socks5h://me:pw@p").unwrap();
        let rows: &[(&Proxy, &[u8], Result<(), ProxyProblem>)] = &[
            (&open, b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0", Ok(())),
            (&open, b"\x05\x00\x05\x00\x00\x03\x01x\0\0", Ok(())),
            (&known, b"\x05\x02\x01\x00\x05\x00\x00\x01\0\0\0\0\0\0", Ok(())),
            (&known, b"\x05\x02\x01\x01", Err(ProxyProblem::SocksCredentialsWanted)),
            (&known, b"\x05\x02\x01", Err(ProxyProblem::SocksCredentialsUnanswered)),
            (&open, b"\x05\xff", Err(ProxyProblem::SocksCredentialsWanted)),
            (&open, b"\x05\x00\x05\x02\x00\x01", Err(ProxyProblem::SocksReply(2))),
            (&open, b"HTTP/1.1 400", Err(NO_SOCKS)),
            (&open, b"\x05", Err(ProxyProblem::NotReached(closed))),
        ];
        for (proxy, answer, expected) in rows {
            let mut stream = scripted(answer);
            let outcome = socks5(&mut stream, proxy, "as.example", 443);
            assert_eq!(outcome, *expected, "{}", answer.escape_ascii());
        }
        // The name goes to the proxy, which resolves it; an address goes as one.
        let mut stream = scripted(rows[0].1);
        socks5(&mut stream, &open, "as.example", 443).unwrap();
        assert!(stream.1.ends_with(b"\x05\x01\x00\x03\x0aas.example\x01\xbb"), "{:?}", stream.1);
        let mut stream = scripted(rows[0].1);
        socks5(&mut stream, &open, "[::1]", 443).unwrap();
        assert_eq!(stream.1.len(), 3 + 4 + 16 + 2);
    }
}
