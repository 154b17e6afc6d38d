//! Answers that break off: the server has spent the refresh token, and what counts may be there.

use aiod_auth_core::{Error, Failed, Tokens};

use crate::{handed_in::refresh, server::Server};

/// What comes of an answer.
#[derive(Debug, PartialEq)]
enum Outcome {
    Tokens,
    /// This refresh token, and an error.
    Salvaged(String),
    /// It isn't known what the server did.
    Unknown,
}

const ROWS: [(&[u8], fn() -> Outcome); 8] = [
    // Its length was wrong.
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"a1\",\"refresh_token\":\"r1\"}",
        || Outcome::Tokens,
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2c\r\n\
          {\"access_token\":\"a1\",\"refresh_token\":\"r1\"}  \r\n",
        || Outcome::Tokens,
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"a1\",\"refresh_token\":\"r1\",\"sco",
        || Outcome::Salvaged("r1".into()),
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"refresh_token\":\"r1\",\"access_token\":\"a",
        || Outcome::Salvaged("r1".into()),
    ),
    // A part of a refresh token is none.
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"a1\",\"refresh_token\":\"r",
        || Outcome::Unknown,
    ),
    // Where a value in a form ends isn't known.
    (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\n\
          refresh_token=r1&access_token=a",
        || Outcome::Unknown,
    ),
    // No verdict is taken from a part of an answer.
    (
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"error\":\"invalid_grant\"}",
        || Outcome::Unknown,
    ),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", || Outcome::Unknown),
];

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
        Err(failed) => panic!("{failed:?}"),
    }
}

/// Make `Cut` in the client's transport `Unknown`: this fails.
#[test]
fn what_is_whole_in_it_is_used_by_the_blocking_client() {
    for (bytes, expected) in ROWS {
        let server = Server::raw(bytes);
        let driver = aiod_auth_ureq::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let answer = outcome(driver.run(&mut refresh(&address)));
        assert_eq!(answer, expected(), "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn what_is_whole_in_it_is_used_by_the_async_client() {
    for (bytes, expected) in ROWS {
        let server = Server::raw(bytes);
        let driver = aiod_auth_reqwest::Driver::new();
        let address = format!("http://127.0.0.1:{}", server.port);
        let answer = outcome(driver.run(&mut refresh(&address)).await);
        assert_eq!(answer, expected(), "{}", String::from_utf8_lossy(bytes));
    }
}
