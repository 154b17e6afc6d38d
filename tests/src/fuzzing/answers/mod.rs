//! One answer of any bytes, to each kind of request.

use std::{fmt::Debug, time::Duration};

use aiod_auth_core::{AuthorizationServer, Endpoint, Error, Issuer, Machine, Step, Timestamp};

use super::{CANARY, ISSUER, watch};

pub use device::device_answer;
pub use introspection::introspection_answer;
pub use metadata::metadata_answer;
pub use revocation::revocation_answer;
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
mod token;
mod userinfo;

/// Gives this answer to everything that a machine sends, and runs it to its end.
fn answer_all<M>(machine: &mut M, message: &Message) -> Result<M::Output, Error>
where
    M: Machine<Output: Debug> + Debug,
{
    let document = Document::read(message);
    let secrets = document.as_ref().map(|document| document.secrets(message)).unwrap_or_default();
    for _ in 0..STEPS_MAX {
        watch::silent_about(machine, &secrets);
        match machine.poll(NOW) {
            Ok(Step::Send(exchange)) => {
                watch::request(exchange.request());
                message.with(|response| {
                    watch::silent(&response);
                    let took = Duration::from_millis(1);
                    let notes = exchange.begin().complete(NOW, took, Ok(response));
                    watch::silent_about(&notes, &secrets);
                });
            }
            Ok(Step::Wait(pause)) => {
                let delay = pause.delay();
                pause.complete(delay);
            }
            Ok(Step::Done(output)) => {
                watch::silent_about(&output, &secrets);
                let shallow = document.as_ref().is_none_or(|document| !document.is_too_deep());
                assert!(shallow, "nested too deeply to be read");
                watch::finished(machine, NOW);
                return Ok(output);
            }
            Ok(step @ (Step::Store(_) | Step::Ask(_))) => panic!("nobody needs {step:?}"),
            Err(error) => {
                watch::error(&error, false);
                watch::silent_about(&error, &secrets);
                watch::silent_about(&error.to_string(), &secrets);
                watch::finished(machine, NOW);
                return Err(error);
            }
        }
    }
    panic!("no end after {STEPS_MAX} steps: {machine:?}");
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
    !String::from_utf8_lossy(bytes).contains(CANARY)
}

/// 2026-01-01T00:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

/// Three places with three requests each and the waits between them, and the end.
const STEPS_MAX: usize = 20;
