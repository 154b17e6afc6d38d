//! How long a server asks for patience, and how much of it there is.

use std::time::Duration;

use aiod_auth_core::{
    ClientIdentity, Error, Machine, RefreshToken, Response, RetryPolicy, Step, Unreachable,
    flow::RevocationRequest,
};

use super::http_date;
use crate::{
    drive,
    fuzzing::answers::{Message, NOW, server},
};

/// Answers a request with a 503 that has these header fields. Returns how long is waited: `wait`,
/// `at_once`, or the word of an error's kind.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn retry_after(bytes: &[u8]) -> &'static str {
    // Nothing is sent before the server allows it, nor after the caller's patience is at its end.
    let message = Message::read(bytes);
    let mut patient = RetryPolicy::default();
    patient.first_delay = Duration::ZERO;
    (patient.retry_after_max, patient.time_limit) = (Duration::MAX, Duration::MAX);
    let waited = waited(patient, &message);
    match asked(&message) {
        Asked::For(asked) if asked < Duration::MAX => {
            assert_eq!(waited.as_ref().ok(), Some(&asked));
        }
        // A number that is too large to be one is the largest.
        Asked::For(_) => assert!(
            waited.as_ref().is_ok_and(|waited| *waited >= Duration::from_secs(u64::MAX)),
            "{waited:?}"
        ),
        Asked::Nothing => assert_eq!(waited.as_ref().ok(), Some(&Duration::ZERO)),
        Asked::InOddWords => {}
    }

    let hurried = RetryPolicy::default();
    let (longest, first_delay) = (hurried.retry_after_max, hurried.first_delay);
    let in_a_hurry = self::waited(hurried, &message);
    match (&waited, in_a_hurry) {
        (Ok(asked), Ok(hurriedly)) => {
            assert!(*asked <= longest && hurriedly >= *asked, "{hurriedly:?} of {asked:?}");
            assert!(hurriedly <= (*asked).max(first_delay * 5 / 4), "{hurriedly:?} of {asked:?}");
        }
        // Beyond the caller's limit it is said at once, and how long it would have been.
        (asked, Err(Error::Unreachable { cause: Unreachable::RetryAfter { after, .. }, .. })) => {
            assert!(asked.as_ref().is_ok_and(|asked| *asked > longest) || asked.is_err());
            let said = asked.as_ref().map_or(AFTER_MAX, |asked| (*asked).min(AFTER_MAX));
            assert_eq!(after, said);
        }
        (asked, hurriedly) => panic!("{hurriedly:?} of {asked:?}"),
    }
    match waited {
        Ok(Duration::ZERO) => "at_once",
        Ok(_) => "wait",
        Err(error) => error.kind().as_str(),
    }
}

enum Asked {
    For(Duration),
    Nothing,
    /// A date as only some write it: what comes of it is open.
    InOddWords,
}

/// RFC 9110 §10.2.3, reckoned by another clock.
fn asked(message: &Message) -> Asked {
    let Some(value) = message.header("retry-after").next() else { return Asked::Nothing };
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = value.parse().map_or(Duration::MAX, Duration::from_secs);
        return Asked::For(seconds.max(Duration::from_secs(1)));
    }
    if !value.contains(|c: char| c.is_ascii_digit()) {
        return Asked::Nothing;
    }
    let now = match message.header("date").next() {
        Some(date) => http_date::seconds(date.trim()),
        None => Some(NOW.as_unix_millis() / 1000),
    };
    let (Some(until), Some(now)) = (http_date::seconds(value), now) else {
        return Asked::InOddWords;
    };
    let seconds = u64::try_from(until - now).unwrap_or(0).max(1);
    Asked::For(Duration::from_secs(seconds))
}

/// How long is waited before the second try.
fn waited(policy: RetryPolicy, message: &Message) -> Result<Duration, Error> {
    let (token, client) = (RefreshToken::new("r"), ClientIdentity::public("demo")?);
    let mut request = RevocationRequest::refresh_token(&server()?, &client, &token, policy)?;
    message.with(|response| {
        let headers: Vec<_> = ["retry-after", "date"]
            .iter()
            .filter_map(|name| Some((*name, response.header(name)?)))
            .collect();
        let later = Response::new(503, headers.iter().copied(), b"");
        drive::answer_once(&mut request, NOW, Ok(later));
    });
    match request.poll(NOW)? {
        Step::Wait(pause) => Ok(pause.delay()),
        Step::Send(_) => Ok(Duration::ZERO),
        step @ (Step::Store(_) | Step::Show(_) | Step::Ask(_) | Step::Done(())) => {
            panic!("{step:?}")
        }
    }
}

/// No server is avoided for longer because of one field.
const AFTER_MAX: Duration = Duration::from_secs(3600);
