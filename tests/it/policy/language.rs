//! Models' texts, and thousands of changed ones, held against what OpenFGA's own parser and validation make of them.
//!
//! `tests/language/run` makes the cases out of OpenFGA's modules and names their file in `TESSERA_LANGUAGE_CASES`. Without it
//! there is nothing to compare.

use serde::Deserialize;
use serde_json::Value;
use tessera::policy::engine::model::{Model, Schema};
use tessera::policy::engine::modules::merge;
use tessera::policy::engine::validate::{ModelError, RelationFault, validate};
use tessera::policy::engine::{dsl, json};

#[derive(Deserialize)]
struct Case {
    /// Empty when the case is a modular model.
    text: String,
    #[serde(default)]
    files: Option<Vec<File>>,
    /// The JSON form; none when OpenFGA refuses the text.
    model: Option<Value>,
    refused: String,
    /// The model as OpenFGA prints it.
    printed: String,
    /// Why the model is invalid.
    invalid: String,
}

#[derive(Deserialize)]
struct File {
    name: String,
    text: String,
}

/// What comes of a case.
enum Outcome {
    Same,
    /// OpenFGA refuses the text: its text form takes no keyword and no number as a name, and is particular about blanks.
    Lenient,
    Different(String),
}

fn compare_modular(case: &Case, files: &[File]) -> Outcome {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|file| (file.name.clone(), file.text.clone()))
        .collect();
    let ours = merge(Schema::V1_2, &files).map(trimmed);
    if !case.invalid.is_empty() {
        return invalid(ours.ok().as_ref(), case);
    }
    match (ours, &case.model) {
        (Ok(_), None) => Outcome::Lenient,
        (Err(_), None) => Outcome::Same,
        (Err(faults), Some(_)) => Outcome::Different(format!("refused here: {faults:?}")),
        (Ok(ours), Some(theirs)) => match json::parse(theirs).map(trimmed) {
            Ok(theirs) if theirs == ours => Outcome::Same,
            theirs => Outcome::Different(format!("other model: {theirs:?}\n{ours:?}")),
        },
    }
}

fn compare(case: &Case) -> Outcome {
    if let Some(files) = &case.files {
        return compare_modular(case, files);
    }
    let ours = dsl::parse(&case.text).map(trimmed);
    let Some(theirs) = &case.model else {
        return match ours {
            Ok(_) => Outcome::Lenient,
            Err(_) => Outcome::Same,
        };
    };
    if !case.invalid.is_empty() {
        return invalid(ours.ok().as_ref(), case);
    }
    let ours = match ours {
        Ok(ours) => ours,
        Err(errors) => return Outcome::Different(format!("refused here: {errors}")),
    };
    match json::parse(theirs).map(trimmed) {
        Ok(theirs) if theirs == ours => {}
        Ok(theirs) => return Outcome::Different(format!("other model: {theirs:?}\n{ours:?}")),
        Err(error) => return Outcome::Different(format!("JSON refused here: {error}")),
    }
    let faults = validate(&ours).err().unwrap_or_default();
    if !faults.iter().all(is_known) {
        return Outcome::Different(format!("invalid here: {faults:?}"));
    }
    match dsl::parse(&case.printed).map(trimmed) {
        Ok(printed) if printed == ours => Outcome::Same,
        // OpenFGA has no text for some models that it takes.
        _ if case.printed.is_empty() => Outcome::Same,
        Ok(_) => Outcome::Different(format!("other model when printed:\n{}", case.printed)),
        Err(errors) => Outcome::Different(format!("print refused here: {errors}")),
    }
}

/// Whether an invalid model is one here too, or no model at all.
fn invalid(ours: Option<&Model>, case: &Case) -> Outcome {
    if ours.is_some_and(|model| validate(model).is_ok()) {
        return Outcome::Different(format!("valid here: {}", case.invalid));
    }
    Outcome::Same
}

/// OpenFGA keeps some of the blanks around the lines of an expression and loses others.
fn trimmed(mut model: Model) -> Model {
    for condition in model.conditions.values_mut() {
        let words: Vec<&str> = condition.expression.split_whitespace().collect();
        condition.expression = words.join(" ");
    }
    model
}

/// OpenFGA's server takes a restriction twice, its language tools do not.
fn is_known(fault: &ModelError) -> bool {
    matches!(
        fault,
        ModelError::Relation {
            fault: RelationFault::DuplicateRestriction(_),
            ..
        }
    )
}

#[test]
fn texts_mean_what_they_mean_to_openfga() {
    let Ok(path) = std::env::var("TESSERA_LANGUAGE_CASES") else {
        return;
    };
    let cases = std::fs::read_to_string(path).expect("the cases");
    let (mut passed, mut failed, mut lenient) = (0, 0, 0);
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).expect("a case");
        match compare(&case) {
            Outcome::Same => passed += 1,
            Outcome::Lenient => lenient += 1,
            Outcome::Different(difference) => {
                failed += 1;
                let files = case.files.iter().flatten();
                let files: Vec<&str> = files.map(|file| file.text.as_str()).collect();
                println!("FAILED {difference}\n{}{}", case.text, files.join("\n"));
            }
        }
    }
    println!("{lenient} that only OpenFGA refuses");
    println!("{passed} passed, {failed} failed");
    assert!(failed == 0 && passed > 0, "see the cases above");
}
