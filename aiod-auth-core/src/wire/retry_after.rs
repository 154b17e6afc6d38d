//! `Retry-After`: RFC 9110 §10.2.3, RFC 6585 §4.

use core::time::Duration;

use super::{answer::Received, device::round_up};
use crate::time::Timestamp;

/// With 503 and 429: seconds, or a date, which is taken relative to the server's own clock.
pub(super) fn retry_after(received: &Received<'_>) -> Option<Duration> {
    let response = received.response;
    if !matches!(response.status(), 429 | 503) {
        return None;
    }
    let value = response.header("retry-after")?.trim();
    let wait = seconds(value).or_else(|| {
        let date = Timestamp::from_http_date(value)?;
        let now = response.header("date").and_then(Timestamp::from_http_date);
        Some(date.saturating_duration_since(now.unwrap_or(received.sent_at)))
    })?;
    Some(wait.max(RETRY_AFTER_MIN))
}

/// Digits, maybe with a fraction, which is rounded up (Discord): to ask earlier makes a rate limit worse.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse().map_or(Duration::MAX, Duration::from_secs);
    let part = Duration::from_nanos(u64::from(fraction.bytes().any(|byte| byte != b'0')));
    Some(round_up(whole.saturating_add(part)))
}

const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_up() {
        for (value, expected) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("0.001", Some(1)),
            ("12.25", Some(13)),
            ("12.000", Some(12)),
            ("12.00000000000000000001", Some(13)),
            ("", None),
            (".5", None),
            ("5.", None),
            ("-5", None),
            ("1.2.3", None),
            ("1e3", None),
            ("soon", None),
        ] {
            assert_eq!(seconds(value), expected.map(Duration::from_secs), "{value}");
        }
        assert!(seconds("99999999999999999999999.5").unwrap() > Duration::from_secs(1 << 40));
    }
}
