//! A model's file: the text form, OpenFGA's JSON when its name ends in `.json`, or `fga.mod` with the files that it lists.
//! Faults come with their place.

mod modular;

use std::fmt;
use std::path::Path;

use super::engine::model::Model;
use super::engine::modules::MOD_FILE;
use super::engine::validate::{ModelError, validate};
use super::engine::{dsl, json};

/// A fault in a model's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFault {
    /// The file as it was named.
    pub file: String,
    /// Line and column, counted from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ModelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Reads a model's file; every fault of it.
pub fn read(path: &Path) -> Result<Model, Vec<ModelFault>> {
    let text = read_text(path).map_err(|fault| vec![fault])?;
    if path.file_name().is_some_and(|name| name == MOD_FILE) {
        return modular::parse(path, &text);
    }
    parse(&path.display().to_string(), &text)
}

fn read_text(path: &Path) -> Result<String, ModelFault> {
    std::fs::read_to_string(path).map_err(|error| ModelFault {
        file: path.display().to_string(),
        place: None,
        message: format!("cannot read it: {error}"),
    })
}

/// Reads a model's text, by the name of its file.
pub fn parse(file: &str, text: &str) -> Result<Model, Vec<ModelFault>> {
    let fault = |place, message| ModelFault {
        file: file.to_owned(),
        place,
        message,
    };
    let is_json = Path::new(file)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let model = if is_json {
        let value = serde_json::from_str(text).map_err(|error| {
            vec![fault(
                Some((error.line(), error.column())),
                error.to_string(),
            )]
        })?;
        json::parse(&value).map_err(|error| vec![fault(None, error.to_string())])?
    } else {
        dsl::parse(text).map_err(|errors| {
            let errors = errors.faults().iter();
            errors
                .map(|error| fault(Some((error.line, error.column)), error.message.clone()))
                .collect::<Vec<_>>()
        })?
    };
    validate(&model).map_err(|errors| {
        // Names stand nowhere in particular in JSON, whose faults name them.
        let place = |error| (!is_json).then(|| find(text, error)).flatten();
        errors
            .iter()
            .map(|error| fault(place(error), error.to_string()))
            .collect::<Vec<_>>()
    })?;
    Ok(model)
}

/// Where a fault of the model is in its text.
fn find(text: &str, error: &ModelError) -> Option<(usize, usize)> {
    match error {
        ModelError::NoTypes | ModelError::TooMany { .. } => None,
        ModelError::Name(name) => find_name(text, name),
        ModelError::DuplicateType(name) => find_type(text, name).into_iter().nth(1),
        ModelError::Relation {
            type_name,
            relation,
            ..
        } => find_relation(text, type_name, relation),
        ModelError::Condition { condition, .. } => find_condition(text, condition),
    }
}

/// Every `type NAME` or `extend type NAME`.
fn find_type(text: &str, name: &str) -> Vec<(usize, usize)> {
    let lines = text.lines().enumerate();
    let found = lines.filter(|(_, line)| type_of(line) == Some(name));
    found
        .map(|(at, line)| (at + 1, column(line, name)))
        .collect()
}

/// The first `define RELATION:` below a `type NAME`.
fn find_relation(text: &str, type_name: &str, relation: &str) -> Option<(usize, usize)> {
    let mut within = false;
    for (at, line) in text.lines().enumerate() {
        if let Some(name) = type_of(line) {
            within = name == type_name;
        }
        if within && relation_of(line) == Some(relation) {
            return Some((at + 1, column(line, relation)));
        }
    }
    None
}

/// The `condition NAME(`.
fn find_condition(text: &str, name: &str) -> Option<(usize, usize)> {
    let mut lines = text.lines().enumerate();
    let (at, line) = lines.find(|(_, line)| {
        let rest = line.trim_start().strip_prefix("condition ");
        rest.and_then(|rest| rest.split_once('('))
            .is_some_and(|(found, _)| found.trim() == name)
    })?;
    Some((at + 1, column(line, name)))
}

fn find_name(text: &str, name: &str) -> Option<(usize, usize)> {
    let mut lines = text.lines().enumerate();
    let (at, line) =
        lines.find(|(_, line)| type_of(line) == Some(name) || relation_of(line) == Some(name))?;
    Some((at + 1, column(line, name)))
}

fn type_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("extend ").unwrap_or(line).trim_start();
    rest.strip_prefix("type ")?.split_whitespace().next()
}

fn relation_of(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("define ")?;
    Some(rest.split_once(':')?.0.trim())
}

/// Where the name starts: after the keyword, so that `type type` is found right.
fn column(line: &str, name: &str) -> usize {
    let at = line.find(&format!(" {name}")).map_or(0, |at| at + 1);
    line.get(..at).unwrap_or_default().chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn faults(file: &str, text: &str) -> Vec<String> {
        let faults = parse(file, text).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_of_a_text_comes_with_its_line_and_column() {
        let text = "model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a: [group]\n    define b: c\n";
        let found = faults("m.fga", text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("m.fga:6:12: "), "{found:?}");
        assert!(found[1].starts_with("m.fga:7:12: "), "{found:?}");
    }

    #[test]
    fn every_fault_of_the_form_is_told() {
        let text =
            "model\n  schema 1.1\ntype user who\ntype doc\n  relations\n    define a: [user\n";
        let found = faults("m.fga", text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("m.fga:3:11: "), "{found:?}");
        assert!(found[1].starts_with("m.fga:7:1: "), "{found:?}");
    }

    #[test]
    fn what_cannot_be_read_has_a_place_where_there_is_one() {
        let found = faults("m.fga", "model\n  schema 1.1\ntype user\n  relation\n");
        assert!(found[0].starts_with("m.fga:4:"), "{found:?}");
        let found = faults("m.json", "{\n  oops");
        assert!(found[0].starts_with("m.json:2:"), "{found:?}");
        let found = faults(
            "m.json",
            "{\"schema_version\": \"1.1\", \"type_definitions\": []}",
        );
        assert!(
            found[0].starts_with("m.json: type_definitions"),
            "{found:?}"
        );
        let found = read(Path::new("nowhere.fga")).unwrap_err();
        assert!(
            found[0]
                .to_string()
                .starts_with("nowhere.fga: cannot read it: ")
        );
    }

    #[test]
    fn a_type_defined_twice_is_shown_where_it_is_the_second_time() {
        let found = faults("m.fga", "model\n  schema 1.1\ntype user\ntype user\n");
        assert!(found[0].starts_with("m.fga:4:6: "), "{found:?}");
    }
}
