//! The client's certificate, and whether a server asked for one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rustls::{SignatureScheme, client::ResolvesClientCert, sign::CertifiedKey};

/// Remembers that a server asked. In TLS 1.2 a server that wants a certificate breaks off with
/// `handshake_failure`, as it does for want of a common cipher: only this tells the two apart.
#[derive(Debug)]
pub(super) struct Asked {
    certificate: Option<Arc<CertifiedKey>>,
    was_asked: AtomicBool,
}

impl Asked {
    pub(super) fn new(certificate: Option<CertifiedKey>) -> Self {
        Self { certificate: certificate.map(Arc::new), was_asked: AtomicBool::new(false) }
    }

    pub(super) fn was_asked(&self) -> bool {
        self.was_asked.load(Ordering::Relaxed)
    }

    pub(super) const fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Ordering::Relaxed);
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}
