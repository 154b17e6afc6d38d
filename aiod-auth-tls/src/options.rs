//! What a program says about trust.

use std::fmt;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// What is trusted beyond the platform's certificates, and the client's own certificate.
#[derive(Default)]
pub struct TlsOptions {
    roots: Vec<CertificateDer<'static>>,
    client: Option<ClientCertificate>,
}

pub(crate) struct ClientCertificate {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl TlsOptions {
    /// Trusts these certificates, too: PEM, one or more. A server's self-signed certificate is
    /// trusted for the names that it has.
    ///
    /// # Errors
    /// [`InvalidPem`] if there is none, or one can't be read.
    pub fn add_root_certificates(&mut self, pem: &[u8]) -> Result<(), InvalidPem> {
        self.roots.extend(certificates(pem)?);
        Ok(())
    }

    /// Shows this certificate to servers that want one: PEM, with its chain and its key.
    ///
    /// # Errors
    /// [`InvalidPem`] if there is no certificate or no key, one can't be read, or they don't belong together.
    pub fn set_client_certificate(&mut self, pem: &[u8]) -> Result<(), InvalidPem> {
        let chain = certificates(pem)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| InvalidPem(NO_KEY))?;
        let client = ClientCertificate { chain, key };
        if !crate::backend::is_usable(&client) {
            return Err(InvalidPem(UNUSABLE));
        }
        self.client = Some(client);
        Ok(())
    }

    #[cfg_attr(
        not(any(
            feature = "ring",
            feature = "aws-lc-rs",
            feature = "native-tls",
            feature = "no-provider"
        )),
        expect(dead_code, reason = "there is no TLS to use it")
    )]
    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    #[cfg_attr(
        not(any(
            feature = "ring",
            feature = "aws-lc-rs",
            feature = "native-tls",
            feature = "no-provider"
        )),
        expect(dead_code, reason = "there is no TLS to use it")
    )]
    pub(crate) fn client(&self) -> Option<&ClientCertificate> {
        self.client.as_ref()
    }
}

impl Clone for TlsOptions {
    fn clone(&self) -> Self {
        let client = self.client.as_ref().map(|client| ClientCertificate {
            chain: client.chain.clone(),
            key: client.key.clone_key(),
        });
        Self { roots: self.roots.clone(), client }
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("roots", &self.roots.len())
            .field("client_certificate", &self.client.is_some())
            .finish()
    }
}

/// A PEM text that has not what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPem(&'static str);

impl InvalidPem {
    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for InvalidPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidPem {}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidPem> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|_| InvalidPem("has a certificate that can't be read"))?;
    if all.is_empty() { Err(InvalidPem("has no certificate in PEM form")) } else { Ok(all) }
}

const UNUSABLE: &str = "has a certificate and a private key that can't be used together";
const NO_KEY: &str = "has no private key in PEM form that can be read (an encrypted one can't)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_not_what_it_should_is_said() {
        let mut options = TlsOptions::default();
        let none = options.add_root_certificates(b"junk").unwrap_err();
        assert_eq!(none.problem(), "has no certificate in PEM form");
        let cut = b"-----BEGIN CERTIFICATE-----\nMIIB*\n-----END CERTIFICATE-----\n";
        let cut = options.add_root_certificates(cut).unwrap_err();
        assert_eq!(cut.problem(), "has a certificate that can't be read");
        let no_key = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        assert_eq!(options.set_client_certificate(no_key).unwrap_err().problem(), NO_KEY);
        assert_eq!(format!("{options:?}"), "TlsOptions { roots: 0, client_certificate: false }");
    }
}
