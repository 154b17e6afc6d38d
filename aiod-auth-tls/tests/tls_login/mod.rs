//! A login at an https server, with whichever TLS is compiled in: what both clients' `tests/tls_login.rs` share. The
//! server is rustls on ring, whatever the client is.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, ClientSecret, Endpoint, Failed, Issuer, Kind, RetryPolicy,
    Scope, Tokens, flow::AccessTokenRequest,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Logs in with what sends a request and trusts these certificates; where they are the wrong ones, or the server's is,
/// that is said.
pub(crate) fn check(log_in: impl Fn(&str, AccessTokenRequest) -> Result<Tokens, Failed>) {
    // What a program with the feature `no-provider` does. Others have their own.
    drop(rustls::crypto::ring::default_provider().install_default());
    let (authority, stranger) = (called("the right one"), called("another one"));
    let (trusted, stranger) = (authority.pem(), stranger.pem());
    for (name, year, roots, says) in [
        ("localhost", 2090, &trusted, None),
        ("localhost", 2090, &stranger, Some("its issuer is unknown")),
        ("localhost", 2020, &trusted, Some("has expired")),
        ("other.test", 2090, &trusted, Some("is for another name")),
    ] {
        let outcome = log_in(roots, request(serve(&authority, name, year)));
        match (outcome, says) {
            (Ok(tokens), None) => assert_eq!(tokens.access_token().unwrap().expose(), "a1"),
            (Err(failed), Some(says)) => {
                let text = failed.error.to_string();
                assert_eq!(failed.error.kind(), Kind::Server, "{name}, {year}: {text}");
                assert!(text.contains(says), "{name}, {year}: {text}");
            }
            (outcome, _) => panic!("{name}, {year}: {outcome:?}"),
        }
    }
}

fn request(port: u16) -> AccessTokenRequest {
    let address = format!("https://localhost:{port}");
    let server = AuthorizationServer::new(Issuer::new(&address).unwrap())
        .with_endpoint(Endpoint::Token, &format!("{address}/token"))
        .unwrap();
    let client = ClientIdentity::public("bot").unwrap();
    let client = client.with_secret(ClientSecret::new("s3cr3t")).unwrap();
    let policy = RetryPolicy::default();
    AccessTokenRequest::client_credentials(&server, &client, &Scope::default(), policy).unwrap()
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn called(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Gives every client a token. Its certificate holds until the end of this year.
fn serve(authority: &Authority, name: &str, year: i32) -> u16 {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 12, 31);
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            drop(answer(rustls::StreamOwned::new(tls, stream)));
        }
    });
    port
}

fn answer(
    mut stream: rustls::StreamOwned<rustls::ServerConnection, TcpStream>,
) -> std::io::Result<()> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    while !request.windows(10).any(|end| end == b"grant_type") {
        match stream.read(&mut part)? {
            0 => return Ok(()),
            length => request.extend_from_slice(&part[..length]),
        }
    }
    let body = r#"{"access_token":"a1","token_type":"Bearer","expires_in":60}"#;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    stream.flush()?;
    stream.conn.send_close_notify();
    stream.conn.complete_io(&mut stream.sock)?;
    stream.sock.shutdown(Shutdown::Write)?;
    // What is left unread resets the connection, and the answer with it.
    std::io::copy(&mut stream.sock, &mut std::io::sink()).map(drop)
}
