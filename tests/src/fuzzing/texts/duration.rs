//! Durations as a user types them.

use std::time::Duration;

use super::typed;

/// Reads these bytes as a duration, and as a number of seconds. Returns `done` or `refused`: how the
/// first one ended.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn duration(bytes: &[u8]) -> &'static str {
    // A duration is digits and at most one unit, and means that many of them, or it is refused.
    let Ok(text) = std::str::from_utf8(bytes) else { return "refused" };
    let read = typed::parse(text);
    assert_eq!(read.ok(), meant(text), "{text:?}");
    let seconds = digits(text).filter(|seconds| *seconds > 0).map(Duration::from_secs);
    assert_eq!(typed::parse_seconds(text).ok(), seconds, "{text:?}");
    if let Ok(duration) = read {
        assert_eq!(typed::parse(&format!("{}s", duration.as_secs())), Ok(duration));
        "done"
    } else {
        "refused"
    }
}

fn meant(text: &str) -> Option<Duration> {
    let (number, unit) = match text.as_bytes().split_last()? {
        (b's', number) => (number, 1),
        (b'm', number) => (number, 60),
        (b'h', number) => (number, 60 * 60),
        (b'd', number) => (number, 24 * 60 * 60),
        _ => (text.as_bytes(), 1),
    };
    let number = digits(std::str::from_utf8(number).ok()?)?;
    Some(Duration::from_secs(number.checked_mul(unit)?))
}

/// Digit by digit.
fn digits(text: &str) -> Option<u64> {
    let mut number: u64 = 0;
    for byte in text.bytes() {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    (!text.is_empty()).then_some(number)
}
