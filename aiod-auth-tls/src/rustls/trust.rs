//! Whom to trust: the platform, what the program adds, and a trusted certificate that is a server's own.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::explain::is_ca;
use crate::TlsFailure;
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
use crate::named_roots;

pub(super) fn verifier(
    extra: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsFailure> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(extra.iter().cloned());
    let platform = platform(&mut trusted, extra, provider)?;
    Ok(Arc::new(Trust { platform, trusted }))
}

/// The certificates that the environment names, else the distribution's.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn platform(
    trusted: &mut RootCertStore,
    _: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsFailure> {
    named_roots::check()?;
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if trusted.is_empty() {
        return Err(TlsFailure::NoRoots(places().into()));
    }
    let roots = Arc::new(trusted.clone());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
    let verifier = verifier.build().map_err(|_| TlsFailure::NoRoots(places().into()))?;
    Ok(verifier)
}

/// Where they were looked for.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn places() -> String {
    let set = [named_roots::FILE, named_roots::FOLDERS].into_iter().filter_map(|name| {
        let value = std::env::var_os(name)?;
        let value = aiod_auth_core::clean(&value.to_string_lossy());
        match value.as_str() {
            // To `rustls-native-certs` an empty list of folders is none; but a file without a name is one.
            "" if name == "SSL_CERT_DIR" => None,
            "" => Some(format!("{name} (empty)")),
            value => Some(format!("{name} ({value})")),
        }
    });
    let set = set.collect::<Vec<_>>().join(" and ");
    if set.is_empty() { "the platform's places, such as /etc/ssl/certs".into() } else { set }
}

#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn platform(
    _: &mut RootCertStore,
    extra: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsFailure> {
    let provider = Arc::clone(provider);
    rustls_platform_verifier::Verifier::new_with_extra_roots(extra.iter().cloned(), provider)
        .map(|verifier| Arc::new(verifier) as _)
        .map_err(|_| TlsFailure::NoRoots("the platform's store".into()))
}

#[derive(Debug)]
struct Trust {
    platform: Arc<dyn ServerCertVerifier>,
    /// By name and key. Where the platform keeps its own, only what the program has added.
    trusted: RootCertStore,
}

impl Trust {
    /// A self-signed server certificate that is itself trusted is often one of a certificate authority
    /// (`openssl req -x509` makes them so). It is trusted as a name with a key, and the handshake proves
    /// the key. webpki looks at the time before it looks at the use; the name is left to look at.
    fn is_trusted_itself(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
    ) -> Result<bool, Error> {
        let Ok(own) = webpki::anchor_from_trusted_cert(certificate) else { return Ok(false) };
        let is_trusted = self.trusted.roots.iter().any(|root| {
            root.subject == own.subject
                && root.subject_public_key_info == own.subject_public_key_info
                && root.name_constraints.is_none()
        });
        if is_trusted {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        Ok(is_trusted)
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.platform.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match &verdict {
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if is_ca(other) && self.is_trusted_itself(end_entity, server_name)? =>
            {
                Ok(ServerCertVerified::assertion())
            }
            _ => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}
