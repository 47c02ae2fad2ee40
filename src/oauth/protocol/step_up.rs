//! What an API demands of how and when a person signed in, and the challenge that says so (RFC 9470).
//!
//! Only of people: a client that acts as itself, and an API key, never signed in.

use super::acr::Acr;
use crate::base::time::{Seconds, Timestamp};

/// A demand. An empty one is always met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// How long ago the person may have signed in.
    pub max_age: Option<Seconds>,
    /// How strongly, at least.
    pub acr: Option<Acr>,
}

/// How and when a person signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// When.
    pub at: Timestamp,
    /// How strongly.
    pub acr: Option<Acr>,
}

impl Demand {
    /// Whether somebody who signed in so is let in at `now`.
    pub fn is_met_by(&self, authentication: Authentication, now: Timestamp) -> bool {
        let young = self
            .max_age
            .is_none_or(|max_age| authentication.at.plus(max_age) >= now);
        let strong = self
            .acr
            .is_none_or(|wanted| authentication.acr.is_some_and(|acr| acr.reaches(&[wanted])));
        young && strong
    }

    /// The parameters of the challenge (section 3), which the client hands on to the authorization endpoint.
    pub fn parameters(&self) -> String {
        let acr = self
            .acr
            .map(|acr| format!(", acr_values=\"{}\"", acr.as_str()));
        let max_age = self
            .max_age
            .map(|max_age| format!(", max_age=\"{}\"", max_age.get()));
        format!("{}{}", acr.unwrap_or_default(), max_age.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_is_met_by_a_young_and_strong_sign_in() {
        let now = Timestamp::from_seconds(1_000);
        let at = |seconds, acr| Authentication {
            at: Timestamp::from_seconds(seconds),
            acr,
        };
        let one = Some(Acr::OneFactor);
        let hour = Some(Seconds::new(100));
        for (max_age, acr, authentication, expect) in [
            (None, None, at(0, None), true),
            (hour, None, at(900, None), true),
            (hour, None, at(899, None), false),
            (None, one, at(0, None), false),
            (None, one, at(0, one), true),
            (hour, one, at(899, one), false),
            (hour, one, at(900, one), true),
        ] {
            let demand = Demand { max_age, acr };
            assert_eq!(
                demand.is_met_by(authentication, now),
                expect,
                "{demand:?} {authentication:?}"
            );
        }
    }

    #[test]
    fn a_challenge_names_what_is_demanded() {
        let demand = |max_age: Option<i64>, acr| Demand {
            max_age: max_age.map(Seconds::new),
            acr,
        };
        assert_eq!(demand(None, None).parameters(), "");
        assert_eq!(demand(Some(300), None).parameters(), ", max_age=\"300\"");
        assert_eq!(
            demand(Some(5), Some(Acr::OneFactor)).parameters(),
            ", acr_values=\"urn:tessera:acr:1fa\", max_age=\"5\""
        );
    }
}
