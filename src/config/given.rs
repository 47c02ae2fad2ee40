//! A value as it was given: typed in a TOML file, a bare word in the environment and on the command line.

use toml::de::DeValue;

/// What stands for a key's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    /// A text in the file.
    Text(String),
    /// A whole number in the file.
    Int(i64),
    /// `true` or `false` in the file.
    Bool(bool),
    /// A list of texts in the file.
    List(Vec<String>),
    /// Anything else in the file, by the name of its type.
    Other(&'static str),
    /// A variable's or a flag's value, to be read as whatever the key wants.
    Word(String),
}

impl From<&DeValue<'_>> for Given {
    fn from(value: &DeValue<'_>) -> Self {
        if let Some(text) = value.as_str() {
            return Self::Text(text.to_owned());
        }
        if let Some(flag) = value.as_bool() {
            return Self::Bool(flag);
        }
        if let Some(number) = value.as_integer() {
            return i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Self::Other("a number out of range"), Self::Int);
        }
        let texts = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<String>>>()
        });
        texts.map_or(Self::Other(value.type_str()), Self::List)
    }
}

impl Given {
    /// The value in backticks, as a message repeats it.
    fn quoted(&self) -> String {
        match self {
            Self::Text(text) | Self::Word(text) => format!("`{text}`"),
            Self::Int(number) => format!("`{number}`"),
            Self::Bool(flag) => format!("`{flag}`"),
            Self::List(items) => format!("`[{}]`", items.join(", ")),
            Self::Other(kind) => format!("a value of type {kind}"),
        }
    }

    /// The message that refuses this value.
    pub(super) fn is_not(&self, wanted: &str) -> String {
        format!("{} is not {wanted}", self.quoted())
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text),
            Self::Int(_) | Self::Bool(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// A whole number.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Word(word) => word.trim().parse().ok(),
            Self::Text(_) | Self::Bool(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// `true` or `false`.
    pub(super) fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Word(word) => word.trim().parse().ok(),
            Self::Text(_) | Self::Int(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// A list of texts; a word holds one separated by commas.
    pub(super) fn list(&self) -> Option<Vec<String>> {
        match self {
            Self::List(items) => Some(items.clone()),
            Self::Word(word) => Some(
                word.split(',')
                    .map(|item| item.trim().to_owned())
                    .filter(|item| !item.is_empty())
                    .collect(),
            ),
            Self::Text(_) | Self::Int(_) | Self::Bool(_) | Self::Other(_) => None,
        }
    }
}
