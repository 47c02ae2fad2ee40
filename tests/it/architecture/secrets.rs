//! How secrets are handled, over all of the source: compared in constant time, derived for purposes that the inventory names, and never
//! sent on by a redirect that repeats a form.

use std::collections::BTreeSet;
use std::fs;

use super::source::{root, sources};

/// Files that compare a secret, or a code for one, with what was presented.
const COMPARE: &[&str] = &[
    "base/secret.rs",
    "identity/password.rs",
    "oauth/client_secret.rs",
    "oauth/logout.rs",
    "oauth/mtls.rs",
    "oauth/protocol/api_key.rs",
    "oauth/protocol/dpop/nonce.rs",
    "oauth/protocol/pkce.rs",
    "oauth/protocol/refresh_token.rs",
    "policy/token.rs",
    "web/csrf.rs",
    "web/known_device.rs",
];
/// Ways to do it whose time does not depend on where the two differ.
const CONSTANT_TIME: &[&str] = &["constant_time_eq(", "ct_eq(", "hmac::verify("];
/// Ways to redirect that keep the method and the body.
const REPEATING: &[&str] = &[
    "TEMPORARY_REDIRECT",
    "PERMANENT_REDIRECT",
    "Redirect::temporary",
    "Redirect::permanent",
];

/// SECURITY R72.
#[test]
fn secrets_are_compared_in_constant_time() {
    for path in COMPARE {
        let source = sources().into_iter().find(|source| source.path == *path);
        let code = source.unwrap_or_else(|| panic!("no {path}")).code();
        let found = CONSTANT_TIME.iter().any(|way| code.contains(way));
        assert!(found, "{path} compares a secret with ==");
    }
    for source in sources() {
        let code = source.code();
        let compares = CONSTANT_TIME.iter().any(|way| code.contains(way));
        assert!(
            !compares || COMPARE.contains(&source.path.as_str()),
            "{} compares a secret; name it here",
            source.path
        );
    }
}

/// The purposes that derived keys are named after in this code: given at once, or by a constant.
fn purposes(code: &str) -> Vec<&str> {
    let behind = |word: &'static str| {
        code.split(word)
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('"')?.0))
    };
    behind("derive_mac_key(\"")
        .chain(behind("KEY_PURPOSE: &str = \""))
        .collect()
}

/// SECURITY R75: the inventory is whole.
#[test]
fn every_derived_key_stands_in_the_inventory() {
    let inventory = fs::read_to_string(root().join("docs/keys.md")).unwrap();
    let mut found = BTreeSet::new();
    for source in sources() {
        let code = source.code();
        for purpose in purposes(&code) {
            assert!(
                inventory.contains(&format!("`{purpose}`")),
                "docs/keys.md does not name `{purpose}` of {}",
                source.path
            );
            found.insert(purpose.to_owned());
        }
    }
    assert_eq!(found.len(), 14, "{found:?}");
}

/// SECURITY R50: a form with a password never goes on to somebody else.
#[test]
fn no_redirect_repeats_a_form() {
    for source in sources() {
        let code = source.code();
        let found: Vec<&&str> = REPEATING
            .iter()
            .filter(|way| code.contains(**way))
            .collect();
        assert!(
            found.is_empty(),
            "{}: {found:?}; redirect by 303",
            source.path
        );
    }
}
