//! Lifetimes as Tiled writes them: `7d`.

use core::time::Duration;

use crate::error::Error;

/// Reads digits and one of `y d h m s`, or digits alone, which are seconds; a year has 365 days. The whole
/// text has to fit: the real client looks at its beginning only, and takes `3ms` for three minutes.
///
/// ```
/// use core::time::Duration;
/// use aiod_auth_core::provider::tiled::parse_lifetime;
///
/// assert_eq!(parse_lifetime("7d")?, Duration::from_secs(7 * 24 * 3600));
/// assert!(parse_lifetime("7d12h").is_err());
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Usage`] for anything else, or more seconds than fit into 63 bits.
pub fn parse_lifetime(text: &str) -> Result<Duration, Error> {
    let (digits, unit) = match text.bytes().last() {
        Some(b's') => (text.strip_suffix('s'), 1),
        Some(b'm') => (text.strip_suffix('m'), 60),
        Some(b'h') => (text.strip_suffix('h'), 3600),
        Some(b'd') => (text.strip_suffix('d'), 24 * 3600),
        Some(b'y') => (text.strip_suffix('y'), 365 * 24 * 3600),
        Some(_) | None => (Some(text), 1_i64),
    };
    // A number may have a sign in front of it; a lifetime may not.
    let number = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = number.and_then(|digits| digits.parse::<i64>().ok()?.checked_mul(unit));
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map(Duration::from_secs).ok_or(Error::Usage(
        "a lifetime has to be a whole number with one of the units s, m, h, d, y",
    ))
}
