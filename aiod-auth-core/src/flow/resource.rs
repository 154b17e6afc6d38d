//! How an API that is shown an access token refuses it: RFC 6750 §3.

use alloc::{boxed::Box, string::String};

use crate::{
    error::{Advice, Endpoint, Error, ErrorCode, Problem, ServerError},
    http::Challenge,
    text::clean,
    wire::{
        answer::{self, Answer, Received, Refused},
        json::Object,
    },
};

/// A resource's errors are in its challenge (RFC 6750 §3); Keycloak's body is empty.
pub(crate) fn read<T>(
    endpoint: Endpoint,
    received: &Received<'_>,
    parse: impl FnOnce(&Object<'_>) -> Result<T, Problem>,
) -> Answer<T> {
    let status = received.response.status();
    if !matches!(status, 401 | 403) {
        return answer::read(endpoint, received, parse);
    }
    let challenges = received.response.challenges();
    if let Some((challenge, code)) = challenges
        .iter()
        .find_map(|challenge| Some((challenge, code(challenge, |word| received.clean(word))?)))
    {
        return Answer::Refused(Refused {
            error: said_by(challenge, code, endpoint, received),
            interval: None,
            retry_after: None,
        });
    }
    let mut answer = answer::read(endpoint, received, parse);
    if status == 401
        && let Answer::Refused(refused) = &mut answer
    {
        judge_by_status(&mut refused.error);
    }
    answer
}

fn said_by(
    challenge: &Challenge,
    code: ErrorCode,
    endpoint: Endpoint,
    received: &Received<'_>,
) -> Box<ServerError> {
    let scope = challenge.param("scope");
    let missing = scope.filter(|_| code == ErrorCode::InsufficientScope);
    Box::new(ServerError {
        endpoint,
        status: Some(received.response.status()),
        code: Some(code),
        description: challenge
            .param("error_description")
            .or(scope)
            .map(|said| received.clean(said)),
        uri: None,
        html: false,
        proxy: None,
        advice: missing.map(|scope| Advice::ScopeIsWanted(received.clean(scope))),
        says: None,
    })
}

/// A 401 is about the token that was shown, whatever the body calls its error: `invalid_request` at
/// Google, `Unauthorized` at Spring.
fn judge_by_status(error: &mut ServerError) {
    if error.code != Some(ErrorCode::InvalidToken)
        && let Some(code) = error.code.take()
    {
        error.description.get_or_insert_with(|| code.as_str().into());
    }
}

/// Why, where a Bearer challenge says it; there may be more than one. `show` as for [`ErrorCode::read`].
fn code(challenge: &Challenge, show: impl FnOnce(&str) -> String) -> Option<ErrorCode> {
    let code = challenge.param("error").filter(|_| challenge.scheme() == "bearer")?;
    (!clean(code).is_empty()).then(|| ErrorCode::read(code, show))
}

/// RFC 6750 §3.1: a new token may help with a 401, unless its challenge says that something else is
/// wrong, or asks for something else than a token: a gateway's.
pub(crate) fn token_rejected(error: Error) -> Error {
    let Error::Refused(error) = error else {
        return error;
    };
    let is_gateways = matches!(error.advice, Some(Advice::GatewayAsks { .. }));
    if error.status == Some(401) && !is_gateways && !is_of_no_token(error.code.as_ref()) {
        Error::TokenRejected(error)
    } else {
        Error::Refused(error)
    }
}

/// The same of an API's answer.
pub(crate) fn is_token_rejected(status: u16, challenges: &[Challenge]) -> bool {
    status == 401
        && !is_of_no_token(challenges.iter().find_map(|challenge| code(challenge, clean)).as_ref())
}

/// Whether another token would be refused as well.
fn is_of_no_token(code: Option<&ErrorCode>) -> bool {
    match code {
        Some(ErrorCode::InsufficientScope | ErrorCode::InvalidRequest) => true,
        // RFC 9449 §7.1, §9: a bearer token is of no use.
        Some(ErrorCode::Other(code)) => matches!(&**code, "use_dpop_nonce" | "invalid_dpop_proof"),
        _ => false,
    }
}
