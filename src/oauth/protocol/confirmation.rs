//! The key that a token is bound to: who shows the token must prove that they hold it (`cnf`, RFC 7800 section 3.1).

use serde::{Deserialize, Serialize};

/// A bound token's key, by its fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// RFC 7638 thumbprint of the key that signs DPoP proofs (RFC 9449 section 6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// SHA-256 of the client's TLS certificate in DER, base64url (RFC 8705 section 3.1).
    #[serde(default, rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

impl Confirmation {
    /// The `token_type` of a token with this binding, or with none (RFC 9449 section 5).
    pub const fn token_type(of: Option<&Self>) -> &'static str {
        match of {
            Some(Self { jkt: Some(_), .. }) => "DPoP",
            Some(_) | None => "Bearer",
        }
    }

    /// Whether a request that proved `proved` holds every key of this binding.
    pub fn is_met_by(&self, proved: Option<&Self>) -> bool {
        let holds = |wanted: &Option<String>, of: fn(&Self) -> &Option<String>| {
            wanted.is_none() || proved.is_some_and(|proved| of(proved) == wanted)
        };
        holds(&self.jkt, |cnf| &cnf.jkt) && holds(&self.x5t_s256, |cnf| &cnf.x5t_s256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_met_by_all_of_its_keys() {
        let cnf = |jkt: Option<&str>, x5t: Option<&str>| Confirmation {
            jkt: jkt.map(str::to_owned),
            x5t_s256: x5t.map(str::to_owned),
        };
        for (bound, proved, expect) in [
            (cnf(Some("a"), None), Some(cnf(Some("a"), None)), true),
            (cnf(Some("a"), None), Some(cnf(Some("a"), Some("c"))), true),
            (cnf(Some("a"), None), Some(cnf(Some("b"), None)), false),
            (cnf(Some("a"), None), Some(cnf(None, Some("a"))), false),
            (cnf(Some("a"), None), None, false),
            (cnf(Some("a"), Some("c")), Some(cnf(Some("a"), None)), false),
            (cnf(None, None), None, true),
        ] {
            assert_eq!(
                bound.is_met_by(proved.as_ref()),
                expect,
                "{bound:?} {proved:?}"
            );
        }
    }

    #[test]
    fn only_a_key_of_proofs_makes_a_dpop_token() {
        let of_proofs = Confirmation {
            jkt: Some("k".to_owned()),
            x5t_s256: None,
        };
        let of_certificate = Confirmation {
            jkt: None,
            x5t_s256: Some("c".to_owned()),
        };
        assert_eq!(Confirmation::token_type(Some(&of_proofs)), "DPoP");
        assert_eq!(Confirmation::token_type(Some(&of_certificate)), "Bearer");
        assert_eq!(Confirmation::token_type(None), "Bearer");
        assert_eq!(
            serde_json::to_string(&of_certificate).unwrap(),
            r#"{"x5t#S256":"c"}"#
        );
    }
}
