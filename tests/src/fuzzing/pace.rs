//! When RFC 8628 allows a client to poll, reckoned independently of the machine.

use std::time::Duration;

use aiod_auth_core::flow::DevicePrompt;

/// Watches the polls for one device code.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    expires_in: Option<Duration>,
    /// Since the code was given.
    age: Duration,
    /// Slept since the last answer.
    slept: Duration,
    /// What has to be slept before the next poll.
    due: Duration,
    /// Polls without an answer, in a row.
    lost: u32,
}

/// What came of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// `authorization_pending`, or anything else that asks for no longer interval.
    Answered,
    /// `slow_down`, and the interval that it names.
    SlowDown(Option<Duration>),
    /// HTTP 429 without a known `error`.
    TooMany,
    /// Nothing came back.
    NoAnswer,
}

impl Pace {
    /// The code has just been given.
    #[must_use]
    pub fn new(prompt: &DevicePrompt) -> Self {
        let DevicePrompt { interval, expires_in, .. } = *prompt;
        let (age, slept) = (Duration::ZERO, Duration::ZERO);
        Self { interval, expires_in, age, slept, due: interval, lost: 0 }
    }

    /// Time goes by.
    pub fn pass(&mut self, time: Duration) {
        self.age = self.age.saturating_add(time);
    }

    /// So much of it in a sleep.
    pub fn sleep(&mut self, time: Duration) {
        self.slept = self.slept.saturating_add(time);
    }

    /// A poll goes out.
    ///
    /// # Panics
    /// It is too early, or too late.
    pub fn poll(&self) {
        let Self { slept, due, age, expires_in, .. } = self;
        assert!(slept >= due, "polled after {slept:?}, and {due:?} were due");
        assert!(
            expires_in.is_none_or(|expires_in| *age < expires_in),
            "polled at {age:?} for a code that expires after {expires_in:?}"
        );
    }

    /// RFC 8628 §3.5: five seconds more with each `slow_down`, and twice as slow with each timeout.
    /// GitHub names the interval, and HTTP 429 means `slow_down`, too.
    pub fn answered(&mut self, polled: Polled) {
        let five_more = self.interval.saturating_add(Duration::from_secs(5));
        let (lost, interval) = match polled {
            Polled::Answered => (0, self.interval),
            Polled::SlowDown(named) => (0, five_more.max(named.unwrap_or_default())),
            Polled::NoAnswer => (self.lost.saturating_add(1), self.interval),
            Polled::TooMany => (self.lost.saturating_add(1), five_more),
        };
        // What a 429 adds counts after the doubling of before.
        let before = if lost == 0 { interval } else { self.interval };
        let doubled = before.saturating_mul(2_u32.saturating_pow(lost));
        self.due = doubled.min(before.max(BACKOFF_MAX));
        (self.lost, self.interval, self.slept) = (lost, interval, Duration::ZERO);
    }
}

/// The doubling ends here.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
