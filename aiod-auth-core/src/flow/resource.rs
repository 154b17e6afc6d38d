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
    let status = received.response.status();
    if matches!(status, 401 | 403)
        && let Some((challenge, code)) = received
            .response
            .challenges()
            .iter()
            .find_map(|challenge| Some((challenge, code(challenge)?)))
    {
        let scope = challenge.param("scope");
        let missing = scope.filter(|_| code == ErrorCode::InsufficientScope);
        let mut error = Box::new(ServerError {
            endpoint,
            status,
            code: Some(code),
            description: challenge.param("error_description").or(scope).map(clean),
            uri: None,
            html: false,
            advice: missing
                .map(|scope| format!("log in again with the scope `{}`", clean(scope)).into()),
        });
        received.hide_secrets(&mut error);
        return Answer::Refused(Refused { error, interval: None, retry_after: None });
    }
    answer::read(endpoint, received, parse)
}

/// Why, where a Bearer challenge says it; there may be more than one.
fn code(challenge: &Challenge) -> Option<ErrorCode> {
    let code = challenge.param("error").filter(|_| challenge.scheme() == "bearer")?;
    Some(ErrorCode::from_wire(code)).filter(|_| !clean(code).is_empty())
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
