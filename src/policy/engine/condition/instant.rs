//! Timestamps: RFC 3339, and their parts in a time zone.
//!
//! The zones are those that are compiled in; the machine's own database is not asked.

use jiff::tz::TimeZoneDatabase;
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

/// What a time zone's clocks are ahead of UTC at an instant.
///
/// As in cel-go: what has a `:` is an offset such as `+02:00`; everything else is a name of the IANA database as it is
/// written there, or nothing for UTC. `Local` is unknown: an answer does not depend on where it is computed.
pub(super) fn offset(zone: &str, nanos: i128) -> Result<UtcOffset, String> {
    let found = match zone.split_once(':') {
        Some((hours, minutes)) => fixed(hours, minutes),
        None if zone.is_empty() => Some(UtcOffset::UTC),
        None => named(zone, nanos),
    };
    found.ok_or_else(|| {
        format!(
            "unknown time zone '{zone}': give a name such as `Europe/Berlin`, `UTC`, or an offset such as `+02:00`"
        )
    })
}

fn fixed(hours: &str, minutes: &str) -> Option<UtcOffset> {
    let part = |text: &str| text.parse::<i8>().ok();
    let hour = part(hours).filter(|hour| (-23..=23).contains(hour))?;
    let minute = part(minutes).filter(|minute| (0..=59).contains(minute))?;
    // The sign is for the minutes too, also where the hours are `-00`.
    let minute = if hours.starts_with('-') {
        -minute
    } else {
        minute
    };
    UtcOffset::from_hms(hour, minute, 0).ok()
}

fn named(name: &str, nanos: i128) -> Option<UtcOffset> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    // The database would find `europe/berlin` too, which cel-go does not know.
    if zone.iana_name() != Some(name) {
        return None;
    }
    // Its instants end a day before ours; no zone changes its clocks on that day.
    let at = jiff::Timestamp::from_nanosecond(nanos).unwrap_or(jiff::Timestamp::MAX);
    UtcOffset::from_whole_seconds(zone.to_offset(at).seconds()).ok()
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
