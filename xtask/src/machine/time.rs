//! Points in time as other programs print them, and spans as people read them.

use std::time::{Duration, SystemTime};

/// Reads RFC 3339, such as `2026-01-31T12:00:00.5Z` or `2026-01-31T12:00:00+02:00`, to the second, from 1970 on.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    let zone = text[19..].trim_start_matches(|it: char| it == '.' || it.is_ascii_digit());
    let at = text.len() - zone.len();
    let offset = match zone.chars().next()? {
        'Z' | 'z' => 0,
        sign => (number(at + 1, at + 3)? * 60 + number(at + 4, at + 6)?) * if sign == '-' { -60 } else { 60 },
    };
    // Counted from March, so that a leap day is the last of its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().ok()?))
}

/// A time as [`parse`] reads it, to the second, in UTC.
pub(crate) fn text(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    // Counted from March of the year 0, in eras of 400 years.
    let (era, day) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let m = (5 * day + 2) / 153;
    let (month, day) = (if m < 10 { m + 3 } else { m - 9 }, day - (153 * m + 2) / 5 + 1);
    let year = era * 400 + year + u64::from(month < 3);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", clock / 3600, clock / 60 % 60, clock % 60)
}

/// A span in its largest unit: `3 days`, `1 hour`, `12 minutes`.
pub(crate) fn words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn epoch(text: &str) -> Option<u64> {
        Some(parse(text)?.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn times_of_docker_and_aws_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T23:59:59.123456789Z", Some(1_709_251_199)),
            ("2026-01-27T17:23:27+00:00", Some(1_769_534_607)),
            ("2026-01-27T19:23:27+02:00", Some(1_769_534_607)),
            ("2026-01-27T12:53:27-04:30", Some(1_769_534_607)),
            ("0001-01-01T00:00:00Z", None),
            ("2026-01-27T17:23:27", None),
            ("2026-01-27", None),
            ("2026-13-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(epoch(text), expected, "{text}");
        }
    }

    #[test]
    fn a_span_is_told_in_its_largest_unit() {
        let told: Vec<String> =
            [0, 1, 60, 7199, 86_400, 864_000].map(Duration::from_secs).into_iter().map(words).collect();
        assert_eq!(told, ["0 seconds", "1 second", "1 minute", "1 hour", "1 day", "10 days"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}|[0-9TZ:+. -]{0,40}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{1,9}[Z+é]{1,3}") {
            _ = parse(&text);
        }

        #[test]
        fn later_texts_are_later_times(a in 0u64..253_402_300_799, b in 0u64..253_402_300_799) {
            // The date by another way: count the days up year by year.
            let text = |seconds: u64| {
                let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
                let (mut days, mut year) = (seconds / 86_400, 1970);
                while days >= 365 + u64::from(leap(year)) {
                    days -= 365 + u64::from(leap(year));
                    year += 1;
                }
                let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
                let mut month = 0;
                while days >= lengths[month] {
                    days -= lengths[month];
                    month += 1;
                }
                let clock = seconds % 86_400;
                format!("{year:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", month + 1, days + 1, clock / 3600, clock / 60 % 60, clock % 60)
            };
            prop_assert_eq!(epoch(&text(a)), Some(a));
            prop_assert_eq!(super::text(SystemTime::UNIX_EPOCH + Duration::from_secs(a)), text(a));
            prop_assert_eq!(text(a).cmp(&text(b)), parse(&text(a)).cmp(&parse(&text(b))));
        }
    }
}
