//! How often anything may be tried: the only place that knows what may be sent twice.

use core::time::Duration;

use crate::{
    error::{Endpoint, Error, Unreachable},
    http::NoResponse,
};

/// How patient a caller is. The default: three tries in all, about 1 s and 2 s apart, within 60 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often a request may be sent in all, if nothing but passing trouble comes of it.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each further one.
    pub first_delay: Duration,
    /// A server's `Retry-After` counts up to this much.
    pub retry_after_max: Duration,
    /// No machine but a login takes longer than this in all. No session begins a refresh with less than
    /// 15 s of it left: an answer that nobody waits for would be lost.
    pub time_limit: Duration,
    /// Random bits from the caller. They spread the waits of many clients; 0 is as good as any.
    pub jitter_seed: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_delay: Duration::from_secs(1),
            retry_after_max: Duration::from_secs(30),
            time_limit: Duration::from_secs(60),
            jitter_seed: 0,
        }
    }
}

impl RetryPolicy {
    /// The same policy when a part of its time has gone.
    pub(crate) fn after(mut self, spent: Duration) -> Self {
        self.time_limit = self.time_limit.saturating_sub(spent);
        self
    }

    /// Whether what was given up with this one need not be tried with the other: there were as many
    /// attempts, and no less than half the time.
    pub(crate) fn is_as_good_as(&self, other: &Self) -> bool {
        self.attempts >= other.attempts && self.time_limit.saturating_mul(2) >= other.time_limit
    }

    /// Whether a refresh may begin. An answer that nobody waits for would be lost, and a rotated token
    /// with it.
    pub(crate) fn check_time_for_refresh(&self) -> Result<(), Error> {
        if self.time_limit >= REFRESH_TIME_MIN {
            return Ok(());
        }
        let cause = Unreachable::NotSent("no time was left for it");
        Err(Error::Unreachable { endpoint: Endpoint::Token, attempts: 0, cause })
    }

    /// The same policy, and no more time than this.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.time_limit = self.time_limit.min(limit);
        self
    }

    /// The wait after the `failures`-th failure: doubled each time, up to a quarter less or more.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let doubled = self.first_delay.saturating_mul(1_u32 << failures.saturating_sub(1).min(10));
        spread(doubled, self.jitter_seed.wrapping_add(u64::from(failures)))
    }
}

/// Less is too little for a slow server.
const REFRESH_TIME_MIN: Duration = Duration::from_secs(15);

/// A duration between three and five quarters of `middle`.
pub(crate) fn spread(middle: Duration, seed: u64) -> Duration {
    let quarter = middle.checked_div(4).unwrap_or_default();
    let share = u32::from(mix(seed).to_le_bytes()[0]);
    let extra =
        quarter.saturating_mul(2).saturating_mul(share).checked_div(255).unwrap_or_default();
    middle.saturating_sub(quarter).saturating_add(extra)
}

/// splitmix64's last step: neighbouring seeds give unrelated bits.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Whether a request may be sent again after it may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    /// As often as the policy allows: nothing is spent by the first one.
    Freely,
    /// Once: a refresh token may have been spent by the first one.
    Once,
    /// Never: the caller has something to look up first.
    Never,
}

/// What happened to one try, if no verdict came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setback {
    NoResponse(NoResponse),
    /// 408, 429, 5xx, or an error code that means "later".
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
}

/// Counts the tries of one request.
#[derive(Clone, Debug)]
pub(crate) struct Tries {
    endpoint: Endpoint,
    policy: RetryPolicy,
    resend: Resend,
    attempts: u32,
    /// How many may have arrived.
    sends: u32,
    /// How many of those nobody answered.
    unanswered: u32,
    spent: Duration,
}

impl Tries {
    pub(crate) fn new(endpoint: Endpoint, policy: RetryPolicy, resend: Resend) -> Self {
        Self {
            endpoint,
            policy,
            resend,
            attempts: 0,
            sends: 0,
            unanswered: 0,
            spent: Duration::ZERO,
        }
    }

    /// Time that has gone, sleeping or waiting for an answer.
    pub(crate) fn spend(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time);
    }

    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }

    fn time_left(&self) -> Duration {
        self.policy.time_limit.saturating_sub(self.spent)
    }

    /// How long the next request may take. What may go out only once more leaves time for that.
    pub(crate) fn timeout(&self) -> Duration {
        let left = self.time_left();
        match self.resend {
            Resend::Freely => left,
            Resend::Once | Resend::Never => {
                left.checked_div(2).unwrap_or_default().max(REFRESH_TIME_MIN).min(left)
            }
        }
    }

    /// How long to wait before the next try, or the error if there is none.
    pub(crate) fn again(&mut self, setback: Setback) -> Result<Duration, Error> {
        self.attempts = self.attempts.saturating_add(1);
        let mut delay = self.policy.delay(self.attempts);
        let cause = match setback {
            Setback::NoResponse(NoResponse::NotSent(why)) => Unreachable::NotSent(why),
            Setback::NoResponse(NoResponse::Unknown(why)) => {
                self.sends = self.sends.saturating_add(1);
                self.unanswered = self.unanswered.saturating_add(1);
                Unreachable::NoAnswer(why)
            }
            Setback::NoResponse(NoResponse::Untrusted) => Unreachable::Untrusted,
            // A body that is too large is an answer; whoever reads answers has dealt with it.
            Setback::NoResponse(NoResponse::TooLarge) => return Err(Error::Internal("retry")),
            Setback::Status { status, retry_after } => {
                self.sends = self.sends.saturating_add(1);
                let asked = retry_after.unwrap_or_default().min(self.policy.retry_after_max);
                delay = delay.max(asked);
                Unreachable::Status(status)
            }
        };
        let sends_max = match self.resend {
            Resend::Freely => u32::MAX,
            Resend::Once => 2,
            Resend::Never => 1,
        };
        if (self.unanswered > 0 && self.sends >= sends_max)
            || self.attempts >= self.policy.attempts
            || cause == Unreachable::Untrusted
            || delay >= self.time_left()
        {
            return Err(self.gave_up(cause));
        }
        Ok(delay)
    }

    fn gave_up(&self, cause: Unreachable) -> Error {
        let (endpoint, attempts) = (self.endpoint, self.attempts);
        if self.unanswered > 0 && self.resend != Resend::Freely {
            return Error::OutcomeUnknown { endpoint, attempts, cause };
        }
        Error::Unreachable { endpoint, attempts, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_spread_by_a_quarter_at_most() {
        for seed in 0..200 {
            let policy = RetryPolicy { jitter_seed: seed, ..RetryPolicy::default() };
            assert!((750..=1250).contains(&policy.delay(1).as_millis()), "{:?}", policy.delay(1));
            assert!((1500..=2500).contains(&policy.delay(2).as_millis()), "{:?}", policy.delay(2));
        }
    }

    #[test]
    fn three_tries_in_all() {
        let mut tries = Tries::new(Endpoint::Token, RetryPolicy::default(), Resend::Freely);
        let refused = Setback::NoResponse(NoResponse::NotSent("connection refused"));
        assert!(tries.again(refused).is_ok());
        assert!(tries.again(refused).is_ok());
        let error = tries.again(refused).unwrap_err();
        assert!(matches!(error, Error::Unreachable { attempts: 3, .. }), "{error:?}");
    }

    #[test]
    fn a_refresh_without_answer_is_sent_twice_in_all() {
        let lost = Setback::NoResponse(NoResponse::Unknown("timed out"));
        let busy = Setback::Status { status: 503, retry_after: None };
        for (first, second) in [(lost, lost), (busy, lost), (lost, busy)] {
            let mut tries = Tries::new(Endpoint::Token, RetryPolicy::default(), Resend::Once);
            assert!(tries.again(first).is_ok());
            let error = tries.again(second).unwrap_err();
            assert!(matches!(error, Error::OutcomeUnknown { attempts: 2, .. }), "{error:?}");
        }
    }

    #[test]
    fn retry_after_counts_up_to_its_limit_and_never_past_the_time_limit() {
        let asked = |seconds| Setback::Status {
            status: 503,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        let new = || Tries::new(Endpoint::Token, RetryPolicy::default(), Resend::Freely);
        assert_eq!(new().again(asked(30)).unwrap(), Duration::from_secs(30));
        assert_eq!(new().again(asked(3600)).unwrap(), Duration::from_secs(30));
        let mut late = new();
        late.spend(Duration::from_secs(45));
        assert!(late.again(asked(20)).is_err());
    }

    #[test]
    fn a_certificate_that_does_not_hold_is_not_tried_again() {
        let mut tries = Tries::new(Endpoint::Token, RetryPolicy::default(), Resend::Freely);
        assert!(tries.again(Setback::NoResponse(NoResponse::Untrusted)).is_err());
    }
}
