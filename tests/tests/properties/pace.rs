//! How fast a device code is polled for: RFC 8628 §3.5.

use aiod_auth_core::{
    DeviceCode, Error, Machine, Scope, Step,
    flow::{DeviceAccessTokenRequest, DeviceAuthorization, DeviceAuthorizationParts, DevicePrompt},
};
use aiod_auth_tests::{
    fuzzing::{Pace, Polled},
    strategies::{PollAnswer, poll_answers, seconds},
};
use proptest::{option, prelude::*};

use super::*;

proptest! {
    #[test]
    fn polls_keep_the_pace_and_the_deadline(
        interval in seconds(1..=90),
        expires_in in option::of(seconds(1..=900)),
        limit in seconds(0..=900),
        answers in poll_answers(),
    ) {
        let prompt = DevicePrompt {
            user_code: "ABCD-EFGH".to_owned(),
            verification_uri: "https://as.example/device".parse().unwrap(),
            verification_uri_complete: None,
            expires_in,
            interval,
        };
        let mut pace = Pace::new(&prompt);
        let parts = DeviceAuthorizationParts { device_code: DeviceCode::new("d"), prompt };
        let authorization = DeviceAuthorization::from_parts(parts);
        let scope = Scope::default();
        let mut polling =
            DeviceAccessTokenRequest::new(&server(), &client(), &authorization, &scope, limit)
                .unwrap();

        let mut answers = answers.iter().cycle();
        let mut elapsed = Duration::ZERO;
        // The user never approves, so it ends in time, and not before.
        let mut steps = 0;
        let error = loop {
            steps += 1;
            assert!(steps < 100_000, "no end after {elapsed:?}");
            let time = match polling.poll(Timestamp::UNIX_EPOCH) {
                Ok(Step::Send(exchange)) => {
                    pace.poll();
                    let (answer, would_take) = answers.next().unwrap();
                    let took = time_for(&exchange, *would_take);
                    pace.pass(took);
                    pace.answered(complete(exchange, took, answer.clone()));
                    took
                }
                Ok(Step::Wait(pause)) => {
                    let delay = pause.delay();
                    pace.pass(delay);
                    pace.sleep(delay);
                    pause.complete(delay);
                    delay
                }
                Ok(step) => panic!("{step:?}"),
                Err(failed) => break failed.error,
            };
            elapsed += time;
        };
        let expired = expires_in.is_some_and(|expires_in| expires_in <= limit);
        prop_assert_eq!(elapsed, expires_in.map_or(limit, |expires_in| expires_in.min(limit)));
        prop_assert_eq!(matches!(error, Error::Expired), expired, "{:?}", error);
    }
}

fn complete(exchange: Exchange<'_>, took: Duration, answer: PollAnswer) -> Polled {
    let (polled, body) = match answer {
        PollAnswer::Pending => {
            (Polled::Answered, r#"{"error":"authorization_pending"}"#.to_owned())
        }
        PollAnswer::SlowDown(None) => {
            (Polled::SlowDown(None), r#"{"error":"slow_down"}"#.to_owned())
        }
        PollAnswer::SlowDown(Some(interval)) => {
            let named = Polled::SlowDown(Some(Duration::from_secs(interval)));
            (named, format!(r#"{{"error":"slow_down","interval":{interval}}}"#))
        }
        PollAnswer::Trouble(trouble) => {
            complete_with(exchange, took, trouble.clone());
            return match trouble {
                Trouble::Status(429, _) => Polled::TooMany,
                Trouble::NoResponse(_) | Trouble::Status(..) => Polled::NoAnswer,
            };
        }
    };
    let response = Response::new(400, [], body.as_bytes());
    exchange.begin().complete(Timestamp::UNIX_EPOCH, took, Ok(response));
    polled
}
