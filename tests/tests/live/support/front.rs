//! Polars Cloud's address in front of Keycloak: <https://auth.polars.test>, behind a proxy of its own.
//!
//! A platform that is known by its domain alone can be tried on loopback so: the proxy leads to a server
//! that has a certificate for that name, and hands each request on to the realm.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::NamedTempFile;

use super::keycloak;

/// What `POLARS_CLOUD_DOMAIN` is for the cases.
pub(crate) const DOMAIN: &str = "polars.test";

/// The proxy, and the certificate to trust.
struct Front {
    port: u16,
    authority: NamedTempFile,
}

/// The variables that lead there, for any program.
pub(crate) fn variables() -> Vec<(String, String)> {
    static FRONT: OnceLock<Front> = OnceLock::new();
    let front = FRONT.get_or_init(Front::start);
    let authority = front.authority.path().to_str().unwrap();
    [
        ("POLARS_CLOUD_DOMAIN", DOMAIN),
        ("https_proxy", &format!("http://127.0.0.1:{}", front.port)),
        ("SSL_CERT_FILE", authority),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The address of a page there, as it is behind the front.
pub(crate) fn behind(page: &str) -> String {
    page.replace(&format!("https://auth.{DOMAIN}"), &keycloak::base())
}

impl Front {
    fn start() -> Self {
        let key = || KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).unwrap();
        let mut authority = NamedTempFile::new().unwrap();
        authority.write_all(issuer.pem().as_bytes()).unwrap();

        let own = key();
        let params = CertificateParams::new([format!("auth.{DOMAIN}")]).unwrap();
        let certificate = params.signed_by(&own, &*issuer).unwrap().der().clone();
        let own = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], own);
        let config = Arc::new(config.unwrap());

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                // A client that goes away is its own business.
                thread::spawn(move || drop(serve(client, config)));
            }
        });
        Self { port, authority }
    }
}

/// One connection, with one request.
fn serve(mut client: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let asked = head(&mut client)?;
    if !asked.starts_with(&format!("CONNECT auth.{DOMAIN}:443 ")) {
        return client.write_all(b"HTTP/1.1 403 Not there\r\ncontent-length: 0\r\n\r\n");
    }
    client.write_all(b"HTTP/1.1 200 There\r\n\r\n")?;
    let mut client = StreamOwned::new(ServerConnection::new(config).unwrap(), client);
    let (head, body) = request(&mut client)?;
    let answer = ask_keycloak(&head, &body)?;
    client.write_all(&answer)?;
    client.conn.send_close_notify();
    client.flush()
}

fn request(client: &mut impl Read) -> io::Result<(String, Vec<u8>)> {
    let head = head(client)?;
    let length = fields(&head).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    client.read_exact(&mut body)?;
    Ok((head, body))
}

/// It is told its own address as the host, so that all tokens of the realm have one issuer; and where it
/// says that address in its answer, the one in front is meant.
fn ask_keycloak(head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let base = keycloak::base();
    let address = base.strip_prefix("http://").unwrap();
    let mut server = TcpStream::connect(address)?;
    server.set_read_timeout(Some(Duration::from_secs(30)))?;
    let ours = ["host", "connection"];
    let kept = fields(head).filter(|(name, _)| !ours.contains(&&*name.to_ascii_lowercase()));
    let kept: String = kept.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let line = head.lines().next().unwrap_or_default();
    write!(server, "{line}\r\nhost: {address}\r\nconnection: close\r\n{kept}\r\n")?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).unwrap_or_default();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return Ok(Vec::new()) };
    let body = body.replace(&base, &format!("https://auth.{DOMAIN}"));
    let line = head.lines().next().unwrap_or_default();
    let lengths = ["content-length", "transfer-encoding", "connection"];
    let kept = fields(head).filter(|(name, _)| !lengths.contains(&&*name.to_ascii_lowercase()));
    let kept: String = kept.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!("{line}\r\n{kept}connection: close\r\ncontent-length: {length}\r\n\r\n");
    Ok(format!("{head}{body}").into_bytes())
}

fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines().skip(1).filter_map(|line| line.split_once(": "))
}

/// Up to the empty line.
fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}
