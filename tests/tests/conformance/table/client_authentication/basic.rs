//! `client_secret_basic`: RFC 6749 §2.3.1.

use aiod_auth_core::{AuthenticationMethod, ClientIdentity, ClientSecret, Kind};

use crate::machines::{headers, posting, requests, server};

/// What a client sends in every `Authorization` field.
fn authorization(id: &str, secret: &str) -> String {
    let client = ClientIdentity::public(id).unwrap().with_secret(ClientSecret::new(secret));
    let client =
        client.unwrap().with_authentication_method(AuthenticationMethod::ClientSecretBasic);
    let requests = requests(posting(&server(), &client));
    let mut fields: Vec<_> = requests
        .iter()
        .map(|(name, request)| {
            let fields = headers(request, "authorization");
            assert_eq!(fields.len(), 1, "{name}");
            fields[0].to_owned()
        })
        .collect();
    fields.dedup();
    assert_eq!(fields.len(), 1, "every request has the same");
    fields.remove(0)
}

pub(crate) fn id_and_secret_are_each_escaped() {
    for (id, secret, expected) in [
        // RFC 6749 §2.3.1 and §4.1.3, RFC 8693 §2.3, RFC 8707 §2.2.
        ("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw", "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"),
        ("s6BhdRkqt3", "gX1fBat3bV", "czZCaGRSa3F0MzpnWDFmQmF0M2JW"),
        ("rs08", "long-secure-random-secret", "cnMwODpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0"),
        ("s6BhdRkqt3", "hsqEzQlUoHAE9px4FSr4yI", "czZCaGRSa3F0Mzpoc3FFelFsVW9IQUU5cHg0RlNyNHlJ"),
        // openid/AppAuth-Android#337.
        (
            "1PpG/Q 1",
            "z/tZ9VwFZqApmIQ+ZH1I5pLk/uB4ud:X2/8bL+wfFTt1rFw=",
            "MVBwRyUyRlErMTp6JTJGdFo5VndGWnFBcG1JUSUyQlpIMUk1cExrJTJGdUI0dWQlM0FYMiUyRjhiTCUyQndmRlR0MXJGdyUzRA==",
        ),
        ("client", "with space", "Y2xpZW50OndpdGgrc3BhY2U="),
        ("client", "plus+plus", "Y2xpZW50OnBsdXMlMkJwbHVz"),
        ("client", "100%", "Y2xpZW50OjEwMCUyNQ=="),
        ("client", "%2B already escaped", "Y2xpZW50OiUyNTJCK2FscmVhZHkrZXNjYXBlZA=="),
        ("client", "a:b:c", "Y2xpZW50OmElM0FiJTNBYw=="),
        ("urn:example:client", "s", "dXJuJTNBZXhhbXBsZSUzQWNsaWVudDpz"),
        (
            "https://app.example/cb?x=1",
            "s&t=u",
            "aHR0cHMlM0ElMkYlMkZhcHAuZXhhbXBsZSUyRmNiJTNGeCUzRDE6cyUyNnQlM0R1",
        ),
        ("client", "quote\"back\\slash", "Y2xpZW50OnF1b3RlJTIyYmFjayU1Q3NsYXNo"),
        ("café", "pässwörd", "Y2FmJUMzJUE5OnAlQzMlQTRzc3clQzMlQjZyZA=="),
        ("клиент", "🔑", "JUQwJUJBJUQwJUJCJUQwJUI4JUQwJUI1JUQwJUJEJUQxJTgyOiVGMCU5RiU5NCU5MQ=="),
        ("client", " %&+£€", "Y2xpZW50OislMjUlMjYlMkIlQzIlQTMlRTIlODIlQUM="),
        ("client", "base64+/==", "Y2xpZW50OmJhc2U2NCUyQiUyRiUzRCUzRA=="),
        ("client", "~tilde", "Y2xpZW50OiU3RXRpbGRl"),
        ("client", "", "Y2xpZW50Og=="),
    ] {
        assert_eq!(authorization(id, secret), format!("Basic {expected}"), "{id} {secret}");
    }
    let long = authorization("client", &"x".repeat(10_000));
    // `client:` and the secret, three bytes to four characters; never on several lines.
    assert_eq!(long.len(), "Basic ".len() + 10_007_usize.div_ceil(3) * 4);
    assert!(!long.contains('\n'));
}

/// Servers that forget to unescape then understand it all the same.
pub(crate) fn what_needs_no_escape_stays() {
    for (id, secret, expected) in [
        ("aiod-sdk", "plainsecret", "YWlvZC1zZGs6cGxhaW5zZWNyZXQ="),
        ("unreserved-._*", "unreserved-._*", "dW5yZXNlcnZlZC0uXyo6dW5yZXNlcnZlZC0uXyo="),
        ("unreserved-._~*", "unreserved-._~*", "dW5yZXNlcnZlZC0uXyU3RSo6dW5yZXNlcnZlZC0uXyU3RSo="),
        (
            "!\"#$%&'()*+,-./",
            ":;<=>?@[\\]^_`{|}~",
            "JTIxJTIyJTIzJTI0JTI1JTI2JTI3JTI4JTI5KiUyQiUyQy0uJTJGOiUzQSUzQiUzQyUzRCUzRSUzRiU0MCU1QiU1QyU1RCU1RV8lNjAlN0IlN0MlN0QlN0U=",
        ),
    ] {
        assert_eq!(authorization(id, secret), format!("Basic {expected}"), "{id} {secret}");
    }
}

pub(crate) fn control_characters_are_refused() {
    let client = || ClientIdentity::public("client").unwrap();
    let bad = ["s\n", "trailing newline\r\n", "\ns", "a\0b", "a\u{7f}b", "a\tb", "a\u{85}b"];
    for text in bad {
        let as_secret = client().with_secret(ClientSecret::new(text)).unwrap_err();
        let as_id = ClientIdentity::public(text).unwrap_err();
        for error in [as_secret, as_id] {
            assert_eq!(error.kind(), Kind::Config, "{text:?}");
            assert!(error.to_string().contains("control character"), "{error}");
            assert!(!error.to_string().contains(text), "{error}");
        }
    }
    for text in ["s\n", "trailing newline\r\n"] {
        let error = client().with_secret(ClientSecret::new(text)).unwrap_err();
        assert!(error.hint().unwrap().contains("line break at its end"), "{:?}", error.hint());
    }
    assert_eq!(ClientIdentity::public("").unwrap_err().kind(), Kind::Config);
}
