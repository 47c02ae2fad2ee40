//! Request parameters: `application/x-www-form-urlencoded`, from a query or a form body.
//!
//! RFC 6749 section 3.1: a parameter without a value is treated as omitted, an unknown one is ignored, none may stand twice
//! (`resource` and `audience` may: RFC 8707 section 2, RFC 8693 section 2.1). Two parsers that disagree on a repeated
//! parameter are an attack (SECURITY row 4), so the whole request is refused, whichever parameter it is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode;

use super::error::{Fault, quoted};
use crate::base::limit::{PARAMETER_BYTES, PARAMETERS};

/// Parameters that may stand more than once.
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// The parameters of one request, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    values: BTreeMap<String, Vec<String>>,
}

impl Params {
    /// Parses a raw query or form body. Repetition is not refused here but by [`Params::check_unrepeated`]: the
    /// authorization endpoint must know the client first to answer by redirect.
    pub fn parse(raw: &[u8]) -> Result<Self, Fault> {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let pairs = raw.split(|byte| *byte == b'&');
        for (count, pair) in pairs.filter(|pair| !pair.is_empty()).enumerate() {
            if count == PARAMETERS {
                return Err(Fault::invalid_request(format!(
                    "more than {PARAMETERS} parameters; send fewer"
                )));
            }
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = equals
                .and_then(|at| pair.split_at_checked(at))
                .map_or((pair, &b""[..]), |(name, rest)| {
                    (name, rest.strip_prefix(b"=").unwrap_or(rest))
                });
            let name = decode(name)
                .ok_or_else(|| Fault::invalid_request("a parameter name is not UTF-8"))?;
            if value.len() > PARAMETER_BYTES || name.len() > PARAMETER_BYTES {
                return Err(Fault::invalid_request(format!(
                    "the parameter {} is longer than {PARAMETER_BYTES} bytes",
                    quoted(&name)
                )));
            }
            let value = decode(value).ok_or_else(|| {
                Fault::invalid_request(format!(
                    "the parameter {} is not UTF-8 text without NUL",
                    quoted(&name)
                ))
            })?;
            values.entry(name).or_default().push(value);
        }
        Ok(Self { values })
    }

    /// The parameters of a request object, under the same limits.
    pub fn of_pairs(pairs: Vec<(String, String)>) -> Result<Self, Fault> {
        if pairs.len() > PARAMETERS {
            return Err(Fault::invalid_request(format!(
                "more than {PARAMETERS} parameters; send fewer"
            )));
        }
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            if value.len() > PARAMETER_BYTES || value.contains('\0') {
                return Err(Fault::invalid_request(format!(
                    "the parameter {} is longer than {PARAMETER_BYTES} bytes or holds a NUL",
                    quoted(&name)
                )));
            }
            values.entry(name).or_default().push(value);
        }
        Ok(Self { values })
    }

    /// Refuses a request in which any parameter stands twice.
    pub fn check_unrepeated(&self) -> Result<(), Fault> {
        match self.values.keys().find(|name| self.is_repeated(name)) {
            None => Ok(()),
            Some(name) => Err(Fault::invalid_request(format!(
                "the parameter {} stands more than once; send it once",
                quoted(name)
            ))),
        }
    }

    /// Whether this parameter stands more often than it may.
    pub fn is_repeated(&self, name: &str) -> bool {
        !REPEATABLE.contains(&name) && self.values.get(name).is_some_and(|values| values.len() > 1)
    }

    /// The parameter's value; `None` when it is absent, empty or repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.values.get(name).map(Vec::as_slice) {
            Some([value]) if !value.is_empty() => Some(value),
            _ => None,
        }
    }

    /// Every value of a parameter that may stand more than once, but the empty ones.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let values = self.values.get(name).into_iter().flatten();
        values
            .map(String::as_str)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The parameter's value, which must be there.
    pub fn require(&self, name: &'static str) -> Result<&str, Fault> {
        self.get(name).ok_or_else(|| {
            Fault::invalid_request(format!("the parameter `{name}` is missing; send it"))
        })
    }
}

/// Decodes one component; `None` unless it is UTF-8 without NUL, which no parameter needs and PostgreSQL cannot store.
pub(crate) fn decode(raw: &[u8]) -> Option<String> {
    let spaced: Cow<'_, [u8]> = if raw.contains(&b'+') {
        raw.iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect()
    } else {
        Cow::Borrowed(raw)
    };
    let text = String::from_utf8(percent_decode(&spaced).collect()).ok()?;
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, name: &str, expect: Option<&str>) {
        assert_eq!(Params::parse(raw.as_bytes()).unwrap().get(name), expect);
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_omitted() {
        check("a=1&b=2", "b", Some("2"));
        check("a=x+y%2Bz", "a", Some("x y+z"));
        check("%61=1", "a", Some("1"));
        check("a=", "a", None);
        check("a", "a", None);
        check("a=1=2", "a", Some("1=2"));
        check("&&a=1&", "a", Some("1"));
        check("", "a", None);
    }

    #[test]
    fn repetition_is_refused_except_where_an_rfc_allows_it() {
        for (raw, allowed) in [
            ("a=1&b=2", true),
            ("a=1&a=1", false),
            ("a=1&%61=2", false),
            ("a=&a=1", false),
            ("resource=x&resource=y", true),
            ("audience=x&audience=y", true),
            ("unknown=1&unknown=2", false),
        ] {
            let params = Params::parse(raw.as_bytes()).unwrap();
            assert_eq!(params.check_unrepeated().is_ok(), allowed, "{raw}");
        }
        check("a=1&a=2", "a", None);
    }

    #[test]
    fn what_is_not_text_or_too_much_is_refused() {
        assert!(Params::parse(b"a=%ff").is_err());
        assert!(Params::parse(b"a=%00").is_err());
        assert!(Params::parse(b"%ff=a").is_err());
        let long = format!("a={}", "x".repeat(PARAMETER_BYTES + 1));
        assert!(Params::parse(long.as_bytes()).is_err());
        let many = "a&".repeat(PARAMETERS + 1);
        assert!(Params::parse(many.as_bytes()).is_err());
        let most = "a&".repeat(PARAMETERS);
        assert!(Params::parse(most.as_bytes()).is_ok());
    }
}
