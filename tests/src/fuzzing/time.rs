//! How time goes by around a machine, and what it may do when.

use std::time::Duration;

use aiod_auth_core::{Timestamp, flow::DevicePrompt};

use super::{
    pace::{Pace, Polled},
    script::Jump,
};

/// A clock that jumps, and one that doesn't.
#[derive(Debug)]
pub(super) struct Time {
    /// How long the machine may take in all.
    pub(super) limit: Option<Duration>,
    elapsed: Duration,
    clock: Timestamp,
    /// Of the device code that the user was shown.
    pace: Option<Pace>,
}

impl Default for Time {
    fn default() -> Self {
        let clock = Timestamp::from_unix_millis(START_MS);
        Self { limit: None, elapsed: Duration::ZERO, clock, pace: None }
    }
}

impl Time {
    pub(super) const fn now(&self) -> Timestamp {
        self.clock
    }

    /// A machine begins.
    pub(super) fn begin(&mut self) {
        (self.elapsed, self.pace) = (Duration::ZERO, None);
    }

    pub(super) fn code_given(&mut self, prompt: &DevicePrompt) {
        self.pace = Some(Pace::new(prompt));
    }

    /// A request goes out. Its answer is not waited for longer than the caller does.
    pub(super) fn send(&self, timeout: Option<Duration>) {
        let left = self.limit.map(|limit| limit.saturating_sub(self.elapsed));
        if let (Some(left), Some(timeout)) = (left, timeout) {
            assert!(timeout <= left, "{timeout:?} for an answer, and {left:?} are left");
        }
    }

    /// A wait is asked for: something, and not past the end.
    pub(super) fn wait(&self, delay: Duration) {
        assert!(!delay.is_zero(), "a wait of nothing");
        let left = self.limit.map(|limit| limit.saturating_sub(self.elapsed));
        assert!(left.is_none_or(|left| delay <= left), "{delay:?} to wait, and {left:?} are left");
    }

    /// It is a poll.
    pub(super) fn poll(&self) {
        self.pace.iter().for_each(Pace::poll);
        assert!(self.limit.is_none_or(|limit| self.elapsed < limit), "polled after the limit");
    }

    pub(super) fn polled(&mut self, polled: Polled) {
        if let Some(pace) = &mut self.pace {
            pace.answered(polled);
        }
    }

    pub(super) fn sleep(&mut self, time: Duration, jump: Jump) {
        self.pass(time, jump);
        if let Some(pace) = &mut self.pace {
            pace.sleep(time);
        }
    }

    pub(super) fn pass(&mut self, time: Duration, jump: Jump) {
        self.elapsed = self.elapsed.saturating_add(time);
        if let Some(pace) = &mut self.pace {
            pace.pass(time);
        }
        let jump_ms = match jump {
            Jump::None => 0,
            Jump::Seconds(seconds) => i64::from(seconds).saturating_mul(1000),
            Jump::Millis(millis) => millis,
        };
        let later = self.clock.saturating_add(time).as_unix_millis();
        self.clock = Timestamp::from_unix_millis(later.saturating_add(jump_ms));
    }
}

/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
