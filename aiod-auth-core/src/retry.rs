//! How often a request is attempted: the only place that knows what may be sent twice.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{
    error::{Endpoint, Error, Problem, ServerError, Unreachable},
    http::NoResponse,
    wire::answer::malformed,
};

/// How patient a caller is. The default: three attempts in all, about 1 s and 2 s apart, within 60 s.
///
/// ```
/// use aiod_auth_core::RetryPolicy;
/// use core::time::Duration;
///
/// // For a prompt of a shell, which must not hang. Given to `Client::with_retry_policy`.
/// let mut policy = RetryPolicy::default();
/// policy.attempts = 1;
/// policy.time_limit = Duration::from_secs(20);
/// # let _ = policy;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often a request may be sent in all, as long as each attempt ends in a transient failure.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each further one.
    pub first_delay: Duration,
    /// A server's `Retry-After` is waited for up to this long. Beyond it, the failure is reported at once.
    pub retry_after_max: Duration,
    /// No machine but a login takes longer than this in all. No session begins a refresh with less than
    /// 15 s of it left: an answer that is not waited for would be lost.
    pub time_limit: Duration,
    /// How long one request and its answer may take together. `None`: 30 s; and for a refresh all the
    /// time that is left, since to send it again may end the session.
    pub request_timeout: Option<Duration>,
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
            request_timeout: None,
            jitter_seed: 0,
        }
    }
}

impl RetryPolicy {
    /// For a refresh while the old token is still good: one attempt is enough, since callers whose token
    /// runs out meanwhile try again.
    pub(crate) fn for_early_refresh(self) -> Self {
        Self { attempts: 1, ..self }
    }

    /// Whether a failure under this policy also counts under the other: this one allows as many attempts,
    /// and at least half the time.
    pub(crate) fn is_as_good_as(&self, other: &Self) -> bool {
        self.attempts >= other.attempts && self.time_limit.saturating_mul(2) >= other.time_limit
    }

    /// How long one request may take, with this much of the time limit left. A refresh gets all of it: giving
    /// up on an answer that is on its way may end the session.
    pub(crate) fn request_timeout(&self, resend: Resend, left: Duration) -> Duration {
        let limit = match resend {
            Resend::Freely => self.request_timeout.unwrap_or(REQUEST_TIMEOUT),
            Resend::OnceUnanswered
            | Resend::IfAnswered
            | Resend::IfUnhandled
            | Resend::IfNotSent => self.request_timeout.unwrap_or(Duration::MAX),
        };
        limit.min(left)
    }

    /// The wait after the `failures`-th failure: doubled each time, up to a quarter less or more.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let doubled = self.first_delay.saturating_mul(1_u32 << failures.saturating_sub(1).min(10));
        spread(doubled, self.jitter_seed.wrapping_add(u64::from(failures)))
    }
}

/// No refresh is begun with less time left than this: a slow server's answer would not be waited for, and
/// a rotated refresh token would be lost with it.
pub(crate) const REFRESH_TIME_MIN: Duration = Duration::from_secs(15);

/// A longer `Retry-After` than [`RetryPolicy::retry_after_max`] is reported, and remembered by a client; but
/// no server is avoided for longer than this because of one header.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Between two polls for a device code a `Retry-After` counts up to this much: one bad header must not cost
/// the login.
pub(crate) const RETRY_AFTER_MAX_BETWEEN_POLLS: Duration = Duration::from_secs(60);

/// The limit for one request and its answer, unless it is a refresh or the policy has another limit.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

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

/// Whether a request may be sent again once it may have arrived. One that was not sent may be, always; and one that was
/// answered with "later" (a 503), as often as the policy allows, but for the last two of these. Where no answer came,
/// each counts all that may have arrived, those that were answered with "later" among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    /// As often as the policy allows: nothing is spent by the first one.
    Freely,
    /// Without an answer, while no more than one may have arrived: a refresh token may have been spent by it.
    OnceUnanswered,
    /// Not without an answer: the caller has something to look up first.
    IfAnswered,
    /// Only after an answer which says that nothing was done: what it does is done each time (an API key is made, a
    /// wrong password counts). That is 429, and 503 with the time to come back at; a gateway's 502 or 504, and a
    /// 500, say nothing of it.
    IfUnhandled,
    /// Not at all, whatever was answered: an authorization code may be spent (RFC 6749 §4.1.2).
    IfNotSent,
}

impl Resend {
    /// What spends something is not sent again without this much time for its answer.
    pub(crate) const fn time_for_answer(self) -> Duration {
        match self {
            Self::Freely => Duration::ZERO,
            Self::OnceUnanswered | Self::IfAnswered | Self::IfUnhandled | Self::IfNotSent => {
                REFRESH_TIME_MIN
            }
        }
    }
}

/// The transient failure of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transient {
    NoResponse {
        why: NoResponse,
        /// The whole request timeout went by.
        timed_out: bool,
    },
    /// 408, 429, 5xx, or an error code that means "later".
    Status { status: u16, retry_after: Option<Duration>, said: Option<Box<ServerError>> },
}

/// Counts the attempts of one request.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    endpoint: Endpoint,
    resend: Resend,
    made: u32,
    /// How many may have arrived.
    sends: u32,
    /// How many of those were not answered.
    unanswered: u32,
}

impl Attempts {
    pub(crate) const fn new(endpoint: Endpoint, resend: Resend) -> Self {
        Self { endpoint, resend, made: 0, sends: 0, unanswered: 0 }
    }

    /// How long to wait before the next attempt, with this much of the time limit left; or the error, if
    /// there is no further attempt.
    pub(crate) fn after(
        &mut self,
        failure: Transient,
        policy: &RetryPolicy,
        left: Duration,
    ) -> Result<Duration, Error> {
        self.made = self.made.saturating_add(1);
        let is_last = self.made >= policy.attempts;
        let left = left.saturating_sub(self.resend.time_for_answer());
        let mut delay = policy.delay(self.made);
        let mut is_final = false;
        let cause = match failure {
            Transient::NoResponse { why, timed_out } => {
                let is_sent = why.may_have_arrived();
                if is_sent {
                    self.sends = self.sends.saturating_add(1);
                    self.unanswered = self.unanswered.saturating_add(1);
                    // The answer may still be on its way: a refresh that is sent again may end the session.
                    is_final = timed_out && self.resend != Resend::Freely;
                }
                // A body that is too large is an answer; the reader of answers has dealt with it.
                let cause = Unreachable::from_no_response(why).ok_or(Error::Internal("retry"))?;
                if is_sent && timed_out { cause.timed_out() } else { cause }
            }
            Transient::Status { status, retry_after, said } => {
                self.sends = self.sends.saturating_add(1);
                let is_unhandled = status == 429 || status == 503 && retry_after.is_some();
                is_final = self.resend == Resend::IfUnhandled && !is_unhandled;
                delay = delay.max(retry_after.unwrap_or_default());
                match retry_after {
                    Some(after) if is_last || after > policy.retry_after_max || delay >= left => {
                        is_final = true;
                        Unreachable::RetryAfter { status, after: after.min(RETRY_AFTER_MAX), said }
                    }
                    _ => said.map_or(Unreachable::Status(status), Unreachable::Unavailable),
                }
            }
        };
        let sends_max = match self.resend {
            Resend::Freely => u32::MAX,
            Resend::OnceUnanswered => 2,
            Resend::IfAnswered | Resend::IfUnhandled | Resend::IfNotSent => 1,
        };
        let spends = self.unanswered > 0 || self.resend == Resend::IfNotSent;
        is_final |= spends && self.sends >= sends_max || !cause.is_transient();
        if is_final || is_last || delay >= left {
            return Err(self.gave_up(cause));
        }
        Ok(delay)
    }

    /// What came can't be read. It is an answer, so nothing is sent again; but what it was is not known.
    pub(crate) fn unreadable(&mut self, problem: Problem) -> Error {
        let is_unknown = match self.resend {
            Resend::OnceUnanswered | Resend::IfAnswered | Resend::IfUnhandled => {
                !matches!(problem, Problem::TooLarge)
            }
            Resend::Freely | Resend::IfNotSent => false,
        };
        let (endpoint, attempts) = (self.endpoint, self.made.saturating_add(1));
        if is_unknown {
            let cause = Unreachable::Unreadable(Box::new(problem));
            return Error::OutcomeUnknown { endpoint, attempts, cause };
        }
        malformed(endpoint, None, problem)
    }

    fn gave_up(&self, cause: Unreachable) -> Error {
        let (endpoint, attempts) = (self.endpoint, self.made);
        let is_unknown = match self.resend {
            Resend::OnceUnanswered | Resend::IfAnswered | Resend::IfUnhandled => {
                self.unanswered > 0
            }
            Resend::Freely | Resend::IfNotSent => false,
        };
        if is_unknown {
            return Error::OutcomeUnknown { endpoint, attempts, cause };
        }
        Error::Unreachable { endpoint, attempts, cause }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn waits_double_and_spread_by_a_quarter_at_most() {
        for seed in 0..200 {
            let policy = RetryPolicy { jitter_seed: seed, ..RetryPolicy::default() };
            assert!((750..=1250).contains(&policy.delay(1).as_millis()), "{:?}", policy.delay(1));
            assert!((1500..=2500).contains(&policy.delay(2).as_millis()), "{:?}", policy.delay(2));
        }
    }

    const LEFT: Duration = Duration::from_secs(60);

    fn no_response(why: NoResponse) -> Transient {
        Transient::NoResponse { why, timed_out: false }
    }

    #[test]
    fn three_attempts_in_all() {
        let policy = RetryPolicy::default();
        let mut attempts = Attempts::new(Endpoint::Token, Resend::Freely);
        let refused = no_response(NoResponse::NotSent("connection refused"));
        assert!(attempts.after(refused.clone(), &policy, LEFT).is_ok());
        assert!(attempts.after(refused.clone(), &policy, LEFT).is_ok());
        let error = attempts.after(refused, &policy, LEFT).unwrap_err();
        assert!(matches!(error, Error::Unreachable { attempts: 3, .. }), "{error:?}");
    }

    #[test]
    fn a_refresh_without_answer_is_sent_twice_in_all() {
        let policy = RetryPolicy::default();
        let lost = no_response(NoResponse::Unknown("reset"));
        let busy = Transient::Status { status: 503, retry_after: None, said: None };
        for (first, second) in [(&lost, &lost), (&busy, &lost), (&lost, &busy)] {
            let mut attempts = Attempts::new(Endpoint::Token, Resend::OnceUnanswered);
            assert!(attempts.after(first.clone(), &policy, LEFT).is_ok());
            let error = attempts.after(second.clone(), &policy, LEFT).unwrap_err();
            assert!(matches!(error, Error::OutcomeUnknown { attempts: 2, .. }), "{error:?}");
        }
    }

    #[test]
    fn a_refresh_whose_time_ran_out_is_not_sent_again() {
        let policy = RetryPolicy::default();
        let late = Transient::NoResponse { why: NoResponse::Unknown("timed out"), timed_out: true };
        for (resend, again) in [(Resend::Freely, true), (Resend::OnceUnanswered, false)] {
            let outcome = Attempts::new(Endpoint::Token, resend).after(late.clone(), &policy, LEFT);
            assert_eq!(outcome.is_ok(), again, "{resend:?}");
        }
    }

    #[test]
    fn retry_after_counts_up_to_its_limit_and_is_said_beyond_it() {
        let policy = RetryPolicy::default();
        let asked = |seconds, left| {
            let retry_after = Some(Duration::from_secs(seconds));
            let failure = Transient::Status { status: 503, retry_after, said: None };
            Attempts::new(Endpoint::Token, Resend::Freely).after(failure, &policy, left)
        };
        assert_eq!(asked(30, LEFT).unwrap(), Duration::from_secs(30));
        for (seconds, expected) in [(31, 31), (3600, 3600), (9_999_999_999, 3600)] {
            let error = asked(seconds, LEFT).unwrap_err();
            let Error::Unreachable { attempts: 1, cause, .. } = error else { panic!("{error:?}") };
            let after = Duration::from_secs(expected);
            assert_eq!(cause, Unreachable::RetryAfter { status: 503, after, said: None });
        }
        let error = asked(20, Duration::from_secs(15)).unwrap_err();
        assert!(error.to_string().contains("try again in 20 s"), "{error}");
        // It would be in time, and the policy's own wait is longer.
        let mut attempts = Attempts::new(Endpoint::Token, Resend::Freely);
        let busy = |retry_after| Transient::Status { status: 503, retry_after, said: None };
        attempts.after(busy(None), &policy, LEFT).unwrap();
        let asked = busy(Some(Duration::from_secs(1)));
        let error = attempts.after(asked, &policy, policy.delay(2)).unwrap_err();
        assert!(error.to_string().contains("try again in 1 s"), "{error}");
    }

    #[test]
    fn what_cannot_pass_by_itself_is_not_tried_again() {
        use crate::error::{CertificateProblem, ProxyFailure, ProxyProblem, TlsFailure};

        let proxy = |problem| NoResponse::Proxy(ProxyFailure::new("p:1", problem).into());
        for (why, again) in [
            (NoResponse::Tls(TlsFailure::Certificate(CertificateProblem::Expired)), false),
            (NoResponse::Tls(TlsFailure::NotTls), false),
            (NoResponse::Tls(TlsFailure::Alert("internal_error")), true),
            (proxy(ProxyProblem::CredentialsWanted), false),
            (proxy(ProxyProblem::SchemeNotSpoken("NTLM")), false),
            (proxy(ProxyProblem::SocksCredentialsWanted), false),
            (proxy(ProxyProblem::Status(403)), false),
            (proxy(ProxyProblem::NotReached("connection refused")), true),
        ] {
            let mut attempts = Attempts::new(Endpoint::Token, Resend::Freely);
            let outcome = attempts.after(no_response(why.clone()), &RetryPolicy::default(), LEFT);
            assert_eq!(outcome.is_ok(), again, "{why:?}");
        }
    }

    #[test]
    fn a_refresh_is_not_sent_again_without_time_for_its_answer() {
        let policy = RetryPolicy::default();
        let busy = Transient::Status { status: 503, retry_after: None, said: None };
        for (resend, left, again) in [
            (Resend::IfAnswered, 20, true),
            (Resend::IfAnswered, 15, false),
            (Resend::OnceUnanswered, 15, false),
            (Resend::Freely, 15, true),
        ] {
            let left = Duration::from_secs(left);
            let outcome = Attempts::new(Endpoint::Token, resend).after(busy.clone(), &policy, left);
            assert_eq!(outcome.is_ok(), again, "{resend:?} {left:?}");
        }
    }

    #[test]
    fn what_is_done_each_time_is_sent_again_only_where_nothing_was_done() {
        let policy = RetryPolicy::default();
        let status = |status, seconds: Option<u64>| Transient::Status {
            status,
            retry_after: seconds.map(Duration::from_secs),
            said: None,
        };
        for (failure, again) in [
            (no_response(NoResponse::NotSent("connection refused")), true),
            (status(429, None), true),
            (status(429, Some(1)), true),
            (status(503, Some(1)), true),
            (status(503, None), false),
            (status(500, Some(1)), false),
            (status(502, None), false),
            (status(504, None), false),
            (status(408, None), false),
            (status(524, None), false),
            (no_response(NoResponse::Unknown("reset")), false),
        ] {
            let mut attempts = Attempts::new(Endpoint::CurrentUser, Resend::IfUnhandled);
            let outcome = attempts.after(failure.clone(), &policy, LEFT);
            assert_eq!(outcome.is_ok(), again, "{failure:?}");
        }
    }

    #[test]
    fn a_retry_after_is_said_where_there_is_no_further_attempt() {
        let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let busy = Transient::Status {
            status: 503,
            retry_after: Some(Duration::from_secs(20)),
            said: None,
        };
        let outcome = Attempts::new(Endpoint::Token, Resend::IfAnswered).after(busy, &policy, LEFT);
        assert!(outcome.unwrap_err().to_string().contains("try again in 20 s"));
    }

    #[test]
    fn a_refresh_may_take_all_the_time_that_is_left() {
        let mut policy = RetryPolicy::default();
        assert_eq!(policy.request_timeout(Resend::Freely, LEFT), Duration::from_secs(30));
        assert_eq!(policy.request_timeout(Resend::IfAnswered, LEFT), LEFT);
        policy.request_timeout = Some(Duration::from_secs(10));
        assert_eq!(policy.request_timeout(Resend::IfAnswered, LEFT), Duration::from_secs(10));
    }
}
