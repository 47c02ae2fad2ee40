//! Time as a value: milliseconds since the Unix epoch, and the one place that reads the system clock.
//!
//! Everywhere else `now: Timestamp` is an argument, taken once a request, so every rule is testable at any instant.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds in one second.
const MS_PER_SECOND: i64 = 1_000;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z. Stored as `BIGINT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in whole seconds, as configuration and the RFCs express them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(i64);

impl Timestamp {
    /// The instant `ms` milliseconds after the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// The instant `seconds` seconds after the epoch (a JWT `NumericDate`); saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MS_PER_SECOND))
    }

    /// Milliseconds since the epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: a JWT `NumericDate` (RFC 7519 section 2).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MS_PER_SECOND)
    }

    /// This instant plus a length of time; saturates.
    #[must_use]
    pub const fn plus(self, length: Seconds) -> Self {
        Self(
            self.0
                .saturating_add(length.0.saturating_mul(MS_PER_SECOND)),
        )
    }

    /// This instant minus a length of time; saturates.
    #[must_use]
    pub const fn minus(self, length: Seconds) -> Self {
        Self(
            self.0
                .saturating_sub(length.0.saturating_mul(MS_PER_SECOND)),
        )
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 text in UTC with milliseconds, for people and JSON; the epoch's text for an unrepresentable year.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
    }

    /// The instant of an RFC 3339 text, to the millisecond below.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let ms = at.unix_timestamp_nanos().div_euclid(1_000_000);
        i64::try_from(ms).ok().map(Self)
    }
}

impl Seconds {
    /// `seconds` seconds.
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// The number of seconds.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The number of milliseconds; saturates.
    pub const fn ms(self) -> i64 {
        self.0.saturating_mul(MS_PER_SECOND)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// Where `now` comes from: the system, or a hand that tests turn.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system clock.
    System,
    /// A clock that stands still until it is moved.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that shows `at` until [`Clock::advance`] moves it.
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.ms())))
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => system_now(),
            Self::Manual(ms) => Timestamp::from_ms(ms.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward; the system clock takes no orders and is left alone.
    pub fn advance(&self, length: Seconds) {
        match self {
            Self::System => {}
            Self::Manual(ms) => {
                ms.fetch_add(length.ms(), Ordering::SeqCst);
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the system clock"
)]
fn system_now() -> Timestamp {
    let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
    Timestamp::from_ms(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_dates_round_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_ms(1_999).seconds(), 1);
        assert_eq!(Timestamp::from_ms(-1).seconds(), -1);
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::from_ms(i64::MAX);
        assert_eq!(end.plus(Seconds::new(1)), end);
        assert_eq!(Timestamp::from_ms(0).plus(Seconds::new(2)).ms(), 2_000);
        assert_eq!(Timestamp::from_ms(5).minus(Seconds::new(1)).ms(), -995);
    }

    #[test]
    fn text_is_rfc_3339_in_utc() {
        assert_eq!(
            Timestamp::from_ms(1_500).rfc3339(),
            "1970-01-01T00:00:01.5Z"
        );
        assert_eq!(
            Timestamp::parse_rfc3339("1970-01-01T01:00:01.5009+01:00"),
            Some(Timestamp::from_ms(1_500))
        );
        assert_eq!(Timestamp::parse_rfc3339("1970-01-01"), None);
    }
}
