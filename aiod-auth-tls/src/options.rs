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
        let pem = without_bom(pem);
        let chain = certificates(pem)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| no_key(pem))?;
        let client = ClientCertificate { chain, key };
        if !crate::backend::is_usable(&client) {
            return Err(UNUSABLE);
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
pub struct InvalidPem {
    problem: &'static str,
    hint: &'static str,
}

impl InvalidPem {
    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &'static str {
        self.problem
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        self.hint
    }
}

impl fmt::Display for InvalidPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem)
    }
}

impl std::error::Error for InvalidPem {}

/// Some editors put one before the text, and no line of PEM begins with it.
pub(crate) fn without_bom(pem: &[u8]) -> &[u8] {
    pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidPem> {
    let pem = without_bom(pem);
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|_| if is_encrypted(pem) { ENCRYPTED } else { UNREADABLE })?;
    if all.is_empty() {
        return Err(no_certificate(pem));
    }
    if all.iter().all(|certificate| is_certificate(certificate)) {
        Ok(all)
    } else {
        Err(UNREADABLE)
    }
}

/// Whether it may be one: a sequence as long as it says, that begins with another (RFC 5280 §4.1). A key begins
/// with a number.
fn is_certificate(der: &[u8]) -> bool {
    let content = match der {
        [0x30, 0x81, a, content @ ..] if content.len() == usize::from(*a) => content,
        [0x30, 0x82, a, b, content @ ..]
            if content.len() == usize::from(u16::from_be_bytes([*a, *b])) =>
        {
            content
        }
        _ => return false,
    };
    content.starts_with(&[0x30])
}

fn no_certificate(text: &[u8]) -> InvalidPem {
    if has(text, "-----BEGIN TRUSTED CERTIFICATE") {
        return OPENSSLS_OWN;
    }
    match text {
        // PKCS #12 begins with its version (RFC 7292 §4).
        [0x30, 0x82, _, _, 2, 1, 3, ..] | [0x30, 0x80, 2, 1, 3, ..] => PKCS12,
        [0x30, ..] => DER,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => UTF_16,
        _ if has(text, "-----BEGIN ") => OTHER_BLOCKS,
        _ => NO_CERTIFICATE,
    }
}

fn is_encrypted(pem: &[u8]) -> bool {
    // RFC 7468 §11; and the form before it, whose header lines no reader of PEM knows any more.
    has(pem, "-----BEGIN ENCRYPTED PRIVATE KEY") || has(pem, "Proc-Type: 4,ENCRYPTED")
}

fn no_key(pem: &[u8]) -> InvalidPem {
    if is_encrypted(pem) { ENCRYPTED } else { NO_KEY }
}

fn has(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|found| found == part.as_bytes())
}

const NO_CERTIFICATE: InvalidPem = InvalidPem {
    problem: "has no certificate in PEM form",
    hint: "give a file in PEM form (`-----BEGIN CERTIFICATE-----`)",
};
const OTHER_BLOCKS: InvalidPem = InvalidPem {
    problem: "has no certificate among its PEM blocks",
    hint: "give a file with a block `-----BEGIN CERTIFICATE-----`",
};
const UNREADABLE: InvalidPem = InvalidPem {
    problem: "has a certificate that can't be read",
    hint: "get the certificate once more; `openssl x509 -in FILE -noout` says whether it can be read",
};
const OPENSSLS_OWN: InvalidPem = InvalidPem {
    problem: "has a certificate in OpenSSL's own form (BEGIN TRUSTED CERTIFICATE)",
    hint: "`openssl x509 -in FILE` makes an ordinary one of it",
};
const DER: InvalidPem = InvalidPem {
    problem: "has no certificate in PEM form, but something in DER",
    hint: "`openssl x509 -inform der -in FILE` makes PEM of a certificate in DER",
};
const PKCS12: InvalidPem = InvalidPem {
    problem: "is in PKCS #12 form, not in PEM form",
    hint: "`openssl pkcs12 -in FILE -nodes` makes PEM of it: certificate and key, for you alone to read",
};
const UTF_16: InvalidPem = InvalidPem {
    problem: "is in UTF-16, and PEM is in ASCII",
    hint: "save it as ASCII or UTF-8 (in PowerShell: `Out-File -Encoding ascii`)",
};
const NO_KEY: InvalidPem = InvalidPem {
    problem: "has no private key in PEM form that can be read",
    hint: "put the certificate's private key into the same file",
};
const ENCRYPTED: InvalidPem = InvalidPem {
    problem: "has a private key that is encrypted",
    hint: "`openssl pkey -in FILE` decrypts it: put that into the file, for you alone to read",
};
const UNUSABLE: InvalidPem = InvalidPem {
    problem: "has a certificate and a private key that can't be used together",
    hint: "give the private key that belongs to the certificate",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_not_what_it_should_is_said_with_what_to_do() {
        let mut options = TlsOptions::default();
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIBIjA=\n-----END CERTIFICATE-----\n";
        for (text, expected) in [
            (&b"junk"[..], NO_CERTIFICATE),
            (b"-----BEGIN CERTIFICATE-----\nMIIB*\n-----END CERTIFICATE-----\n", UNREADABLE),
            // As long as it says it is not.
            (certificate.as_bytes(), UNREADABLE),
            // A key in a certificate's place.
            (b"-----BEGIN CERTIFICATE-----\nMIEDAgEA\n-----END CERTIFICATE-----\n", UNREADABLE),
            (b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", OTHER_BLOCKS),
            (
                b"-----BEGIN TRUSTED CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n",
                OPENSSLS_OWN,
            ),
            (b"\x30\x82\x03\x00\x30\x82", DER),
            (b"\x30\x82\x03\x00\x02\x01\x03\x30", PKCS12),
            (b"\xff\xfe-\0-\0-\0-\0-\0B\0", UTF_16),
        ] {
            assert_eq!(options.add_root_certificates(text).unwrap_err(), expected);
        }
        let whole = "-----BEGIN CERTIFICATE-----\nMIECMAA=\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(format!("\u{feff}{whole}").as_bytes()).map(|all| all.len()), Ok(1));
        for (key, expected) in [
            ("", NO_KEY),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
                ENCRYPTED,
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END RSA PRIVATE KEY-----\n",
                ENCRYPTED,
            ),
        ] {
            let text = format!("{whole}{key}");
            assert_eq!(
                options.set_client_certificate(text.as_bytes()).unwrap_err(),
                expected,
                "{key}"
            );
        }
        assert_eq!(format!("{options:?}"), "TlsOptions { roots: 0, client_certificate: false }");
    }
}
