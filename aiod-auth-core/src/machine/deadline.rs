//! Time that a flow has.

use core::{future::Future, time::Duration};

use super::{Io, Reason};

/// One point on a flow's own clock, which counts what was slept and waited for. It is handed down and
/// compared; nothing adds budgets by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// So long from now.
    pub(crate) fn within(io: &Io, limit: Duration) -> Self {
        Self(io.elapsed().saturating_add(limit))
    }

    /// So much earlier, as for what something else comes after.
    pub(crate) const fn earlier(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }

    /// What is left; zero at the deadline and after it.
    pub(crate) fn left(self, io: &Io) -> Duration {
        self.0.saturating_sub(io.elapsed())
    }

    pub(crate) fn has_passed(self, io: &Io) -> bool {
        self.left(io).is_zero()
    }

    /// Waits, but not past the deadline.
    pub(crate) fn wait(self, io: &Io, delay: Duration, reason: Reason) -> impl Future<Output = ()> {
        io.wait(delay.min(self.left(io)), reason)
    }
}
