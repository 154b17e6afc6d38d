//! The answer to the question what a token is worth.

use aiod_auth_core::{
    AccessToken, ClientIdentity, ClientSecret, Error, RetryPolicy, Scope, Timestamp, Tokens,
    flow::{ActiveToken, Introspection, IntrospectionRequest},
};
use serde_json::Value;

use super::{CANARY, Document, Message, NOW, answer_all, is_of_use, server};

/// Answers an introspection request with this. Returns how it ended: the word of an error's kind,
/// `active` or `inactive`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn introspection_answer(bytes: &[u8]) -> &'static str {
    // A token is good if the server says so in one word, and for no more than it says.
    let (true, Ok(mut request), Ok(mut bearer)) = (is_of_use(bytes), request(), with_bearer())
    else {
        return "of_no_use";
    };
    let message = Message::read(bytes);
    let document = Document::read(&message);
    let outcome = answer_all(&mut request, &message);
    let again = answer_all(&mut bearer, &message);
    assert_eq!(outcome.as_ref().ok(), again.as_ref().ok(), "it depends on who asks");
    let said = document.as_ref().and_then(|document| document.value("active")?.as_bool());
    match outcome {
        Ok(introspection) => {
            assert!(message.is_success(), "an opinion with HTTP {}", message.status);
            let Some(document) = document else { panic!("nothing says {introspection:?}") };
            assert_eq!(document.error(), None);
            match introspection {
                Introspection::Active(token) => {
                    assert_eq!(said, Some(true));
                    is_as_it_says(&token, &document);
                    "active"
                }
                Introspection::Inactive => {
                    assert_eq!(said, Some(false));
                    "inactive"
                }
            }
        }
        Err(error) => error.kind().as_str(),
    }
}

fn request() -> Result<IntrospectionRequest, Error> {
    let secret = ClientSecret::new(format!("{CANARY}-client"));
    let client = ClientIdentity::public("api")?.with_secret(secret)?;
    let token = AccessToken::new(CANARY).unwrap();
    IntrospectionRequest::new(&server()?, &client, &token, RetryPolicy::default())
}

fn with_bearer() -> Result<IntrospectionRequest, Error> {
    let own = Tokens::new(AccessToken::new(format!("{CANARY}-own")).unwrap(), NOW);
    let token = AccessToken::new(CANARY).unwrap();
    IntrospectionRequest::with_bearer(&server()?, &own, &token, RetryPolicy::default())
}

fn is_as_it_says(token: &ActiveToken, document: &Document) {
    let texts = [
        ("client_id", &token.client_id),
        ("username", &token.username),
        ("token_type", &token.token_type),
        ("sub", &token.subject),
        ("iss", &token.issuer),
        ("jti", &token.id),
    ];
    for (name, read) in texts {
        assert_eq!(read.as_deref(), document.text(name), "{name}");
    }
    let said = scopes(document);
    assert!(token.scope.iter().all(|scope| said.iter().all(|said| scope.contains(said))));
    assert!(token.scope.iter().flat_map(Scope::iter).all(|scope| said.contains(&scope)));
    for audience in &token.audience {
        let one = |value: &Value| value.as_str() == Some(audience);
        let said = document
            .value("aud")
            .is_some_and(|aud| one(aud) || aud.as_array().is_some_and(|list| list.iter().any(one)));
        assert!(said, "{audience:?} is not in the answer");
    }
    let times = [("exp", token.expires_at), ("iat", token.issued_at), ("nbf", token.not_before)];
    for (name, read) in times {
        // Numbers as a server means them: from 1970 to 2999.
        let Some(said @ 1..=32_500_000_000) = document.value(name).and_then(Value::as_i64) else {
            // Anything else is no time, or one that is as odd.
            continue;
        };
        assert_eq!(read.map(Timestamp::as_unix_millis), Some(said * 1000), "{name}");
    }
    assert!(token.expires_at.is_some() || document.count("exp") == 0 || has_no_number(document));
}

/// A text, or the list that some servers make of it.
fn scopes(document: &Document) -> Vec<&str> {
    match document.value("scope").and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(Value::as_str).collect(),
        None => document.text("scope").unwrap_or_default().split_ascii_whitespace().collect(),
    }
}

fn has_no_number(document: &Document) -> bool {
    document.value("exp").is_none_or(|exp| !exp.is_number())
}
