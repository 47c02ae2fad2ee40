//! What a person signs in with: a username or an e-mail address, each with one canonical form.
//!
//! The canonical form (NFKC, case folded) is what the database holds unique, so no two accounts differ only by case, width
//! or composition (SECURITY row 40). A username is ASCII and has no `@`: it can look like no other username and like no
//! e-mail address, so both share one namespace. Does not decide whether an address reaches anybody.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::base::limit::IDENTIFIER_CHARS;

/// Longest username, in characters.
pub const USERNAME_CHARS: usize = 64;

/// Why a text is no username or e-mail address.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidIdentifier {
    /// Not a username.
    #[error(
        "`{0}` is not a username; use 1 to 64 of the letters a-z, digits, `.`, `_` and `-`, and begin with a letter or digit"
    )]
    Username(String),
    /// Not an e-mail address.
    #[error("`{0}` is not an e-mail address; expected something like `name@example.com`")]
    Email(String),
}

/// The canonical form of a username or an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Canonical(String);

impl Canonical {
    /// The canonical form of whatever was typed at sign-in; never fails, so that a wrong form is answered like a wrong name.
    pub fn of_typed(text: &str) -> Self {
        let text = text.trim();
        match Email::parse(text) {
            Ok(email) => email.canonical(),
            Err(_) => Self(fold(text)),
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A username, as its owner writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Parses a username; compatibility forms (full width, ligatures) become plain letters.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        let plain: String = text.trim().nfkc().take(IDENTIFIER_CHARS + 1).collect();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let valid = plain.starts_with(|c: char| c.is_ascii_alphanumeric())
            && plain.chars().all(allowed)
            && plain.len() <= USERNAME_CHARS;
        if valid {
            Ok(Self(plain))
        } else {
            Err(InvalidIdentifier::Username(text.to_owned()))
        }
    }

    /// The username as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique.
    pub fn canonical(&self) -> Canonical {
        Canonical(fold(&self.0))
    }
}

/// An e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    text: String,
    canonical: String,
}

impl Email {
    /// Parses an address. The domain is compared in its ASCII form (IDNA); a local part may not mix ASCII letters with
    /// others, because such a mix only serves to look like another address.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        let text = text.trim();
        let canonical = canonical_email(text).ok_or_else(|| {
            InvalidIdentifier::Email(text.chars().take(IDENTIFIER_CHARS).collect())
        })?;
        Ok(Self {
            text: text.nfc().collect(),
            canonical,
        })
    }

    /// The address as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form that is unique.
    pub fn canonical(&self) -> Canonical {
        Canonical(self.canonical.clone())
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn canonical_email(text: &str) -> Option<String> {
    if text.chars().count() > IDENTIFIER_CHARS {
        return None;
    }
    let (local, domain) = text.rsplit_once('@')?;
    let plain: String = local.nfkc().collect();
    let local = fold(local);
    let odd = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || is_invisible(c)
            || matches!(
                c,
                '@' | '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '\\' | '"'
            )
    };
    let mixed = plain.chars().any(|c| c.is_ascii_alphabetic())
        && plain.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if local.is_empty() || dots || mixed || local.chars().any(odd) {
        return None;
    }
    match url::Host::parse(domain).ok()? {
        url::Host::Domain(domain) if !domain.is_empty() && !domain.ends_with('.') => {
            Some(format!("{local}@{domain}"))
        }
        _ => None,
    }
}

/// Format characters, soft hyphens, fillers and variation selectors: they change a text without showing.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// NFKC and a full case fold: through upper case, so that letters with several lower-case forms (`ß`, `ς`) meet.
fn fold(text: &str) -> String {
    let bounded: String = text.nfkc().take(IDENTIFIER_CHARS + 1).collect();
    bounded
        .to_lowercase()
        .to_uppercase()
        .to_lowercase()
        .nfkc()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_has_one_canonical_form() {
        for (text, canonical) in [
            ("alice", "alice"),
            ("  Alice ", "alice"),
            ("ＡＬＩＣＥ", "alice"),
            ("a.b-c_9", "a.b-c_9"),
            ("9lives", "9lives"),
        ] {
            let username = Username::parse(text).unwrap();
            assert_eq!(username.canonical().as_str(), canonical, "{text}");
            assert_eq!(Canonical::of_typed(text), username.canonical(), "{text}");
        }
    }

    #[test]
    fn what_could_be_taken_for_another_is_no_username() {
        for text in [
            "",
            " ",
            "a b",
            "a\tb",
            "a\0",
            "alice@example.com",
            "аlice",
            "al\u{200b}ice",
            "-a",
            ".a",
            "_a",
            "é",
            "a/b",
            "a:b",
            "<b>",
            "ⅷ♥",
            &"a".repeat(65),
        ] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_has_one_canonical_form() {
        for (text, canonical) in [
            ("Alice@Example.COM", "alice@example.com"),
            ("  alice@example.com", "alice@example.com"),
            ("straße@example.com", ""),
            ("müller@bücher.example", ""),
            ("иван@пример.example", "иван@xn--e1afmkfd.example"),
            ("ＡLICE@example.com", "alice@example.com"),
            ("o'hara+list@mail.example", "o'hara+list@mail.example"),
            ("root@localhost", "root@localhost"),
        ] {
            let email = Email::parse(text);
            if canonical.is_empty() {
                assert!(email.is_err(), "{text}");
            } else {
                assert_eq!(email.unwrap().canonical().as_str(), canonical, "{text}");
                assert_eq!(Canonical::of_typed(text).as_str(), canonical, "{text}");
            }
        }
    }

    #[test]
    fn what_could_be_taken_for_another_is_no_address() {
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a b@c.example",
            "a@b@c.example",
            "a@c .example",
            "a\u{200d}b@c.example",
            "а lice@c.example",
            "аlice@c.example",
            ".a@c.example",
            "a..b@c.example",
            "a@127.0.0.1",
            "a@[::1]",
            "a\r\nBcc: x@c.example",
            "<a@c.example>",
            "a@c.example.",
            &format!("{}@c.example", "a".repeat(250)),
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn folding_is_stable() {
        for text in ["ΑΣ", "ας", "ß", "ẞ", "İ", "ﬀ", "Å", "ＡＢＣ"] {
            assert_eq!(fold(&fold(text)), fold(text), "{text}");
        }
        assert_eq!(fold("ας"), fold("ΑΣ"));
        assert_eq!(fold("Straße"), fold("STRASSE"));
    }
}
