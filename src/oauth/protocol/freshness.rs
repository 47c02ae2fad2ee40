//! For how long an answer of another server is good (RFC 9111 section 4.2.1): by its `Cache-Control`, else by its `Expires`, else as long as who
//! fetched it thinks. Always within bounds: nobody makes this server fetch all the time, or keep what is long withdrawn.

use std::time::UNIX_EPOCH;

use crate::base::time::{Seconds, Timestamp};

/// What the answer's header says, as texts.
#[derive(Clone, Debug, Default)]
pub struct Said<'a> {
    /// Every `Cache-Control`.
    pub cache_control: Vec<&'a str>,
    /// How long it was kept on the way.
    pub age: Option<&'a str>,
    /// When it was made.
    pub date: Option<&'a str>,
    /// Until when it is good.
    pub expires: Option<&'a str>,
}

/// The bounds, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Shortest.
    pub least: i64,
    /// Where the answer does not say.
    pub otherwise: i64,
    /// Longest.
    pub most: i64,
}

/// For how long the answer that came at `now` is good.
pub fn fresh_for(said: &Said<'_>, bounds: Bounds, now: Timestamp) -> Seconds {
    let age: i64 = said
        .age
        .and_then(|age| age.trim().parse().ok())
        .unwrap_or(0);
    let seconds = match of_cache_control(&said.cache_control) {
        Control::Never => bounds.least,
        Control::For(given) => given.saturating_sub(age),
        Control::Silent => {
            of_expires(said, now).map_or(bounds.otherwise, |given| given.saturating_sub(age))
        }
    };
    Seconds::new(seconds.clamp(bounds.least, bounds.most))
}

/// What `Cache-Control` says of the time.
enum Control {
    Never,
    For(i64),
    Silent,
}

fn of_cache_control(values: &[&str]) -> Control {
    let mut control = Control::Silent;
    for directive in values.iter().flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Control::Never,
            // One that is no number is stale (RFC 9111 section 4.2.1).
            "max-age" => {
                control = Control::For(value.trim().trim_matches('"').parse().unwrap_or(0));
            }
            _ => {}
        }
    }
    control
}

/// The seconds from `Date`, or from now, to `Expires`; one that is no date, such as `0`, lies in the past (RFC 9111 section 5.3).
fn of_expires(said: &Said<'_>, now: Timestamp) -> Option<i64> {
    let expires = said.expires?;
    let made_at = said.date.and_then(instant).unwrap_or(now.seconds());
    Some(instant(expires).map_or(0, |expires| expires.saturating_sub(made_at)))
}

/// An HTTP date in any of its three forms, in seconds (RFC 9110 section 5.6.7).
fn instant(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-01-01T00:00:00Z.
    const NOW: Timestamp = Timestamp::from_seconds(1_735_689_600);
    const BOUNDS: Bounds = Bounds {
        least: 300,
        otherwise: 3_600,
        most: 86_400,
    };

    #[track_caller]
    fn check(said: &Said<'_>, expect: i64) {
        assert_eq!(fresh_for(said, BOUNDS, NOW).get(), expect, "{said:?}");
    }

    #[test]
    fn cache_control_counts_within_bounds() {
        for (cache_control, age, expect) in [
            (&[][..], None, 3_600),
            (&["max-age=600"][..], None, 600),
            (&["max-age=600"], Some("200"), 400),
            (&["public, Max-Age=7200"], None, 7_200),
            (&["max-age=\"900\""], None, 900),
            (&["max-age=1"], None, 300),
            (&["max-age=x"], None, 300),
            (&["max-age=-5"], None, 300),
            (&["max-age=99999999"], None, 86_400),
            (&["no-store, max-age=7200"], None, 300),
            (&["max-age=7200", "no-cache"], None, 300),
            (&["private"], None, 3_600),
        ] {
            let said = Said {
                cache_control: cache_control.to_vec(),
                age,
                ..Said::default()
            };
            check(&said, expect);
        }
    }

    #[test]
    fn expires_counts_where_cache_control_says_nothing_of_the_time() {
        for (expires, date, age, expect) in [
            ("Wed, 01 Jan 2025 00:20:00 GMT", None, None, 1_200),
            ("Wed, 01 Jan 2025 00:20:00 GMT", None, Some("300"), 900),
            // The other server's clock is an hour behind.
            (
                "Tue, 31 Dec 2024 23:20:00 GMT",
                Some("Tue, 31 Dec 2024 23:00:00 GMT"),
                None,
                1_200,
            ),
            (
                "Wed, 01 Jan 2025 00:20:00 GMT",
                Some("yesterday"),
                None,
                1_200,
            ),
            // The two older forms.
            ("Wednesday, 01-Jan-25 00:20:00 GMT", None, None, 1_200),
            ("Wed Jan  1 00:20:00 2025", None, None, 1_200),
            ("Wed, 01 Jan 2025 00:00:01 GMT", None, None, 300),
            ("Tue, 31 Dec 2024 00:00:00 GMT", None, None, 300),
            ("0", None, None, 300),
            ("", None, None, 300),
            ("Fri, 01 Jan 2055 00:00:00 GMT", None, None, 86_400),
        ] {
            let said = Said {
                expires: Some(expires),
                date,
                age,
                ..Said::default()
            };
            check(&said, expect);
        }
        let both = |cache_control| Said {
            cache_control: vec![cache_control],
            expires: Some("Wed, 01 Jan 2025 00:20:00 GMT"),
            ..Said::default()
        };
        check(&both("max-age=600"), 600);
        check(&both("no-cache"), 300);
        check(&both("private"), 1_200);
    }
}
