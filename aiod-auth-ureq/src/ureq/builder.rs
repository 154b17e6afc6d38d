//! What a program may say about the network.

use std::{env, net::IpAddr, time::Duration};

use aiod_auth_core::{
    Environment, Error,
    proxy::{Proxies, Proxy},
};
use aiod_auth_tls::{InvalidPem, TlsOptions};

use super::{CONNECT_TIMEOUT, UreqTransport, connect::Names};

/// Makes a [`UreqTransport`].
///
/// ```no_run
/// use aiod_auth_ureq::{Proxy, UreqTransport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let transport = UreqTransport::builder()
///     .root_certificates(&std::fs::read("company-ca.pem")?)?
///     .client_certificate(&std::fs::read("client.pem")?)?
///     .proxy(Proxy::new("http://proxy.example:3128")?)
///     .user_agent("my-tool/1.0")?
///     .build();
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct UreqTransportBuilder {
    tls: TlsOptions,
    proxies: Option<Proxies>,
    user_agent: String,
    limits: Limits,
    names: Names,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) whole: Option<Duration>,
    pub(super) connect: Duration,
}

impl UreqTransportBuilder {
    pub(super) fn new() -> Self {
        Self {
            tls: TlsOptions::default(),
            proxies: None,
            user_agent: concat!("aiod-auth/", env!("CARGO_PKG_VERSION")).into(),
            limits: Limits { whole: None, connect: CONNECT_TIMEOUT },
            names: Names::new(),
        }
    }

    /// Trusts these certificates (PEM), too, beside the platform's.
    ///
    /// # Errors
    /// [`InvalidPem`] if there is none, or one can't be read.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, InvalidPem> {
        self.tls.add_root_certificates(pem)?;
        Ok(self)
    }

    /// Shows this certificate (PEM, with its chain and its key) to servers that want one.
    ///
    /// # Errors
    /// [`InvalidPem`] if there is no certificate or no key, or one can't be read.
    pub fn client_certificate(mut self, pem: &[u8]) -> Result<Self, InvalidPem> {
        self.tls.set_client_certificate(pem)?;
        Ok(self)
    }

    /// Goes through this proxy, whatever the environment says; never for loopback.
    #[must_use]
    pub fn proxy(self, proxy: Proxy) -> Self {
        self.proxies(Proxies::all(proxy))
    }

    /// Goes through these proxies, whatever the environment says: [`Proxies::none`] for no proxy.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Calls itself so.
    ///
    /// # Errors
    /// [`Error::Usage`] if it has other than printable ASCII characters in it.
    pub fn user_agent(mut self, name: impl Into<String>) -> Result<Self, Error> {
        self.user_agent = name.into();
        if self.user_agent.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Ok(self);
        }
        Err(Error::Usage("a User-Agent has printable ASCII characters alone"))
    }

    /// How long a request and its answer may take together, where the request's own limit is not shorter.
    /// The default: 30 s, where it has none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.whole = Some(timeout);
        self
    }

    /// How much of it may go by until there is a connection. The default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect = timeout;
        self
    }

    /// Connects to these addresses for this host, in this order, and asks the system for none, as curl's
    /// `--resolve` does: for a server that moves, or a name that isn't known here. The certificate has to be the
    /// host's all the same. A host that is behind a proxy is the proxy's to look up.
    ///
    /// ```
    /// use aiod_auth_ureq::UreqTransport;
    ///
    /// let new = "192.0.2.7".parse().unwrap();
    /// let transport = UreqTransport::builder().resolve("auth.example.org", [new]).build();
    /// ```
    #[must_use]
    pub fn resolve(mut self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.names.insert(host.to_ascii_lowercase(), addresses.into_iter().collect());
        self
    }

    /// The transport. Certificates of the platform are read when the first of them is needed.
    #[must_use]
    pub fn build(self) -> UreqTransport {
        let proxies = self.proxies.unwrap_or_else(proxies_of_environment);
        UreqTransport::made(proxies, self.tls, &self.user_agent, self.limits, self.names)
    }
}

pub(super) fn proxies_of_environment() -> Proxies {
    let variables = Proxies::VARIABLES.into_iter();
    // What is no text has a replacement character then, which no proxy's address may have: to take it for unset
    // would go past the proxy.
    let text = |name| Some(env::var_os(name)?.to_string_lossy().into_owned());
    let set = variables.filter_map(|name| Some((name, text(name)?)));
    Proxies::from_environment(&set.collect::<Environment>())
}
