//! Where a Tiled server is.

use alloc::format;

use url::Url;

use crate::{
    error::{ConfigProblem, Error, Problem},
    server::Transport,
};

/// The address of a server's API, with the slash at its end: `https://tiled.example.org/api/v1/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    url: Url,
    transport: Transport,
}

impl Api {
    /// From an address of the server: where it is, its API or anything below that, or its pages (`/ui`, `/docs`).
    /// As the Python client reads it (`Context.from_any_uri`), so that both keep their tokens under the same name;
    /// that client can't use those below the API that are no `metadata`, nor the pages.
    ///
    /// ```
    /// use aiod_auth_core::provider::tiled::Api;
    ///
    /// let api = Api::new("https://tiled.example.org/api/v1/metadata/a/b")?;
    /// assert_eq!(api.as_str(), "https://tiled.example.org/api/v1/");
    /// # Ok::<(), aiod_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for an address that is not https (loopback excepted), or has an API key in it: it
    /// belongs into `TILED_API_KEY`.
    pub fn new(address: &str) -> Result<Self, Error> {
        Self::with_transport(address, Transport::HttpsOnly)
    }

    /// As [`new`](Self::new), and plain `http` is taken from this server anywhere.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn allowing_insecure_http(address: &str) -> Result<Self, Error> {
        Self::with_transport(address, Transport::HttpAllowed)
    }

    fn with_transport(address: &str, transport: Transport) -> Result<Self, Error> {
        let mut url = transport.check_page("api", address)?;
        if url.query_pairs().any(|(name, _)| name == "api_key") {
            return Err(Error::Config(ConfigProblem::InvalidUrl { member: "api" }));
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path();
        let below_api = path.split_once("/metadata").map(|(api, _)| api);
        let below_api = below_api.or_else(|| {
            let (start, _) = path.split_once("/api/v1/")?;
            path.get(..start.len().saturating_add("/api/v1".len()))
        });
        let path = match below_api {
            Some(api) => format!("{}/", api.strip_suffix('/').unwrap_or(api)),
            None => {
                let path = if path.contains("/api") { path } else { without_page(path) };
                let start = path.strip_suffix('/').unwrap_or(path);
                let rest = match (path.contains("/api"), path.contains("/v1")) {
                    (false, _) => "/api/v1/",
                    (true, false) => "/v1/",
                    (true, true) => "/",
                };
                format!("{start}{rest}")
            }
        };
        url.set_path(&path);
        Ok(Self { url, transport })
    }

    /// The address as text. The Python client's folder for its tokens is named after it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Where the server describes itself.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    pub(super) const fn transport(&self) -> Transport {
        self.transport
    }

    /// Where a session is ended: `auth/session/revoke`, which the description doesn't name.
    #[must_use]
    pub fn revoke_session(&self) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}auth/session/revoke", self.url.path()));
        url
    }

    /// Where the server refreshes the tokens that it issued itself: `auth/session/refresh`.
    pub(super) fn refresh_session(&self) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}auth/session/refresh", self.url.path()));
        url
    }

    /// A link of the server's own. Passwords and tokens go there, so it has to be the same server.
    pub(super) fn own_link(&self, name: &'static str, address: &str) -> Result<Url, Problem> {
        let mut url =
            self.transport.check(name, address).or_else(|_| self.behind_a_proxy(name, address))?;
        // A server that doesn't know that a proxy ends TLS before it.
        if self.url.scheme() == "https" && url.scheme() == "http" {
            url = self.behind_a_proxy(name, address)?;
        }
        match url.origin() == self.url.origin() {
            true => Ok(url),
            false => {
                let host = url.origin().ascii_serialization();
                Err(Problem::OtherHost { member: name, host })
            }
        }
    }

    /// A link to an OpenID provider, which may be anywhere. An https server sends no secret to plain http.
    pub(super) fn other_link(&self, name: &'static str, address: &str) -> Result<Url, Problem> {
        match self.transport.check(name, address) {
            Ok(url) if url.scheme() == "https" || self.url.scheme() == "http" => Ok(url),
            Ok(_) | Err(_) => Err(Problem::Invalid(name)),
        }
    }

    /// A page for a user.
    pub(super) fn page(&self, name: &'static str, address: &str) -> Result<Url, Problem> {
        self.transport.check_page(name, address).map_err(|_| Problem::Invalid(name))
    }

    fn behind_a_proxy(&self, name: &'static str, address: &str) -> Result<Url, Problem> {
        let rest = address.trim().strip_prefix("http://").ok_or(Problem::Invalid(name))?;
        let https = format!("https://{rest}");
        self.transport.check(name, &https).map_err(|_| Problem::Invalid(name))
    }
}

/// Where the server is whose page this is, as far as it is one.
fn without_page(path: &str) -> &str {
    let page = PAGES.iter().find_map(|page| {
        let (start, rest) = path.split_once(page)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(start)
    });
    page.unwrap_or(path)
}

const PAGES: [&str; 2] = ["/ui", "/docs"];

#[cfg(test)]
mod tests {
    use super::*;

    /// Below the API and at the pages, `tiled` 0.2.20 finds no server.
    #[test]
    fn what_a_user_copies_from_a_browser_will_do() {
        for (address, expected) in [
            ("https://x.org/ui/browse/a/b", "https://x.org/api/v1/"),
            ("https://x.org/sub/ui/", "https://x.org/sub/api/v1/"),
            ("https://x.org/docs", "https://x.org/api/v1/"),
            ("https://x.org/sub/docs#/data", "https://x.org/sub/api/v1/"),
            ("https://x.org/api/v1/array/full/a", "https://x.org/api/v1/"),
            ("https://x.org/ui/api/v1/search/", "https://x.org/ui/api/v1/"),
            ("https://x.org/ui/api/v1", "https://x.org/ui/api/v1/"),
            ("https://x.org/uni", "https://x.org/uni/api/v1/"),
        ] {
            assert_eq!(Api::new(address).unwrap().as_str(), expected, "{address}");
        }
    }

    /// What `tiled` 0.2.20 makes of them.
    #[test]
    fn any_address_of_the_server_will_do() {
        for (address, expected) in [
            ("https://EXAMPLE.com:443/api/v1", "https://example.com/api/v1/"),
            ("http://[::1]:8000", "http://[::1]:8000/api/v1/"),
            ("https://tiled.example.org", "https://tiled.example.org/api/v1/"),
            ("https://x.org/sub/", "https://x.org/sub/api/v1/"),
            ("https://x.org/api", "https://x.org/api/v1/"),
            ("https://x.org/api/", "https://x.org/api/v1/"),
            ("https://x.org/api/v1/metadata/a/b", "https://x.org/api/v1/"),
            ("http://127.0.0.1:8480/api/v1/metadata/", "http://127.0.0.1:8480/api/v1/"),
            ("https://x.org/ä/api/v1", "https://x.org/%C3%A4/api/v1/"),
            ("https://x.org//api/v1", "https://x.org//api/v1/"),
            ("https://bücher.example/api/v1#f", "https://xn--bcher-kva.example/api/v1/"),
        ] {
            assert_eq!(Api::new(address).unwrap().as_str(), expected);
        }
        for address in
            ["http://x.org/api/v1", "x.org", "https://me@x.org", "https://x.org/?api_key=canary"]
        {
            assert!(Api::new(address).is_err(), "{address}");
        }
        assert!(Api::allowing_insecure_http("http://x.org/api/v1").is_ok());
    }

    #[test]
    fn links_stay_with_the_server() {
        for (api, link, expected) in [
            ("https://x.org/", "https://x.org/a", Some("https://x.org/a")),
            ("https://x.org/", "http://x.org/a", Some("https://x.org/a")),
            ("https://x.org/", "http://x.org:8000/a", None),
            ("https://x.org/", "http://127.0.0.1/a", None),
            ("https://x.org/", "https://evil.example/a", None),
            ("https://x.org/", "/a", None),
            ("http://127.0.0.1:1/", "http://127.0.0.1:1/a", Some("http://127.0.0.1:1/a")),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/a", None),
        ] {
            let link = Api::new(api).unwrap().own_link("whoami", link).ok();
            assert_eq!(link.as_ref().map(Url::as_str), expected, "{api} {link:?}");
        }
    }
}
