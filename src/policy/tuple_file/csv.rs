//! Tuples as CSV: the `fga` tool's eight columns, and `expires_at`. A record is read alone, so that it can come from a stream.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::engine::relationship::{Relationship, TupleCondition};
use super::super::engine::tuple::Subject;
use super::{ConditionKey, TupleKey};
use crate::base::time::Timestamp;

/// The columns, in the order of an export. A file may leave out those that no tuple needs, and order them as it likes.
pub const COLUMNS: [&str; 9] = [
    "user_type",
    "user_id",
    "user_relation",
    "relation",
    "object_type",
    "object_id",
    "condition_name",
    "condition_context",
    "expires_at",
];
/// Without these nothing is a tuple.
const NEEDED: [&str; 5] = [
    "user_type",
    "user_id",
    "relation",
    "object_type",
    "object_id",
];

/// Reads records: first the header, then tuples.
#[derive(Debug)]
pub(super) struct CsvReader {
    core: csv_core::Reader,
    header: Vec<String>,
    fields: Vec<u8>,
    ends: [usize; COLUMNS.len() + 1],
}

impl CsvReader {
    pub(super) fn new() -> Self {
        Self {
            core: csv_core::Reader::new(),
            header: Vec::new(),
            fields: Vec::new(),
            ends: [0; COLUMNS.len() + 1],
        }
    }

    /// Whether the header was read.
    pub(super) fn has_header(&self) -> bool {
        !self.header.is_empty()
    }

    /// A record without its line's end; `None` is the header.
    pub(super) fn read(&mut self, record: &str) -> Result<Option<TupleKey>, String> {
        let count = self.split(record)?;
        let fields = self.texts(count)?;
        if !self.has_header() {
            self.header = header(&fields)?;
            return Ok(None);
        }
        if fields.len() != self.header.len() {
            let (found, wanted) = (fields.len(), self.header.len());
            return Err(format!("{found} fields, but {wanted} columns"));
        }
        let names = self.header.iter().map(String::as_str);
        key_of(&names.zip(fields).collect()).map(Some)
    }

    /// Parts a record; the number of its fields.
    fn split(&mut self, record: &str) -> Result<usize, String> {
        self.core.reset();
        self.fields.resize(record.len() + 1, 0);
        let (mut read, mut written, mut count) = (0, 0, 0);
        loop {
            let (result, more_read, more_written, more_fields) = self.core.read_record(
                record.as_bytes().get(read..).unwrap_or_default(),
                self.fields.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(count..).unwrap_or_default(),
            );
            read += more_read;
            written += more_written;
            count += more_fields;
            match result {
                // Asked again without more input, it closes the record.
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull
                | csv_core::ReadRecordResult::OutputEndsFull => {
                    return Err(format!("more than {} fields", COLUMNS.len()));
                }
                csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => {
                    return Ok(count);
                }
            }
        }
    }

    fn texts(&self, count: usize) -> Result<Vec<&str>, String> {
        let mut start = 0;
        let ends = self.ends.iter().take(count);
        ends.map(|end| {
            let field = self.fields.get(start..*end).unwrap_or_default();
            start = *end;
            std::str::from_utf8(field).map_err(|error| error.to_string())
        })
        .collect()
    }
}

fn header(names: &[&str]) -> Result<Vec<String>, String> {
    if let Some(name) = names.iter().find(|name| !COLUMNS.contains(name)) {
        let known = COLUMNS.join(", ");
        return Err(format!("unknown column `{name}`; columns are {known}"));
    }
    if let Some(name) = NEEDED.iter().find(|name| !names.contains(name)) {
        return Err(format!("the header lacks the column `{name}`"));
    }
    let twice = |name: &&&str| names.iter().filter(|other| other == name).count() > 1;
    if let Some(name) = names.iter().find(twice) {
        return Err(format!("the header has the column `{name}` twice"));
    }
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

fn key_of(record: &BTreeMap<&str, &str>) -> Result<TupleKey, String> {
    let field = |name| record.get(name).copied().unwrap_or_default();
    let mut user = format!("{}:{}", field("user_type"), field("user_id"));
    if !field("user_relation").is_empty() {
        user = format!("{user}#{}", field("user_relation"));
    }
    let context = match field("condition_context") {
        "" => None,
        text => match serde_json::from_str(text) {
            Ok(Value::Object(context)) => Some(context),
            _ => return Err(format!("condition_context `{text}` is not a JSON object")),
        },
    };
    let condition = match (field("condition_name"), context) {
        ("", None) => None,
        ("", Some(_)) => return Err("condition_context needs a condition_name".to_owned()),
        (name, context) => Some(ConditionKey {
            name: name.to_owned(),
            context,
        }),
    };
    Ok(TupleKey {
        user,
        relation: field("relation").to_owned(),
        object: format!("{}:{}", field("object_type"), field("object_id")),
        condition,
        expires_at: Some(field("expires_at").to_owned()).filter(|at| !at.is_empty()),
    })
}

/// The header of an export, with its line's end.
pub(super) fn header_line() -> String {
    format!("{}\n", COLUMNS.join(","))
}

/// Tuples as lines.
pub(super) fn lines(relationships: &[Relationship]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for Relationship { tuple, limits } in relationships {
        let (id, relation) = match &tuple.subject {
            Subject::Object(object) => (object.id(), ""),
            Subject::Wildcard(_) => ("*", ""),
            Subject::Userset(object, relation) => (object.id(), relation.as_str()),
        };
        let (name, context) = match &limits.condition {
            Some(TupleCondition { name, context }) if context.is_empty() => {
                (name.as_str(), String::new())
            }
            Some(TupleCondition { name, context }) => {
                (name.as_str(), Value::Object(context.clone()).to_string())
            }
            None => ("", String::new()),
        };
        let ends = limits.expires_at.map(Timestamp::rfc3339);
        writer.write_record([
            tuple.subject.type_name(),
            id,
            relation,
            &tuple.relation,
            tuple.object.type_name(),
            tuple.object.id(),
            name,
            &context,
            ends.as_deref().unwrap_or_default(),
        ])?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}
