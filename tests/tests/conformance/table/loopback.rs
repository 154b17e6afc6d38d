//! LOOP: the loopback address.

use std::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    time::Duration,
};

use aiod_auth_core::{Issuer, Kind, Login, Prompt, loopback::RedirectAddress};
use url::{Host, Url};

use super::{browser::*, scene::*};
use crate::row::{Check::Behaviour, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "LOOP-01",
        "comes back to a literal loopback address",
        Behaviour(the_address_is_the_open_port),
    ),
    row(
        "LOOP-02",
        "takes any free port unless one is configured, and says that one is taken",
        Behaviour(a_port_that_is_taken_is_said),
    ),
    row("LOOP-03", "takes the address family that works", Behaviour(either_family_works)),
    row(
        "LOOP-04",
        "says `localhost` only if that is configured",
        Behaviour(localhost_is_configured),
    ),
    row(
        "LOOP-05",
        "opens the port when the login starts and closes it when it ends",
        Behaviour(the_port_is_open_for_the_login_alone),
    ),
    row(
        "LOOP-06",
        "takes the redirect at its own path only",
        Behaviour(other_visits_change_nothing),
    ),
    row(
        "LOOP-07",
        "has an address of its own for each issuer",
        Behaviour(each_issuer_has_its_path),
    ),
    row("LOOP-08", "opens the user's own browser", Behaviour(the_program_opens_the_page)),
    row("LOOP-09", "survives what no browser sends", Behaviour(bad_http_is_answered)),
];

fn the_address_is_the_open_port() {
    for with in Loop::both() {
        let running = running(|_| ());
        let (sender, receiver) = std::sync::mpsc::channel();
        log_in_by(&with, browser_profile(&running.base_url), move |prompt| {
            let url: Url = prompt.redirect_uri().parse().unwrap();
            let Some(Host::Ipv4(ip)) = url.host() else { panic!("{url}") };
            assert!(ip.is_loopback());
            let asked = parameter(prompt.authorization_url(), "redirect_uri");
            assert_eq!(asked.as_deref(), Some(prompt.redirect_uri()));
            get(&sent_back(&prompt));
            sender.send(authority(&prompt)).unwrap();
        })
        .unwrap();
        assert!(
            TcpStream::connect(receiver.recv_timeout(seconds(10)).unwrap()).is_err(),
            "it is closed"
        );
    }
}

/// However it ends.
fn the_port_is_open_for_the_login_alone() {
    let running = running(|_| ());
    let login = |limit| Login::new(browser_profile(&running.base_url).into(), limit, policy());
    let opened = Mutex::new(String::new());
    let see = |prompt: &Prompt| {
        let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
        let address = authority(prompt);
        TcpStream::connect(&address).unwrap();
        *opened.lock().unwrap() = address;
    };
    let is_closed = || {
        let address = std::mem::take(&mut *opened.lock().unwrap());
        assert!(!address.is_empty() && TcpStream::connect(address).is_err());
    };
    for with in Loop::both() {
        // Nobody comes back.
        let mut timed_out = login(Duration::from_millis(300));
        let error = with.run_with(&mut timed_out, &mut |prompt| see(prompt)).unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut);
        is_closed();

        let mut cancelled = login(seconds(60));
        match with {
            Loop::Blocking(driver) => {
                let cancel = aiod_auth_ureq::Cancel::new();
                let mut see = |prompt: &Prompt| {
                    see(prompt);
                    cancel.cancel();
                };
                let driver = driver.with_cancel(&cancel);
                let failed = driver.run_with(&mut cancelled, &mut see, &mut drop).unwrap_err();
                assert_eq!(failed.error.kind(), Kind::Cancelled);
            }
            Loop::Async(driver, runtime) => {
                let shown = tokio::sync::Notify::new();
                let mut see = |prompt: &Prompt| {
                    see(prompt);
                    shown.notify_one();
                };
                runtime.block_on(async {
                    let login = std::pin::pin!(driver.run_with(&mut cancelled, &mut see));
                    tokio::select! {
                        outcome = login => panic!("{outcome:?}"),
                        () = shown.notified() => {}
                    }
                });
            }
        }
        is_closed();
    }
}

fn a_port_that_is_taken_is_said() {
    for with in Loop::both() {
        let running = running(|_| ());
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/cb", taken.local_addr().unwrap());
        let profile = || browser_profile(&running.base_url).with_redirect_uri(&uri).unwrap();
        let error = log_in_by(&with, profile(), |_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains("is taken"), "{error}");
        drop(taken);
        log_in_by(&with, profile(), move |prompt| {
            assert_eq!(prompt.redirect_uri(), uri);
            get(&sent_back(&prompt));
        })
        .unwrap();
    }
}

fn either_family_works() {
    let issuer = Issuer::new("https://as.example").unwrap();
    let families: Vec<_> = RedirectAddress::of(&issuer)
        .candidates()
        .iter()
        .map(std::net::SocketAddr::is_ipv4)
        .collect();
    assert_eq!(families, [true, false]);
    for with in Loop::both() {
        let running = running(|_| ());
        let profile =
            browser_profile(&running.base_url).with_redirect_uri("http://[::1]/cb").unwrap();
        if TcpListener::bind("[::1]:0").is_err() {
            // Where there is no IPv6, that is said.
            assert_eq!(log_in_by(&with, profile, |_| ()).unwrap_err().kind(), Kind::Usage);
            continue;
        }
        log_in_by(&with, profile, |prompt| {
            assert!(prompt.redirect_uri().starts_with("http://[::1]:"));
            assert_eq!(get(&sent_back(&prompt)).0, 200);
        })
        .unwrap();
    }
}

fn localhost_is_configured() {
    for with in Loop::both() {
        let running = running(|_| ());
        let profile = browser_profile(&running.base_url);
        let profile = profile.with_redirect_uri("http://localhost/cb").unwrap();
        log_in_by(&with, profile, |prompt| {
            assert!(prompt.redirect_uri().starts_with("http://localhost:"));
            let back = sent_back(&prompt);
            let (_, target) = back.split_once("/cb").unwrap();
            let port = authority(&prompt).split_once(':').unwrap().1.to_owned();
            let head = format!("GET /cb{target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
            assert_eq!(send(&format!("127.0.0.1:{port}"), &head).0, 200);
        })
        .unwrap();
    }
}

fn other_visits_change_nothing() {
    for with in Loop::both() {
        let running = running(|_| ());
        log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            let (authority, back) = (authority(&prompt), sent_back(&prompt));
            let target = back.strip_prefix(&format!("http://{authority}")).unwrap();
            for (head, expected) in [
                (format!("GET /favicon.ico HTTP/1.1\r\nHost: {authority}\r\n\r\n"), 404),
                (format!("GET /other{target} HTTP/1.1\r\nHost: {authority}\r\n\r\n"), 404),
                (format!("POST {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n"), 405),
                (format!("GET {target} HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 400),
            ] {
                assert_eq!(send(&authority, &head).0, expected, "{head}");
            }
            assert_eq!(get(&back).0, 200);
        })
        .unwrap();
    }
}

fn each_issuer_has_its_path() {
    let path = |issuer| {
        let address = RedirectAddress::of(&Issuer::new(issuer).unwrap());
        let uri: Url = address.at("127.0.0.1:99".parse().unwrap()).parse().unwrap();
        uri.path().to_owned()
    };
    assert_eq!(path("https://a.example"), path("https://a.example"));
    assert_ne!(path("https://a.example"), path("https://b.example"));
}

/// No part of this project shows a page itself: the address is handed to the program.
fn the_program_opens_the_page() {
    for with in Loop::both() {
        let running = running(|_| ());
        let base = running.base_url.clone();
        log_in_by(&with, browser_profile(&running.base_url), move |prompt| {
            assert!(prompt.authorization_url().as_str().starts_with(&base));
            assert!(prompt.to_string().contains(prompt.authorization_url().as_str()));
            // The browser is elsewhere: the user copies the address that it ended at.
            assert!(!prompt.paste("http://127.0.0.1/?code=c&state=guessed"));
            assert!(prompt.paste(&sent_back(&prompt)));
        })
        .unwrap();
        let (status, answer) =
            log_in_by_pasting_meanwhile(&with, browser_profile(&running.base_url));
        assert_eq!(status, 200, "{answer}");
    }
}

fn bad_http_is_answered() {
    for with in Loop::both() {
        let running = running(|_| ());
        log_in_by(&with, browser_profile(&running.base_url), |prompt| {
            let authority = authority(&prompt);
            // Browsers connect ahead of time and say nothing; and there may be many.
            let silent: Vec<_> =
                (0..100).map(|_| TcpStream::connect(&authority).unwrap()).collect();
            let huge = format!("GET /{} HTTP/1.1\r\n", "a".repeat(10 << 20));
            for bytes in ["\u{16}\u{3}\u{1}", "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", &huge] {
                let (status, answer) = send(&authority, bytes);
                // A reset may overtake the answer to what is never read.
                assert!([400, 414, 0].contains(&status), "{answer}");
            }
            assert_eq!(get(&sent_back(&prompt)).0, 200);
            drop(silent);
        })
        .unwrap();
    }
}
