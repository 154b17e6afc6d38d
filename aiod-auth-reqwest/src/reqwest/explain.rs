//! What reqwest's errors mean. Their texts have the address in them, so they are not used.

use std::{error::Error, io};

use aiod_auth_core::{NoResponse, ProxyProblem, proxy::Proxy};
use aiod_auth_tls::{Tls, TlsFailure};

/// Why there is no answer to a request.
pub(super) enum Unconnected<'a> {
    Told(NoResponse),
    /// The proxy answered something else than 200 or 407; reqwest doesn't say what.
    NoTunnel(&'a Proxy),
    /// The proxy answered 407; reqwest doesn't say what it wants.
    CredentialsWanted(&'a Proxy),
    /// The SOCKS5 proxy closed the connection; reqwest doesn't say when.
    SocksClosed(&'a Proxy),
}

/// What did not fail before there was a connection may have reached the server.
pub(super) fn unconnected<'a>(
    error: &::reqwest::Error,
    tls: Option<&Tls>,
    proxy: Option<&'a Proxy>,
    is_asked_by_proxy: bool,
) -> Unconnected<'a> {
    if error.is_builder() {
        return Unconnected::Told(NoResponse::NotSent("such a request can't be sent"));
    }
    if !error.is_connect() {
        return Unconnected::Told(unanswered(error, tls));
    }
    if let Some(failure) = tls_failure(error, tls) {
        // The tunnel's connection is the one to the proxy; what comes after it is the server's.
        let is_of_proxy = is_asked_by_proxy
            || chain(error).any(|error| error.to_string().starts_with("tunnel error: "));
        return Unconnected::Told(match proxy.filter(|_| is_of_proxy) {
            Some(proxy) => NoResponse::Proxy(proxy.failure(failure.of_proxy())),
            None => NoResponse::Tls(failure),
        });
    }
    let why = if error.is_timeout() { "timed out while connecting" } else { reason(error) };
    let Some(proxy) = proxy else { return Unconnected::Told(NoResponse::NotSent(why)) };
    let told = |problem| Unconnected::Told(NoResponse::Proxy(proxy.failure(problem)));
    match through_proxy(error) {
        Some(Through::CredentialsWanted) => Unconnected::CredentialsWanted(proxy),
        Some(Through::SocksCredentialsWanted) => told(ProxyProblem::SocksCredentialsWanted),
        Some(Through::Closed) => told(ProxyProblem::NotReached("it closed the connection")),
        Some(Through::SocksClosed) => Unconnected::SocksClosed(proxy),
        Some(Through::Socks(code)) => told(ProxyProblem::SocksReply(code)),
        Some(Through::NoProxy) => told(ProxyProblem::Unusable("is no SOCKS5 proxy")),
        Some(Through::NoTunnel) => Unconnected::NoTunnel(proxy),
        None => told(match failed_lookup(error) {
            Some(words) => ProxyProblem::of_lookup(&words),
            None if is_broken_tunnel(error, is_asked_by_proxy) => ProxyProblem::TunnelBroke(why),
            None => ProxyProblem::NotReached(why),
        }),
    }
}

/// Errors of the way to the proxy, and of opening the tunnel, have hyper-util's around them; what comes after has not.
/// Where the time ran out is not said.
fn is_broken_tunnel(error: &::reqwest::Error, is_asked_by_proxy: bool) -> bool {
    let is_on_the_way = chain(error).any(|error| {
        let text = error.to_string();
        text.starts_with("tunnel error: ") || text.starts_with("SOCKS error: ")
    });
    !is_asked_by_proxy && !is_on_the_way && !error.is_timeout()
}

/// In TLS 1.3 a server says after the client's handshake that it wants another client certificate: it has
/// read none of the request then (RFC 8446 §4.4.2.4).
pub(super) fn unanswered(error: &::reqwest::Error, tls: Option<&Tls>) -> NoResponse {
    match tls_failure(error, tls) {
        Some(
            failure @ (TlsFailure::ClientCertificateWanted | TlsFailure::ClientCertificateRefused),
        ) => NoResponse::Tls(failure),
        _ if error.is_timeout() => NoResponse::Unknown("timed out"),
        _ if is_not_http(error) => NoResponse::NotHttp,
        _ => NoResponse::Unknown("the connection failed"),
    }
}

fn tls_failure(error: &(dyn Error + 'static), tls: Option<&Tls>) -> Option<TlsFailure> {
    match tls {
        Some(tls) => tls.explain(error),
        None => aiod_auth_tls::explain(error),
    }
}

enum Through {
    CredentialsWanted,
    SocksCredentialsWanted,
    NoTunnel,
    Closed,
    SocksClosed,
    Socks(u8),
    NoProxy,
}

/// hyper-util has these errors, whose types can't be named: their texts are all there is.
fn through_proxy(error: &(dyn Error + 'static)) -> Option<Through> {
    chain(error).find_map(|error| {
        let text = error.to_string();
        if let Some(why) = text.strip_prefix("tunnel error: ") {
            return match why {
                "proxy authorization required" => Some(Through::CredentialsWanted),
                "unsuccessful" | "proxy response headers too long" => Some(Through::NoTunnel),
                "unexpected end of file" => Some(Through::Closed),
                _ => None,
            };
        }
        // RFC 1928 §6.
        match text.strip_prefix("SOCKS error: ")? {
            "credentials not accepted"
            | "server does not support user/pass authentication"
            | "server implements authentication incorrectly" => {
                Some(Through::SocksCredentialsWanted)
            }
            "general server failure" => Some(Through::Socks(1)),
            "connection not allowed" => Some(Through::Socks(2)),
            "network unreachable" => Some(Through::Socks(3)),
            "host unreachable" => Some(Through::Socks(4)),
            "connection refused" => Some(Through::Socks(5)),
            "ttl expired" => Some(Through::Socks(6)),
            "command not supported" => Some(Through::Socks(7)),
            "address type not supported" => Some(Through::Socks(8)),
            "failed parsing server response" => Some(Through::NoProxy),
            "io error during SOCKS handshake" => Some(Through::SocksClosed),
            _ => None,
        }
    })
}

/// hyper's errors can't be named either.
fn is_not_http(error: &::reqwest::Error) -> bool {
    chain(error).any(|error| {
        let text = error.to_string();
        text.starts_with("invalid HTTP") || text == "message head is too large"
    })
}

/// The system's words for it. It may be because no host can have this name: TLS says so first.
pub(super) fn failed_lookup(error: &::reqwest::Error) -> Option<String> {
    let is_lookup = error.is_dns() || chain(error).any(|it| it.to_string() == "invalid dns name");
    is_lookup.then(|| chain(error).last().map(ToString::to_string)).flatten()
}

fn reason(error: &::reqwest::Error) -> &'static str {
    let kind = chain(error).filter_map(|error| Some(error.downcast_ref::<io::Error>()?.kind()));
    match kind.last() {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused",
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "connection reset",
        Some(io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof) => {
            "connection closed"
        }
        Some(io::ErrorKind::HostUnreachable) => "host unreachable",
        Some(io::ErrorKind::NetworkUnreachable) => "network unreachable",
        Some(io::ErrorKind::TimedOut) => "timed out while connecting",
        _ => "no connection",
    }
}

/// An error and what is below. (The source of an `io::Error` is its inner error's source.)
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
        Some(error)
    })
}
