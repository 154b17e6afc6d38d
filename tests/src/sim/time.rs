//! Points in time are Unix milliseconds that the caller tells.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// The point in time `duration` after another.
pub(super) fn after(now_ms: u64, duration: Duration) -> u64 {
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    now_ms.saturating_add(duration_ms)
}

/// What a clock shows that is `skew_s` ahead.
pub(super) fn skewed(now_ms: u64, skew_s: i64) -> u64 {
    now_ms.saturating_add_signed(skew_s.saturating_mul(1000))
}

/// The value of a `Date` header (RFC 9110 §5.6.7); `None` beyond the year 9999.
pub(super) fn http_date(now_ms: u64) -> Option<String> {
    let timestamp = Timestamp::from_millisecond(i64::try_from(now_ms).ok()?).ok()?;
    let printer = DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&timestamp).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_reads_as_the_rfc_says() {
        assert_eq!(http_date(784_111_777_000).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(http_date(u64::MAX), None);
    }

    #[test]
    fn a_skewed_clock_is_ahead_or_behind_but_never_before_1970() {
        assert_eq!(skewed(10_000, 5), 15_000);
        assert_eq!(skewed(10_000, -5), 5_000);
        assert_eq!(skewed(10_000, -50), 0);
    }
}
