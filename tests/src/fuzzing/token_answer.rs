//! The answer to a refresh.

use std::{fmt, time::Duration};

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, Endpoint, Error, Issuer, Machine, RefreshToken, Response,
    RetryPolicy, Scope, Step, Timestamp, flow::AccessTokenRequest,
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::{CANARY, ISSUER, watch};

/// Answers a refresh with these bytes. Returns how it ended: the word of an error's kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn token_answer(body: &[u8]) -> &'static str {
    // Whatever comes with a 200, it ends, and a good new refresh token is never lost.
    let Ok(mut refresh) = refresh() else { return "config" };
    let brought = refresh_token_in(body);
    match answer_with(&mut refresh, body) {
        Ok(kept) => {
            assert!(brought.is_none_or(|token| kept == Some(token)), "the token was lost");
            "done"
        }
        Err(error) => {
            watch::error(&error, false);
            let kept = refresh.take_new_refresh_token().map(|token| token.expose().to_owned());
            assert!(brought.is_none_or(|token| kept == Some(token)), "the token was lost: {error}");
            error.kind().as_str()
        }
    }
}

fn refresh() -> Result<AccessTokenRequest, Error> {
    let server = AuthorizationServer::new(Issuer::new(ISSUER)?)
        .with_endpoint(Endpoint::Token, &format!("{ISSUER}/token"))?;
    let (client, sent) = (ClientIdentity::public("demo")?, RefreshToken::new(CANARY));
    AccessTokenRequest::refresh(&server, &client, &sent, &Scope::default(), RetryPolicy::default())
}

/// Runs to the end, and returns the refresh token that is good from now on.
fn answer_with(refresh: &mut AccessTokenRequest, body: &[u8]) -> Result<Option<String>, Error> {
    for _ in 0..STEPS_MAX {
        watch::silent(refresh);
        match refresh.poll(Timestamp::UNIX_EPOCH)? {
            Step::Send(exchange) => {
                let (now, took) = (Timestamp::UNIX_EPOCH, Duration::from_millis(1));
                exchange.begin().complete(now, took, Ok(Response::new(200, &[], body)));
            }
            Step::Wait(pause) => {
                let delay = pause.delay();
                pause.complete(delay);
            }
            Step::Done(tokens) => {
                return Ok(tokens.refresh_token.map(|token| token.expose().to_owned()));
            }
            Step::Store(_) | Step::Ask(_) => break,
        }
    }
    panic!("no end after {STEPS_MAX} steps");
}

/// Three requests with two waits between them, and the end.
const STEPS_MAX: usize = 6;

/// What another reader of JSON finds: a refresh token that is there once and well-formed, in an
/// object without an error.
fn refresh_token_in(body: &[u8]) -> Option<String> {
    let Members(members) = serde_json::from_slice(body).ok()?;
    let mut tokens = members.iter().filter(|(name, _)| name == "refresh_token");
    let (Some((_, Value::String(token))), None) = (tokens.next(), tokens.next()) else {
        return None;
    };
    let printable = token.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    let good = printable && !token.is_empty() && token.trim() == token;
    let error = members.iter().any(|(name, _)| name == "error");
    let deep = body.iter().filter(|byte| b"[{".contains(byte)).count() > DEPTH_MAX;
    (good && !error && !deep).then(|| token.clone())
}

/// What is nested deeper is refused, refresh token and all.
const DEPTH_MAX: usize = 64;

/// An object's members, those that are there twice as well.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visit)
    }
}
