//! Whether the header of a JWS asks for nothing that changes what its signature means (RFC 7515 section 4.1.11, RFC 7797).
//!
//! The library reads the members it knows and leaves the rest; a member that changes how the rest is read must not be left. No critical member
//! is understood here, so any is refused; so are `b64`, with which other bytes are signed than stand there, the members of an
//! encrypted or compressed text, and a member that stands twice.

use super::strict_json;
use crate::base::encoding::from_base64url;

/// Members that are not understood.
const FOREIGN: [&str; 4] = ["crit", "b64", "enc", "zip"];
/// How deep a header may be nested: a key in it has lists.
const DEPTH: usize = 8;

/// Whether the header of `jws`, in its compact form, is one that is understood wholly.
pub fn is_plain(jws: &str) -> bool {
    let (header, _) = jws.split_once('.').unwrap_or_default();
    let text = from_base64url(header).and_then(|bytes| String::from_utf8(bytes).ok());
    let value = text.and_then(|text| strict_json::parse(&text, DEPTH).ok());
    value
        .as_ref()
        .and_then(serde_json::Value::as_object)
        .is_some_and(|members| FOREIGN.iter().all(|name| !members.contains_key(*name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::encoding::base64url;

    #[test]
    fn a_header_that_changes_what_is_signed_is_not_plain() {
        for (header, plain) in [
            (r#"{"alg":"ES256"}"#, true),
            (
                r#"{"alg":"ES256","kid":"k","typ":"JWT","x5c":["a"],"jwk":{"kty":"EC"},"jku":"https://x.example","note":1}"#,
                true,
            ),
            (r#"{"alg":"ES256","crit":["exp"]}"#, false),
            (r#"{"alg":"ES256","crit":[]}"#, false),
            (r#"{"alg":"ES256","crit":null}"#, false),
            (r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, false),
            (r#"{"alg":"ES256","b64":false}"#, false),
            (r#"{"alg":"ES256","b64":true}"#, false),
            (r#"{"alg":"ES256","enc":"A128GCM"}"#, false),
            (r#"{"alg":"ES256","enc":"x"}"#, false),
            (r#"{"alg":"ES256","zip":"DEF"}"#, false),
            (r#"{"alg":"ES256","kid":"a","kid":"b"}"#, false),
            (r#"{"alg":"ES256","note":1,"note":2}"#, false),
            ("[]", false),
            ("", false),
            ("{", false),
        ] {
            let jws = format!("{}.e30.c2ln", base64url(header.as_bytes()));
            assert_eq!(is_plain(&jws), plain, "{header}");
        }
        for text in ["", ".", "*.e30.c2ln", "e30"] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
