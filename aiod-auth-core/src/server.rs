//! An authorization server's metadata: RFC 8414 §2, discovered or configured.

use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use core::{fmt, time::Duration};

use url::{Host, Url};

use crate::{
    deviations::Deviations,
    error::{ConfigProblem, Endpoint, Error, Problem},
    time::Timestamp,
    wire::{answer, servers},
};

/// An authorization server: its issuer, its endpoints, and what its metadata says.
///
/// Made by [`Discovery`](crate::flow::Discovery), or with [`new`](Self::new) for a server without metadata.
///
/// ```
/// use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer};
///
/// let server = AuthorizationServer::new(Issuer::new("https://as.example")?)
///     .with_endpoint(Endpoint::Token, "https://as.example/token")?;
/// assert_eq!(server.endpoint(Endpoint::Token).unwrap().path(), "/token");
/// assert!(server.endpoint(Endpoint::Userinfo).is_none());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServer {
    issuer: Issuer,
    /// `None`: configured, not discovered.
    pub(crate) discovered_at: Option<Timestamp>,
    pub(crate) endpoints: Endpoints,
    /// Endpoints whose address in the metadata must not be used, and why. It is an error only for a request
    /// that needs the endpoint.
    pub(crate) unusable: Vec<(Endpoint, Problem)>,
    /// The client authentication methods of each endpoint. `None`: the metadata doesn't say.
    pub(crate) token_auth_methods: Option<Vec<String>>,
    pub(crate) revocation_auth_methods: Option<Vec<String>>,
    pub(crate) introspection_auth_methods: Option<Vec<String>>,
    /// RFC 8414 §2. `None`: the metadata doesn't say.
    pub(crate) code_challenge_methods: Option<Vec<String>>,
    /// Whether each redirect has `iss`: RFC 9207 §3.
    pub(crate) names_itself_in_redirects: bool,
    pub(crate) deviations: Arc<Deviations>,
    /// The endpoints that were configured in a profile.
    given: Endpoints,
}

/// The addresses of endpoints: each endpoint at most once.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Endpoints(Vec<(Endpoint, Arc<Url>)>);

impl AuthorizationServer {
    /// A server without any endpoint yet.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            discovered_at: None,
            endpoints: Endpoints::default(),
            unusable: Vec::new(),
            token_auth_methods: None,
            revocation_auth_methods: None,
            introspection_auth_methods: None,
            code_challenge_methods: None,
            names_itself_in_redirects: false,
            deviations: Arc::default(),
            given: Endpoints::default(),
        }
    }

    /// Sets an endpoint.
    ///
    /// # Errors
    /// [`Error::Config`] for an address that is no absolute URL, has a fragment (RFC 6749 §3.1), or
    /// is plain `http` beyond loopback.
    pub fn with_endpoint(mut self, endpoint: Endpoint, address: &str) -> Result<Self, Error> {
        self.endpoints.give(self.issuer.transport, endpoint, address)?;
        Ok(self)
    }

    /// Declares where it deviates from the standards.
    #[must_use]
    pub fn with_deviations(mut self, deviations: impl Into<Arc<Deviations>>) -> Self {
        self.deviations = deviations.into();
        self
    }

    /// Its issuer.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// An endpoint's address, if the server has it.
    #[must_use]
    pub fn endpoint(&self, endpoint: Endpoint) -> Option<&Url> {
        self.endpoints.get(endpoint).map(|url| &**url)
    }

    /// Whether it may be used without discovery: metadata is good for an hour.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.discovered_at.is_none_or(|at| now.saturating_duration_since(at) < METADATA_AGE_MAX)
    }

    pub(crate) const fn is_discovered(&self) -> bool {
        self.discovered_at.is_some()
    }

    /// Whether it has the configured endpoints and deviations of this profile, and no other profile's.
    pub(crate) fn is_with(&self, given: &Endpoints, deviations: &Deviations) -> bool {
        self.given == *given && *self.deviations == *deviations
    }

    /// Whether it is the same server, as the same profile sees it.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.is_with(&other.given, &other.deviations)
    }

    pub(crate) fn has(&self, endpoints: &[Endpoint]) -> bool {
        self.endpoints.have(endpoints)
    }

    /// Whether the end session endpoint takes a refresh token, without a browser: Keycloak's way.
    #[must_use]
    pub fn ends_session_by_refresh_token(&self) -> bool {
        self.endpoint(Endpoint::EndSession).is_some_and(servers::ends_session_by_refresh_token)
    }

    /// Whether it has this endpoint, be its address usable or not.
    pub(crate) fn names(&self, endpoint: Endpoint) -> bool {
        let is_unusable = self.unusable.iter().any(|(unusable, _)| *unusable == endpoint);
        is_unusable || self.endpoint(endpoint).is_some()
    }

    pub(crate) fn require(&self, endpoint: Endpoint) -> Result<&Arc<Url>, Error> {
        if let Some(url) = self.endpoints.get(endpoint) {
            return Ok(url);
        }
        match self.unusable.iter().find(|(unusable, _)| *unusable == endpoint) {
            None => Err(Error::Config(ConfigProblem::MissingEndpoint(endpoint))),
            // The metadata was read earlier: there is no status to name.
            Some((_, problem)) => Err(answer::malformed(Endpoint::Metadata, None, problem.clone())),
        }
    }

    /// This server with the endpoints of a profile in place of its own.
    pub(crate) fn overridden_by(mut self, given: &Endpoints) -> Self {
        for (endpoint, url) in &given.0 {
            self.endpoints.put(*endpoint, Arc::clone(url));
        }
        self.given.clone_from(given);
        self
    }
}

impl Endpoints {
    /// Sets a configured endpoint, whose address is checked.
    pub(crate) fn give(
        &mut self,
        transport: Transport,
        endpoint: Endpoint,
        address: &str,
    ) -> Result<(), Error> {
        if endpoint == Endpoint::Metadata {
            return Err(Error::Usage("metadata is found by the issuer, not given"));
        }
        if endpoint == Endpoint::CurrentUser {
            return Err(Error::Usage("who is logged in is the profile's to ask, not the server's"));
        }
        self.put(endpoint, transport.check(endpoint.metadata_name(), address)?);
        Ok(())
    }

    pub(crate) fn put(&mut self, endpoint: Endpoint, url: impl Into<Arc<Url>>) {
        self.0.retain(|(known, _)| *known != endpoint);
        self.0.push((endpoint, url.into()));
    }

    pub(crate) fn have(&self, endpoints: &[Endpoint]) -> bool {
        endpoints.iter().all(|endpoint| self.get(*endpoint).is_some())
    }

    /// The first that both have, at two addresses.
    pub(crate) fn contradiction(&self, other: &Self) -> Option<Endpoint> {
        let is_elsewhere = |(endpoint, url): &&(Endpoint, Arc<Url>)| {
            other.get(*endpoint).is_some_and(|theirs| theirs != url)
        };
        self.0.iter().find(is_elsewhere).map(|(endpoint, _)| *endpoint)
    }

    pub(crate) fn get(&self, endpoint: Endpoint) -> Option<&Arc<Url>> {
        self.0.iter().find(|(known, _)| *known == endpoint).map(|(_, url)| url)
    }
}

/// A query may hold a key.
impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoints(…)")
    }
}

/// An authorization server's issuer identifier: RFC 8414 §2. Compared code point by code point.
///
/// ```
/// use aiod_auth_core::Issuer;
///
/// assert_eq!(Issuer::new("https://as.example/realms/lab")?.as_str(), "https://as.example/realms/lab");
/// // Plain http is for loopback, or has to be allowed.
/// assert!(Issuer::new("http://localhost:8080/realms/lab").is_ok());
/// assert!(Issuer::new("http://as.example").is_err());
/// assert!(Issuer::allowing_insecure_http("http://as.example").is_ok());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
    transport: Transport,
}

impl Issuer {
    /// From its address, exactly as the server writes it.
    ///
    /// # Errors
    /// [`Error::Config`] for an address that is not https (loopback excepted), or has a query or a
    /// fragment.
    pub fn new(address: &str) -> Result<Self, Error> {
        Self::with_transport(address, Transport::HttpsOnly)
    }

    /// As [`new`](Self::new), with plain `http` allowed for all addresses of this server. The network can
    /// then read and change its secrets.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn allowing_insecure_http(address: &str) -> Result<Self, Error> {
        Self::with_transport(address, Transport::HttpAllowed)
    }

    fn with_transport(address: &str, transport: Transport) -> Result<Self, Error> {
        let address = address.trim();
        // First, since an address with a fragment is refused as an endpoint as well.
        if address.contains(['?', '#']) {
            return Err(Error::Config(ConfigProblem::InvalidIssuer));
        }
        let url = transport.check("issuer", address)?;
        Ok(Self { text: address.to_string(), url, transport })
    }

    /// The address, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// Checks an endpoint's address from this issuer's metadata, since secrets will be sent there. Plain http
    /// is refused for an https issuer, on loopback, too. A link-local address (a cloud's metadata service) is
    /// refused unless the issuer is link-local itself.
    pub(crate) fn check_named(&self, member: &'static str, address: &str) -> Result<Url, Problem> {
        let url = self.transport.check(member, address).map_err(|error| {
            let insecure = matches!(error, Error::Config(ConfigProblem::InsecureUrl { .. }));
            if insecure { Problem::InsecureAddress(member) } else { Problem::Invalid(member) }
        })?;
        let is_downgrade = self.transport == Transport::HttpsOnly
            && self.url.scheme() == "https"
            && url.scheme() != "https";
        if is_downgrade || (is_link_local(&url) && !is_link_local(&self.url)) {
            return Err(Problem::InsecureAddress(member));
        }
        Ok(url)
    }

    pub(crate) const fn transport(&self) -> Transport {
        self.transport
    }
}

/// Which addresses may be talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// https, and plain http on loopback.
    HttpsOnly,
    /// The configuration allows plain http by name.
    HttpAllowed,
}

impl Transport {
    /// An endpoint: an absolute address without user, password or fragment (RFC 6749 §3.1), on a
    /// transport that is allowed.
    pub(crate) fn check(self, member: &'static str, address: &str) -> Result<Url, Error> {
        // A URL parser leaves them out, which gives another address.
        if address.trim().contains(char::is_control) {
            return Err(Error::Config(ConfigProblem::InvalidUrl { member }));
        }
        let url = self.check_page(member, address)?;
        match url.fragment() {
            None => Ok(url),
            Some(_) => Err(Error::Config(ConfigProblem::InvalidUrl { member })),
        }
    }

    /// A page for a user, which may have a fragment.
    pub(crate) fn check_page(self, member: &'static str, address: &str) -> Result<Url, Error> {
        let url = Url::parse(address.trim())
            .map_err(|_| Error::Config(ConfigProblem::InvalidUrl { member }))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => self == Self::HttpAllowed || is_loopback(&url),
            _ => return Err(Error::Config(ConfigProblem::InvalidUrl { member })),
        };
        let plain = url.username().is_empty() && url.password().is_none();
        match (plain, secure) {
            (false, _) => Err(Error::Config(ConfigProblem::InvalidUrl { member })),
            (true, false) => Err(Error::Config(ConfigProblem::InsecureUrl { member })),
            (true, true) => Ok(url),
        }
    }
}

/// Whether it is a loopback address, or `localhost`, which RFC 6761 §6.3 reserves for loopback.
///
/// ```
/// use aiod_auth_core::{Url, is_loopback};
///
/// assert!(is_loopback(&Url::parse("http://127.0.0.1:8080/").unwrap()));
/// assert!(!is_loopback(&Url::parse("http://localhost.example.org/").unwrap()));
/// ```
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// RFC 3927, RFC 4291 §2.5.6.
fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => {
            address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some_and(|address| address.is_link_local())
        }
        Some(Host::Domain(_)) | None => false,
    }
}

const METADATA_AGE_MAX: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_only_loopback_excepted() {
        for address in
            ["https://as.example", "http://127.0.0.1:1", "http://[::1]:8080", "http://localhost"]
        {
            assert!(Issuer::new(address).is_ok(), "{address}");
        }
        for address in [
            "http://as.example",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "ftp://as.example",
            "as.example",
            "https://user@as.example",
            "https://as.example/?a=b",
            "https://as.example/#a",
        ] {
            assert!(Issuer::new(address).is_err(), "{address}");
        }
        assert!(Issuer::allowing_insecure_http("http://as.example").is_ok());
    }

    #[test]
    fn an_endpoint_keeps_its_query_and_has_no_fragment() {
        let server = || AuthorizationServer::new(Issuer::new("https://as.example").unwrap());
        let with_query = server().with_endpoint(Endpoint::Token, "https://as/t?tenant=1").unwrap();
        assert_eq!(with_query.endpoint(Endpoint::Token).unwrap().query(), Some("tenant=1"));
        assert!(server().with_endpoint(Endpoint::Token, "https://as/token#x").is_err());
    }
}
