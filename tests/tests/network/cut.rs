//! Answers that break off, or have odd headers: the server has spent the refresh token, and the new one may be
//! there.

use aiod_auth_core::{Endpoint, Error, Failed, Profile, RefreshToken, RetryPolicy, Tokens};
use aiod_auth_store::MemoryStore;

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

fn rows() -> Vec<(&'static [u8], Outcome)> {
    vec![
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
    (too_large("r1"), Outcome::Salvaged("r1".into())),
    (too_large("a-refresh-token"), Outcome::Malformed),
]
}

/// More than a mebibyte, and the refresh token comes early.
fn too_large(refresh_token: &str) -> &'static [u8] {
    let rest = "x".repeat(1 << 20);
    let body = format!(r#"{{"refresh_token":"{refresh_token}","access_token":"a1","x":"{rest}"}}"#);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    Vec::leak(answer.into_bytes())
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
        assert_eq!(answer, expected, "{:.200}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn a_new_refresh_token_in_it_is_kept_by_the_async_client() {
    for (bytes, expected) in rows() {
        let server = Server::raw(bytes);
        let driver = aiod_auth_reqwest::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let answer = outcome(driver.run(&mut refresh(&address)).await);
        assert_eq!(answer, expected, "{:.200}", String::from_utf8_lossy(bytes));
    }
}

/// Heads that are odd, each before a good answer.
fn odd_heads() -> [String; 7] {
    let many = |n| (0..n).map(|n| format!("X-{n}: x\r\n")).collect::<String>();
    [
        many(100),
        many(300),
        format!("X: {}\r\n", "x".repeat(70_000)),
        "X: a\r\n b\r\n".into(),
        "X : a\r\n".into(),
        "X y: a\r\n".into(),
        "no colon\r\n".into(),
    ]
    .map(|fields| format!("HTTP/1.1 200 OK\r\n{fields}"))
}

fn with_head(head: &str) -> &'static [u8] {
    let body = r#"{"access_token":"a1","refresh_token":"r1"}"#;
    let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    Vec::leak(answer.into_bytes())
}

/// What can't be read at all, and what the blocking client alone can.
const NO_HTTP: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";
const BLOCKING_ALONE: [&str; 2] = ["HTTP/2.0 200 OK\r\n", "HTTP/1.1 200 OK\r\nX: a\0b\r\n"];

/// An answer has come, so the refresh token is not sent again; but whether it is spent is not known where the
/// answer can't be read.
#[test]
fn an_odd_head_costs_nothing_in_the_blocking_client() {
    let good = odd_heads().into_iter().chain(BLOCKING_ALONE.map(String::from));
    let good = good.map(|head| (with_head(&head), Outcome::Tokens));
    for (answer, expected) in good.chain([(NO_HTTP, Outcome::Unknown)]) {
        let server = Server::raw(answer);
        let driver = aiod_auth_ureq::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let mut request = refresh_with(&address, RetryPolicy::default());
        let at = String::from_utf8_lossy(answer);
        assert_eq!(outcome(driver.run(&mut request)), expected, "{at:.40}");
        assert_eq!(server.connections(), 1, "{at:.40}");
    }
}

#[tokio::test]
async fn an_odd_head_costs_nothing_in_the_async_client() {
    let good = odd_heads().map(|head| (with_head(&head), Outcome::Tokens));
    let bad = BLOCKING_ALONE.map(with_head).into_iter().chain([NO_HTTP]);
    let bad = bad.map(|answer| (answer, Outcome::Unknown));
    for (answer, expected) in good.into_iter().chain(bad) {
        let server = Server::raw(answer);
        let driver = aiod_auth_reqwest::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let mut request = refresh_with(&address, RetryPolicy::default());
        let at = String::from_utf8_lossy(answer);
        assert_eq!(outcome(driver.run(&mut request).await), expected, "{at:.40}");
        assert_eq!(server.connections(), 1, "{at:.40}");
    }
}

/// What can't be read is an answer to a login's refresh, too. Let `forbids_resend` be about time alone: this fails.
#[test]
fn a_login_whose_refresh_cannot_be_read_is_kept_and_sends_its_refresh_token_once() {
    let profile = |server: &Server| {
        let address = format!("http://127.0.0.1:{}", server.port);
        let profile = Profile::new(&address, "me").unwrap();
        profile.with_endpoint(Endpoint::Token, &format!("{address}/token")).unwrap()
    };
    let refresh_token = || RefreshToken::new("a-refresh-token");
    let tokens =
        || Tokens::from_refresh_token(refresh_token(), std::time::SystemTime::now().into());
    let is_unknown = |error: &Error| {
        assert!(matches!(error, Error::OutcomeUnknown { attempts: 1, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("what came can't be read as HTTP"), "{text}");
        assert!(error.hint().unwrap().contains("if the server says that the session has ended"));
    };
    let server = Server::raw(NO_HTTP);
    let client = aiod_auth_reqwest::Client::new(profile(&server), MemoryStore::default());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        client.set_tokens(tokens()).await.unwrap();
        is_unknown(&client.token().await.unwrap_err());
    });
    assert_eq!(server.connections(), 1);
    let client = aiod_auth_ureq::Client::new(profile(&server), MemoryStore::default());
    client.set_tokens(tokens()).unwrap();
    is_unknown(&client.token().unwrap_err());
    assert_eq!(server.connections(), 1);
}
