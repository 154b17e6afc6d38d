//! The redirect address: RFC 8252 §7.3, §8.3, §8.10.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac_sha256::Hash as Sha256;
use url::{Host, Url};

use crate::{
    error::{ConfigProblem, Error},
    server::Issuer,
};

/// The loopback address that a browser is redirected to. Its port may be known only once it is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectAddress {
    host: Name,
    /// `None`: any free port (RFC 8252 §7.3: the server has to allow any).
    port: Option<u16>,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// `127.0.0.1`, or `[::1]` where that can't be bound.
    Either,
    Is(IpAddr),
    Localhost,
}

impl RedirectAddress {
    /// An address with a path of this issuer's own (RFC 8252 §8.10): a redirect of another server goes to
    /// another path.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        let hash = Sha256::hash(issuer.as_str().as_bytes());
        let name = BASE64_URL_SAFE_NO_PAD.encode(hash);
        let path = format!("/callback/{}", name.get(..16).unwrap_or_default());
        Self { host: Name::Either, port: None, path }
    }

    /// The address that is registered for the client: `http://127.0.0.1/callback`, `http://[::1]/`,
    /// `http://localhost:8400/` (for a server that allows nothing else: RFC 8252 §8.3). Without a port, any
    /// free one is used.
    ///
    /// # Errors
    /// [`Error::Config`] unless it is such an address.
    pub fn registered(uri: &str) -> Result<Self, Error> {
        let invalid = || Error::Config(ConfigProblem::InvalidUrl { member: "redirect_uri" });
        let url = Url::parse(uri).map_err(|_| invalid())?;
        let host = match url.host() {
            Some(Host::Ipv4(ip)) if ip.is_loopback() => Name::Is(ip.into()),
            Some(Host::Ipv6(ip)) if ip.is_loopback() => Name::Is(ip.into()),
            Some(Host::Domain("localhost")) => Name::Localhost,
            Some(_) | None => return Err(invalid()),
        };
        let plain = url.username().is_empty() && url.password().is_none();
        let is_bare = plain && url.query().is_none() && url.fragment().is_none();
        // A URL without a port is not told from one with `:80`.
        let port = if has_port(uri) { url.port_or_known_default() } else { None };
        match url.scheme() == "http" && is_bare && port != Some(0) {
            true => Ok(Self { host, port, path: url.path().to_owned() }),
            false => Err(invalid()),
        }
    }

    /// The addresses to bind: the first that works. Port 0 means any free port.
    #[must_use]
    pub fn candidates(&self) -> Vec<SocketAddr> {
        let port = self.port.unwrap_or(0);
        let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
        let addresses = match self.host {
            Name::Either | Name::Localhost => vec![v4, v6],
            Name::Is(ip) => vec![ip],
        };
        addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()
    }

    /// The redirect URI, for the address that was bound.
    #[must_use]
    pub fn at(&self, bound: SocketAddr) -> String {
        let host = match (self.host, bound.ip()) {
            (Name::Localhost, _) => "localhost".to_owned(),
            (_, IpAddr::V4(ip)) => ip.to_string(),
            (_, IpAddr::V6(ip)) => format!("[{ip}]"),
        };
        format!("http://{host}:{}{}", bound.port(), self.path)
    }

    /// The address beside the one that was bound that no other program may have: a browser takes `localhost` for
    /// either.
    #[must_use]
    pub fn twin(&self, bound: SocketAddr) -> Option<SocketAddr> {
        let other = match bound.ip() {
            IpAddr::V4(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        };
        (self.host == Name::Localhost).then(|| SocketAddr::new(other, bound.port()))
    }
}

/// Whether a port is written in an address.
fn has_port(uri: &str) -> bool {
    let authority = uri.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    // An IPv6 address has colons of its own.
    let after_host = authority.and_then(|authority| authority.rsplit(']').next());
    let port = after_host.and_then(|rest| rest.rsplit_once(':'));
    port.is_some_and(|(_, port)| !port.trim_end().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// LOOP-01, LOOP-03, LOOP-04, LOOP-07.
    #[test]
    fn each_issuer_has_a_path_of_its_own() {
        let of = |issuer| RedirectAddress::of(&Issuer::new(issuer).unwrap());
        let (one, other) = (of("https://as.example"), of("https://as.example/"));
        assert_eq!(
            one.at(bound("127.0.0.1:51004")),
            "http://127.0.0.1:51004/callback/k-IPvZ2UNvdMJS26"
        );
        assert_ne!(one.at(bound("[::1]:61023")), other.at(bound("[::1]:61023")));
        assert!(one.at(bound("[::1]:61023")).starts_with("http://[::1]:61023/callback/"));
        assert_eq!(one.candidates(), [bound("127.0.0.1:0"), bound("[::1]:0")]);
    }

    #[test]
    fn localhost_is_both_families() {
        let twin = |uri, at| RedirectAddress::registered(uri).unwrap().twin(bound(at));
        assert_eq!(twin("http://localhost:84/", "127.0.0.1:84"), Some(bound("[::1]:84")));
        assert_eq!(twin("http://localhost:84/", "[::1]:84"), Some(bound("127.0.0.1:84")));
        assert_eq!(twin("http://127.0.0.1:84/", "127.0.0.1:84"), None);
    }

    /// LOOP-02, LOOP-04.
    #[test]
    fn a_registered_address_is_used_as_it_is() {
        for (uri, candidates, at, expected) in [
            ("http://127.0.0.1/cb", &["127.0.0.1:0"][..], "127.0.0.1:99", "http://127.0.0.1:99/cb"),
            ("http://[::1]/", &["[::1]:0"], "[::1]:99", "http://[::1]:99/"),
            (
                "http://localhost:8400",
                &["127.0.0.1:8400", "[::1]:8400"],
                "[::1]:8400",
                "http://localhost:8400/",
            ),
            ("http://127.0.0.1:80/cb", &["127.0.0.1:80"], "127.0.0.1:80", "http://127.0.0.1:80/cb"),
            ("http://[::1]:80", &["[::1]:80"], "[::1]:80", "http://[::1]:80/"),
            ("http://127.0.0.1:/a:80", &["127.0.0.1:0"], "127.0.0.1:9", "http://127.0.0.1:9/a:80"),
        ] {
            let address = RedirectAddress::registered(uri).unwrap();
            let expected_candidates: Vec<_> = candidates.iter().map(|text| bound(text)).collect();
            assert_eq!(address.candidates(), expected_candidates, "{uri}");
            assert_eq!(address.at(bound(at)), expected);
        }
        for uri in [
            "",
            "https://127.0.0.1/",
            "http://10.0.0.1/",
            "http://127.0.0.1.evil.example/",
            "http://me@127.0.0.1/",
            "http://127.0.0.1/?a=b",
            "http://127.0.0.1/#a",
            "http://127.0.0.1:0/",
            "com.example.app:/cb",
        ] {
            assert!(RedirectAddress::registered(uri).is_err(), "{uri}");
        }
    }
}
