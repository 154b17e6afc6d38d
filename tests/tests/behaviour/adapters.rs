//! Both adapters, over real HTTP: they send the same and understand the same.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

use aiod_auth_core::{
    AuthorizationServer, Kind, Machine, Problem, Unreachable,
    flow::{AccessTokenRequest, Discovery},
};
use aiod_auth_tests::sim::{Running, serve};

use super::*;

/// A loop that drives machines.
trait Drive: Sized {
    fn with_timeout(timeout: Duration) -> Self;
    fn run<M: Machine + Send>(&self, machine: &mut M) -> Result<M::Output, Error>;
}

struct Blocking(aiod_auth_ureq::Driver);

impl Drive for Blocking {
    fn with_timeout(timeout: Duration) -> Self {
        Self(aiod_auth_ureq::Driver::new().with_request_timeout(timeout))
    }

    fn run<M: Machine + Send>(&self, machine: &mut M) -> Result<M::Output, Error> {
        self.0.run(machine)
    }
}

struct Async(aiod_auth_reqwest::Driver, tokio::runtime::Runtime);

impl Drive for Async {
    fn with_timeout(timeout: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self(aiod_auth_reqwest::Driver::with_request_timeout(timeout).unwrap(), runtime)
    }

    fn run<M: Machine + Send>(&self, machine: &mut M) -> Result<M::Output, Error> {
        self.1.block_on(self.0.run(machine))
    }
}

macro_rules! both {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn blocking() {
                super::check::$name::<super::Blocking>();
            }

            #[test]
            fn on_an_async_runtime() {
                super::check::$name::<super::Async>();
            }
        }
    )*};
}

both! {
    a_server_is_discovered
    a_form_goes_out_in_one_piece_and_says_who_sends_it
    a_refused_connection_was_not_sent
    a_host_without_an_address_was_not_sent
    a_connection_that_breaks_after_the_request_may_have_been_sent
    a_server_that_never_answers_may_have_got_it
    a_redirect_is_an_answer
    a_body_is_not_read_past_its_limit
    a_body_that_ends_early_is_no_answer
    a_certificate_that_nobody_signed_is_not_trusted_and_not_tried_again
}

mod check {
    use super::*;

    pub(super) fn a_server_is_discovered<D: Drive>() {
        let running = serve(Settings::default()).unwrap();
        discover::<D>(&running).unwrap();
    }

    pub(super) fn a_form_goes_out_in_one_piece_and_says_who_sends_it<D: Drive>() {
        let running = serve(Settings::default()).unwrap();
        let server = discover::<D>(&running).unwrap();
        let bot = bot("bot", "bot-secret");
        let scope = "profile".parse().unwrap();
        let request =
            AccessTokenRequest::client_credentials(&server, bot.client(), &scope, policy());
        D::with_timeout(seconds(10)).run(&mut request.unwrap()).unwrap();
        let simulator = running.simulator();
        let sent = &simulator.log().last().unwrap().request;
        let version = concat!("aiod-auth/", env!("CARGO_PKG_VERSION"));
        for (name, value) in [
            ("User-Agent", Some(version)),
            ("Content-Type", Some("application/x-www-form-urlencoded")),
            ("Content-Length", Some("43")),
            ("Transfer-Encoding", None),
            ("Accept", Some("application/json")),
            ("Cache-Control", Some("no-store")),
            ("Authorization", Some("Basic Ym90OmJvdC1zZWNyZXQ=")),
            ("Cookie", None),
        ] {
            assert_eq!(sent.header(name), value, "{name}");
        }
        assert_eq!(sent.body, b"grant_type=client_credentials&scope=profile");
    }

    pub(super) fn a_refused_connection_was_not_sent<D: Drive>() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let cause = cause::<D>(&format!("http://{free}"), seconds(10));
        assert!(matches!(cause, Unreachable::NotSent(_)), "{cause:?}");
    }

    pub(super) fn a_host_without_an_address_was_not_sent<D: Drive>() {
        let cause = cause::<D>("https://no-such-host.invalid", seconds(20));
        assert!(matches!(cause, Unreachable::NotSent(_)), "{cause:?}");
    }

    pub(super) fn a_connection_that_breaks_after_the_request_may_have_been_sent<D: Drive>() {
        let running = serve(Settings::default()).unwrap();
        running.simulator().fault_anywhere(9, Fault::DropBefore);
        let cause = cause::<D>(&running.base_url, seconds(10));
        assert!(matches!(cause, Unreachable::NoAnswer(_)), "{cause:?}");
    }

    pub(super) fn a_server_that_never_answers_may_have_got_it<D: Drive>() {
        let running = serve(Settings::default()).unwrap();
        running.simulator().fault_anywhere(9, Fault::Delay(seconds(600)));
        let cause = cause::<D>(&running.base_url, Duration::from_millis(300));
        assert_eq!(cause, Unreachable::NoAnswer("timed out"));
    }

    pub(super) fn a_redirect_is_an_answer<D: Drive>() {
        for status in [301, 302, 303, 307, 308] {
            let running = serve(Settings::default()).unwrap();
            let to = format!("{}/.well-known/oauth-authorization-server", running.base_url);
            running.simulator().fault_anywhere(3, Fault::Instead(Answer::redirect(status, &to)));
            let error = discover::<D>(&running).unwrap_err();
            let Error::InvalidResponse { problem, .. } = &error else { panic!("{error:?}") };
            let to = Some(running.base_url.clone());
            assert_eq!(*problem, Problem::Redirect { to });
            assert!(running.simulator().log().iter().all(|handled| handled.outcome.is_none()));
        }
    }

    pub(super) fn a_body_is_not_read_past_its_limit<D: Drive>() {
        let running = serve(Settings::default()).unwrap();
        let large = " ".repeat(2 * 1024 * 1024);
        let large = Answer::new(200, "application/json", large.into_bytes());
        running.simulator().fault_anywhere(3, Fault::Instead(large));
        let error = discover::<D>(&running).unwrap_err();
        let Error::InvalidResponse { problem, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*problem, Problem::TooLarge);
    }

    pub(super) fn a_body_that_ends_early_is_no_answer<D: Drive>() {
        let address = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"issuer\":");
        let cause = cause::<D>(&address, seconds(10));
        assert!(matches!(cause, Unreachable::NoAnswer(_)), "{cause:?}");
    }

    pub(super) fn a_certificate_that_nobody_signed_is_not_trusted_and_not_tried_again<D: Drive>() {
        let (address, connections) = tls_server();
        let mut discovery = Discovery::new(Issuer::new(&address).unwrap(), policy());
        let error = D::with_timeout(seconds(10)).run(&mut discovery).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (Kind::Unavailable, false), "{error:?}");
        assert!(error.to_string().contains("TLS"), "{error}");
        assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    }
}

fn discover<D: Drive>(running: &Running) -> Result<AuthorizationServer, Error> {
    let issuer = Issuer::new(&running.base_url).unwrap();
    D::with_timeout(seconds(10)).run(&mut Discovery::new(issuer, policy()))
}

/// Why a server can't be reached that is asked once.
fn cause<D: Drive>(issuer: &str, timeout: Duration) -> Unreachable {
    let mut once = policy();
    once.attempts = 1;
    let mut discovery = Discovery::new(Issuer::new(issuer).unwrap(), once);
    let error = D::with_timeout(timeout).run(&mut discovery).unwrap_err();
    let Error::Unreachable { cause, attempts: 1, .. } = error else { panic!("{error:?}") };
    cause
}

/// Answers every connection with these bytes, and closes it.
fn raw_server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                stream.write_all(answer).unwrap_or_default();
            }
        }
    });
    format!("http://{address}")
}

/// A server with a certificate of its own making, and how many connections it got.
fn tls_server() -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            // The client breaks off; how doesn't matter.
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        }
    });
    (format!("https://localhost:{port}"), connections)
}
