//! What comes to the port on which a login waits for the browser.

use std::sync::Arc;

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, Endpoint, Entropy, Error, Issuer, Parameters, Scope,
    flow::{AuthorizationRequest, Redirect},
    loopback::{Answer, HEAD_BYTES_MAX, Listener, Visit},
};

use crate::fuzzing::ISSUER;

/// Sends these bytes to the redirect address, at once and in pieces. Returns `code`, `failed` if the login
/// is over, `stray` if it waits on, or `more`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn loopback(bytes: &[u8]) -> &'static str {
    // However it is cut, a request has one answer, which shows nothing of it; only one with the right
    // `state`, on the right path, ends the login, and only once.
    let request = match request() {
        Ok(request) => Arc::new(request),
        Err(error) => panic!("nothing was tried: {error}"),
    };
    let (whole, again) = (visit(&request, [bytes]), visit(&request, bytes.chunks(7)));
    assert_eq!(whole, again, "in pieces it is something else");
    if matches!(whole, "code" | "failed") {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.starts_with("GET /callback?") && text.contains(AUTHORITY), "{text}");
        assert!(bytes.len() <= HEAD_BYTES_MAX || text.contains("\n\r\n") || text.contains("\n\n"));
    }
    whole
}

fn visit<'b>(
    request: &Arc<AuthorizationRequest>,
    pieces: impl IntoIterator<Item = &'b [u8]>,
) -> &'static str {
    let mut listener = match Listener::new(Arc::clone(request)) {
        Ok(listener) => listener,
        Err(error) => panic!("nothing was tried: {error}"),
    };
    let mut visit = Visit::default();
    let mut seen = Vec::new();
    for piece in pieces {
        seen.extend_from_slice(piece);
        if let Some(answer) = listener.receive(&mut visit, piece) {
            let ending = ending(answer);
            // The same visit again is one too late.
            let again = listener.receive(&mut Visit::default(), &seen).map(self::ending);
            let expected = if matches!(ending, "code" | "failed") { "stray" } else { ending };
            assert_eq!(again, Some(expected));
            return ending;
        }
    }
    "more"
}

fn ending(answer: Answer) -> &'static str {
    let (bytes, redirect) = answer.into_parts();
    let page = String::from_utf8(bytes).unwrap_or_default();
    let (head, body) = page.split_once("\r\n\r\n").unwrap_or_default();
    assert!(head.starts_with("HTTP/1.1 ") && !body.is_empty(), "{page}");
    assert!(!head.contains("Location") && !body.contains("<script"), "{page}");
    assert!(!page.contains("canary"), "{page}");
    match redirect {
        None => "stray",
        Some(Redirect::Code(_)) => "code",
        Some(Redirect::Failed(_)) => "failed",
        Some(_) => panic!("it is not told"),
    }
}

fn request() -> Result<AuthorizationRequest, Error> {
    let server = AuthorizationServer::new(Issuer::new(ISSUER)?)
        .with_endpoint(Endpoint::Authorization, ISSUER)?;
    AuthorizationRequest::new(
        &server,
        &ClientIdentity::public("cli")?,
        &Scope::default(),
        &Parameters::default(),
        format!("http://{AUTHORITY}/callback"),
        // The state is 43 times `A`.
        [Entropy::new([0; 32]), Entropy::new([1; 32])],
    )
}

const AUTHORITY: &str = "127.0.0.1:51004";
