//! Tuples in files and streams: YAML and JSON lists, NDJSON (`.ndjson`, `.jsonl`), and the `fga` tool's CSV with a column
//! more. Lists are read whole; [`TupleReader`] reads the other two line by line.

mod csv;
mod lines;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::engine::relationship::{Context, Limits, Relationship, TupleCondition};
use super::engine::tuple::Tuple;
use crate::base::time::Timestamp;

pub use self::csv::COLUMNS;
pub use self::lines::{LINE_BYTES, Line, LineFault, TupleReader};

/// Most that a tuple may fix of a condition's parameters, in bytes of JSON.
pub const CONTEXT_BYTES: usize = 32 * 1024;

/// A tuple as files and imports write it. A field that is none of these is a fault: a misspelt `expires_at` would make a
/// tuple that never ends.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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

/// The formats that can be read and written line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// An object a line.
    Ndjson,
    /// A header, then a tuple a record.
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
        line: u64,
        /// What is wrong.
        message: String,
    },
}

fn place(file: &str, line: u64) -> String {
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
        if let Some(condition) = &condition {
            bounded(&condition.context)?;
        }
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

/// Holds what a tuple fixes of a condition's parameters to its size.
pub fn bounded(context: &Context) -> Result<(), String> {
    let size = serde_json::to_vec(context).map_or(usize::MAX, |text| text.len());
    if size > CONTEXT_BYTES {
        return Err(format!(
            "condition context size limit exceeded: {size} bytes exceeds {CONTEXT_BYTES} bytes"
        ));
    }
    Ok(())
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
pub fn parse(file: &str, text: &str, format: Format) -> Result<Vec<Line>, TupleFileError> {
    let malformed = |line, message| TupleFileError::Malformed {
        file: file.to_owned(),
        line,
        message,
    };
    let whole = |keys: Vec<TupleKey>| {
        (1..)
            .zip(&keys)
            .map(|(at, key)| {
                let tuple = key.relationship();
                let tuple =
                    tuple.map_err(|message| malformed(0, format!("tuple {at}: {message}")))?;
                Ok((at, tuple))
            })
            .collect()
    };
    let format = match format {
        Format::Yaml => {
            return whole(
                serde_norway::from_str(text).map_err(|error| malformed(0, error.to_string()))?,
            );
        }
        Format::Json => {
            return whole(
                serde_json::from_str(text).map_err(|error| malformed(0, error.to_string()))?,
            );
        }
        Format::Ndjson => LineFormat::Ndjson,
        Format::Csv => LineFormat::Csv,
    };
    let mut reader = TupleReader::new(format, 1);
    reader.push(text.as_bytes());
    reader.end();
    std::iter::from_fn(|| reader.next_line())
        .map(|line| line.map_err(|LineFault { line, message }| malformed(line, message)))
        .collect()
}

impl LineFormat {
    /// What an export begins with.
    pub fn head(self) -> String {
        match self {
            Self::Ndjson => String::new(),
            Self::Csv => csv::header_line(),
        }
    }

    /// Tuples as lines, each with its end.
    pub fn lines(self, relationships: &[Relationship]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Ndjson => {
                let mut text = Vec::new();
                for relationship in relationships {
                    serde_json::to_writer(&mut text, &TupleKey::from(relationship))?;
                    text.push(b'\n');
                }
                Ok(text)
            }
            Self::Csv => csv::lines(relationships).map_err(std::io::Error::other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CSV: &str = "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_context,expires_at\nuser,anne,,viewer,doc,1,,,2030-01-01T00:00:00Z\ngroup,eng,member,viewer,doc,\"a,b\",office,\"{\"\"hours\"\":8}\",\n";

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
        let tuples: Vec<Relationship> = found.into_iter().map(|(_, tuple)| tuple).collect();
        let lines = String::from_utf8(LineFormat::Csv.lines(&tuples).unwrap()).unwrap();
        assert_eq!(LineFormat::Csv.head() + &lines, CSV);
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
            "user_type,user_id,relation,object_type,object_id,user_id\n",
            Format::Csv,
            "f:1: the header has the column `user_id` twice",
        );
        fault("", Format::Csv, "f:1: the header is missing");
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
            ("user,a,r,doc,1,c,,,,,,,", "f:2: more than 9 fields"),
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

    /// Ids with everything that a format could trip over; white space, `:` and `#` have no place in an id.
    fn odd_id() -> impl Strategy<Value = String> {
        let letter = prop_oneof![
            Just('"'),
            Just(','),
            Just(';'),
            Just('\\'),
            Just('\u{feff}'),
            Just('@'),
            any::<char>()
        ];
        proptest::collection::vec(letter, 1..12).prop_filter_map("an id", |letters| {
            let id: String = letters.into_iter().collect();
            Tuple::parse(&format!("doc:{id}"), "viewer", "user:a").ok()?;
            Some(id)
        })
    }

    fn odd_relationship() -> impl Strategy<Value = Relationship> {
        let user = (odd_id(), 0..3_u8);
        let condition = proptest::option::of(any::<String>());
        let limits = (condition, proptest::option::of(0..4_000_000_000_000_i64));
        (user, odd_id(), limits).prop_map(|((id, form), object, (value, ends))| {
            let user = match form {
                0 => format!("user:{id}"),
                1 => format!("group:{id}#member"),
                _ => "user:*".to_owned(),
            };
            let fixed = |value: String| Context::from_iter([("value".to_owned(), value.into())]);
            Relationship {
                tuple: Tuple::parse(&format!("doc:{object}"), "viewer", &user).unwrap(),
                limits: Limits {
                    condition: value.map(|value| TupleCondition {
                        name: "office".to_owned(),
                        context: fixed(value),
                    }),
                    expires_at: ends.map(Timestamp::from_ms),
                },
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_the_same(tuples in proptest::collection::vec(odd_relationship(), 0..8), step in 1..90_usize) {
            for format in [LineFormat::Ndjson, LineFormat::Csv] {
                let text = [format.head().into_bytes(), format.lines(&tuples).unwrap()].concat();
                let mut reader = TupleReader::new(format, 1);
                let mut found = Vec::new();
                for chunk in text.chunks(step) {
                    reader.push(chunk);
                    found.extend(std::iter::from_fn(|| reader.next_line()));
                }
                reader.end();
                found.extend(std::iter::from_fn(|| reader.next_line()));
                let found: Result<Vec<_>, _> = found.into_iter().map(|line| line.map(|(_, tuple)| tuple)).collect();
                prop_assert_eq!(found.as_ref(), Ok(&tuples));
            }
        }
    }
}
