//! rustls, with its provider named, so that nothing depends on what else is in the program.

use std::{
    any::Any,
    error::Error,
    fmt,
    io::{self, Read, Write},
    sync::Arc,
};

use asked::Asked;
use rustls::{
    ClientConfig, ClientConnection, StreamOwned, client::ResolvesClientCert,
    crypto::CryptoProvider, sign::CertifiedKey,
};
use rustls_pki_types::ServerName;

use crate::{TlsFailure, TlsOptions, options::ClientCertificate};

mod asked;
mod explain;
mod trust;

/// What is trusted, and the client's certificate: one for all connections of a client.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    asked: Arc<Asked>,
}

/// A connection after its handshake.
pub type Stream<S> = StreamOwned<ClientConnection, S>;

impl Tls {
    /// From the platform's certificates, which are read, and these options.
    ///
    /// # Errors
    /// [`TlsFailure::UnusableRoots`] if a file that the environment names can't be read whole;
    /// [`TlsFailure::NoRoots`] if there is nothing to trust; [`TlsFailure::ClientCertificateUnusable`];
    /// [`TlsFailure::Unavailable`] if no provider is installed (feature `no-provider`).
    pub fn new(options: &TlsOptions) -> Result<Self, TlsFailure> {
        let provider = provider()?;
        let verifier = trust::verifier(options.roots(), &provider)?;
        let client = match options.client() {
            None => None,
            Some(client) => Some(certified(client, &provider)?),
        };
        let asked = Arc::new(Asked::new(client));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsFailure::Unavailable("the rustls provider has no TLS 1.2 or 1.3"))?;
        let resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;
        let config = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(resolver);
        Ok(Self { config: Arc::new(config), asked })
    }

    /// Trusts nothing: for a stack that wants a configuration, and only speaks plain HTTP.
    ///
    /// # Errors
    /// [`TlsFailure::Unavailable`] if no provider is installed (feature `no-provider`).
    pub fn trusting_nothing() -> Result<Self, TlsFailure> {
        let asked = Arc::new(Asked::new(None));
        let config = ClientConfig::builder_with_provider(provider()?)
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsFailure::Unavailable("the rustls provider has no TLS 1.2 or 1.3"))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), asked })
    }

    /// What reqwest's `tls_backend_preconfigured` takes.
    #[must_use]
    pub fn preconfigured(&self) -> impl Any + use<> {
        ClientConfig::clone(&self.config)
    }

    /// A handshake with this host, over this stream.
    ///
    /// # Errors
    /// The stream's, or the handshake's: [`explain`](Self::explain) tells why.
    pub fn connect<S: Read + Write>(&self, host: &str, stream: S) -> io::Result<Stream<S>> {
        // An IPv6 address has brackets in a URL.
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name);
        let connection = connection.map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// Why TLS failed, if it did: what rustls says somewhere below this error.
    #[must_use]
    pub fn explain(&self, error: &(dyn Error + 'static)) -> Option<TlsFailure> {
        below(error, &self.asked)
    }
}

/// Why TLS failed, if it did, in a stack that the program has set up itself.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
    below(error, &Asked::new(None))
}

fn below(error: &(dyn Error + 'static), asked: &Asked) -> Option<TlsFailure> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return explain::failure(error, asked);
    }
    // The source of an `io::Error` is its inner error's source.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    next.and_then(|next| below(next, asked))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(rustls)")
    }
}

/// Whether the key is the certificate's; later, where there is no provider yet.
pub(crate) fn is_usable(client: &ClientCertificate) -> bool {
    provider().map_or(true, |provider| certified(client, &provider).is_ok())
}

fn certified(
    client: &ClientCertificate,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsFailure> {
    let (chain, key) = (client.chain.clone(), client.key.clone_key());
    CertifiedKey::from_der(chain, key, provider).map_err(|_| TlsFailure::ClientCertificateUnusable)
}

#[cfg(feature = "ring")]
#[expect(clippy::unnecessary_wraps, reason = "the program's own provider may be missing")]
fn provider() -> Result<Arc<CryptoProvider>, TlsFailure> {
    Ok(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
#[expect(clippy::unnecessary_wraps, reason = "the program's own provider may be missing")]
fn provider() -> Result<Arc<CryptoProvider>, TlsFailure> {
    Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn provider() -> Result<Arc<CryptoProvider>, TlsFailure> {
    CryptoProvider::get_default()
        .cloned()
        .ok_or(TlsFailure::Unavailable("the program has installed no rustls crypto provider"))
}
