//! Passwords: what may be one, and the Argon2id hash that is kept of it.
//!
//! SECURITY R1-R7. A password is normalised (NFKC), never truncated and never held to composition rules; a new one must be long
//! enough and hard to guess for somebody who knows its owner. A hash of ours is keyed with a pepper that lies outside the
//! database; an imported one is not, and is replaced when its owner next signs in. Pure: [`super::hasher`] runs this file's
//! slow functions on its bounded threads.

use argon2::password_hash::phc::{self, Output, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::base::limit::PASSWORD_CHARS;
use crate::base::secret::{Secret, constant_time_eq, random};

/// Memory of one hash, in KiB; passes; lanes (OWASP's first choice for Argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a salt and of a hash.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Most that an imported hash may cost: a row must not be able to starve the server.
const IMPORT_MEMORY_KIB: u32 = 128 * 1024;
const IMPORT_PASSES: u32 = 10;
const IMPORT_LANES: u32 = 4;
/// Letters and digits that a password must have beside the words its owner is known by.
const OWN_CHARS: usize = 8;
/// The name of the pepper in a hash of ours; an imported hash has none.
const PEPPER_ID: &[u8] = b"tessera1";

/// A password, normalised. Compared and hashed, never shown.
#[derive(Clone, Debug)]
pub struct Password(Secret<String>);

/// Why a text cannot be a new password.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PasswordError {
    /// Fewer characters than the configuration demands.
    #[error(
        "the password has {chars} characters; use at least {min}. A few unrelated words are easy to remember"
    )]
    TooShort {
        /// How many it has.
        chars: usize,
        /// How many it needs.
        min: u32,
    },
    /// More characters than anybody needs.
    #[error("the password has more than {PASSWORD_CHARS} characters; use a shorter one")]
    TooLong,
    /// Somebody who knows its owner guesses it soon.
    #[error("the password is too easy to guess: {0}")]
    Guessable(String),
}

impl Password {
    /// Parses a new password, held against its length and against guessing. `context` are words that its owner is known
    /// by (username, address, name).
    pub fn choose(text: &str, min_chars: u32, context: &[&str]) -> Result<Self, PasswordError> {
        let password = Self::typed(text).ok_or(PasswordError::TooLong)?;
        let chars = password.0.expose().chars().count();
        if chars < usize::try_from(min_chars).unwrap_or(usize::MAX) {
            return Err(PasswordError::TooShort {
                chars,
                min: min_chars,
            });
        }
        guessable(password.0.expose(), context)
            .map_or(Ok(password), |why| Err(PasswordError::Guessable(why)))
    }

    /// A password as typed at sign-in: any text that could be one.
    pub fn typed(text: &str) -> Option<Self> {
        let bounded = text.chars().count() <= PASSWORD_CHARS;
        bounded.then(|| Self(Secret::new(text.nfkc().collect())))
    }
}

/// Why the password is easy to guess, in words for its owner.
fn guessable(password: &str, context: &[&str]) -> Option<String> {
    let mut words: Vec<&str> = vec!["tessera"];
    for text in context {
        words.push(text);
        words.extend(
            text.split(|c: char| !c.is_alphanumeric())
                .filter(|word| word.chars().count() > 2),
        );
    }
    if beyond(password, &words) < OWN_CHARS {
        return Some("It is mostly made of your username, name or e-mail address.".to_owned());
    }
    let estimate = zxcvbn(password, &words);
    // Three and above: more than 10^8 guesses, "safely unguessable" against everything but a stolen table.
    if estimate.score() >= Score::Three {
        return None;
    }
    let feedback = estimate.feedback();
    let warning = feedback.and_then(zxcvbn::feedback::Feedback::warning);
    let suggestion = feedback.and_then(|feedback| feedback.suggestions().first().copied());
    let mut why: Vec<String> = Vec::new();
    why.extend(warning.map(|text| text.to_string()));
    why.extend(suggestion.map(|text| text.to_string()));
    if why.is_empty() {
        why.push("Use a few unrelated words.".to_owned());
    }
    Some(why.join(" "))
}

/// How many characters of the password are in none of the words.
fn beyond(password: &str, words: &[&str]) -> usize {
    let mut rest = password.to_lowercase();
    for word in words.iter().filter(|word| word.len() > 2) {
        rest = rest.replace(&word.to_lowercase(), "");
    }
    rest.chars().filter(|c| c.is_alphanumeric()).count()
}

/// What verifying a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Match {
        /// The stored hash is not of today's parameters: hash anew.
        outdated: bool,
    },
    /// It is not, or there is no account, or the account has no password.
    Mismatch,
}

/// The key outside the database, without which a stolen table of hashes cannot be guessed at.
pub type Pepper = Secret<Vec<u8>>;

/// An Argon2id hash in PHC form, as stored. Its cost is bounded.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    parsed: Parsed,
}

#[derive(Clone, PartialEq, Eq)]
struct Parsed {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Salt,
    hash: Output,
    peppered: bool,
}

/// A text that is no acceptable password hash.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidHash {
    /// Not the PHC form of Argon2id, version 19.
    #[error("the password hash is not of the form `$argon2id$v=19$m=..,t=..,p=..$salt$hash`")]
    Form,
    /// Dearer than the server may be made to pay.
    #[error(
        "the password hash costs too much; use at most m={IMPORT_MEMORY_KIB}, t={IMPORT_PASSES}, p={IMPORT_LANES}"
    )]
    Cost,
    /// Made with another server's pepper, which is not known here.
    #[error("the password hash names a key (`keyid`); only hashes without one can be imported")]
    Keyed,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl PasswordHash {
    /// A hash from elsewhere.
    pub fn import(text: &str) -> Result<Self, InvalidHash> {
        let hash = Self::parse(text)?;
        if hash.parsed.peppered {
            return Err(InvalidHash::Keyed);
        }
        Ok(hash)
    }

    /// A hash as read from the database.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        let phc = phc::PasswordHash::new(text).map_err(|_| InvalidHash::Form)?;
        let params = Params::try_from(&phc).map_err(|_| InvalidHash::Form)?;
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else {
            return Err(InvalidHash::Form);
        };
        let known = phc.algorithm == argon2::ARGON2ID_IDENT && phc.version == Some(0x13);
        if !known || !params.data().is_empty() || salt.len() < 8 || hash.len() < 16 {
            return Err(InvalidHash::Form);
        }
        let (memory_kib, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        if memory_kib > IMPORT_MEMORY_KIB || passes > IMPORT_PASSES || lanes > IMPORT_LANES {
            return Err(InvalidHash::Cost);
        }
        let peppered = match params.keyid() {
            [] => false,
            PEPPER_ID => true,
            _ => return Err(InvalidHash::Keyed),
        };
        Ok(Self {
            text: text.to_owned(),
            parsed: Parsed {
                memory_kib,
                passes,
                lanes,
                salt,
                hash,
                peppered,
            },
        })
    }

    /// A hash that no password has, to be verified where there is no account: it costs what a real one costs.
    pub fn of_nobody() -> Option<Self> {
        format_hash(&random::<SALT_BYTES>(), &random::<HASH_BYTES>())
    }

    /// Hashes a password with today's parameters. Slow on purpose.
    pub fn compute(password: &Password, pepper: &Pepper, memory: &mut Vec<Block>) -> Option<Self> {
        let salt = random::<SALT_BYTES>();
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).ok()?;
        let hash = argon2id(password, &salt, params, Some(pepper), memory)?;
        format_hash(&salt, hash.as_slice())
    }

    /// Whether this is the hash of `password`. Slow on purpose.
    pub fn matches(&self, password: &Password, pepper: &Pepper, memory: &mut Vec<Block>) -> bool {
        let parsed = &self.parsed;
        let params = Params::new(
            parsed.memory_kib,
            parsed.passes,
            parsed.lanes,
            Some(parsed.hash.len()),
        );
        let pepper = parsed.peppered.then_some(pepper);
        params
            .ok()
            .and_then(|params| argon2id(password, &parsed.salt, params, pepper, memory))
            .is_some_and(|hash| constant_time_eq(&hash, parsed.hash.as_bytes()))
    }

    /// Whether today's parameters are others: hash anew when the password is at hand (R7).
    pub fn is_outdated(&self) -> bool {
        let parsed = &self.parsed;
        (parsed.memory_kib, parsed.passes, parsed.lanes) != (MEMORY_KIB, PASSES, LANES)
            || !parsed.peppered
            || parsed.hash.len() != HASH_BYTES
    }

    /// The stored text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn format_hash(salt: &[u8], hash: &[u8]) -> Option<PasswordHash> {
    let mut params = argon2::ParamsBuilder::new();
    params
        .m_cost(MEMORY_KIB)
        .t_cost(PASSES)
        .p_cost(LANES)
        .keyid(argon2::KeyId::new(PEPPER_ID).ok()?);
    let phc = phc::PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(0x13),
        params: params.build().ok()?.try_into().ok()?,
        salt: Salt::new(salt).ok(),
        hash: Output::new(hash).ok(),
    };
    PasswordHash::parse(&phc.to_string()).ok()
}

fn argon2id(
    password: &Password,
    salt: &[u8],
    params: Params,
    pepper: Option<&Pepper>,
    memory: &mut Vec<Block>,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0_u8; params.output_len()?]);
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let key: &[u8] = pepper.map_or(&[], |pepper| pepper.expose());
    let argon2 = Argon2::new_with_secret(key, Algorithm::Argon2id, Version::V0x13, params).ok()?;
    let blocks = memory.get_mut(..blocks)?;
    argon2
        .hash_password_into_with_memory(password.0.expose().as_bytes(), salt, &mut out, blocks)
        .ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper() -> Pepper {
        Secret::new(vec![7; 32])
    }

    fn typed(text: &str) -> Password {
        Password::typed(text).unwrap()
    }

    #[track_caller]
    fn refused(text: &str) -> String {
        Password::choose(
            text,
            15,
            &["alice", "alice@wonder.example", "Alice Liddell"],
        )
        .expect_err(text)
        .to_string()
    }

    #[test]
    fn a_new_password_is_long_and_hard_to_guess() {
        for text in [
            "correct horse battery staple",
            "vierzehn graue Eulen",
            "日本語のパスワードはとても長いのです",
        ] {
            assert!(Password::choose(text, 15, &["alice"]).is_ok(), "{text}");
        }
        assert!(refused("short").contains("at least 15"));
        assert!(refused(&"x".repeat(1025)).contains("more than 1024"));
        for text in [
            "passwordpassword",
            "aaaaaaaaaaaaaaaaaaaa",
            "qwertyuiopasdfgh",
            "alice@wonder.example",
            "tessera tessera tessera",
            "aliceliddellalice",
            "1234567890123456789",
        ] {
            assert!(refused(text).contains("too easy to guess"), "{text}");
        }
    }

    #[test]
    fn length_counts_code_points_and_nothing_is_cut() {
        let long = "ä".repeat(1023);
        let mut memory = Vec::new();
        let hash =
            PasswordHash::compute(&typed(&format!("{long}x")), &pepper(), &mut memory).unwrap();
        assert!(hash.matches(&typed(&format!("{long}x")), &pepper(), &mut memory));
        assert!(!hash.matches(&typed(&format!("{long}y")), &pepper(), &mut memory));
        assert!(Password::typed(&"ä".repeat(1025)).is_none());
    }

    #[test]
    fn the_same_password_in_another_composition_matches() {
        let mut memory = Vec::new();
        let hash =
            PasswordHash::compute(&typed("cafe\u{301} au lait"), &pepper(), &mut memory).unwrap();
        assert!(hash.matches(&typed("café au lait"), &pepper(), &mut memory));
        assert!(!hash.is_outdated());
        assert!(
            !hash.matches(
                &typed("café au lait"),
                &Secret::new(vec![8; 32]),
                &mut memory
            ),
            "another pepper"
        );
    }

    #[test]
    fn an_imported_hash_verifies_without_the_pepper_and_is_outdated() {
        // RFC 9106's reference implementation: argon2 "somesalt" -id -t 2 -m 16 -p 1 <<< "password".
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PasswordHash::import(text).unwrap();
        let mut memory = Vec::new();
        assert!(hash.matches(&typed("password"), &pepper(), &mut memory));
        assert!(!hash.matches(&typed("Password"), &pepper(), &mut memory));
        assert!(hash.is_outdated());
        assert_eq!(hash.as_str(), text);
    }

    #[test]
    fn hashes_that_are_not_ours_to_accept_are_named() {
        let ours = PasswordHash::of_nobody().unwrap();
        assert!(PasswordHash::parse(ours.as_str()).is_ok());
        assert_eq!(PasswordHash::import(ours.as_str()), Err(InvalidHash::Keyed));
        for (text, expected) in [
            ("", InvalidHash::Form),
            (
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
                InvalidHash::Form,
            ),
            (
                "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                InvalidHash::Form,
            ),
            ("$2b$10$abcdefghijklmnopqrstuv", InvalidHash::Form),
            (
                "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                InvalidHash::Cost,
            ),
            (
                "$argon2id$v=19$m=65536,t=99,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                InvalidHash::Cost,
            ),
        ] {
            assert_eq!(PasswordHash::import(text), Err(expected), "{text}");
        }
    }
}
