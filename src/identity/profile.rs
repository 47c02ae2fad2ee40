//! What a person may tell about themselves beside name, username and e-mail address: the standard claims of OpenID Connect
//! Core 1.0 section 5.1, each held to the form that relying parties expect.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

/// Longest text, in characters.
const TEXT_CHARS: usize = 200;
/// Longest formatted address, in characters.
const FORMATTED_CHARS: usize = 1_000;
/// Longest address of a page or picture, in bytes.
const URL_BYTES: usize = 2_000;
/// Digits of a telephone number (ITU-T E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=15;

/// The claims. A field that is absent is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Given names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Surnames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Names in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// A casual name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// The person's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Their picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Their web site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// In the person's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// `YYYY-MM-DD`, `0000-MM-DD` without the year, or the year alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    /// A name of the IANA time zone database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    /// A language tag (RFC 5646).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// A telephone number: `+` and digits (E.164), perhaps with `;ext=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Whether the number is known to be the person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    /// A postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// A postal address (OpenID Connect Core 1.0 section 5.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Address {
    /// The whole of it, ready for a label; its lines are separated by line feeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Street and number; lines as in `formatted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// State, province or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// A claim that has not the form it must have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{claim}` {must}")]
pub struct InvalidClaim {
    /// The claim.
    pub claim: &'static str,
    /// What would be right.
    pub must: &'static str,
}

type Form = fn(&str) -> bool;

const LINE: (Form, &str) = (
    is_line,
    "must have 1 to 200 characters and no line breaks or other control characters",
);
const LINES: (Form, &str) = (
    is_lines,
    "must have 1 to 1000 characters, and line feeds as its only control characters",
);
const WEB: (Form, &str) = (
    is_web,
    "must be an `https` or `http` address of at most 2000 bytes",
);
const BIRTHDATE: (Form, &str) = (is_birthdate, "must be `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`");
const ZONE: (Form, &str) = (
    is_zone,
    "must be a name of the IANA time zone database such as `Europe/Paris`",
);
const LOCALE: (Form, &str) = (is_locale, "must be a language tag such as `en-US`");
const PHONE: (Form, &str) = (
    is_phone,
    "must be `+`, country code and number, digits only, such as `+14255551212`, perhaps with `;ext=5678`",
);

impl Profile {
    /// Whether every claim has its form; the first that has not.
    pub fn check(&self) -> Result<(), InvalidClaim> {
        let nothing = Address::default();
        let address = self.address.as_ref().unwrap_or(&nothing);
        for (claim, value, (is_right, must)) in [
            ("given_name", &self.given_name, LINE),
            ("family_name", &self.family_name, LINE),
            ("middle_name", &self.middle_name, LINE),
            ("nickname", &self.nickname, LINE),
            ("profile", &self.profile, WEB),
            ("picture", &self.picture, WEB),
            ("website", &self.website, WEB),
            ("gender", &self.gender, LINE),
            ("birthdate", &self.birthdate, BIRTHDATE),
            ("zoneinfo", &self.zoneinfo, ZONE),
            ("locale", &self.locale, LOCALE),
            ("phone_number", &self.phone_number, PHONE),
            ("address.formatted", &address.formatted, LINES),
            ("address.street_address", &address.street_address, LINES),
            ("address.locality", &address.locality, LINE),
            ("address.region", &address.region, LINE),
            ("address.postal_code", &address.postal_code, LINE),
            ("address.country", &address.country, LINE),
        ] {
            if value.as_deref().is_some_and(|text| !is_right(text)) {
                return Err(InvalidClaim { claim, must });
            }
        }
        if self.phone_number_verified == Some(true) && self.phone_number.is_none() {
            return Err(InvalidClaim {
                claim: "phone_number_verified",
                must: "cannot be true without a `phone_number`",
            });
        }
        Ok(())
    }

    /// The claims by name, as tokens and answers carry them. A number that is there is verified or not; an address has
    /// something in it.
    pub fn claims(&self) -> Map<String, Value> {
        let mut shown = self.clone();
        shown.phone_number_verified = shown
            .phone_number
            .as_ref()
            .map(|_| shown.phone_number_verified.unwrap_or(false));
        shown.address = shown
            .address
            .filter(|address| *address != Address::default());
        match serde_json::to_value(shown) {
            Ok(Value::Object(claims)) => claims,
            // A structure of texts always has this form.
            Ok(_) | Err(_) => Map::new(),
        }
    }
}

fn is_line(text: &str) -> bool {
    (1..=TEXT_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_lines(text: &str) -> bool {
    let is_foreign = |c: char| c.is_control() && c != '\n';
    (1..=FORMATTED_CHARS).contains(&text.chars().count()) && !text.chars().any(is_foreign)
}

fn is_web(text: &str) -> bool {
    let has_host = |url: Url| matches!(url.scheme(), "https" | "http") && url.host_str().is_some();
    text.len() <= URL_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && Url::parse(text).is_ok_and(has_host)
}

fn is_birthdate(text: &str) -> bool {
    let is_year = |year: &str| year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('-') {
        None => is_year(text) && text != "0000",
        Some((year, _)) if !is_year(year) => false,
        Some((year, rest)) => {
            // Without a year the 29th of February may be a birthday.
            let year = if year == "0000" { "2000" } else { year };
            let form = time::macros::format_description!("[year]-[month]-[day]");
            time::Date::parse(&format!("{year}-{rest}"), form).is_ok()
        }
    }
}

fn is_zone(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    is_line(text) && text.chars().all(known) && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn is_locale(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    let is_word = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && text.len() <= 35
        && parts.all(is_word)
}

fn is_phone(text: &str) -> bool {
    let (number, extension) = match text.split_once(";ext=") {
        Some((number, extension)) => (number, Some(extension)),
        None => (text, None),
    };
    let are_digits = |text: &str, of: std::ops::RangeInclusive<usize>| {
        of.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    number
        .strip_prefix('+')
        .is_some_and(|digits| are_digits(digits, PHONE_DIGITS))
        && extension.is_none_or(|extension| are_digits(extension, 1..=10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Result<(), &str>) {
        let profile: Profile = serde_json::from_str(json).unwrap();
        let found = profile.check().map_err(|error| error.claim);
        assert_eq!(found, expect, "{json}");
    }

    #[test]
    fn claims_have_the_form_that_relying_parties_expect() {
        for text in [
            "{}",
            r#"{"given_name": "Ada", "family_name": "Lovelace", "gender": "female"}"#,
            r#"{"birthdate": "1815-12-10"}"#,
            r#"{"birthdate": "0000-02-29"}"#,
            r#"{"birthdate": "1815"}"#,
            r#"{"zoneinfo": "America/Argentina/Buenos_Aires", "locale": "zh-Hant-TW"}"#,
            r#"{"zoneinfo": "Etc/GMT+1", "locale": "en_US"}"#,
            r#"{"phone_number": "+16045551234;ext=5678", "phone_number_verified": true}"#,
            r#"{"address": {"formatted": "1 High Street\nLondon", "country": "UK"}}"#,
            r#"{"website": "http://ada.example/?a=b", "picture": "https://ada.example/me.png"}"#,
        ] {
            check(text, Ok(()));
        }
        for (text, claim) in [
            (r#"{"given_name": ""}"#, "given_name"),
            (r#"{"nickname": "a\nb"}"#, "nickname"),
            (r#"{"birthdate": "1815-13-10"}"#, "birthdate"),
            (r#"{"birthdate": "1815-02-29"}"#, "birthdate"),
            (r#"{"birthdate": "10.12.1815"}"#, "birthdate"),
            (r#"{"birthdate": "0000"}"#, "birthdate"),
            (r#"{"zoneinfo": "Europe Paris"}"#, "zoneinfo"),
            (r#"{"locale": "e"}"#, "locale"),
            (r#"{"locale": "english language"}"#, "locale"),
            (r#"{"phone_number": "0123"}"#, "phone_number"),
            (r#"{"phone_number": "+1 604"}"#, "phone_number"),
            (
                r#"{"phone_number_verified": true}"#,
                "phone_number_verified",
            ),
            (r#"{"picture": "javascript:alert(1)"}"#, "picture"),
            (r#"{"website": "data:text/html,x"}"#, "website"),
            (r#"{"profile": "https://a b"}"#, "profile"),
            (
                r#"{"address": {"locality": "a\u0000"}}"#,
                "address.locality",
            ),
        ] {
            check(text, Err(claim));
        }
        assert!(serde_json::from_str::<Profile>(r#"{"sub": "usr_1"}"#).is_err());
        assert!(serde_json::from_str::<Profile>(r#"{"address": {"planet": "x"}}"#).is_err());
    }

    #[test]
    fn a_number_is_verified_or_not_and_an_empty_address_is_none() {
        let shown = |json: &str| {
            let profile: Profile = serde_json::from_str(json).unwrap();
            Value::Object(profile.claims()).to_string()
        };
        assert_eq!(
            shown(r#"{"phone_number": "+123", "address": {}}"#),
            r#"{"phone_number":"+123","phone_number_verified":false}"#
        );
        assert_eq!(shown(r#"{"phone_number_verified": false}"#), "{}");
    }
}
