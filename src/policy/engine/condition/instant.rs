//! Timestamps: RFC 3339, and their parts in a time zone that is an offset.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// 0001-01-01T00:00:00Z in nanoseconds since 1970.
const EARLIEST: i128 = -62_135_596_800_000_000_000;
/// 9999-12-31T23:59:59.999999999Z in nanoseconds since 1970.
const LATEST: i128 = 253_402_300_799_999_999_999;

/// The text in nanoseconds since 1970.
pub(super) fn parse(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    // Lower case letters and leap seconds are RFC 3339 too, but no timestamps of CEL.
    if bytes.get(10) != Some(&b'T') || bytes.contains(&b'z') || bytes.get(17..19) == Some(b"60") {
        return None;
    }
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    within(parsed.unix_timestamp_nanos())
}

/// The instant, if its year has four digits.
pub(super) fn within(nanos: i128) -> Option<i128> {
    (EARLIEST..=LATEST).contains(&nanos).then_some(nanos)
}

/// The instant as RFC 3339 in UTC.
pub(super) fn print(nanos: i128) -> Option<String> {
    at(nanos, UtcOffset::UTC)?.format(&Rfc3339).ok()
}

/// A time zone that is `UTC` or an offset such as `+02:00`.
pub(super) fn zone(name: &str) -> Option<UtcOffset> {
    if matches!(name, "" | "UTC" | "Z") {
        return Some(UtcOffset::UTC);
    }
    let (sign, rest) = match name.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, name.strip_prefix('+').unwrap_or(name)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let part = |text: &str, below: i8| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i8>().ok())
            .flatten()
            .filter(|value| *value < below)
    };
    UtcOffset::from_hms(sign * part(hours, 24)?, sign * part(minutes, 60)?, 0).ok()
}

/// What a time zone's name must be.
pub(super) fn unknown_zone(name: &str) -> String {
    format!("unknown time zone '{name}': give `UTC` or an offset such as `+02:00`")
}

/// A part of an instant by the name of the CEL function; counts from 0 where CEL does.
pub(super) fn part(function: &str, nanos: i128, zone: UtcOffset) -> Option<i64> {
    let at = at(nanos, zone)?;
    Some(match function {
        "getFullYear" => i64::from(at.year()),
        "getMonth" => i64::from(u8::from(at.month())) - 1,
        "getDayOfYear" => i64::from(at.ordinal()) - 1,
        "getDayOfMonth" => i64::from(at.day()) - 1,
        "getDate" => i64::from(at.day()),
        "getDayOfWeek" => i64::from(at.weekday().number_days_from_sunday()),
        "getHours" => i64::from(at.hour()),
        "getMinutes" => i64::from(at.minute()),
        "getSeconds" => i64::from(at.second()),
        "getMilliseconds" => i64::from(at.millisecond()),
        _ => return None,
    })
}

fn at(nanos: i128, zone: UtcOffset) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()?
        .checked_to_offset(zone)
}
