//! Tells the redirect of this login from all other requests to the port.

use alloc::{borrow::ToOwned, string::String, sync::Arc, vec::Vec};
use core::fmt;

use url::Url;

use super::{
    page::Page,
    visit::{Head, Visit},
};
use crate::{
    error::{ConfigProblem, Error},
    flow::{AuthorizationRequest, Redirect},
};

/// Answers all requests to the redirect address, and recognizes the one that is the redirect of this login.
/// All other requests get an answer and change nothing: the login waits on.
#[derive(Debug)]
pub struct Listener {
    request: Arc<AuthorizationRequest>,
    /// What a browser sends in `Host`. Another name that resolves to this address is an attack (DNS rebinding).
    authority: String,
    path: String,
    is_done: bool,
}

impl Listener {
    /// Waits for the answer to this request.
    ///
    /// # Errors
    /// [`Error::Config`] for a redirect URI that is no http address.
    pub fn new(request: Arc<AuthorizationRequest>) -> Result<Self, Error> {
        let invalid = Error::Config(ConfigProblem::InvalidUrl { member: "redirect_uri" });
        let Ok(url) = Url::parse(request.redirect_uri()) else { return Err(invalid) };
        if url.scheme() != "http" || !url.has_host() {
            return Err(invalid);
        }
        let (authority, path) = (url.authority().to_owned(), url.path().to_owned());
        Ok(Self { request, authority, path, is_done: false })
    }

    /// Takes the next bytes of one connection. `None`: its request is not complete yet. A connection gets one
    /// answer.
    pub fn receive(&mut self, visit: &mut Visit, bytes: &[u8]) -> Option<Answer> {
        Some(match visit.receive(bytes)? {
            Ok(head) => self.answer(&head),
            Err(page) => Answer::stray(page),
        })
    }

    /// The answer for a connection that takes too long.
    #[must_use]
    pub fn out_of_time(&self) -> Answer {
        Answer::stray(Page::OutOfTime)
    }

    fn answer(&mut self, head: &Head<'_>) -> Answer {
        if !head.host.eq_ignore_ascii_case(&self.authority) {
            return Answer::stray(Page::OtherHost);
        }
        if head.path != self.path {
            return Answer::stray(Page::NotFound);
        }
        if head.method != "GET" {
            return Answer::stray(Page::OtherMethod);
        }
        let redirect = self.request.returned(head.query);
        let page = match &redirect {
            Redirect::NotOurs => return Answer::stray(Page::NotThisLogin),
            // RFC 6749 §4.1.2: a code is used once, and `state` is, too.
            Redirect::Code(_) | Redirect::Failed(_) if self.is_done => {
                return Answer::stray(Page::AlreadyDone);
            }
            Redirect::Code(_) => Page::Approved,
            Redirect::Failed(_) => Page::Failed,
        };
        self.is_done = true;
        Answer { bytes: page.answer(), redirect: Some(redirect) }
    }
}

/// What to write on a connection before it is closed, and the redirect, if this request was it.
pub struct Answer {
    bytes: Vec<u8>,
    redirect: Option<Redirect>,
}

impl Answer {
    fn stray(page: Page) -> Self {
        Self { bytes: page.answer(), redirect: None }
    }

    /// The bytes to write, which are no secret; and the redirect of this login, if this request was it: then
    /// the wait is over.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Option<Redirect>) {
        (self.bytes, self.redirect)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("redirect", &self.redirect).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;
    use crate::{
        client::ClientIdentity,
        entropy::Entropy,
        error::Endpoint,
        parameters::Parameters,
        server::{AuthorizationServer, Issuer},
        token::Scope,
    };

    const STATE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    fn listener(redirect_uri: &str) -> Listener {
        let server = AuthorizationServer::new(Issuer::new("https://as.example").unwrap())
            .with_endpoint(Endpoint::Authorization, "https://as.example/authorize")
            .unwrap();
        let request = AuthorizationRequest::new(
            &server,
            &ClientIdentity::public("cli").unwrap(),
            &Scope::default(),
            &Parameters::default(),
            redirect_uri,
            [Entropy::new([1; 32]), Entropy::new([2; 32])],
        );
        Listener::new(request.unwrap().into()).unwrap()
    }

    /// The status, and what the visit meant.
    fn visit(listener: &mut Listener, request: &str) -> String {
        let request = request.replace("STATE", STATE);
        let answer = listener.receive(&mut Visit::default(), request.as_bytes());
        let Some(answer) = answer else { return "more".to_string() };
        let (bytes, redirect) = answer.into_parts();
        let page = String::from_utf8(bytes).unwrap();
        assert!(!page.contains(STATE) && !page.contains("canary"), "{page}");
        let status = page.split(' ').nth(1).unwrap().to_owned();
        match redirect {
            None => status,
            Some(Redirect::Code(code)) => format!("{status}, code {}", code.expose()),
            Some(Redirect::Failed(error)) => format!("{status}, {}", error.kind()),
            Some(Redirect::NotOurs) => unreachable!("it is not told"),
        }
    }

    /// LOOP-06, LOOP-09, AC-02, AC-07.
    #[test]
    fn one_visit_counts_and_all_others_change_nothing() {
        let mut listener = listener("http://127.0.0.1:51004/cb");
        let good = "GET /cb?code=canary&state=STATE HTTP/1.1\r\nHost: 127.0.0.1:51004\r\n\r\n";
        for (request, expected) in [
            ("", "more"),
            ("GET /cb?code=canary&state=STATE HTTP/1.1\r\nHost: 127.0.0.1:51004\r\n", "more"),
            (&good.replace("/cb?", "/?"), "404"),
            (&good.replace("/cb?", "/cb/?"), "404"),
            (&good.replace("/cb?", "/CB?"), "404"),
            (&good.replace("/cb?", "/%63b?"), "404"),
            (&good.replace("/cb?code=canary&state=STATE", "/favicon.ico"), "404"),
            (&good.replace("GET", "POST"), "405"),
            (&good.replace("GET", "HEAD"), "405"),
            (&good.replace("GET", "get"), "405"),
            (&good.replace("Host: 127.0.0.1:51004", "Host: evil.example"), "400"),
            (&good.replace("Host: 127.0.0.1:51004", "Host: 127.0.0.1"), "400"),
            (&good.replace("Host: 127.0.0.1:51004", "Host: localhost:51004"), "400"),
            (&good.replace("Host: 127.0.0.1:51004", "Accept: */*"), "400"),
            (&good.replace("\r\n\r\n", "\r\nhost: evil.example\r\n\r\n"), "400"),
            (&good.replace("\r\n\r\n", "\r\n folded\r\n\r\n"), "400"),
            (&good.replace("HTTP/1.1", "HTTP/2.0"), "400"),
            (&good.replace(" HTTP/1.1", ""), "400"),
            (&good.replace("/cb?", "http://127.0.0.1:51004/cb?"), "400"),
            (&good.replace("canary", "can ary"), "400"),
            (&good.replace("canary", "can\u{e9}ry"), "400"),
            ("\u{16}\u{3}\u{1}", "400"),
            ("\r\n", "400"),
            (&good.replace("STATE", "canary"), "400"),
            (&good.replace("&state=STATE", ""), "400"),
            (&good.replace("STATE", "STATE&state=STATE"), "400"),
            (good, "200, code canary"),
            (good, "409"),
            (&good.replace("code=canary", "error=access_denied"), "409"),
        ] {
            assert_eq!(visit(&mut listener, request), expected, "{request:?}");
        }
    }

    #[test]
    fn a_line_may_end_without_a_carriage_return() {
        let request = "GET /cb?code=c&state=STATE HTTP/1.0\nHOST:[::1]:9\n\n";
        assert_eq!(visit(&mut listener("http://[::1]:9/cb"), request), "200, code c");
        let request = "GET /cb?code=c&state=STATE HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n";
        assert_eq!(visit(&mut listener("http://localhost/cb"), request), "200, code c");
    }

    #[test]
    fn a_denial_ends_it_at_once() {
        let mut listener = listener("http://127.0.0.1:1/cb");
        let request =
            "GET /cb?error=access_denied&state=STATE HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n";
        assert_eq!(visit(&mut listener, request), "400, access_denied");
        assert_eq!(visit(&mut listener, request), "409");
    }

    #[test]
    fn byte_by_byte_is_the_same() {
        let mut listener = listener("http://127.0.0.1:1/cb");
        let request = format!("GET /cb?code=c&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
        let mut visit = Visit::default();
        let answers: Vec<_> = request
            .bytes()
            .map(|byte| listener.receive(&mut visit, &[byte]))
            .map(|answer| answer.is_some_and(|answer| answer.redirect.is_some()))
            .collect();
        assert_eq!(answers.iter().position(|is_last| *is_last), Some(request.len() - 1));
    }

    #[test]
    fn ten_megabytes_are_not_kept() {
        for (start, expected) in [("GET /", "414"), ("GET / HTTP/1.1\r\nA: ", "431")] {
            let mut listener = listener("http://127.0.0.1:1/cb");
            let mut visit = Visit::default();
            assert!(listener.receive(&mut visit, start.as_bytes()).is_none());
            let chunk = [b'a'; 64 * 1024];
            let mut chunks = (0..160).map(|_| listener.receive(&mut visit, &chunk));
            let answer = chunks.find_map(|answer| answer).unwrap();
            let page = String::from_utf8(answer.bytes).unwrap();
            assert_eq!(page.split(' ').nth(1), Some(expected));
        }
    }
}
