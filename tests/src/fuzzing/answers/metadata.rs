//! The answer to discovery.

use std::net::Ipv4Addr;

use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer, RetryPolicy, flow::Discovery};
use serde_json::Value;
use url::Url;

use super::{Document, ISSUER, Message, answer_all, is_of_use};

/// Answers discovery with this. Returns how it ended: the word of an error's kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn metadata_answer(bytes: &[u8]) -> &'static str {
    // Of a document with another issuer nothing is used, and of the right one what it says.
    let (true, Ok(issuer)) = (is_of_use(bytes), Issuer::new(ISSUER)) else { return "of_no_use" };
    let message = Message::read(bytes);
    let document = Document::read(&message);
    match answer_all(&mut Discovery::new(issuer, RetryPolicy::default()), &message) {
        Ok(server) => {
            assert_eq!(message.status, 200);
            let Some(document) = document else { panic!("metadata of nothing: {server:?}") };
            assert_eq!(document.text("issuer"), Some(ISSUER), "another issuer's document");
            is_as_it_says(&server, &document);
            "done"
        }
        Err(error) => {
            let good = message.status == 200 && document.is_some_and(|document| is_good(&document));
            assert!(!good, "a good document: {error:?}");
            error.kind().as_str()
        }
    }
}

fn is_as_it_says(server: &AuthorizationServer, document: &Document) {
    for (endpoint, name) in ENDPOINTS {
        let said = document.text(name).and_then(usable);
        assert_eq!(server.endpoint(endpoint), said.as_ref(), "{name}");
    }
}

/// An address that secrets may be sent to.
pub(super) fn usable(address: &str) -> Option<Url> {
    // A URL parser leaves controls out, or escapes them: another address.
    let is_plain = !address.trim().contains(char::is_control);
    usable_page(address).filter(|url| is_plain && url.fragment().is_none())
}

/// An address that a user may be sent to.
pub(super) fn usable_page(address: &str) -> Option<Url> {
    let url = Url::parse(address.trim()).ok()?;
    let host = url.host_str().unwrap_or_default();
    let is_here = host == "localhost"
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.octets()[0] == 127);
    let safe = url.scheme() == "https" || url.scheme() == "http" && is_here;
    let no_credentials = url.username().is_empty() && url.password().is_none();
    (safe && no_credentials).then_some(url)
}

fn is_good(document: &Document) -> bool {
    let lists = ["token_endpoint", "revocation_endpoint", "introspection_endpoint"]
        .map(|endpoint| format!("{endpoint}_auth_methods_supported"));
    let strings =
        |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    document.is_shallow()
        && document.count("error") == 0
        && document.text("issuer") == Some(ISSUER)
        && ENDPOINTS.iter().all(|(_, name)| document.is_fine(name, Value::is_string))
        && lists.iter().all(|name| document.is_fine(name, strings))
}

/// RFC 8414 §2, RFC 8628 §4, OpenID Connect.
const ENDPOINTS: [(Endpoint, &str); 6] = [
    (Endpoint::Token, "token_endpoint"),
    (Endpoint::DeviceAuthorization, "device_authorization_endpoint"),
    (Endpoint::Revocation, "revocation_endpoint"),
    (Endpoint::EndSession, "end_session_endpoint"),
    (Endpoint::Userinfo, "userinfo_endpoint"),
    (Endpoint::Introspection, "introspection_endpoint"),
];
