//! The code that a person carries from a device to the page (RFC 8628 section 6.1): eight letters without vowels, so that it
//! spells no word, and without letters that look like digits. 34 bits, which only a bound on guesses makes enough.

use std::fmt;

use crate::base::secret::random;

/// The letters (RFC 8628 section 6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters in a code.
const LETTERS: usize = 8;
/// Letters before the hyphen.
const HALF: usize = 4;
/// Longest text that is looked at, in characters: a code with all the separators that people put between letters.
const TYPED_CHARS: usize = 40;
/// Bytes below this are a multiple of the alphabet's size: each letter is as likely as the others.
const FAIR_BYTES: u8 = 240;

/// A user code.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A new code.
    pub fn generate() -> Self {
        let mut code = String::with_capacity(LETTERS);
        while code.len() < LETTERS {
            let letters = random::<LETTERS>()
                .into_iter()
                .filter(|byte| *byte < FAIR_BYTES)
                .filter_map(|byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()));
            code.extend(letters.map(|letter| char::from(*letter)));
        }
        code.truncate(LETTERS);
        Self(code)
    }

    /// What a person typed, in whatever case and with whatever between the letters.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.chars().count() > TYPED_CHARS {
            return None;
        }
        let code: String = typed
            .chars()
            .filter(|c| c.is_alphanumeric())
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let valid = code.len() == LETTERS && code.bytes().all(|byte| ALPHABET.contains(&byte));
        valid.then_some(Self(code))
    }

    /// The letters alone: what is compared.
    pub fn letters(&self) -> &str {
        &self.0
    }
}

/// As people read it: `WDJB-MJHT`.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at_checked(HALF).unwrap_or((&self.0, ""));
        write!(f, "{first}-{second}")
    }
}

/// Whoever has the code can approve with it.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expect: Option<&str>) {
        let code = UserCode::parse(typed).map(|code| code.to_string());
        assert_eq!(code.as_deref(), expect, "{typed}");
    }

    #[test]
    fn a_code_is_read_however_people_type_it() {
        for typed in [
            "WDJB-MJHT",
            "wdjbmjht",
            " Wdjb mJHT ",
            "W.D.J.B.M.J.H.T",
            "WDJB\u{2013}MJHT",
        ] {
            check(typed, Some("WDJB-MJHT"));
        }
        for typed in [
            "",
            "WDJB-MJH",
            "WDJB-MJHTT",
            "ADJB-MJHT",
            "WDJB-MJH1",
            "ＷDJB-MJHT",
        ] {
            check(typed, None);
        }
        check(&"-".repeat(1_000), None);
    }

    #[test]
    fn codes_are_of_the_alphabet_and_use_all_of_it() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let code = UserCode::generate();
            assert_eq!(UserCode::parse(&code.to_string()), Some(code.clone()));
            seen.extend(code.letters().bytes());
        }
        assert_eq!(seen.len(), ALPHABET.len());
        assert_eq!(format!("{:?}", UserCode::generate()), "UserCode(..)");
    }
}
