//! Error answers: RFC 6749 §5.2, and the shapes that servers use in its place.

use alloc::{boxed::Box, string::String};
use core::time::Duration;

use super::json::Object;
use crate::{
    error::{Endpoint, ErrorCode, Problem, ServerError},
    text::clean,
};

/// A verdict against the request.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Box<ServerError>,
    /// With `slow_down`, GitHub names the new interval.
    pub(crate) interval: Option<Duration>,
    /// Auth0 says `slow_down` with a 429 and this.
    pub(crate) retry_after: Option<Duration>,
}

/// The `error` code, if the answer has one that is a string and not empty. Two are one too many.
pub(crate) fn code(object: &Object<'_>) -> Result<Option<ErrorCode>, Problem> {
    match object.text("error") {
        Ok(code) => Ok(code.map(|code| ErrorCode::from_wire(&code))),
        Err(problem @ Problem::Duplicate(_)) => Err(problem),
        Err(_) => Ok(None),
    }
}

pub(crate) fn server_error(
    endpoint: Endpoint,
    status: u16,
    object: Option<&Object<'_>>,
    html: bool,
) -> ServerError {
    ServerError {
        endpoint,
        status,
        code: object.and_then(|object| code(object).ok()?),
        description: object.and_then(description),
        uri: object
            .and_then(|object| object.text("error_uri").ok()?)
            .filter(|uri| is_web(uri))
            .map(|uri| clean(&uri)),
        html,
    }
}

/// What the server says to people.
fn description(object: &Object<'_>) -> Option<String> {
    let nested = |name, inner| object.object(name).ok()??.text(inner).ok()?;
    let plain = |name| object.text(name).ok()?;
    plain("error_description")
        .or_else(|| plain("message")) // Twitch, Discord, Reddit
        .or_else(|| plain("detail")) // FastAPI: Tiled and many
        .or_else(|| plain("errorSummary")) // Okta
        .or_else(|| plain("reason")) // Zoom
        .or_else(|| plain("errmsg")) // WeChat
        .or_else(|| nested("error", "message")) // Microsoft Graph, Firebase, Facebook
        .map(|text| clean(&text))
        .filter(|text| !text.is_empty())
}

fn is_web(uri: &str) -> bool {
    url::Url::parse(uri).is_ok_and(|uri| matches!(uri.scheme(), "http" | "https"))
}
