//! The answer to a device authorization request.

use std::time::Duration;

use aiod_auth_core::{
    ClientIdentity, Error, Failed, Machine, RetryPolicy, Scope, Step,
    flow::{
        DeviceAccessTokenRequest, DeviceAuthorization, DeviceAuthorizationRequest, DevicePrompt,
    },
};

use super::{Document, Message, NOW, answer_all, is_of_use, metadata::usable_page, server};
use crate::fuzzing::watch;

/// Answers a device authorization request with this. Returns how it ended: the word of an error's
/// kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn device_answer(bytes: &[u8]) -> &'static str {
    // A user is shown what the server said and nothing harmful, and no poll is early.
    let (true, Ok(mut request)) = (is_of_use(bytes), request()) else { return "of_no_use" };
    let message = Message::read(bytes);
    match answer_all(&mut request, &message) {
        Ok(authorization) => {
            assert!(message.is_success(), "a code with HTTP {}", message.status);
            let document = Document::read(&message);
            let Some(document) = document else { panic!("a code of nothing: {authorization:?}") };
            is_as_it_says(&authorization, &document);
            watch::silent_about(&authorization.prompt().to_string(), &document.secrets(&message));
            first_poll(&authorization);
            "done"
        }
        Err(error) => error.kind().as_str(),
    }
}

fn request() -> Result<DeviceAuthorizationRequest, Error> {
    let (scope, policy) = (Scope::default(), RetryPolicy::default());
    DeviceAuthorizationRequest::new(&server()?, &ClientIdentity::public("demo")?, &scope, policy)
}

fn is_as_it_says(authorization: &DeviceAuthorization, document: &Document) {
    let parts = authorization.clone().into_parts();
    assert_eq!(document.text("device_code"), Some(parts.device_code.expose()));
    let prompt = parts.prompt;
    let shown = &prompt.user_code;
    assert!(!shown.trim().is_empty() && !shown.contains(char::is_control), "{shown:?}");
    let page = |uri, url| document.text(uri).or_else(|| document.text(url)).and_then(usable_page);
    let plain = page("verification_uri", "verification_url");
    assert_eq!(Some(&prompt.verification_uri), plain.as_ref());
    let complete = page("verification_uri_complete", "verification_url_complete");
    assert_eq!(prompt.verification_uri_complete, complete);

    assert_eq!(prompt.interval.subsec_nanos(), 0, "{:?}", prompt.interval);
    assert!(prompt.interval >= Duration::from_secs(1), "{:?}", prompt.interval);
    for (name, known) in [("interval", Some(prompt.interval)), ("expires_in", prompt.expires_in)] {
        // Numbers as a server means them; the odd ones are the core's own business.
        let Some(said @ 1..=1_000_000) = document.value(name).and_then(serde_json::Value::as_u64)
        else {
            continue;
        };
        assert_eq!(known, Some(Duration::from_secs(said)), "{name}");
    }
}

/// RFC 8628 §3.5: not before the interval has gone, and not after the code has.
fn first_poll(authorization: &DeviceAuthorization) {
    let DevicePrompt { interval, expires_in, .. } = *authorization.prompt();
    let (Ok(server), Ok(client)) = (server(), ClientIdentity::public("demo")) else { return };
    let scope = Scope::default();
    let polling = DeviceAccessTokenRequest::new(&server, &client, authorization, &scope, LIMIT);
    let Ok(mut polling) = polling else { panic!("{polling:?}") };
    let end = expires_in.map_or(LIMIT, |expires_in| expires_in.min(LIMIT));
    match polling.poll(NOW) {
        Ok(Step::Wait(pause)) => {
            assert_eq!(pause.delay(), interval.min(end));
            pause.complete(interval.min(end));
        }
        other => panic!("before the first poll: {other:?}"),
    }
    match polling.poll(NOW) {
        Ok(Step::Send(_)) => assert!(interval < end, "polled after the end"),
        Err(Failed { error: Error::Expired, .. }) => {
            assert!(expires_in.is_some_and(|expires_in| expires_in <= LIMIT));
        }
        Err(Failed { error: Error::TimedOut { .. }, .. }) => assert_eq!(end, LIMIT),
        other => panic!("at the first poll: {other:?}"),
    }
}

const LIMIT: Duration = Duration::from_secs(600);
