//! The answer to a revocation, and to the end of a session.

use std::fmt::Debug;

use aiod_auth_core::{
    AccessToken, AuthorizationServer, ClientIdentity, Error, Machine, RefreshToken, RetryPolicy,
    flow::{EndSessionRequest, RevocationRequest},
};

use super::{CANARY, Document, Message, answer_all, is_of_use, server};

/// Answers the three ways to make a token dead with this. Returns how the first one ended: the word
/// of an error's kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn revocation_answer(bytes: &[u8]) -> &'static str {
    // Dead is what the server says is dead: by its status, or since it doesn't know the token.
    let (true, Ok(server), Ok(client)) =
        (is_of_use(bytes), server(), ClientIdentity::public("demo"))
    else {
        return "of_no_use";
    };
    let message = Message::read(bytes);
    let document = Document::read(&message);
    let code = document.as_ref().and_then(Document::error);
    if document.as_ref().is_some_and(Document::is_too_deep) {
        // A status needs no reader.
        return "of_no_use";
    }
    let unknown = matches!(code, Some("invalid_token" | "invalid_grant"))
        && document.as_ref().is_some_and(Document::is_shallow)
        && !message.is_redirect();
    let refused = !message.is_success();
    // Without a document to compare with, an error may still be in there.
    let sure = document.is_some() || message.body.is_empty();

    let ending = ended(&mut refresh_token(&server, &client), &message);
    if sure {
        assert_eq!(ending == "done", !refused || unknown, "{ending} with HTTP {}", message.status);
    }
    assert_eq!(ended(&mut access_token(&server, &client), &message), ending);
    let session = ended(&mut session(&server, &client), &message);
    if sure {
        // OpenID Connect: a page proves nothing. Keycloak's word is 204.
        let over = message.status == 204 || refused && unknown;
        assert_eq!(session == "done", over, "{session} with HTTP {}", message.status);
    }
    ending
}

fn ended<M: Machine<Output: Debug, Error = Error> + Debug>(
    machine: &mut Result<M, Error>,
    message: &Message,
) -> &'static str {
    let machine = match machine {
        Ok(machine) => machine,
        Err(error) => return error.kind().as_str(),
    };
    answer_all(machine, message).map_or_else(|error| error.kind().as_str(), |_| "done")
}

fn refresh_token(
    server: &AuthorizationServer,
    client: &ClientIdentity,
) -> Result<RevocationRequest, Error> {
    let token = RefreshToken::new(CANARY);
    RevocationRequest::refresh_token(server, client, &token, RetryPolicy::default())
}

fn access_token(
    server: &AuthorizationServer,
    client: &ClientIdentity,
) -> Result<RevocationRequest, Error> {
    let token = AccessToken::new(CANARY).unwrap();
    RevocationRequest::access_token(server, client, &token, RetryPolicy::default())
}

fn session(
    server: &AuthorizationServer,
    client: &ClientIdentity,
) -> Result<EndSessionRequest, Error> {
    EndSessionRequest::new(server, client, &RefreshToken::new(CANARY), RetryPolicy::default())
}
