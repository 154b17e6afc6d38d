//! What is made of answers that are not as they should be.

use aiod_auth_tests::verdict::{Answer, Asked, Verdict, verdict};

fn of(asked: Asked, status: u16, body: impl Into<Vec<u8>>) -> Verdict {
    let body = body.into();
    verdict(asked, &Answer { status, headers: Vec::new(), body }).unwrap()
}

const AT_TOKEN_ENDPOINT: [Asked; 3] = [Asked::Refresh, Asked::Poll, Asked::ClientCredentials];

pub(crate) fn bytes_that_are_no_utf_8_leave_the_code() {
    for bytes in [
        &b"{\"error\":\"invalid_scope\",\"error_description\":\"d\xe9j\xe0 vu\"}"[..],
        b"{\"error_description\":\"\xff\xfe\",\"error\":\"invalid_scope\"}",
        b"{\"error\":\"invalid_scope\",\"\xe9\":\"\xe9\"}",
        b"\xef\xbb\xbf{\"error\":\"invalid_scope\",\"error_description\":\"\x80\"}",
    ] {
        for asked in AT_TOKEN_ENDPOINT {
            for status in [200, 400, 403] {
                let found = of(asked, status, bytes);
                assert!(found.is("error:server; code invalid_scope"), "{asked:?} {found}");
            }
        }
    }
    let pending =
        &b"{\"error\":\"authorization_pending\",\"error_description\":\"d\xe9j\xe0\"}"[..];
    assert!(of(Asked::Poll, 400, pending).is("pending"));
    let ended = &b"{\"error\":\"invalid_grant\",\"error_description\":\"abgelaufen \xfcber\"}"[..];
    assert!(of(Asked::Refresh, 400, ended).is("error:session_ended; code invalid_grant"));
}

pub(crate) fn only_a_web_address_is_shown() {
    for uri in [
        "\"javascript:alert(1)\"",
        "\"JavaScript:alert(1)\"",
        "\"file:///etc/passwd\"",
        "\"data:text/html,x\"",
        "\"ftp://as.example/\"",
        "\"/relative\"",
        "\"see the manual\"",
        "\" \"",
        "1",
        "[\"https://as.example\"]",
        "null",
    ] {
        let body = format!("{{\"error\":\"x\",\"error_uri\":{uri}}}");
        let found = of(Asked::Refresh, 400, body);
        assert!(found.is("error:server; code x"), "{uri}: {found}");
        assert!(!found.details.iter().any(|detail| detail.starts_with("see ")), "{found}");
    }
}

pub(crate) fn an_error_that_is_no_text_is_none() {
    for (error, says) in [
        ("401", None),
        ("0", None),
        ("true", None),
        ("false", None),
        ("[\"invalid_grant\"]", None),
        ("{\"message\":\"x\\u001b[31my\"}", Some("says xy")),
        ("{\"message\":1}", None),
        ("{\"code\":\"invalid_grant\"}", None),
        ("{\"error\":\"invalid_grant\"}", None),
    ] {
        let body = format!("{{\"error\":{error}}}");
        for asked in AT_TOKEN_ENDPOINT.into_iter().chain([Asked::Device, Asked::Revocation]) {
            for status in [400, 403, 404, 422] {
                let found = of(asked, status, body.as_str());
                let expected = format!("{}; HTTP {status}; no code", refused(asked));
                assert!(found.is(&expected), "{asked:?} {status} {body}: {found}");
                let said = found.details.iter().find(|detail| detail.starts_with("says "));
                assert_eq!(said.map(String::as_str), says, "{asked:?} {status} {body}");
            }
            for status in [500, 502, 503] {
                let found = of(asked, status, body.as_str());
                assert!(found.is("retry"), "{asked:?} {status} {body}: {found}");
            }
        }
    }
    let found = of(Asked::Refresh, 400, r#"{"error":5,"error_description":"d","message":"m"}"#);
    assert!(found.is("error:server; no code; says d"), "{found}");
}

pub(crate) fn a_refusal_without_a_code_has_its_status() {
    let bodies = ["", "<html>x</html>", "no", "{}", "{\"detail\":\"no\"}", "{\"message\":\"no\"}"];
    for asked in
        AT_TOKEN_ENDPOINT.into_iter().chain([Asked::Device, Asked::Revocation, Asked::EndSession])
    {
        for status in [400, 401, 402, 403, 404, 405, 410, 413, 415, 418, 422, 428, 451] {
            for body in bodies {
                let found = of(asked, status, body);
                let expected = format!("{}; HTTP {status}; no code", refused(asked));
                assert!(found.is(&expected), "{asked:?} {status} {body}: {found}");
                let about_proxies = found.details.iter().any(|detail| detail.contains("proxy"));
                assert_eq!(about_proxies, body.starts_with('<'), "{asked:?} {status} {body}");
            }
        }
    }
}

/// Without a code, a poll is waited out, unless it stays so.
fn refused(asked: Asked) -> &'static str {
    if asked == Asked::Poll { "retry; stays error:server" } else { "error:server" }
}
