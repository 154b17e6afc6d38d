//! What was tolerated in an answer.

use core::fmt;

/// Something in an answer that is not as the standards have it, and was understood all the same: the
/// field, and what was made of it. Never a value.
///
/// [`InFlight::complete`](crate::InFlight::complete) returns them, for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The member of the body, or the header field.
    pub field: &'static str,
    /// What about it.
    pub rule: &'static str,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.rule)
    }
}
