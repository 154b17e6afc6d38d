//! What comes back.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aiod_auth_core::{
    AccessToken, AuthorizationServer, Endpoint, Error, Issuer, Kind, Problem, Scope, Tokens,
    flow::{AccessTokenRequest, Discovery, UserinfoRequest},
};
use aiod_auth_tests::sim::{Answer, Fault, Settings, serve};

use super::{
    Drive, answering, client_credentials, discover, patient, policy, raw_server, seconds, server_at,
};
use crate::machines::{NOW, confidential};

pub(crate) const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

pub(crate) fn a_redirect_is_an_answer<D: Drive>() {
    for status in REDIRECTS {
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

/// Neither a client's secret nor an access token goes where a redirect points.
pub(crate) fn a_redirect_brings_no_secret_elsewhere<D: Drive>() {
    for status in REDIRECTS {
        let running = serve(Settings::default()).unwrap();
        let elsewhere = serve(Settings::default()).unwrap();
        let to = |path| Answer::redirect(status, &format!("{}{path}?x=y", elsewhere.base_url));
        running.simulator().fault_at("/token", 1, Fault::Instead(to("/token")));
        running.simulator().fault_at("/userinfo", 1, Fault::Instead(to("/userinfo")));
        let (driver, server) = (patient::<D>(), server_at(&running));
        let tokens = Tokens::new(AccessToken::new("a").unwrap(), NOW);
        let errors = [
            driver.run(&mut client_credentials(&server)).map(drop),
            driver.run(&mut UserinfoRequest::new(&server, &tokens, policy()).unwrap()).map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), Kind::Protocol, "{error:?}");
            for named in [status.to_string(), elsewhere.base_url.clone()] {
                assert!(error.to_string().contains(&named), "{error}");
            }
            assert!(!error.to_string().contains("x=y"), "{error}");
        }
        assert_eq!(running.simulator().log().len(), 2, "one request each");
        assert!(elsewhere.simulator().log().is_empty());
    }
}

pub(crate) fn a_body_is_not_read_past_its_limit<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    let large = " ".repeat(2 * 1024 * 1024);
    let large = Answer::new(200, "application/json", large.into_bytes());
    running.simulator().fault_anywhere(3, Fault::Instead(large));
    let error = discover::<D>(&running).unwrap_err();
    let Error::InvalidResponse { problem, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*problem, Problem::TooLarge);
}

/// Up to the limit it is read, also without a length.
pub(crate) fn a_body_is_read_up_to_its_limit<D: Drive>() {
    let token = r#"{"access_token":"a","token_type":"Bearer"}"#;
    for (bytes, good) in [(1024 * 1024, true), (1024 * 1024 + 1, false)] {
        let running = serve(Settings::default()).unwrap();
        let body = format!("{token}{}", " ".repeat(bytes - token.len()));
        let answer = Answer::new(200, "application/json", body);
        running.simulator().fault_at("/token", 1, Fault::Instead(answer));
        let outcome = patient::<D>().run(&mut client_credentials(&server_at(&running)));
        assert_eq!(outcome.is_ok(), good, "{bytes}");
    }
}

/// Two mebibytes of JSON with spaces in it, in two kilobytes: a good answer but for its size.
pub(crate) fn a_bomb_is_not_unpacked<D: Drive>() {
    let running = serve(Settings::default()).unwrap();
    let bomb = include_bytes!("two_mebibytes.json.gz");
    let answer = Answer::new(200, "application/json", bomb).with_header("Content-Encoding", "gzip");
    running.simulator().fault_at("/token", 1, Fault::Instead(answer));
    let error = patient::<D>().run(&mut client_credentials(&server_at(&running))).unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol, "{error:?}");
    let simulator = running.simulator();
    let [handled] = simulator.log() else { panic!("{:?}", simulator.log()) };
    // What can't be unpacked is not asked for.
    let asked = handled.request.header("accept-encoding");
    assert!(asked.is_none_or(|coding| coding == "identity"), "{asked:?}");
}

pub(crate) fn names_of_headers_count_in_any_case<D: Drive>() {
    for answer in [
        &b"HTTP/1.1 302 Found\r\nLOCATION: https://other.example/a\r\nContent-Length: 0\r\n\r\n"[..],
        b"HTTP/1.1 302 Found\r\nlocation: https://other.example/b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlOcAtIoN: https://other.example/c\r\nCONTENT-LENGTH: 0\r\n\r\n",
    ] {
        let issuer = Issuer::new(&answering(answer)).unwrap();
        let error = patient::<D>().run(&mut Discovery::new(issuer, policy())).unwrap_err();
        let Error::InvalidResponse { problem, .. } = error else { panic!("{error:?}") };
        let to = Some("https://other.example".to_owned());
        assert_eq!(problem, Problem::Redirect { to });
    }
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let busy = raw_server(move |stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        let answer =
            b"HTTP/1.1 503 Busy\r\nRETRY-AFTER: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).unwrap_or_default();
    });
    let server = AuthorizationServer::new(Issuer::new(&busy).unwrap());
    let server = server.with_endpoint(Endpoint::Token, &busy).unwrap();
    // An hour is more than there is of time. Without it there would be a second try.
    let mut hasty = policy();
    (hasty.time_limit, hasty.first_delay) = (seconds(5), Duration::from_millis(10));
    let bot = confidential();
    let request = AccessTokenRequest::client_credentials(&server, &bot, &Scope::default(), hasty);
    patient::<D>().run(&mut request.unwrap()).unwrap_err();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
