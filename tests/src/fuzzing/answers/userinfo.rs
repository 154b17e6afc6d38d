//! The answer to the question who is logged in.

use aiod_auth_core::{
    AccessToken, Error, IdToken, RetryPolicy, Tokens,
    flow::{Userinfo, UserinfoRequest},
};

use super::{CANARY, Document, Message, NOW, answer_all, is_of_use, server};

/// Answers a userinfo request with this. Returns how it ended: the word of an error's kind, or
/// `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn userinfo_answer(bytes: &[u8]) -> &'static str {
    // No user is taken for another one, and only a 401 says that a token is not accepted.
    let (true, Ok(mut request), Ok(mut about_alice)) =
        (is_of_use(bytes), request(None), request(Some(IdToken::new(ALICE))))
    else {
        return "of_no_use";
    };
    let message = Message::read(bytes);
    let document = Document::read(&message);
    let for_any_user = answer_all(&mut request, &message);
    // OpenID Connect Core §5.3.2: an answer about another user must not be used.
    let for_alice = answer_all(&mut about_alice, &message);
    let is_alice = |userinfo: &&Userinfo| userinfo.subject.as_deref() == Some("8c2");
    assert_eq!(for_alice.as_ref().ok(), for_any_user.as_ref().ok().filter(is_alice));
    match for_any_user {
        Ok(userinfo) => {
            assert!(message.is_success(), "userinfo with HTTP {}", message.status);
            let Some(document) = document else {
                panic!("userinfo without a document: {userinfo:?}")
            };
            is_as_it_says(&userinfo, &document);
            "done"
        }
        Err(error) => {
            let rejected = matches!(error, Error::TokenRejected(_));
            let silent = message.body.is_empty() && message.header("www-authenticate").count() == 0;
            assert!(!rejected || message.status == 401, "HTTP {}: {error:?}", message.status);
            assert!(rejected || message.status != 401 || !silent, "{error:?}");
            error.kind().as_str()
        }
    }
}

fn request(id_token: Option<IdToken>) -> Result<UserinfoRequest, Error> {
    let mut tokens = Tokens::new(AccessToken::new(CANARY).unwrap(), NOW);
    tokens.id_token = id_token;
    UserinfoRequest::new(&server()?, &tokens, RetryPolicy::default())
}

/// From the server, for the client, and about `8c2`.
const ALICE: &str = "e30.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xIiwic3ViIjoiOGMyIiwiYXVkIjoiZGVtbyJ9.";

fn is_as_it_says(userinfo: &Userinfo, document: &Document) {
    assert_eq!(document.error(), None);
    assert_eq!(document.text("sub"), userinfo.subject.as_deref());
    let name = document.text("name").or_else(|| document.text("preferred_username"));
    assert_eq!(userinfo.name.as_deref(), name);
    for role in &userinfo.roles {
        let list = |value: &serde_json::Value| {
            value.as_array().is_some_and(|list| list.iter().any(|is| is.as_str() == Some(role)))
        };
        let keycloak = document.value("realm_access").and_then(|access| access.get("roles"));
        let said = document.value("roles").is_some_and(list) || keycloak.is_some_and(list);
        assert!(said, "{role:?} is not in the answer");
    }
}
