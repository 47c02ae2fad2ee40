//! What is wrong in a configuration: which key, where it was given, and what would be right.

use std::fmt;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is the default.
    Default,
    /// The configuration file, on this line (counted from 1).
    File {
        /// The file's name as it was given.
        name: String,
        /// The line.
        line: usize,
    },
    /// This environment variable.
    Environment(String),
    /// This flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name} line {line}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag --{flag}"),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key, such as `tokens.code_ttl_seconds`; empty when the whole file is meant.
    pub key: String,
    /// Where the wrong value was given.
    pub place: Place,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.key.as_str()) {
            (place, "") => write!(f, "{place}: {}", self.message),
            (Place::Default, key) => write!(f, "{key}: {}", self.message),
            (place, key) => write!(f, "{key} ({place}): {}", self.message),
        }
    }
}

/// All mistakes of one configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(f, "the configuration has a mistake: {only}"),
            many => {
                write!(f, "the configuration has {} mistakes:", many.len())?;
                many.iter()
                    .try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
        }
    }
}

impl std::error::Error for Mistakes {}

/// The known word that is most like `given`, when one is like it at all.
pub fn did_you_mean<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    /// Jaro-Winkler similarity from which a suggestion helps more than it confuses.
    const ALIKE: f64 = 0.85;
    let likeness = |word: &str| strsim::jaro_winkler(given, word);
    known
        .map(|word| (likeness(word), word))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_strange_one_nothing() {
        let known = ["listen", "tls.cert", "tls.key", "issuer"];
        let find = |given| did_you_mean(given, known.into_iter());
        assert_eq!(find("lisen"), Some("listen"));
        assert_eq!(find("tls.crt"), Some("tls.cert"));
        assert_eq!(find("colour"), None);
    }
}
