//! Error answers: RFC 6749 §5.2, and the shapes that servers use in its place.

use alloc::{boxed::Box, string::String};
use core::time::Duration;

use super::{
    answer::Received,
    json::Object,
    servers::{self, DESCRIPTIONS},
};
use crate::{
    error::{Advice, Endpoint, ErrorCode, Problem, ServerError},
    http::Challenge,
};

/// The server refuses the request.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Box<ServerError>,
    /// With `slow_down`, GitHub names the new interval.
    pub(crate) interval: Option<Duration>,
    /// Auth0 says `slow_down` with a 429 and this.
    pub(crate) retry_after: Option<Duration>,
}

/// The `error` code, if the answer has one that is a string and not empty. Two are one too many.
pub(crate) fn code(
    object: &Object<'_>,
    received: &Received<'_>,
) -> Result<Option<ErrorCode>, Problem> {
    let deviations = received.deviations;
    let is_success = received.response.is_success();
    let read = |word: &str| deviations.code(word, |word| received.clean(word));
    let has_token = || matches!(object.text("access_token"), Ok(Some(_)));
    let elsewhere = match &deviations.error_at {
        // A word beside a token is no error.
        Some(pointer) if !(is_success && has_token()) => object.at(pointer),
        _ => None,
    };
    match elsewhere.map(|word| read(&word)) {
        None | Some(ErrorCode::Other(_)) => {}
        code @ Some(_) => return Ok(code),
    }
    match object.text("error") {
        Ok(code) => Ok(code.map(|code| read(&code))),
        Err(problem @ Problem::Duplicate(_)) if !is_success => Err(problem),
        Err(_) => Ok(None),
    }
}

/// A success with an `error` that can't be read is none: RFC 6749 §5.2.
pub(crate) fn spoil_success(object: &mut Object<'_>) {
    match object.string("error") {
        Ok(_) => {}
        Err(Problem::Invalid(_)) if object.is_false_or_zero("error") => {
            object.note("error", "is `false` or 0: there is none");
        }
        Err(problem) => object.spoil(problem),
    }
}

pub(crate) fn server_error(
    endpoint: Endpoint,
    received: &Received<'_>,
    code: Option<ErrorCode>,
    object: Option<&Object<'_>>,
    html: bool,
) -> ServerError {
    // A proxy's answer has no code.
    let proxy = received.response.proxy().filter(|_| code.is_none());
    // What comes with each poll while the user decides (RFC 8628 §3.5) is shown to no one: it is not made safe to
    // print.
    let object = object.filter(|_| code != Some(ErrorCode::AuthorizationPending));
    ServerError {
        endpoint,
        status: Some(received.response.status()),
        proxy: proxy.map(String::from),
        code,
        description: object.and_then(|object| description(object, received)),
        uri: object
            .and_then(|object| object.text("error_uri").ok()?)
            .filter(|uri| is_web(uri))
            .map(|uri| received.clean(&uri)),
        html,
        advice: None,
        says: servers::says(received.response, object).filter(|_| !html),
    }
}

/// What the request may have to do with it.
pub(crate) fn advice(error: &ServerError, received: &Received<'_>) -> Option<Advice> {
    let (request, response) = (received.request, received.response);
    let about_the_client =
        matches!(error.code, Some(ErrorCode::InvalidClient | ErrorCode::UnauthorizedClient));
    if !about_the_client && response.status() != 401 {
        return None;
    }
    let challenges = response.challenges();
    match challenges.first().map(Challenge::scheme) {
        Some("dpop") if challenges.iter().all(|challenge| challenge.scheme() == "dpop") => {
            Some(Advice::DpopOnly)
        }
        _ if about_the_client && request.basic_is_escaped() => Some(Advice::BasicIsEscaped),
        // RFC 6749 §5.2: the scheme that the client should have used.
        Some("basic") if about_the_client && !request.has_authorization() => {
            Some(Advice::BasicIsWanted)
        }
        Some(scheme) if about_the_client => Some(Advice::SchemeIsWanted(received.clean(scheme))),
        _ if error.code.is_none() => gateway(&challenges, received),
        _ => None,
    }
}

/// What a gateway or a proxy before the server asks for, where that is no token.
fn gateway(challenges: &[Challenge], received: &Received<'_>) -> Option<Advice> {
    let is_for_token =
        |challenge: &Challenge| matches!(challenge.scheme(), "bearer" | "dpop" | "apikey");
    let challenge = challenges.first().filter(|_| !challenges.iter().any(is_for_token))?;
    let scheme = received.clean(challenge.scheme());
    let realm = challenge.param("realm").map(|realm| received.clean(realm));
    Some(Advice::GatewayAsks { scheme, realm: realm.filter(|realm| !realm.is_empty()) })
}

/// What the server says to people.
pub(crate) fn description(object: &Object<'_>, received: &Received<'_>) -> Option<String> {
    let said = object.text("error_description").ok().flatten();
    let said = said.or_else(|| DESCRIPTIONS.iter().find_map(|at| object.text_at(at)))?;
    Some(received.clean(&said)).filter(|text| !text.is_empty())
}

fn is_web(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|uri| matches!(uri.scheme(), "http" | "https"))
}
