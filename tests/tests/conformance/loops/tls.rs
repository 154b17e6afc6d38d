//! Servers whose certificates don't hold.

use std::{
    env,
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use aiod_auth_core::{Error, Issuer, Kind, Unreachable, flow::Discovery};
use aiod_auth_tests::drive::in_time;
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Async, Blocking, Drive, patient, policy};
use crate::row::Check;

/// Elsewhere the platform can't be told for one process alone whom to trust.
pub(crate) const CHECK: Check = if cfg!(target_os = "linux") {
    Check::Behaviour(a_certificate_has_to_be_for_this_name_and_for_this_day)
} else {
    Check::Later("a way to say whom to trust, on this platform")
};

pub(crate) fn a_self_signed_certificate_is_not_trusted_and_not_tried_again<D: Drive>() {
    let server = TlsServer::new(None, &params("localhost"));
    is_not_trusted::<D>(&server.address);
    assert_eq!(server.connections(), (1, 0));
}

/// The trusted roots are the platform's, and are set for a process of its own. A good certificate is
/// accepted there, so a bad one is refused for its own fault alone.
fn a_certificate_has_to_be_for_this_name_and_for_this_day() {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(authority, key).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, pem(authority.der())).unwrap();

    let mut expired = params("localhost");
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let good = TlsServer::new(Some(&authority), &params("localhost"));
    let bad = [
        TlsServer::new(Some(&authority), &params("other.example")),
        TlsServer::new(Some(&authority), &expired),
        TlsServer::new(None, &params("localhost")),
    ];

    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "--ignored", "loops::tls::in_a_process_of_its_own"]);
    child.env("SSL_CERT_FILE", file.path()).env(GOOD, &good.address);
    child.env(BAD, bad.each_ref().map(|server| server.address.as_str()).join(" "));
    let output = in_time("both loops", move || child.output()).unwrap();
    assert!(output.status.success(), "{output:?}");
    let (connections, handshakes) = good.connections();
    assert!(connections > 0 && connections == handshakes, "{connections} {handshakes}");
    for server in &bad {
        assert_eq!(server.connections(), (2, 0), "one for each loop, and no secret could be sent");
    }
}

#[test]
#[ignore = "begun by the check above, which says whom to trust"]
fn in_a_process_of_its_own() {
    let [good, bad] = [GOOD, BAD].map(|name| env::var(name).unwrap());
    is_trusted::<Blocking>(&good);
    is_trusted::<Async>(&good);
    for address in bad.split(' ') {
        is_not_trusted::<Blocking>(address);
        is_not_trusted::<Async>(address);
    }
}

/// The server closes the connection without an answer: it got the request.
fn is_trusted<D: Drive>(address: &str) {
    let mut once = policy();
    once.attempts = 1;
    let mut discovery = Discovery::new(Issuer::new(address).unwrap(), once);
    let error = patient::<D>().run(&mut discovery).unwrap_err();
    let Error::Unreachable { cause, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(cause, Unreachable::NoAnswer(_)), "{error:?}");
}

fn is_not_trusted<D: Drive>(address: &str) {
    let mut discovery = Discovery::new(Issuer::new(address).unwrap(), policy());
    let error = patient::<D>().run(&mut discovery).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (Kind::Server, false), "{error:?}");
    assert!(error.to_string().contains("TLS"), "{error}");
}

/// A server with a certificate, which closes every connection after the handshake.
struct TlsServer {
    address: String,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    handshakes: AtomicUsize,
}

impl TlsServer {
    /// Signed by this authority, or by itself.
    fn new(
        authority: Option<&CertifiedIssuer<'_, KeyPair>>,
        certificate: &CertificateParams,
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = match authority {
            Some(authority) => certificate.signed_by(&key, authority).unwrap(),
            None => certificate.self_signed(&key).unwrap(),
        };
        let config = Arc::new(config(certificate.der(), &key));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                // The client breaks off; how doesn't matter.
                while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
                if !tls.is_handshaking() {
                    counted.handshakes.fetch_add(1, Ordering::SeqCst);
                    // The request, or what there is of it.
                    drop(tls.complete_io(&mut stream));
                }
            }
        });
        Self { address, counts }
    }

    /// How many there were, and how many came through the handshake.
    fn connections(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.counts.connections), count(&self.counts.handshakes))
    }
}

fn config(certificate: &CertificateDer<'static>, key: &KeyPair) -> rustls::ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap()
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

const GOOD: &str = "AIOD_AUTH_TESTS_GOOD";
const BAD: &str = "AIOD_AUTH_TESTS_BAD";
