//! An authorization server that has metadata and nothing else, with TLS or without.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// On a port of loopback. `https://as.example.test` is this server's name where a proxy looks it up.
pub(crate) struct Server {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Speaks plain HTTP.
    pub(crate) fn plain() -> Self {
        Self::on(|mut stream| answer(&mut stream, "http"))
    }

    /// The same, at another address than 127.0.0.1.
    pub(crate) fn plain_on(listener: TcpListener) -> Self {
        Self::listening(listener, |mut stream| answer(&mut stream, "http"))
    }

    /// Speaks TLS.
    pub(crate) fn tls(config: ServerConfig) -> Self {
        Self::tls_with(config, |stream| answer(stream, "https"))
    }

    /// Speaks TLS, and answers whatever comes first with these bytes.
    pub(crate) fn tls_raw(config: ServerConfig, bytes: &'static [u8]) -> Self {
        Self::tls_with(config, move |stream| {
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(bytes));
        })
    }

    fn tls_with(
        config: ServerConfig,
        answer: impl Fn(&mut rustls::Stream<'_, rustls::ServerConnection, TcpStream>)
        + Clone
        + Send
        + 'static,
    ) -> Self {
        let config = Arc::new(config);
        Self::on(move |mut stream| {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            answer(&mut rustls::Stream::new(&mut tls, &mut stream));
            tls.send_close_notify();
            drop(tls.complete_io(&mut stream));
            close(stream);
        })
    }

    /// Answers whatever comes first with these bytes.
    pub(crate) fn raw(bytes: &'static [u8]) -> Self {
        Self::on(move |mut stream| {
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(bytes));
            close(stream);
        })
    }

    fn on(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        Self::listening(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    fn listening(
        listener: TcpListener,
        serve: impl Fn(TcpStream) + Clone + Send + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Self { port, connections }
    }

    /// How many there were since this was asked last.
    pub(crate) fn connections(&self) -> usize {
        self.connections.swap(0, Ordering::SeqCst)
    }
}

/// What is left unread resets the connection, and an answer or an alert that is under way is lost with it.
fn close(mut stream: TcpStream) {
    drop(stream.shutdown(Shutdown::Write));
    drop(io::copy(&mut stream, &mut io::sink()));
}

/// One request, one answer: the metadata of the issuer that was asked for.
fn answer(stream: &mut (impl Read + Write), scheme: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let Some(host) = head.lines().find_map(|line| line.strip_prefix("host: ")) else { return };
    let issuer = format!("{scheme}://{host}");
    let body = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{issuer}/token"}}"#);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    drop(stream.write_all(answer.as_bytes()));
    drop(stream.flush());
}

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        Self::called("the authority of these tests")
    }

    pub(crate) fn called(name: &str) -> Self {
        Self::of(named(&[]), name)
    }

    pub(crate) fn expired() -> Self {
        Self::of(expired(named(&[])), "an authority of other days")
    }

    fn of(mut params: CertificateParams, name: &str) -> Self {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn signs(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &*self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A certificate with its key, both in PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    pub(crate) fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A server's configuration, which wants a client certificate of this authority.
    pub(crate) fn config(
        &self,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivatePkcs8KeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        builder.with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key)).unwrap()
    }
}

/// A server's certificate, for these names, that holds today.
pub(crate) fn named(names: &[&str]) -> CertificateParams {
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    CertificateParams::new(names).unwrap()
}

pub(crate) fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    params
}

/// As `openssl req -x509` makes them.
pub(crate) fn as_authority(mut params: CertificateParams) -> CertificateParams {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}
