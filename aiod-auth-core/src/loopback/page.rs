//! The answers: a few words in English, with no script, nothing from elsewhere, and nothing of the request.

use alloc::{format, vec::Vec};

/// What a visitor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Approved,
    Failed,
    NotThisLogin,
    AlreadyDone,
    NotFound,
    OtherMethod,
    OtherHost,
    BadRequest,
    AddressTooLong,
    HeadTooLong,
    OutOfTime,
}

impl Page {
    /// The whole answer: RFC 9112 §4, on a connection that then closes.
    pub(super) fn answer(self) -> Vec<u8> {
        let (status, title, text) = self.words();
        let allow = if self == Self::OtherMethod { "Allow: GET\r\n" } else { "" };
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n\
             </body>\n</html>\n"
        );
        let length = body.len();
        // 6749 §3.1.2.5, 9700 §4.2.4: the address in the browser may hold a code.
        format!(
            "HTTP/1.1 {status}\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Length: {length}\r\n\
             Connection: close\r\n\
             {allow}\
             Cache-Control: no-store\r\n\
             Referrer-Policy: no-referrer\r\n\
             Content-Security-Policy: default-src 'none'; style-src '{STYLE_HASH}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'\r\n\
             X-Content-Type-Options: nosniff\r\n\
             \r\n\
             {body}"
        )
        .into_bytes()
    }

    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Approved => (
                "200 OK",
                "It worked: you approved the login",
                "Go back to the program that started the login: it does the rest. You can close this page.",
            ),
            Self::Failed => (
                "400 Bad Request",
                "The login did not succeed",
                "The program that started it says why. You can close this page.",
            ),
            Self::NotThisLogin => (
                "400 Bad Request",
                "This does not belong to the login",
                "It was ignored, and the login goes on waiting. If you did not start it just now, close \
                 this page.",
            ),
            Self::AlreadyDone => (
                "409 Conflict",
                "This login is already done",
                "There is nothing left to do here. You can close this page.",
            ),
            Self::NotFound => ("404 Not Found", "Not found", "There is nothing at this address."),
            Self::OtherMethod => {
                ("405 Method Not Allowed", "Not allowed", "This address takes GET requests only.")
            }
            Self::OtherHost => {
                ("400 Bad Request", "Wrong address", "This program is not known under that name.")
            }
            Self::BadRequest => {
                ("400 Bad Request", "Not understood", "This is no request that a browser makes.")
            }
            Self::AddressTooLong => {
                ("414 URI Too Long", "The address is too long", "It was ignored.")
            }
            Self::HeadTooLong => (
                "431 Request Header Fields Too Large",
                "The request is too long",
                "It was ignored.",
            ),
            Self::OutOfTime => {
                ("408 Request Timeout", "Too slow", "The request did not come in time.")
            }
        }
    }
}

const STYLE: &str = "body{margin:0;background:#f4f5f7;color:#1d2129;font:1rem/1.5 system-ui,sans-serif}\
                     main{max-width:32rem;margin:18vh auto 0;padding:2rem;background:#fff;\
                     border:1px solid #d9dce1;border-radius:.5rem}\
                     h1{margin:0 0 .5rem;font-size:1.4rem}p{margin:0}";

/// CSP level 3 §6.7.2.3: the SHA-256 of the style, so that nothing else is one.
const STYLE_HASH: &str = "sha256-Dhpvpnoi97D4kM9Na3rxihxO8Y70dv8A+oMZyJzavTI=";

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use hmac_sha256::Hash as Sha256;

    use super::*;

    pub(in super::super) const ALL: [Page; 11] = [
        Page::Approved,
        Page::Failed,
        Page::NotThisLogin,
        Page::AlreadyDone,
        Page::NotFound,
        Page::OtherMethod,
        Page::OtherHost,
        Page::BadRequest,
        Page::AddressTooLong,
        Page::HeadTooLong,
        Page::OutOfTime,
    ];

    /// AC-09, AC-10.
    #[test]
    fn a_page_runs_nothing_and_loads_nothing() {
        for page in ALL {
            let answer = String::from_utf8(page.answer()).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            for field in [
                "Referrer-Policy: no-referrer",
                "Cache-Control: no-store",
                "X-Content-Type-Options: nosniff",
                "Connection: close",
            ] {
                assert!(head.lines().any(|line| line == field), "{field}: {head}");
            }
            assert!(head.contains("Content-Security-Policy: default-src 'none';"), "{head}");
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
            assert!(!head.to_lowercase().contains("location"), "{head}");
            for word in ["script", "src=", "href", "http:", "https:", "url(", "<form", "@import"] {
                assert!(!body.contains(word), "{word}: {body}");
            }
        }
    }

    #[test]
    fn the_policy_allows_this_style() {
        assert_eq!(
            format!("sha256-{}", BASE64_STANDARD.encode(Sha256::hash(STYLE.as_bytes()))),
            STYLE_HASH
        );
    }
}
