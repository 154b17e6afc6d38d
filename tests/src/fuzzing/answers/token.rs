//! The answer to a refresh.

use aiod_auth_core::{
    ClientIdentity, Error, Failed, RefreshToken, RetryPolicy, Scope, flow::AccessTokenRequest,
};
use serde_json::Value;

use super::{CANARY, Document, Message, answer_all, is_of_use, server};

/// Answers a refresh with this. Returns how it ended: the word of an error's kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn token_answer(bytes: &[u8]) -> &'static str {
    // Whatever comes with a success, it ends, and a good new refresh token is never lost.
    if !is_of_use(bytes) {
        return "of_no_use";
    }
    let message = Message::read(bytes);
    let Ok(mut refresh) = refresh() else { return "config" };
    let document = Document::read(&message);
    let brought = document.as_ref().and_then(refresh_token_in).filter(|_| message.is_success());
    match answer_all(&mut refresh, &message) {
        Ok(tokens) => {
            let kept = tokens.refresh_token.as_ref().map(|token| token.expose().to_owned());
            assert!(brought.is_none_or(|token| kept == Some(token)), "the token was lost");
            let said = document.as_ref().and_then(|document| document.text("access_token"));
            assert_eq!(
                said,
                Some(tokens.access_token().unwrap().expose()),
                "not what the answer says"
            );
            assert!(message.is_success(), "tokens with HTTP {}", message.status);
            "done"
        }
        Err(Failed { error, salvaged, .. }) => {
            let salvaged = salvaged.and_then(|tokens| tokens.refresh_token);
            let kept = salvaged.map(|token| token.expose().to_owned());
            assert!(brought.is_none_or(|token| kept == Some(token)), "the token was lost: {error}");
            error.kind().as_str()
        }
    }
}

fn refresh() -> Result<AccessTokenRequest, Error> {
    let (client, sent) = (ClientIdentity::public("demo")?, RefreshToken::new(CANARY));
    let (scope, policy) = (Scope::default(), RetryPolicy::default());
    AccessTokenRequest::refresh(&server()?, &client, &sent, &scope, policy)
}

/// A refresh token that is there once and well-formed, in an object without an error.
fn refresh_token_in(document: &Document) -> Option<String> {
    let token = document.text("refresh_token")?;
    let printable = token.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    let no_error = document
        .is_fine("error", |error| !matches!(error, Value::String(code) if !code.is_empty()));
    let good = printable && token.trim() == token && no_error && document.is_shallow();
    good.then(|| token.to_owned())
}
