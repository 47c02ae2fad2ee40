//! The naive evaluator, straight from the definitions, and the random comparison of the engine with it.
//!
//! The oracle knows tuples as a plain set, evaluates along paths without remembering anything, and cuts a path that comes
//! back to itself (`None`: unknown). Nothing of `program`, `graph` or `check` is in it.

mod explain;
mod lists;
mod random;

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use super::admit::admit;
use super::check::{Question, check_with};
use super::graph::Graph;
use super::model::{
    Model, Origin, Relation, Restriction, Rewrite, Schema, SubjectForm, TypeDefinition,
};
use super::program::Program;
use super::relationship::{Circumstances, Context, Relationship};
use super::tuple::{Object, Subject, Tuple};
use super::validate::validate;
use crate::base::time::Timestamp;

use random::*;

struct Oracle<'a> {
    model: &'a Model,
    tuples: &'a [Tuple],
    subject: &'a Subject,
    work: u32,
}

type Path = Vec<(Object, String)>;

impl Oracle<'_> {
    /// Whether the subject has the relation; `None` is unknown (a cycle), `Err` that the oracle gave up.
    fn holds(
        &mut self,
        object: &Object,
        relation: &str,
        path: &mut Path,
    ) -> Result<Option<bool>, ()> {
        self.work += 1;
        if self.work > 20_000 {
            return Err(());
        }
        if *self.subject == Subject::Userset(object.clone(), relation.to_owned()) {
            return Ok(Some(true));
        }
        let Some(definition) = self.model.find_relation(object.type_name(), relation) else {
            return Ok(Some(false));
        };
        if !self.reachable(object.type_name(), relation, &mut Vec::new()) {
            return Ok(Some(false));
        }
        let here = (object.clone(), relation.to_owned());
        if path.contains(&here) {
            return Ok(None);
        }
        path.push(here);
        let value = self.rewrite(&definition.rewrite, object, relation, path);
        path.pop();
        value
    }

    fn rewrite(
        &mut self,
        rewrite: &Rewrite,
        object: &Object,
        relation: &str,
        path: &mut Path,
    ) -> Result<Option<bool>, ()> {
        match rewrite {
            Rewrite::This => {
                let mut values = Vec::new();
                for subject in self.written(object, relation) {
                    if subject == *self.subject {
                        values.push(Some(true));
                    }
                    match (&subject, self.subject) {
                        (Subject::Wildcard(type_name), Subject::Object(asked)) => {
                            values.push(Some(asked.type_name() == type_name));
                        }
                        (Subject::Userset(object, relation), _) => {
                            values.push(self.holds(object, relation, path)?);
                        }
                        _ => {}
                    }
                }
                Ok(any(&values))
            }
            Rewrite::Computed(other) => self.holds(object, other, path),
            Rewrite::TupleToUserset { tupleset, computed } => {
                let mut values = Vec::new();
                for subject in self.written(object, tupleset) {
                    if let Subject::Object(parent) = subject {
                        values.push(self.holds(&parent, computed, path)?);
                    }
                }
                Ok(any(&values))
            }
            Rewrite::Union(children) => {
                let values: Result<Vec<_>, ()> = children
                    .iter()
                    .map(|child| self.rewrite(child, object, relation, path))
                    .collect();
                Ok(any(&values?))
            }
            Rewrite::Intersection(children) => {
                let values: Result<Vec<_>, ()> = children
                    .iter()
                    .map(|child| self.rewrite(child, object, relation, path))
                    .collect();
                let values: Vec<_> = values?.into_iter().map(not).collect();
                Ok(not(any(&values)))
            }
            Rewrite::Exclusion { base, subtract } => {
                let base = self.rewrite(base, object, relation, path)?;
                let subtract = self.rewrite(subtract, object, relation, path)?;
                Ok(not(any(&[not(base), subtract])))
            }
        }
    }

    /// Whether a subject of this form can be in the relation at all, by the model alone (OpenFGA's `PathExists`).
    fn reachable(&self, type_name: &str, relation: &str, seen: &mut Vec<(String, String)>) -> bool {
        let here = (type_name.to_owned(), relation.to_owned());
        let is_itself = matches!(self.subject, Subject::Userset(object, asked) if object.type_name() == type_name && asked == relation);
        let Some(definition) = self
            .model
            .find_relation(type_name, relation)
            .filter(|_| !seen.contains(&here))
        else {
            return false;
        };
        seen.push(here);
        is_itself || self.part_reachable(&definition.rewrite, type_name, definition, seen)
    }

    fn part_reachable(
        &self,
        part: &Rewrite,
        type_name: &str,
        definition: &Relation,
        seen: &mut Vec<(String, String)>,
    ) -> bool {
        match part {
            Rewrite::This => definition.restrictions.iter().any(|restriction| {
                match (&restriction.form, self.subject) {
                    (SubjectForm::Object, Subject::Object(_))
                    | (SubjectForm::Wildcard, Subject::Object(_) | Subject::Wildcard(_)) => {
                        restriction.type_name == self.subject.type_name()
                    }
                    (SubjectForm::Userset(relation), _) => {
                        self.reachable(&restriction.type_name, relation, seen)
                    }
                    _ => false,
                }
            }),
            Rewrite::Computed(other) => self.reachable(type_name, other, seen),
            Rewrite::TupleToUserset { tupleset, computed } => {
                let parents = &self
                    .model
                    .find_relation(type_name, tupleset)
                    .unwrap()
                    .restrictions;
                parents
                    .iter()
                    .any(|parent| self.reachable(&parent.type_name, computed, seen))
            }
            Rewrite::Union(parts) | Rewrite::Intersection(parts) => parts
                .iter()
                .any(|part| self.part_reachable(part, type_name, definition, seen)),
            Rewrite::Exclusion { base, .. } => {
                self.part_reachable(base, type_name, definition, seen)
            }
        }
    }

    /// The subjects written on a relation that the model still admits.
    fn written(&self, object: &Object, relation: &str) -> Vec<Subject> {
        self.tuples
            .iter()
            .filter(|tuple| tuple.object == *object && tuple.relation == relation)
            .filter(|tuple| {
                let plain = Relationship::from((*tuple).clone());
                let conditional = random::under_condition(plain.clone(), 0);
                // What does not count under its own condition is not among the tuples.
                admit(self.model, &plain).is_ok() || admit(self.model, &conditional).is_ok()
            })
            .map(|tuple| tuple.subject.clone())
            .collect()
    }
}

fn any(values: &[Option<bool>]) -> Option<bool> {
    if values.contains(&Some(true)) {
        Some(true)
    } else if values.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

#[derive(Default, Debug)]
struct Tally {
    compared: u32,
    allowed: u32,
    cyclic: u32,
    given_up: u32,
}

fn compare(seed: u64, tally: &mut Tally) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let Some(model) = (0..50).find_map(|_| random_model(&mut random)) else {
        return;
    };
    let model = Arc::new(model);
    let count = 6 + random.below(24);
    let tuples = random_tuples(&mut random, &model, count);
    let mut graph = Graph::default();
    let program = Program::compile(&model, graph.symbols()).unwrap();
    // Half of the cases see tuples that come and go first.
    for tuple in random_tuples(&mut random, &model, 6) {
        graph.insert(&tuple.clone().into()).unwrap();
        graph.remove(&tuple);
    }
    let contextual: Vec<Relationship> = tuples
        .iter()
        .skip(count * 3 / 4)
        .cloned()
        .map(Relationship::from)
        .filter(|relationship| admit(&model, relationship).is_ok())
        .collect();
    let tuples = store(&mut graph, (&mut random, &model), tuples, &contextual);
    let context = Context::new();
    for _ in 0..20 {
        let subject = random_subject(&mut random);
        let object = Object::parse(&random_object(&mut random)).unwrap();
        let relation = random.of(&RELATIONS);
        let mut oracle = Oracle {
            model: &model,
            tuples: &tuples,
            subject: &subject,
            work: 0,
        };
        let Ok(expected) = oracle.holds(&object, relation, &mut Vec::new()) else {
            tally.given_up += 1;
            continue;
        };
        let question = Question {
            object: &object,
            relation,
            subject: &subject,
        };
        let found = check_with(&program, &graph, &contextual, question, at_now(&context)).unwrap();
        tally.compared += 1;
        tally.allowed += u32::from(found.allowed);
        tally.cyclic += u32::from(expected.is_none());
        let list: Vec<String> = tuples.iter().map(ToString::to_string).collect();
        assert_eq!(
            found.allowed,
            expected == Some(true),
            "seed {seed}: {object}#{relation}@{subject}\n{}\n{}\ncontextual: {contextual:?}",
            super::dsl::print(&model),
            list.join("\n"),
        );
        explain::compare(&program, &graph, &contextual, question, found.allowed);
    }
}

/// How many random cases: as many as `TESSERA_ORACLE_SEEDS` says.
fn seeds(default: u64) -> u64 {
    std::env::var("TESSERA_ORACLE_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn the_engine_agrees_with_the_oracle() {
    // SECURITY row 59. `TESSERA_ORACLE_SEEDS` runs more.
    let seeds = seeds(5_000);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        compare(seed, &mut tally);
    }
    println!("{tally:?}");
    assert!(tally.compared >= 90_000, "{tally:?}");
    assert!(
        tally.allowed > tally.compared / 20,
        "the cases say something: {tally:?}"
    );
    assert!(tally.cyclic > 100, "cycles are among them: {tally:?}");
    assert!(tally.given_up < tally.compared / 50, "{tally:?}");
}
