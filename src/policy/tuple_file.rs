//! Tuples in files: YAML, JSON, NDJSON (`.ndjson`, `.jsonl`), and the `fga` tool's CSV with its eight columns.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::engine::relationship::{Context, Limits, Relationship, TupleCondition};
use super::engine::tuple::{Subject, Tuple};
use crate::base::time::Timestamp;

/// The columns of the CSV form.
pub const COLUMNS: [&str; 8] = [
    "user_type",
    "user_id",
    "user_relation",
    "relation",
    "object_type",
    "object_id",
    "condition_name",
    "condition_context",
];

/// A tuple as files and the HTTP API write it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TupleKey {
    /// Who.
    pub user: String,
    /// Which relation.
    pub relation: String,
    /// On what.
    pub object: String,
    /// What must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionKey>,
    /// The instant it ends at (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A tuple's condition.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ConditionKey {
    /// Its name in the model.
    pub name: String,
    /// What the tuple fixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

/// How tuples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A list.
    Yaml,
    /// A list.
    Json,
    /// An object a line.
    Ndjson,
    /// A header, then a tuple a line.
    Csv,
}

/// A fault in a file of tuples.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TupleFileError {
    /// The name tells no format.
    #[error("`{0}`: tuples are in .yaml, .json, .ndjson, .jsonl or .csv files")]
    Ending(String),
    /// The file system said no.
    #[error("{file}: cannot read it: {reason}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A line, or the whole when the line is 0, makes no sense.
    #[error("{}: {message}", place(file, *line))]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

fn place(file: &str, line: usize) -> String {
    if line == 0 {
        file.to_owned()
    } else {
        format!("{file}:{line}")
    }
}

impl Format {
    /// By the ending of a file's name.
    pub fn of(path: &Path) -> Result<Self, TupleFileError> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.unwrap_or_default() {
            "yaml" | "yml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            "ndjson" | "jsonl" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            _ => Err(TupleFileError::Ending(path.display().to_string())),
        }
    }
}

impl TupleKey {
    /// The tuple with what limits it, or what is wrong with it.
    pub fn relationship(&self) -> Result<Relationship, String> {
        let tuple = Tuple::parse(&self.object, &self.relation, &self.user)
            .map_err(|error| error.to_string())?;
        let condition = self.condition.as_ref().map(|condition| TupleCondition {
            name: condition.name.clone(),
            context: condition.context.clone().unwrap_or_default(),
        });
        let expires_at = self
            .expires_at
            .as_deref()
            .map(|text| {
                Timestamp::parse_rfc3339(text).ok_or_else(|| {
                    format!(
                        "expires_at `{text}` is not an RFC 3339 time such as `2030-01-01T00:00:00Z`"
                    )
                })
            })
            .transpose()?;
        Ok(Relationship {
            tuple,
            limits: Limits {
                condition,
                expires_at,
            },
        })
    }
}

impl From<&Relationship> for TupleKey {
    fn from(relationship: &Relationship) -> Self {
        let Relationship { tuple, limits } = relationship;
        let condition = limits.condition.as_ref();
        Self {
            user: tuple.subject.to_string(),
            relation: tuple.relation.clone(),
            object: tuple.object.to_string(),
            condition: condition.map(|condition| ConditionKey {
                name: condition.name.clone(),
                context: Some(condition.context.clone()).filter(|context| !context.is_empty()),
            }),
            expires_at: limits.expires_at.map(Timestamp::rfc3339),
        }
    }
}

/// Reads a file; the format is told by its name.
pub fn read(path: &Path) -> Result<Vec<Relationship>, TupleFileError> {
    let format = Format::of(path)?;
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let lines = parse(&file, &text, format)?;
            Ok(lines.into_iter().map(|(_, tuple)| tuple).collect())
        }
        Err(error) => Err(TupleFileError::Read {
            file,
            reason: error.to_string(),
        }),
    }
}

/// Reads a text; each tuple comes with its line, or in lists with its place in the list.
pub fn parse(
    file: &str,
    text: &str,
    format: Format,
) -> Result<Vec<(usize, Relationship)>, TupleFileError> {
    let malformed = |line, message| TupleFileError::Malformed {
        file: file.to_owned(),
        line,
        message,
    };
    let whole = |keys: Vec<TupleKey>| {
        let numbered = keys.iter().enumerate();
        numbered
            .map(|(at, key)| {
                let tuple = key.relationship();
                let tuple = tuple
                    .map_err(|message| malformed(0, format!("tuple {}: {message}", at + 1)))?;
                Ok((at + 1, tuple))
            })
            .collect()
    };
    match format {
        Format::Yaml => {
            whole(serde_norway::from_str(text).map_err(|error| malformed(0, error.to_string()))?)
        }
        Format::Json => {
            whole(serde_json::from_str(text).map_err(|error| malformed(0, error.to_string()))?)
        }
        Format::Ndjson => text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(at, line)| {
                let key: TupleKey = serde_json::from_str(line)
                    .map_err(|error| malformed(at + 1, error.to_string()))?;
                let tuple = key.relationship();
                Ok((at + 1, tuple.map_err(|message| malformed(at + 1, message))?))
            })
            .collect(),
        Format::Csv => csv(text).map_err(|(line, message)| malformed(line, message)),
    }
}

fn csv(text: &str) -> Result<Vec<(usize, Relationship)>, (usize, String)> {
    let mut records = records(text)?.into_iter();
    let (_, header) = records.next().unwrap_or_default();
    let unknown = header.iter().find(|name| !COLUMNS.contains(&name.as_str()));
    if let Some(name) = unknown {
        let known = COLUMNS.join(", ");
        return Err((1, format!("unknown column `{name}`; columns are {known}")));
    }
    for name in [
        "user_type",
        "user_id",
        "relation",
        "object_type",
        "object_id",
    ] {
        if !header.iter().any(|found| found == name) {
            return Err((1, format!("the header lacks the column `{name}`")));
        }
    }
    records
        .map(|(line, fields)| {
            if fields.len() != header.len() {
                let (found, wanted) = (fields.len(), header.len());
                return Err((line, format!("{found} fields, but {wanted} columns")));
            }
            let record = header.iter().cloned().zip(fields).collect();
            let tuple = key_of(&record).and_then(|key| key.relationship());
            Ok((line, tuple.map_err(|message| (line, message))?))
        })
        .collect()
}

fn key_of(record: &BTreeMap<String, String>) -> Result<TupleKey, String> {
    let field = |name: &str| record.get(name).map_or("", String::as_str);
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
        expires_at: None,
    })
}

/// The line that a record starts on, and its fields.
type Record = (usize, Vec<String>);

/// The records of a CSV text (RFC 4180), each with the line it starts on; blank lines are none.
fn records(text: &str) -> Result<Vec<Record>, (usize, String)> {
    let (mut records, mut fields, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut start, mut quoted) = (1, 1, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\n' {
            line += 1;
        }
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            _ if quoted => field.push(letter),
            ',' => fields.push(std::mem::take(&mut field)),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' => {
                fields.push(std::mem::take(&mut field));
                records.push((start, std::mem::take(&mut fields)));
                start = line;
            }
            _ => field.push(letter),
        }
    }
    if quoted {
        return Err((start, "a quotation mark is never closed".to_owned()));
    }
    fields.push(field);
    records.push((start, fields));
    let is_blank = |fields: &[String]| fields.len() == 1 && fields.iter().all(String::is_empty);
    records.retain(|(_, fields)| !is_blank(fields));
    Ok(records)
}

/// A tuple as a line of CSV.
pub fn to_csv(relationship: &Relationship) -> String {
    let Relationship { tuple, limits } = relationship;
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
    let fields = [
        tuple.subject.type_name(),
        id,
        relation,
        &tuple.relation,
        tuple.object.type_name(),
        tuple.object.id(),
        name,
        &context,
    ];
    fields.map(quote).join(",")
}

fn quote(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_context\nuser,anne,,viewer,doc,1,,\ngroup,eng,member,viewer,doc,\"a,b\",office,\"{\"\"hours\"\":8}\"\n";

    #[track_caller]
    fn fault(text: &str, format: Format, expected: &str) {
        let error = parse("f", text, format).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn csv_reads_as_it_is_written() {
        let found = parse("f", CSV, Format::Csv).unwrap();
        assert_eq!(found[1].0, 3);
        assert_eq!(
            found[1].1.tuple.to_string(),
            "doc:a,b#viewer@group:eng#member"
        );
        let lines: Vec<String> = found.iter().map(|(_, tuple)| to_csv(tuple)).collect();
        assert_eq!(
            format!("{}\n{}\n", COLUMNS.join(","), lines.join("\n")),
            CSV
        );
    }

    #[test]
    fn every_form_gives_the_same_tuples() {
        let tuples = parse("f", CSV, Format::Csv).unwrap();
        let keys: Vec<TupleKey> = tuples.iter().map(|(_, tuple)| tuple.into()).collect();
        let json = serde_json::to_string(&keys).unwrap();
        let lines: Vec<String> = keys
            .iter()
            .map(|key| serde_json::to_string(key).unwrap())
            .collect();
        for (text, format) in [
            (&json, Format::Json),
            (&json, Format::Yaml),
            (&lines.join("\n"), Format::Ndjson),
        ] {
            let found = parse("f", text, format).unwrap();
            assert!(
                found.iter().zip(&tuples).all(|(a, b)| a.1 == b.1),
                "{format:?}"
            );
        }
    }

    #[test]
    fn faults_name_the_line() {
        let header =
            "user_type,user_id,relation,object_type,object_id,condition_name,condition_context\n";
        fault(
            "user_typ\n",
            Format::Csv,
            "f:1: unknown column `user_typ`; columns are ",
        );
        fault(
            "user_type\n",
            Format::Csv,
            "f:1: the header lacks the column `user_id`",
        );
        fault(
            "",
            Format::Csv,
            "f:1: the header lacks the column `user_type`",
        );
        for (line, expected) in [
            ("user,a", "f:2: 2 fields, but 7 columns"),
            ("user,a b,r,doc,1,,", "f:2: the 'user' field is malformed"),
            (
                "user,a,r,doc,1,c,nonsense",
                "f:2: condition_context `nonsense` is not a JSON object",
            ),
            (
                "user,a,r,doc,1,,{}",
                "f:2: condition_context needs a condition_name",
            ),
            ("\"user", "f:2: a quotation mark is never closed"),
        ] {
            fault(&format!("{header}{line}\n"), Format::Csv, expected);
        }
        fault("\n{", Format::Ndjson, "f:2: ");
        fault(
            "[{\"user\":\"a\",\"relation\":\"r\",\"object\":\"d:1\"}]",
            Format::Json,
            "f: tuple 1: the 'user' field is malformed",
        );
        fault("- user: user:a\n", Format::Yaml, "f: ");
        fault(
            "{\"user\":\"u:a\",\"relation\":\"r\",\"object\":\"d:1\",\"expires_at\":\"soon\"}",
            Format::Ndjson,
            "f:1: expires_at `soon` is not an RFC 3339 time",
        );
        let error = read(Path::new("tuples.txt")).unwrap_err().to_string();
        assert!(error.starts_with("`tuples.txt`: tuples are in "), "{error}");
        let error = read(Path::new("nowhere.csv")).unwrap_err().to_string();
        assert!(
            error.starts_with("nowhere.csv: cannot read it: "),
            "{error}"
        );
    }
}
