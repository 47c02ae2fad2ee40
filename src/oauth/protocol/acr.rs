//! How strongly a person proved who they are, in one word (`acr`, OpenID Connect Core 1.0 section 2).
//!
//! The word follows from the factors that were really proven (`amr`), never from what a request asked for (SECURITY row 36).
//! `acr_values` is a wish and is never refused; an essential `acr` claim is a condition (OpenID Connect Core 1.0 section 5.5.1.1).

use super::client::words;

words! {
    /// The words there are, weakest first.
    Acr {
        /// One factor was proven, such as a password.
        OneFactor = "urn:tessera:acr:1fa",
    }
}

impl Acr {
    /// The word for the factors that were proven; none when nothing was.
    pub fn of<S: AsRef<str>>(amr: &[S]) -> Option<Self> {
        (!amr.is_empty()).then_some(Self::OneFactor)
    }

    /// Whether one of `wanted` is reached by this, or by anything at all when `this` is the strongest there is.
    pub fn reaches(self, wanted: &[Self]) -> bool {
        wanted.iter().any(|wanted| self >= *wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_follows_from_what_was_proven() {
        assert_eq!(Acr::of::<&str>(&[]), None);
        assert_eq!(Acr::of(&["pwd"]), Some(Acr::OneFactor));
        assert!(Acr::OneFactor.reaches(&[Acr::OneFactor]));
        assert!(!Acr::OneFactor.reaches(&[]));
        assert_eq!(Acr::parse("urn:tessera:acr:1fa"), Some(Acr::OneFactor));
        assert_eq!(Acr::parse("phr"), None);
    }
}
