//! The APIs that a token may be sent to.

use alloc::vec::Vec;

use url::{Origin, Url};

use crate::{error::Error, server::is_loopback};

/// The APIs that a token may be sent to, by their origins (RFC 6454 §4: scheme, host and port).
///
/// ```
/// use aiod_auth_core::Origins;
///
/// let origins = Origins::new(["https://api.example.org/v1"])?;
/// assert!(origins.has("https://api.example.org/users"));
/// assert!(!origins.has("https://api.example.org:8443/users"));
/// assert!(!origins.has("http://api.example.org/users"));
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<Origin>);

impl Origins {
    /// The origins of these addresses. Their paths don't count.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that is not `https`, or has no host. Plain `http` is only for loopback.
    pub fn new<T: AsRef<str>>(addresses: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let origin = |address: T| match Url::parse(address.as_ref()) {
            Ok(url) if is_private(&url) => Ok(url.origin()),
            Ok(_) | Err(_) => Err(Error::Usage("a token may only go to an https address")),
        };
        addresses.into_iter().map(origin).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request to this address may have the token.
    #[must_use]
    pub fn has(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| self.0.contains(&url.origin()))
    }
}

fn is_private(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_scheme_host_and_port_has_it() {
        let origins = Origins::new(["https://api.example.org", "http://127.0.0.1:8080/"]).unwrap();
        for (address, has) in [
            ("https://api.example.org/", true),
            ("https://API.example.org:443/a?b", true),
            ("https://user@api.example.org/", true),
            ("http://127.0.0.1:8080/a", true),
            ("http://127.0.0.1:8081/a", false),
            ("https://127.0.0.1:8080/a", false),
            ("https://api.example.org.evil.test/", false),
            ("https://evil.test/https://api.example.org/", false),
            ("https://api.example.org@evil.test/", false),
            ("/a", false),
        ] {
            assert_eq!(origins.has(address), has, "{address}");
        }
        for address in ["http://api.example.org", "api.example.org", "file:///a", "data:a"] {
            assert!(Origins::new([address]).is_err(), "{address}");
        }
    }
}
