//! How an API that is shown an access token refuses it: RFC 6750 §3.

use alloc::{boxed::Box, format};

use crate::{
    error::{Endpoint, Error, ErrorCode, Problem, ServerError},
    http::Challenge,
    text::clean,
    wire::{
        answer::{self, Answer, Received, Refused},
        json::Object,
    },
};

/// A resource's errors are in its challenge (RFC 6750 §3); Keycloak's body is empty.
pub(super) fn read<T>(
    endpoint: Endpoint,
    received: &Received<'_>,
    parse: impl FnOnce(&Object<'_>) -> Result<T, Problem>,
) -> Answer<T> {
    let response = &received.response;
    let status = response.status();
    let challenges = response.challenges();
    let code = |challenge: &Challenge| {
        challenge.param("error").filter(|code| !clean(code).is_empty()).map(ErrorCode::from_wire)
    };
    // The first that says why, if there is more than one.
    let bearer = challenges
        .iter()
        .find(|challenge| challenge.scheme() == "bearer" && code(challenge).is_some());
    if let (401 | 403, Some(challenge)) = (status, bearer) {
        let code = code(challenge);
        let said = challenge.param("error_description").or_else(|| challenge.param("scope"));
        {
            let missing =
                challenge.param("scope").filter(|_| code == Some(ErrorCode::InsufficientScope));
            let error = ServerError {
                endpoint,
                status,
                code,
                description: said.map(clean),
                uri: None,
                html: false,
                advice: missing
                    .map(|scope| format!("log in again with the scope `{}`", clean(scope)).into()),
            };
            let mut error = Box::new(error);
            received.hide_secrets(&mut error);
            return Answer::Refused(Refused { error, interval: None, retry_after: None });
        }
    }
    answer::read(endpoint, received, parse)
}

/// RFC 6750 §3.1: a new token may help with these, and with nothing else.
pub(super) fn token_rejected(error: Error) -> Error {
    let Error::Refused(error) = error else {
        return error;
    };
    let may_help = matches!(error.code, None | Some(ErrorCode::InvalidToken));
    if error.status == 401 && may_help {
        Error::TokenRejected(error)
    } else {
        Error::Refused(error)
    }
}
