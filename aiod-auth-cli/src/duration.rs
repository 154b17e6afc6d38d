//! Lengths of time, as they are typed.

use std::time::Duration;

/// `30s`, `5m`, `1h`, `7d`, or seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3600),
        Some((end, 'd')) => (&text[..end], 86_400),
        _ => (text, 1),
    };
    let seconds = digits(number).and_then(|number| number.checked_mul(unit));
    seconds
        .map(Duration::from_secs)
        .ok_or("not a duration like 30s, 5m, 1h, or a number of seconds")
}

/// A number of seconds, one at least.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    match digits(text) {
        Some(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err("not a number of seconds from 1"),
    }
}

/// `parse` alone would take `+5`.
fn digits(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_or_are_seconds() {
        for (text, seconds) in
            [("0", 0), ("30", 30), ("30s", 30), ("5m", 300), ("2h", 7200), ("7d", 604_800)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        let too_long = "999999999999999999d";
        for text in ["", "s", "1.5h", "-1", "+1", "+1h", "1 h", "1w", "é", too_long] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse_seconds("0").is_err() && parse_seconds("+1").is_err());
    }
}
