//! `fga.mod`: the schema and the files of a modular model, in YAML.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::{MOD_FILE, ModuleFault};
use crate::policy::engine::model::Schema;

/// The characters of a path before its `.fga`, at most.
const MAX_PATH: usize = 100;

/// Parses `fga.mod`: the schema, and the files' paths beside it, in their order.
pub fn parse_mod(text: &str) -> Result<(Schema, Vec<String>), ModuleFault> {
    let list: List = serde_norway::from_str(text).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
        ModuleFault {
            file: MOD_FILE.to_owned(),
            line,
            column,
            // The place is told already.
            message: error
                .to_string()
                .replace(&format!(" at line {line} column {column}"), ""),
        }
    })?;
    Ok((list.schema.0, list.contents.0))
}

#[derive(Deserialize)]
struct List {
    schema: Version,
    contents: Contents,
}

/// The schema's version, as a text: `1.2` without quotes is a number.
struct Version(Schema);

/// The paths.
struct Contents(Vec<String>);

/// One path.
struct Path(String);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Version;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the text `'1.2'`, in quotes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Version, E> {
                match Schema::parse(text) {
                    Some(Schema::V1_2) => Ok(Version(Schema::V1_2)),
                    _ => Err(E::custom(format_args!(
                        "schema `{text}` has no modules; write `schema: '1.2'`"
                    ))),
                }
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Paths;
        impl<'de> Visitor<'de> for Paths {
            type Value = Contents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of files, such as `- core.fga`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Contents, A::Error> {
                let mut paths = Vec::new();
                while let Some(Path(path)) = list.next_element()? {
                    if paths.contains(&path) {
                        return Err(A::Error::custom(format_args!(
                            "`{path}` is listed twice; keep one"
                        )));
                    }
                    paths.push(path);
                }
                if paths.is_empty() {
                    return Err(A::Error::custom(
                        "no files are listed; write at least one, such as `- core.fga`",
                    ));
                }
                Ok(Contents(paths))
            }
        }
        deserializer.deserialize_any(Paths)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Path;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file, such as `core.fga`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Path, E> {
                if is_path(text) {
                    return Ok(Path(text.to_owned()));
                }
                Err(E::custom(format_args!(
                    "`{text}` is no file of a modular model; write a path beside `{MOD_FILE}` of at most {MAX_PATH} \
                     letters, digits, `_`, `-` and `/`, and `.fga`"
                )))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Whether a path is one that a model may name. Without dots but the last it cannot lead out of its directory.
fn is_path(path: &str) -> bool {
    path.strip_suffix(".fga").is_some_and(|stem| {
        (1..=MAX_PATH).contains(&stem.len())
            && !stem.starts_with('/')
            && stem
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/'))
    })
}
