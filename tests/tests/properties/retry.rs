//! How often a request is sent, and how long that takes: what a caller's policy says.

use aiod_auth_core::{
    ClientSecret, Error, Failed, Machine, NoResponse, RefreshToken, Scope, Step,
    flow::AccessTokenRequest,
};
use aiod_auth_tests::strategies::{retry_policy, trouble};
use proptest::{collection::vec, prelude::*};

use super::*;

proptest! {
    #[test]
    fn a_policy_bounds_tries_waits_and_time(
        policy in retry_policy(),
        troubles in vec((trouble(), took()), 1..8),
    ) {
        let bot = client().with_secret(ClientSecret::new("s")).unwrap();
        let scope = Scope::default();
        let request =
            AccessTokenRequest::client_credentials(&server(), &bot, &scope, policy).unwrap();
        let run = run(request, &troubles);
        prop_assert!(run.sends <= policy.attempts.max(1), "{run:?}");
        prop_assert!(run.elapsed <= policy.time_limit, "{run:?}");
        for (n, (wait, asked)) in run.waits.iter().enumerate() {
            let doubled = policy.first_delay * 2_u32.pow(u32::try_from(n).unwrap());
            let asked = (*asked).min(policy.retry_after_max);
            let shortest = (doubled * 3 / 4).max(asked);
            let longest = (doubled * 5 / 4).max(asked);
            prop_assert!((shortest..=longest).contains(wait), "{wait:?} of {run:?}");
        }
    }

    #[test]
    fn an_unanswered_refresh_token_goes_out_once_more_at_most(
        policy in retry_policy(),
        troubles in vec((trouble(), took()), 1..8),
    ) {
        let (scope, token) = (Scope::default(), RefreshToken::new("r"));
        let request =
            AccessTokenRequest::refresh(&server(), &client(), &token, &scope, policy).unwrap();
        let run = run(request, &troubles);
        let arrived_max = run.unanswered.map_or(u32::MAX, |first| first.max(2));
        prop_assert!(run.arrived <= arrived_max, "{run:?}");
        let unknown = matches!(run.error, Error::OutcomeUnknown { .. });
        prop_assert_eq!(unknown, run.unanswered.is_some(), "{:?}", run);
    }
}

/// What a request did before it gave up.
#[derive(Debug)]
struct Run {
    sends: u32,
    /// How many of them may have arrived.
    arrived: u32,
    /// Which of those was the first one to which nothing came back.
    unanswered: Option<u32>,
    /// And what the server had asked for before each.
    waits: Vec<(Duration, Duration)>,
    elapsed: Duration,
    error: Error,
}

fn run(mut request: AccessTokenRequest, troubles: &[(Trouble, Duration)]) -> Run {
    let mut troubles = troubles.iter().cycle();
    let (mut sends, mut arrived, mut unanswered) = (0, 0, None);
    let (mut waits, mut elapsed, mut asked) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    for _ in 0..STEPS_MAX {
        match request.poll(Timestamp::UNIX_EPOCH) {
            Ok(Step::Send(exchange)) => {
                let (trouble, would_take) = troubles.next().unwrap().clone();
                let took = time_for(&exchange, would_take);
                complete_with(exchange, took, trouble.clone());
                let not_sent = matches!(trouble, Trouble::NoResponse(NoResponse::NotSent(_)));
                asked = match trouble {
                    Trouble::Status(429 | 503, Some(seconds)) => {
                        Duration::from_secs(seconds.max(1))
                    }
                    Trouble::Status(..) | Trouble::NoResponse(_) => Duration::ZERO,
                };
                sends += 1;
                arrived += u32::from(!not_sent);
                if let Trouble::NoResponse(NoResponse::Unknown(_)) = trouble {
                    unanswered = unanswered.or(Some(arrived));
                }
                elapsed += took;
            }
            Ok(Step::Wait(pause)) => {
                let delay = pause.delay();
                waits.push((delay, asked));
                pause.complete(delay);
                elapsed += delay;
            }
            Ok(step) => panic!("{step:?}"),
            Err(Failed { error, .. }) => {
                return Run { sends, arrived, unanswered, waits, elapsed, error };
            }
        }
    }
    panic!("no end after {STEPS_MAX} steps");
}

const STEPS_MAX: usize = 1000;

fn took() -> impl Strategy<Value = Duration> {
    (1..5000_u64).prop_map(Duration::from_millis)
}
