//! HTTP's dates, in the form that servers must send: RFC 9110 §5.6.7.

/// Seconds since 1970: `Sun, 06 Nov 1994 08:49:37 GMT`, and nothing that looks only like it.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape = b"Www, 00 Mmm 0000 00:00:00 GMT";
    let fits = |(byte, like): (&u8, &u8)| match like {
        b'0' => byte.is_ascii_digit(),
        b'W' | b'w' | b'M' | b'm' => byte.is_ascii_alphabetic(),
        _ => byte == like,
    };
    // The last three letters are no placeholders.
    if bytes.len() != shape.len() || !text.ends_with("GMT") {
        return None;
    }
    if !bytes.iter().zip(shape).take(26).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let month = MONTHS.iter().position(|month| Some(*month) == text.get(8..11))?;
    let (year, day) = (number(12, 16)?, number(5, 7)?);
    let days = days(year, i64::try_from(month).ok()?, day)?;
    let (hour, minute, second) = (number(17, 19)?, number(20, 22)?, number(23, 25)?);
    let weekday = usize::try_from((days + 4).rem_euclid(7)).ok()?;
    let in_range = hour < 24 && minute < 60 && second < 60 && year >= 1900;
    (in_range && Some(WEEKDAYS[weekday]) == text.get(..3))
        .then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Since 1970-01-01, year by year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = |year: i64| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let length = |month: i64| match month {
        1 => 28 + leap(year),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    let before_year = |year: i64| (1..year).map(|year| 365 + leap(year)).sum::<i64>();
    let before_month: i64 = (0..month).map(length).sum();
    let fits = (1..=length(month)).contains(&day);
    fits.then(|| before_year(year) - before_year(1970) + before_month + day - 1)
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_the_standard_shows() {
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(seconds("Mon, 06 Nov 1994 08:49:37 GMT"), None);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 EST"), None);
    }
}
