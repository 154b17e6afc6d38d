//! The platform's own TLS.

use std::{
    any::Any,
    error::Error,
    fmt,
    io::{self, Read, Write},
};

use aiod_auth_core::CertificateProblem;
use native_tls::{Certificate, HandshakeError, Identity, TlsConnector, TlsStream};
use rustls_pki_types::PrivateKeyDer;

use crate::{TlsFailure, TlsOptions, options::ClientCertificate};

/// What is trusted, and the client's certificate: one for all connections of a client.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    has_client_certificate: bool,
}

/// A connection after its handshake.
pub type Stream<S> = TlsStream<S>;

impl Tls {
    /// From the platform's certificates and these options.
    ///
    /// # Errors
    /// [`TlsFailure::UnusableRoots`] if a file that the environment names can't be read whole;
    /// [`TlsFailure::ClientCertificateUnusable`], [`TlsFailure::Unavailable`].
    pub fn new(options: &TlsOptions) -> Result<Self, TlsFailure> {
        #[cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]
        crate::named_roots::check()?;
        let mut builder = TlsConnector::builder();
        for root in options.roots() {
            let root = Certificate::from_der(root);
            let root =
                root.map_err(|_| TlsFailure::Unavailable("a CA certificate can't be used"))?;
            builder.add_root_certificate(root);
        }
        if let Some(client) = options.client() {
            builder.identity(identity(client)?);
        }
        let connector = builder.build().map_err(|_| TlsFailure::Unavailable(NO_TLS))?;
        Ok(Self { connector, has_client_certificate: options.client().is_some() })
    }

    /// Trusts nothing but the platform: for a stack that wants a configuration, and only speaks plain
    /// HTTP.
    ///
    /// # Errors
    /// [`TlsFailure::Unavailable`] if the platform has no TLS.
    pub fn trusting_nothing() -> Result<Self, TlsFailure> {
        Self::new(&TlsOptions::default())
    }

    /// What reqwest's `tls_backend_preconfigured` takes.
    #[must_use]
    pub fn preconfigured(&self) -> impl Any + use<> {
        self.connector.clone()
    }

    /// A handshake with this host, over this stream.
    ///
    /// # Errors
    /// The stream's, or the handshake's: [`explain`](Self::explain) tells why.
    pub fn connect<S: Read + Write>(&self, host: &str, stream: S) -> io::Result<Stream<S>> {
        match self.connector.connect(host, stream) {
            Ok(stream) => Ok(stream),
            Err(HandshakeError::Failure(error)) => Err(io::Error::other(error)),
            Err(HandshakeError::WouldBlock(_)) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Why TLS failed, if it did.
    #[must_use]
    pub fn explain(&self, error: &(dyn Error + 'static)) -> Option<TlsFailure> {
        below(error, self.has_client_certificate)
    }
}

/// Whether the key is the certificate's, as far as the platform looks.
pub(crate) fn is_usable(client: &ClientCertificate) -> bool {
    !matches!(identity(client), Err(TlsFailure::ClientCertificateUnusable))
}

fn identity(client: &ClientCertificate) -> Result<Identity, TlsFailure> {
    let chain = client.chain.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>();
    let PrivateKeyDer::Pkcs8(key) = &client.key else {
        return Err(TlsFailure::Unavailable("the client's key has to be a PKCS #8 one"));
    };
    let key = zeroize::Zeroizing::new(pem("PRIVATE KEY", key.secret_pkcs8_der()));
    Identity::from_pkcs8(chain.as_bytes(), key.as_bytes())
        .map_err(|_| TlsFailure::ClientCertificateUnusable)
}

/// Why TLS failed, if it did, in a stack that the program has set up itself.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
    below(error, false)
}

fn below(error: &(dyn Error + 'static), has_client_certificate: bool) -> Option<TlsFailure> {
    if let Some(error) = error.downcast_ref::<native_tls::Error>() {
        return failure(&error.to_string().to_ascii_lowercase(), has_client_certificate);
    }
    // The source of an `io::Error` is its inner error's source.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    next.and_then(|next| below(next, has_client_certificate))
}

/// The platform has only words for it; these are OpenSSL's.
fn failure(text: &str, has_client_certificate: bool) -> Option<TlsFailure> {
    let certificate = |problem| Some(TlsFailure::Certificate(problem));
    let has = |part| text.contains(part);
    if has("has expired") {
        certificate(CertificateProblem::Expired)
    } else if has("not yet valid") {
        certificate(CertificateProblem::NotYetValid)
    } else if has("hostname mismatch") || has("ip address mismatch") {
        certificate(CertificateProblem::OtherName)
    } else if has("revoked") {
        certificate(CertificateProblem::Revoked)
    } else if has("issuer certificate") || has("self-signed") || has("self signed") {
        certificate(CertificateProblem::UnknownIssuer)
    } else if has("certificate required") {
        Some(TlsFailure::ClientCertificateWanted)
    } else if has_client_certificate && (has("alert") && has("certificate")) {
        Some(TlsFailure::ClientCertificateRefused)
    } else if has("certificate verify failed") {
        certificate(CertificateProblem::Unacceptable)
    } else if has("wrong version number") || has("packet length too long") {
        Some(TlsFailure::NotTls)
    } else if has("protocol version") || has("unsupported protocol") {
        Some(TlsFailure::Version)
    } else if has("handshake failure") {
        Some(TlsFailure::Refused("handshake_failure"))
    } else if has("alert internal error") {
        Some(TlsFailure::Alert("internal_error"))
    } else {
        None
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(native)")
    }
}

/// RFC 7468 §3.
fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for triple in line.chunks(3) {
            let byte = |at: usize| u32::from(triple.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for (at, shift) in [18_u32, 12, 6, 0].into_iter().enumerate() {
                let digit = DIGITS[(bits >> shift & 63) as usize];
                text.push(if at <= triple.len() { digit.into() } else { '=' });
            }
        }
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

const NO_TLS: &str = "the platform's TLS can't be used";
