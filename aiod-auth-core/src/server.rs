//! An authorization server's metadata: RFC 8414 §2, by discovery or given by hand.

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

/// Where an authorization server is, and what it offers.
///
/// Made by [`Discovery`](crate::flow::Discovery), or by hand for a server without metadata.
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
    /// `None`: given by hand.
    pub(crate) discovered_at: Option<Timestamp>,
    pub(crate) endpoints: Endpoints,
    /// What the metadata names at an address that must not be used, and why. It matters only to a request
    /// that needs it.
    pub(crate) unusable: Vec<(Endpoint, Problem)>,
    /// Which authentication methods the endpoints take; `None`: it doesn't say.
    pub(crate) token_auth_methods: Option<Vec<String>>,
    pub(crate) revocation_auth_methods: Option<Vec<String>>,
    pub(crate) introspection_auth_methods: Option<Vec<String>>,
    /// RFC 8414 §2; `None`: it doesn't say.
    pub(crate) code_challenge_methods: Option<Vec<String>>,
    /// Whether each redirect says which server it comes from: RFC 9207 §3.
    pub(crate) names_itself_in_redirects: bool,
    pub(crate) deviations: Arc<Deviations>,
    /// Which of the endpoints were given by hand.
    given: Endpoints,
}

/// The addresses, as far as they are known: each endpoint once.
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

    /// Says where an endpoint is. What is given by hand wins over discovery.
    ///
    /// # Errors
    /// [`Error::Config`] for an address that is no absolute URL, has a fragment (RFC 6749 §3.1), or
    /// is plain `http` beyond loopback.
    pub fn with_endpoint(mut self, endpoint: Endpoint, address: &str) -> Result<Self, Error> {
        self.endpoints.give(self.issuer.transport, endpoint, address)?;
        Ok(self)
    }

    /// Says what it does otherwise than the standards.
    #[must_use]
    pub fn with_deviations(mut self, deviations: impl Into<Arc<Deviations>>) -> Self {
        self.deviations = deviations.into();
        self
    }

    /// Who it is.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where an endpoint is, if the server has it.
    #[must_use]
    pub fn endpoint(&self, endpoint: Endpoint) -> Option<&Url> {
        self.endpoints.get(endpoint).map(|url| &**url)
    }

    /// Whether it may be used without asking again: what was discovered is kept for an hour.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.discovered_at.is_none_or(|at| now.saturating_duration_since(at) < METADATA_AGE_MAX)
    }

    pub(crate) const fn is_discovered(&self) -> bool {
        self.discovered_at.is_some()
    }

    /// Whether it is as this profile would have it: nothing of another's is laid over it.
    pub(crate) fn is_with(&self, given: &Endpoints, deviations: &Deviations) -> bool {
        self.given == *given && *self.deviations == *deviations
    }

    /// Whether it is the same server, as the same profile sees it.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.is_with(&other.given, &other.deviations)
    }

    pub(crate) fn has(&self, endpoints: &[Endpoint]) -> bool {
        endpoints.iter().all(|endpoint| self.endpoint(*endpoint).is_some())
    }

    /// Whether the end session endpoint takes a refresh token, without a browser: Keycloak's way.
    #[must_use]
    pub fn ends_session_by_refresh_token(&self) -> bool {
        self.endpoint(Endpoint::EndSession).is_some_and(servers::ends_session_by_refresh_token)
    }

    pub(crate) fn require(&self, endpoint: Endpoint) -> Result<&Arc<Url>, Error> {
        if let Some(url) = self.endpoints.get(endpoint) {
            return Ok(url);
        }
        match self.unusable.iter().find(|(unusable, _)| *unusable == endpoint) {
            None => Err(Error::Config(ConfigProblem::MissingEndpoint(endpoint))),
            // The document is gone, and its status with it.
            Some((_, problem)) => Err(answer::broken(Endpoint::Metadata, None, problem.clone())),
        }
    }

    /// These endpoints where they are given, the discovered ones elsewhere.
    pub(crate) fn overridden_by(mut self, given: &Endpoints) -> Self {
        for (endpoint, url) in &given.0 {
            self.endpoints.put(*endpoint, Arc::clone(url));
        }
        self.given.clone_from(given);
        self
    }
}

impl Endpoints {
    /// What is given by hand is checked, and has to be an endpoint.
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

/// Who an authorization server is: RFC 8414 §2. Compared code point by code point.
///
/// ```
/// use aiod_auth_core::Issuer;
///
/// assert_eq!(Issuer::new("https://as.example/realms/lab")?.as_str(), "https://as.example/realms/lab");
/// // Plain http is for loopback, or for what says so.
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

    /// As [`new`](Self::new), and plain `http` is taken from this server anywhere. Its secrets can
    /// then be read and changed by the network.
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

    /// An address that this issuer's metadata names, and that secrets will be sent to: for an https issuer
    /// never plain http, not on loopback either, and never a link-local one (a cloud's own service), unless
    /// the issuer is there itself.
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
        // A URL parser would leave them out, and it would be another address.
        if address.trim().contains(char::is_control) {
            return Err(Error::Config(ConfigProblem::InvalidUrl { member }));
        }
        let url = self.check_page(member, address)?;
        match url.fragment() {
            None => Ok(url),
            Some(_) => Err(Error::Config(ConfigProblem::InvalidUrl { member })),
        }
    }

    /// A page for a person, which may have a fragment.
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

/// Loopback by its number, or by the name that RFC 6761 §6.3 keeps for it.
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
