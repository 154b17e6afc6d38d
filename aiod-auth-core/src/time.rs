//! A point in wall-clock time. The core is told the time; it never asks for it.

use alloc::string::{String, ToString};
use core::{fmt, str::FromStr, time::Duration};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, within the years -9999 to 9999.
///
/// It is wall-clock time, so it can jump: machines use it to say when a token expires, never to
/// compute how long to wait.
///
/// ```
/// use aiod_auth_core::Timestamp;
/// use core::time::Duration;
///
/// let now = Timestamp::from_unix_millis(1_767_225_600_000);
/// assert_eq!(now.to_string(), "2026-01-01T00:00:00Z");
/// let later = now.saturating_add(Duration::from_secs(60));
/// assert_eq!(later.saturating_duration_since(now), Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// After all that a clock can say.
    pub(crate) const NEVER: Self = Self(i64::MAX);

    /// From milliseconds since the Unix epoch; clamped to the years that RFC 3339 can write.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        if millis > MAX_MILLIS {
            Self(MAX_MILLIS)
        } else if millis < -MAX_MILLIS {
            Self(-MAX_MILLIS)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_unix_millis(self) -> i64 {
        self.0
    }

    /// This point in time plus a duration, clamped.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self::from_unix_millis(self.0.saturating_add(millis(duration)))
    }

    /// This point in time less a duration, clamped.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self::from_unix_millis(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero if it isn't after it.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads an HTTP date (RFC 9110 §5.6.7) in the form that servers must send, or one of the two
    /// that are obsolete and have to be read as well.
    pub(crate) fn from_http_date(text: &str) -> Option<Self> {
        let text = text.trim();
        let parsed = jiff::fmt::rfc2822::parse(text).map(|date| date.timestamp());
        let obsolete = |format| {
            let date = jiff::civil::DateTime::strptime(format, text).ok()?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let timestamp = parsed
            .ok()
            .or_else(|| obsolete("%A, %d-%b-%y %H:%M:%S GMT"))
            .or_else(|| obsolete("%a %b %e %H:%M:%S %Y"))?;
        Some(Self::from_unix_millis(timestamp.as_millisecond()))
    }
}

/// RFC 3339 in UTC with whole seconds: `2026-11-22T17:53:55Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => f.write_str("0000-00-00T00:00:00Z"),
        }
    }
}

/// Reads RFC 3339 with any offset; fractions of a millisecond are dropped.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        Ok(Self::from_unix_millis(parsed.as_millisecond()))
    }
}

#[cfg(feature = "std")]
impl From<std::time::SystemTime> for Timestamp {
    fn from(time: std::time::SystemTime) -> Self {
        match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self::UNIX_EPOCH.saturating_add(after),
            Err(before) => Self::UNIX_EPOCH.saturating_sub(before.duration()),
        }
    }
}

/// The text is no RFC 3339 date and time with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a date and time as in RFC 3339")]
pub struct InvalidTimestamp;

/// A duration as a user reads it: `45 s`, `5 min`, `1 h 30 min`.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    match (hours, minutes) {
        (0, 0) => alloc::format!("{seconds} s"),
        (0, _) if seconds < 120 => alloc::format!("{seconds} s"),
        (0, _) => alloc::format!("{minutes} min"),
        (_, 0) => alloc::format!("{hours} h"),
        _ => alloc::format!("{hours} h {minutes} min"),
    }
    .to_string()
}

fn millis(duration: Duration) -> i64 {
    // Cut off first, so that nothing overflows: this is in the way of each look at the clock.
    let seconds = duration.as_secs().min(MAX_MILLIS.cast_unsigned()).cast_signed();
    seconds.saturating_mul(1000).saturating_add(duration.subsec_millis().into())
}

/// A little inside 9999-12-30T22:00:00Z, the last point in time that jiff can hold.
const MAX_MILLIS: i64 = 253_402_200_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_goes_both_ways() {
        let cases = [
            ("2026-11-22T17:53:55Z", "2026-11-22T17:53:55Z"),
            ("2026-11-22T17:53:55.703532+00:00", "2026-11-22T17:53:55Z"),
            ("2026-11-22T18:53:55+01:00", "2026-11-22T17:53:55Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"),
        ];
        for (text, written) in cases {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), written, "{text}");
        }
        for text in ["", "tomorrow", "2026-11-22", "2026-11-22T17:53:55"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_overflows() {
        for end in [i64::MAX, i64::MIN] {
            let end = Timestamp::from_unix_millis(end);
            assert_ne!(end.to_string(), "0000-00-00T00:00:00Z");
            assert_eq!(end.saturating_add(Duration::MAX).as_unix_millis(), MAX_MILLIS);
            assert_eq!(end.saturating_sub(Duration::MAX).as_unix_millis(), -MAX_MILLIS);
        }
    }

    #[test]
    fn http_dates_are_read() {
        let date = Timestamp::from_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.to_string(), "1994-11-06T08:49:37Z");
        assert!(Timestamp::from_http_date("soon").is_none());
    }
}
