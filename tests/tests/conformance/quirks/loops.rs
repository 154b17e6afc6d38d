//! What is seen by the loops that drive the machines: both of them, over real HTTP.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
};

use aiod_auth_core::{
    AuthorizationServer, Endpoint, Error, Issuer, Kind, RetryPolicy, Tokens, Unreachable,
    flow::AccessTokenRequest,
};

use super::around::{confidential, scope, seconds};

type Run = Box<dyn Fn(&mut AccessTokenRequest) -> Result<Tokens, Error>>;

/// Both loops.
fn both() -> [(&'static str, Run); 2] {
    let blocking = aiod_auth_ureq::Driver::new().with_request_timeout(seconds(10));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let on_a_runtime = aiod_auth_reqwest::Driver::new().with_request_timeout(seconds(10));
    [
        ("ureq", Box::new(move |request| blocking.run(request).map_err(|failed| failed.error))),
        (
            "reqwest",
            Box::new(move |request| {
                runtime.block_on(on_a_runtime.run(request)).map_err(|failed| failed.error)
            }),
        ),
    ]
}

const GOOD: &str = r#"{"access_token":"a","token_type":"Bearer"}"#;

pub(super) fn compression_is_not_asked_for_and_not_read() {
    const GZIP: &[u8] = &[
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x4a, 0x4c, 0x4e,
        0x4e, 0x2d, 0x2e, 0x8e, 0x2f, 0xc9, 0xcf, 0x4e, 0xcd, 0x53, 0xb2, 0x52, 0x4a, 0x54, 0xd2,
        0x51, 0x02, 0xb3, 0xe3, 0x4b, 0x2a, 0x0b, 0x52, 0x81, 0x02, 0x4e, 0xa9, 0x89, 0x45, 0xa9,
        0x45, 0x4a, 0xb5, 0x00, 0x95, 0x61, 0x73, 0x2b, 0x2a, 0x00, 0x00, 0x00,
    ];
    const DEFLATE: &[u8] = &[
        0x78, 0x9c, 0xab, 0x56, 0x4a, 0x4c, 0x4e, 0x4e, 0x2d, 0x2e, 0x8e, 0x2f, 0xc9, 0xcf, 0x4e,
        0xcd, 0x53, 0xb2, 0x52, 0x4a, 0x54, 0xd2, 0x51, 0x02, 0xb3, 0xe3, 0x4b, 0x2a, 0x0b, 0x52,
        0x81, 0x02, 0x4e, 0xa9, 0x89, 0x45, 0xa9, 0x45, 0x4a, 0xb5, 0x00, 0x3d, 0x05, 0x0e, 0x8f,
    ];
    for (name, run) in both() {
        // Brotli's bytes are no text either.
        for (encoding, body) in
            [("gzip", GZIP), ("deflate", DEFLATE), ("br", &[0x0b, 0x14, 0x80, 0x7b, 0x22, 0x61])]
        {
            let head = format!("200 OK\r\nContent-Encoding: {encoding}");
            let (server, requests) = answering([with_length(&head, body)]);
            let error = run(&mut bot(&server)).unwrap_err();
            assert_eq!(error.kind(), Kind::Protocol, "{name} {encoding}: {error:?}");
            let request = requests.recv_timeout(seconds(10)).unwrap().to_ascii_lowercase();
            assert!(!request.contains("accept-encoding"), "{name}: {request}");
        }
    }
}

pub(super) fn an_answer_is_whole_or_none() {
    let (front, back) = GOOD.split_at(20);
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         {:x}\r\n{front}\r\n{:x};ext=1\r\n{back}\r\n",
        front.len(),
        back.len()
    );
    let until_the_end = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{GOOD}");
    let too_long = format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{GOOD}");
    let half_a_head = "HTTP/1.1 200 OK\r\nContent-Le".to_owned();
    for (name, run) in both() {
        for whole in [format!("{chunks}0\r\n\r\n"), until_the_end.clone()] {
            let (server, _requests) = answering([whole.clone().into_bytes()]);
            let tokens = run(&mut bot(&server)).unwrap();
            assert_eq!(tokens.access_token().unwrap().expose(), "a", "{name}: {whole}");
        }
        for cut in [&chunks, &too_long, &half_a_head] {
            let (server, _requests) = answering([cut.clone().into_bytes()]);
            let error = run(&mut bot(&server)).unwrap_err();
            let Error::Unreachable { cause, .. } = error else { panic!("{name} {cut}: {error:?}") };
            assert!(matches!(cause, Unreachable::NoAnswer(_)), "{name} {cut}: {cause:?}");
        }
    }
}

pub(super) fn no_cookie_is_sent_back() {
    let head = "200 OK\r\nSet-Cookie: session=1; Path=/\r\nSet-Cookie: other=2\r\n\
                Strict-Transport-Security: max-age=31536000\r\n\
                Content-Security-Policy: default-src 'none'\r\nAccess-Control-Allow-Origin: *";
    for (name, run) in both() {
        let answer = with_length(head, GOOD.as_bytes());
        let (server, requests) = answering([answer.clone(), answer]);
        for _ in 0..2 {
            run(&mut bot(&server)).unwrap();
            let request = requests.recv_timeout(seconds(10)).unwrap().to_ascii_lowercase();
            assert!(!request.contains("cookie"), "{name}: {request}");
        }
    }
}

pub(super) fn what_comes_before_the_answer_is_skipped() {
    let answer = with_length("200 OK", GOOD.as_bytes());
    for (name, run) in both() {
        for before in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
        ] {
            let (server, _requests) = answering([[before.as_bytes(), &answer].concat()]);
            let tokens = run(&mut bot(&server));
            assert!(tokens.is_ok(), "{name} {before}: {tokens:?}");
        }
    }
}

fn with_length(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Asks once.
fn bot(server: &AuthorizationServer) -> AccessTokenRequest {
    let mut once = RetryPolicy::default();
    once.attempts = 1;
    AccessTokenRequest::client_credentials(server, &confidential(), &scope(), once).unwrap()
}

/// A server that gives these answers, one for each connection, and the heads of what it was asked.
fn answering<const N: usize>(answers: [Vec<u8>; N]) -> (AuthorizationServer, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        for (stream, answer) in listener.incoming().flatten().zip(answers) {
            let mut stream = stream;
            let mut request = Vec::new();
            // To the end of the form, which the scope is.
            while !request.ends_with(b"scope=read+write") {
                let mut bytes = [0; 4096];
                match stream.read(&mut bytes) {
                    Ok(read) if read > 0 => request.extend_from_slice(&bytes[..read]),
                    _ => break,
                }
            }
            stream.write_all(&answer).unwrap_or_default();
            if sender.send(String::from_utf8_lossy(&request).into_owned()).is_err() {
                return;
            }
        }
    });
    let server = AuthorizationServer::new(Issuer::new(&address).unwrap());
    let server = server.with_endpoint(Endpoint::Token, &format!("{address}/token")).unwrap();
    (server, requests)
}
