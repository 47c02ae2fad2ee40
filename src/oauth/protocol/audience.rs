//! Whom a token is for (`aud`, RFC 7519 section 4.1.3): one text on the wire when it is one.

use serde::{Deserialize, Serialize};

/// One or more audiences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// The usual case.
    One(String),
    /// Several resource servers at once.
    Several(Vec<String>),
}

impl Audience {
    /// Of a list: a list of one is one.
    pub fn of(mut list: Vec<String>) -> Self {
        match (list.len(), list.pop()) {
            (1, Some(only)) => Self::One(only),
            (_, popped) => {
                list.extend(popped);
                Self::Several(list)
            }
        }
    }

    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(only) => std::slice::from_ref(only),
            Self::Several(list) => list,
        }
    }

    /// Whether `audience` is one of them.
    pub fn contains(&self, audience: &str) -> bool {
        self.as_slice().iter().any(|one| one == audience)
    }
}

impl From<String> for Audience {
    fn from(only: String) -> Self {
        Self::One(only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_audience_is_a_text_and_several_are_a_list() {
        for (list, json) in [
            (vec!["a"], r#""a""#),
            (vec!["a", "b"], r#"["a","b"]"#),
            (vec![], "[]"),
        ] {
            let list: Vec<String> = list.into_iter().map(str::to_owned).collect();
            let audience = Audience::of(list.clone());
            assert_eq!(serde_json::to_string(&audience).unwrap(), json);
            let read: Audience = serde_json::from_str(json).unwrap();
            assert_eq!(read.as_slice(), list);
        }
        assert!(Audience::One("a".to_owned()).contains("a"));
        assert!(!Audience::One("a".to_owned()).contains("A"));
    }
}
