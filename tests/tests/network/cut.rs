//! Answers that break off, or have odd headers: the server has spent the refresh token, and the new one may be
//! there.

use aiod_auth_core::{Error, Failed, RetryPolicy, Tokens};

use crate::{
    handed_in::{refresh, refresh_with},
    server::Server,
};

/// What comes of an answer.
#[derive(Debug, PartialEq)]
enum Outcome {
    Tokens,
    /// This refresh token, and an error.
    Salvaged(String),
    /// It isn't known what the server did.
    Unknown,
    /// The answer can't be read.
    Malformed,
}

fn rows() -> [(&'static [u8], Outcome); 9] {
    [
    // Whatever it looks like, it is no answer.
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"a1\",\"refresh_token\":\"r1\"}",
        Outcome::Salvaged("r1".into()),
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2c\r\n\
          {\"access_token\":\"a1\",\"refresh_token\":\"r1\"}  \r\n",
        Outcome::Salvaged("r1".into()),
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"a1\",\"refresh_token\":\"r1\",\"sco",
        Outcome::Salvaged("r1".into()),
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"refresh_token\":\"r1\",\"access_token\":\"a",
        Outcome::Salvaged("r1".into()),
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"a1\",\"refresh_token\":\"a-refresh-token\"}",
        Outcome::Unknown,
    ),
    // A part of a refresh token is none.
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"a1\",\"refresh_token\":\"r",
        Outcome::Unknown,
    ),
    // Where a value in a form ends isn't known.
    (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\n\
          refresh_token=r1&access_token=a",
        Outcome::Unknown,
    ),
    // No verdict is taken from a part of an answer.
    (
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"error\":\"invalid_grant\"}",
        Outcome::Unknown,
    ),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", Outcome::Unknown),
]
}

fn outcome(outcome: Result<Tokens, Failed>) -> Outcome {
    match outcome {
        Ok(tokens) => {
            assert_eq!(tokens.refresh_token.unwrap().expose(), "r1");
            Outcome::Tokens
        }
        Err(Failed { salvaged: Some(tokens), .. }) => {
            Outcome::Salvaged(tokens.refresh_token.unwrap().expose().into())
        }
        Err(Failed { error: Error::OutcomeUnknown { .. }, .. }) => Outcome::Unknown,
        Err(Failed { error: Error::InvalidResponse { .. }, .. }) => Outcome::Malformed,
        Err(failed) => panic!("{failed:?}"),
    }
}

/// Make `Cut` in the client's transport `Unknown`: this fails.
#[test]
fn a_new_refresh_token_in_it_is_kept_by_the_blocking_client() {
    for (bytes, expected) in rows() {
        let server = Server::raw(bytes);
        let driver = aiod_auth_ureq::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let answer = outcome(driver.run(&mut refresh(&address)));
        assert_eq!(answer, expected, "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn a_new_refresh_token_in_it_is_kept_by_the_async_client() {
    for (bytes, expected) in rows() {
        let server = Server::raw(bytes);
        let driver = aiod_auth_reqwest::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let answer = outcome(driver.run(&mut refresh(&address)).await);
        assert_eq!(answer, expected, "{}", String::from_utf8_lossy(bytes));
    }
}

/// Headers that are odd, each before a good answer; and what ureq can't read.
fn odd_headers() -> [(String, Outcome); 5] {
    let many = |n| (0..n).map(|n| format!("X-{n}: x\r\n")).collect();
    [
        (many(100), Outcome::Tokens),
        (format!("X: {}\r\n", "x".repeat(70_000)), Outcome::Tokens),
        (many(130), Outcome::Malformed),
        ("X: a\r\n b\r\n".into(), Outcome::Malformed),
        ("no colon\r\n".into(), Outcome::Malformed),
    ]
}

fn with_header(header: &str) -> &'static [u8] {
    let body = r#"{"access_token":"a1","refresh_token":"r1"}"#;
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: {length}\r\n\r\n{body}");
    Vec::leak(answer.into_bytes())
}

/// An answer has come, so the refresh token is not sent again.
#[test]
fn an_odd_header_costs_no_second_refresh_in_the_blocking_client() {
    for (header, expected) in odd_headers() {
        let server = Server::raw(with_header(&header));
        let driver = aiod_auth_ureq::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let mut request = refresh_with(&address, RetryPolicy::default());
        assert_eq!(outcome(driver.run(&mut request)), expected, "{header:.20}");
        assert_eq!(server.connections(), 1, "{header:.20}");
    }
}

#[tokio::test]
async fn an_odd_header_costs_nothing_in_the_async_client() {
    for (header, _) in odd_headers() {
        let server = Server::raw(with_header(&header));
        let driver = aiod_auth_reqwest::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let mut request = refresh_with(&address, RetryPolicy::default());
        assert_eq!(outcome(driver.run(&mut request).await), Outcome::Tokens, "{header:.20}");
    }
    let server = Server::raw(b"SSH-2.0-OpenSSH_9.2\r\n");
    let address = format!("http://127.0.0.1:{}", server.port);
    let mut request = refresh_with(&address, RetryPolicy::default());
    let driver = aiod_auth_reqwest::Driver::new();
    assert_eq!(outcome(driver.run(&mut request).await), Outcome::Malformed);
    assert_eq!(server.connections(), 1);
}
