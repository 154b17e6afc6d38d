//! What RFC 8628 asks of whoever polls, reckoned independently of the machine.

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
}

/// What came of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// `authorization_pending`, or anything else that asks for no longer interval.
    Answered,
    /// `slow_down`.
    SlowDown,
    /// Nothing came back.
    NoAnswer,
}

impl Pace {
    /// The code has just been given.
    #[must_use]
    pub fn new(prompt: &DevicePrompt) -> Self {
        let DevicePrompt { interval, expires_in, .. } = *prompt;
        Self { interval, expires_in, age: Duration::ZERO, slept: Duration::ZERO, due: interval }
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

    /// RFC 8628 §3.5: five seconds more with each `slow_down`, and a slower pace after a timeout.
    pub fn answered(&mut self, polled: Polled) {
        if polled == Polled::SlowDown {
            self.interval = self.interval.saturating_add(Duration::from_secs(5));
        }
        self.due = self.interval;
        if polled == Polled::NoAnswer && self.interval < BACKOFF_MAX {
            self.due = self.interval.saturating_mul(2).min(BACKOFF_MAX);
        }
        self.slept = Duration::ZERO;
    }
}

/// From here on the machine goes no slower after a timeout.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
