//! One answer of any bytes, to each kind of request.

use std::fmt::Debug;

use aiod_auth_core::{AuthorizationServer, Endpoint, Error, Issuer, Machine, Timestamp};

use super::{CANARY, ISSUER, watch};
use crate::drive::{self, Failure};

pub use device::device_answer;
pub use introspection::introspection_answer;
pub use metadata::metadata_answer;
pub use revocation::revocation_answer;
pub use tiled::tiled_answer;
pub use token::token_answer;
pub use userinfo::userinfo_answer;

pub(super) use document::Document;
pub(super) use message::Message;

mod device;
mod document;
mod introspection;
mod message;
mod metadata;
mod revocation;
mod tiled;
mod token;
mod userinfo;

/// Gives this answer to everything that a machine sends, and runs it to its end.
fn answer_all<M>(machine: &mut M, message: &Message) -> Result<M::Output, M::Error>
where
    M: Machine<Output: Debug, Error: Failure + Debug> + Debug,
{
    let document = Document::read(message);
    let secrets = document.as_ref().map(|document| document.secrets(message)).unwrap_or_default();
    let mut sent = 0;
    let outcome = drive::answering(machine, NOW, |request| {
        watch::request(request);
        sent += 1;
        assert!(sent <= SENDS_MAX, "no end after {SENDS_MAX} requests");
        message.with(|response| {
            watch::silent(&response);
            response
        })
    });
    watch::silent_about(machine, &secrets);
    watch::silent_about(&machine.take_notes(), &secrets);
    watch::finished(machine, NOW);
    match &outcome {
        Ok(output) => {
            watch::silent_about(output, &secrets);
            let shallow = document.as_ref().is_none_or(|document| !document.is_too_deep());
            assert!(shallow, "nested too deeply to be read");
        }
        Err(failure) => {
            watch::error(failure.error(), false);
            watch::silent_about(failure, &secrets);
            watch::silent_about(&failure.error().to_string(), &secrets);
        }
    }
    outcome
}

/// A server with every endpoint.
pub(super) fn server() -> Result<AuthorizationServer, Error> {
    let endpoints = [
        (Endpoint::Token, "/token"),
        (Endpoint::DeviceAuthorization, "/device"),
        (Endpoint::Revocation, "/revoke"),
        (Endpoint::EndSession, "/protocol/openid-connect/logout"),
        (Endpoint::Userinfo, "/userinfo"),
        (Endpoint::Introspection, "/introspect"),
    ];
    let server = AuthorizationServer::new(Issuer::new(ISSUER)?);
    endpoints.iter().try_fold(server, |server, (endpoint, path)| {
        server.with_endpoint(*endpoint, &format!("{ISSUER}{path}"))
    })
}

/// Bytes with what only the harness may say prove nothing.
fn is_of_use(bytes: &[u8]) -> bool {
    // What a terminal can't show is left out of a text, and may stand in the middle of it here.
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic());
    let letters: Vec<u8> = letters.copied().collect();
    !String::from_utf8_lossy(&letters).contains("canary")
}

/// 2026-01-01T00:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

/// Three places with three requests each.
const SENDS_MAX: usize = 9;
