//! Networks: what the command says about proxies and certificates, and the options for them.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use aiod_auth_tests::sim::Fault;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::world::{Ran, World};

#[test]
fn a_proxy_that_refuses_is_named_asked_once_and_its_password_is_not_shown() {
    let world = World::new();
    for (answer, says) in [
        ("407 Who", "wants a user name and password (HTTP 407)"),
        ("403 No", "refuses the connection (HTTP 403)"),
    ] {
        let (port, asked) = answering(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"));
        let mut command = world.command("login --issuer https://as.example.test --client-id c");
        command.env("HTTPS_PROXY", format!("http://me:hunter2@127.0.0.1:{port}"));
        let ran = Ran::of(&mut command, "");
        let said = &ran.ended(2).stderr;
        assert!(said.contains(&format!("the proxy 127.0.0.1:{port} {says}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{said}");
    }
}

/// Where the server is at plain http, it is the proxy that is asked: for a user and for a program.
#[test]
fn a_proxy_that_may_have_answered_for_the_server_is_named_once() {
    let world = World::new();
    let profile = "issuer = \"http://as.example.test\"\nallow_insecure_http = true";
    world.write("config.toml", &format!("[profiles.lab]\nclient_id = \"c\"\n{profile}\n"));
    let (port, _) = answering("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".into());
    for option in ["", " --json"] {
        let mut command = world.command(&format!("login --profile lab{option}"));
        command.env("http_proxy", format!("http://me:hunter2@127.0.0.1:{port}"));
        let ran = Ran::of(&mut command, "");
        let said = match option {
            "" => ran.failed(1, ", through the proxy 127.0.0.1:").stderr.clone(),
            _ => ran.failed_as(1, "protocol")["message"].to_string(),
        };
        let name = format!("the proxy 127.0.0.1:{port}");
        assert_eq!(said.matches(&name).count(), 1, "{ran:?}");
        assert!(ran.stderr.contains("NO_PROXY") && !ran.stderr.contains("hunter2"), "{ran:?}");
    }
}

#[test]
fn a_proxy_that_is_away_may_be_there_later_and_one_that_cannot_be_used_is_a_mistake() {
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (proxy, code, says) in [
        (format!("http://me:hunter2@{free}"), 5, format!("the proxy {free} can't be reached")),
        ("socks4://me:hunter2@x".into(), 2, "the proxy in all_proxy is a SOCKS4 proxy".into()),
    ] {
        let mut command = world.command("login --issuer https://as.example.test --client-id c");
        let ran = Ran::of(command.env("all_proxy", proxy), "");
        let said = &ran.ended(code).stderr;
        assert!(said.contains(&says) && !said.contains("hunter2"), "{said}");
    }
}

/// Cut the line in `policy_of`, or `with_retry_policy`, in the settings: this fails.
#[test]
fn a_request_takes_no_longer_than_the_profile_says() {
    let world = World::new();
    world.log_in();
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    let limited =
        config.replace("[profiles.lab]\n", "[profiles.lab]\nrequest_timeout_seconds = 1\n");
    world.write("config.toml", &limited);
    let slow = Fault::Delay(Duration::from_secs(10));
    world.server.simulator().fault_at("/token", 1, slow);
    let ran = world.run("token --force-refresh");
    assert!(ran.ended(5).stderr.contains("timed out"), "{ran:?}");
}

/// A password with characters that end an address is neither shown nor looked up as a host; and what is no
/// text is not passed by.
#[cfg(unix)]
#[test]
fn a_proxy_whose_address_is_malformed_is_a_mistake_and_its_password_is_not_shown() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let world = World::new();
    for (proxy, says) in [
        (b"http://jane:1234#x@127.0.0.1:3128".as_slice(), "percent-encoded (%23 for #"),
        (b"http://jane:1234/x@127.0.0.1:3128", "percent-encoded (%23 for #"),
        (b"http://jane:1234\xff@127.0.0.1:3128", "is not a text in UTF-8"),
    ] {
        let mut command = world.command("login --issuer https://as.example.test --client-id c");
        let ran = Ran::of(command.env("HTTPS_PROXY", OsStr::from_bytes(proxy)), "");
        let said = &ran.ended(2).stderr;
        assert!(said.contains("the proxy in HTTPS_PROXY ") && said.contains(says), "{said}");
        assert!(!said.contains("1234") && !said.contains("jane"), "{said}");
    }
}

/// Elsewhere the platform has a store of its own.
#[cfg(target_os = "linux")]
#[test]
fn where_certificates_were_looked_for_is_said() {
    let world = World::new();
    world.write("junk.pem", "junk");
    let junk = world.path("junk.pem");
    for file in ["/gone.pem", junk.to_str().unwrap()] {
        let mut command = world.command("login --issuer https://localhost:1 --client-id c");
        let ran = Ran::of(command.env("SSL_CERT_FILE", file), "");
        let said = &ran.ended(2).stderr;
        let expected = format!("there are no certificates to trust in SSL_CERT_FILE ({file})");
        assert!(said.contains(&expected), "{said}");
    }
    // A file without a name has none; the platform's places were not looked at.
    let mut command = world.command("login --issuer https://localhost:1 --client-id c");
    let ran = Ran::of(command.env("SSL_CERT_FILE", ""), "");
    let said = &ran.ended(2).stderr;
    assert!(said.contains("there are no certificates to trust in SSL_CERT_FILE (empty)"), "{said}");
}

/// A certificate in DER, or beside a key that is another's.
#[test]
fn a_certificate_that_cannot_be_used_is_said_with_its_file_and_what_to_do() {
    let world = World::new();
    let key = || KeyPair::generate().unwrap();
    let (mine, other) = (key(), key());
    let certificate = CertificateParams::new(vec!["x".into()]).unwrap().self_signed(&mine).unwrap();
    fs::write(world.path("ca.der"), certificate.der()).unwrap();
    let ran = world.run("login --ca-file ca.der");
    ran.failed(2, "ca.der has no certificate in PEM form");
    assert!(ran.stderr.contains("\nnext: ") && ran.stderr.contains("openssl x509"), "{ran:?}");
    let pair = |key: &KeyPair| format!("{}{}", certificate.pem(), key.serialize_pem());
    world.write("pair.pem", &pair(&other));
    let ran = world.run("login --client-certificate pair.pem");
    ran.failed(2, "pair.pem has a certificate and a private key that can't be used together");
    assert!(!ran.stderr.contains("feature"), "{ran:?}");
    assert_eq!(world.requests(), 0);
    // One that is good is no obstacle, nor is a note in Latin-1 above it.
    world.write("pair.pem", &pair(&mine));
    let noted = [b"# Zertifikat f\xfcr alle\n".as_slice(), certificate.pem().as_bytes()].concat();
    fs::write(world.path("noted.pem"), noted).unwrap();
    let token = world.new_refresh_token();
    let login = "login --refresh-token-stdin --client-certificate pair.pem --ca-file noted.pem";
    crate::world::set_mode(&world.path("pair.pem"), 0o600);
    let ran = world.run_with_input(login, &token);
    assert!(!ran.ended(0).stderr.contains("warning"), "{ran:?}");
}

/// As ssh does it, but that other programs of this user's group may have to read it.
#[cfg(unix)]
#[test]
fn a_private_key_that_every_user_can_read_is_a_warning() {
    let world = World::new();
    world.log_in();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["x".into()]).unwrap().self_signed(&key).unwrap();
    world.write("pair.pem", &format!("{}{}", certificate.pem(), key.serialize_pem()));
    for (mode, is_said) in [(0o640, false), (0o644, true)] {
        crate::world::set_mode(&world.path("pair.pem"), mode);
        let ran = world.run("refresh --client-certificate pair.pem");
        let says = "warning: every user of this machine can read the private key in pair.pem";
        assert_eq!(ran.ended(0).stderr.starts_with(says), is_said, "{mode:o}: {ran:?}");
    }
}

#[cfg(unix)]
fn mkfifo(path: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// What reads certificates would wait for the other end of a pipe, and read a device for ever.
#[cfg(target_os = "linux")]
#[test]
fn certificates_that_cannot_be_read_whole_are_named() {
    let world = World::new();
    for folder in ["pipe", "big", "folder"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    let pipe = world.path("pipe/ca.pem");
    mkfifo(&pipe);
    let big = world.path("big/ca.pem");
    fs::File::create(&big).unwrap().set_len(1 << 40).unwrap();
    let (big_folder, folder) = (world.path("big"), world.path("folder"));
    for (variable, value, says) in [
        (
            "SSL_CERT_FILE",
            &pipe,
            format!("SSL_CERT_FILE ({}) is not a regular file", pipe.display()),
        ),
        ("SSL_CERT_FILE", &"/dev/zero".into(), "(/dev/zero) is not a regular file".into()),
        ("SSL_CERT_FILE", &folder, "is not a regular file".into()),
        ("SSL_CERT_FILE", &big, format!("SSL_CERT_FILE ({}) is too big", big.display())),
        ("SSL_CERT_DIR", &big_folder, format!("SSL_CERT_DIR ({}) is too big", big.display())),
    ] {
        let mut command = world.command("login --issuer https://localhost:1 --client-id c");
        let said = Ran::of(command.env(variable, value), "");
        said.failed(2, &says);
        assert!(said.stderr.contains("or unset it"), "{said:?}");
    }
    // Of a folder, files alone are read.
    let mut command = world.command("login --issuer https://localhost:1 --client-id c");
    let said = Ran::of(command.env("SSL_CERT_DIR", world.path("pipe")), "");
    said.failed(2, "there are no certificates to trust in SSL_CERT_DIR");
}

/// One kind of refusal, whichever file it is that an option or the configuration names.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_read() {
    let world = World::new();
    mkfifo(&world.path("pipe"));
    fs::create_dir(world.path("folder")).unwrap();
    let issuer = &world.server.base_url;
    for file in ["pipe", "/dev/zero", "folder"] {
        for command in [
            format!("login --ca-file {file}"),
            format!("login --client-certificate {file}"),
            format!("import {file}"),
            format!("logout --file {file}"),
            format!("login --issuer {issuer} --client-id c --client-secret-file {file}"),
        ] {
            world.run(&command).failed(2, "not a regular file");
        }
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let world = World::new();
    for option in ["--ca-file", "--client-certificate"] {
        world.run(&format!("login {option} gone.pem")).failed(2, "cannot read gone.pem");
        let junk = world.run(&format!("login {option} bot.toml"));
        junk.failed(2, "bot.toml has no certificate in PEM form");
    }
    // As the profile has it, beside config.toml.
    world.run("profile set lab --ca-file bot.toml").ended(0);
    assert_eq!(world.run("profile show lab --json").json()["ca_file"], "bot.toml");
    world.run("login").failed(2, "bot.toml has no certificate in PEM form");
    world.run("status --ca-file gone.pem").ended(3);
    assert_eq!(world.requests(), 0);
}

#[test]
fn a_ca_file_is_trusted_beside_the_platform() {
    let world = World::new();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    world.write("ca.pem", &authority.pem());
    let port = secure(&authority);
    let login = format!("login --issuer https://localhost:{port} --client-id c");
    // The file alone makes the difference: where this machine has no certificates, too.
    let said = world.run(&format!("{login} --ca-file ca.pem"));
    said.failed(1, "no metadata");
    let mut command = world.command(&login);
    let ran = Ran::of(command.env("SSL_CERT_FILE", world.path("ca.pem")), "");
    ran.failed(1, "no metadata");
    let other = KeyPair::generate().unwrap();
    let other = CertificateParams::new(vec!["x".into()]).unwrap().self_signed(&other).unwrap();
    world.write("other.pem", &other.pem());
    let said = world.run(&format!("{login} --ca-file other.pem"));
    said.failed(1, "its certificate can't be trusted: its issuer is unknown");
}

/// rustls looks at no dates of what is trusted, but OpenSSL does: the next program may refuse it.
#[test]
fn a_ca_file_that_has_expired_is_said_with_its_date() {
    let world = World::new();
    let authority = |not_after: i32| {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.not_after = rcgen::date_time_ymd(not_after, 1, 2);
        CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap()
    };
    // A time of two digits, and one of four.
    let (old, new) = (authority(2021), authority(2090));
    let port = secure(&old);
    for (pem, is_said) in [(old.pem(), true), (format!("{}{}", old.pem(), new.pem()), false)] {
        world.write("ca.pem", &pem);
        let command =
            format!("login --issuer https://localhost:{port} --client-id c --ca-file ca.pem");
        let ran = world.run(&command);
        assert!(ran.ended(1).stderr.contains("no metadata"), "{ran:?}");
        let says = "the certificates in ca.pem have expired, the last at 2021-01-02T00:00:00Z";
        assert_eq!(ran.stderr.contains(says), is_said, "{ran:?}");
        assert_eq!(ran.stderr.contains("warning"), is_said, "{ran:?}");
    }
}

#[test]
fn plain_http_on_a_tls_port_is_said_and_not_tried_again() {
    let world = World::new();
    let key = KeyPair::generate().unwrap();
    let any = CertificateParams::new(vec!["x".into()]).unwrap().self_signed(&key).unwrap();
    world.write("ca.pem", &any.pem());
    let (port, asked) = answering("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".into());
    let login = format!("login --issuer https://localhost:{port} --client-id c --ca-file ca.pem");
    world.run(&login).failed(1, "what answered there doesn't speak TLS");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// Answers whatever comes first in a connection with this.
pub(crate) fn answering(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (port, asked)
}

/// Has nothing, at any address.
pub(crate) fn secure(authority: &CertifiedIssuer<'_, KeyPair>) -> u16 {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let certificate = certificate.signed_by(&key, authority).unwrap();
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
        for mut stream in listener.incoming().flatten() {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut secure = rustls::Stream::new(&mut tls, &mut stream);
            if secure.read(&mut [0; 4096]).is_ok() {
                let answer = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                drop(secure.write_all(answer));
                tls.send_close_notify();
                drop(tls.complete_io(&mut stream));
            }
            drop(stream.shutdown(Shutdown::Write));
            drop(io::copy(&mut stream, &mut io::sink()));
        }
    });
    port
}
