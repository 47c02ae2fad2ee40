//! What is wrong with metadata.

use crate::oauth::protocol::web_uri::WebUri;

/// One thing wrong with the metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct MetadataFault {
    /// The field, by its RFC 7591 name.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl MetadataFault {
    /// Several faults as one message.
    pub fn join(faults: &[Self]) -> String {
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        texts.join("; ")
    }
}

/// Everything wrong with the metadata, in the order it was found.
#[derive(Debug, Default)]
pub struct Faults(pub(super) Vec<MetadataFault>);

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push(MetadataFault {
            field,
            message: message.into(),
        });
    }

    /// The value, or a fault.
    pub fn keep<T, E: std::fmt::Display>(
        &mut self,
        field: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|error| self.add(field, error.to_string()))
            .ok()
    }

    /// An optional web address; an empty text is none.
    pub fn web_uri(&mut self, field: &'static str, text: Option<&str>) -> Option<WebUri> {
        let text = text.filter(|text| !text.is_empty())?;
        self.keep(field, WebUri::parse(text))
    }

    /// Whether a field whose name begins so has a fault already.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.0.iter().any(|fault| fault.field.starts_with(prefix))
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn into_list(self) -> Vec<MetadataFault> {
        self.0
    }

    /// Whether a field has a fault already.
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|fault| fault.field == field)
    }
}
