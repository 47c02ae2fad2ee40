//! The naive evaluator, straight from the definitions, and the random comparison of the engine with it.
//!
//! The oracle knows tuples as a plain set, evaluates along paths without remembering anything, and cuts a path that comes
//! back to itself (`None`: unknown). Nothing of `program`, `graph` or `check` is in it.

mod explain;
mod lists;

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
use super::relationship::{Circumstances, Context, Limits, Relationship};
use super::tuple::{Object, Subject, Tuple};
use super::validate::validate;
use crate::base::time::Timestamp;

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
            .filter(|tuple| admit(self.model, &(*tuple).clone().into()).is_ok())
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

/// A small generator of its own (xorshift64*): the same cases on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(value).unwrap() % bound
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const RELATIONS: [&str; 4] = ["a", "b", "c", "p"];
const TYPES: [&str; 2] = ["group", "doc"];

fn random_model(random: &mut Random) -> Option<Model> {
    let mut types = vec![TypeDefinition {
        name: "user".to_owned(),
        relations: BTreeMap::new(),
        origin: Origin::default(),
    }];
    for type_name in TYPES {
        let mut relations = BTreeMap::new();
        for name in RELATIONS {
            // `p` leads to objects, so that `from p` is possible.
            let relation = if name == "p" {
                let restrictions = TYPES.iter().map(|name| object_of(name)).collect();
                Relation {
                    rewrite: Rewrite::This,
                    restrictions,
                    origin: Origin::default(),
                }
            } else {
                random_relation(random)
            };
            relations.insert(name.to_owned(), relation);
        }
        types.push(TypeDefinition {
            name: type_name.to_owned(),
            relations,
            origin: Origin::default(),
        });
    }
    let model = Model {
        schema: Schema::V1_1,
        types,
        conditions: BTreeMap::new(),
    };
    validate(&model).is_ok().then_some(model)
}

fn object_of(name: &str) -> Restriction {
    Restriction {
        type_name: name.to_owned(),
        form: SubjectForm::Object,
        condition: None,
    }
}

fn random_relation(random: &mut Random) -> Relation {
    let rewrite = random_rewrite(random, 2);
    let mut restrictions = Vec::new();
    if rewrite.walk().contains(&&Rewrite::This) {
        restrictions.push(object_of("user"));
        if random.below(2) == 0 {
            restrictions.push(Restriction {
                type_name: "user".to_owned(),
                form: SubjectForm::Wildcard,
                condition: None,
            });
        }
        for type_name in TYPES {
            for relation in &RELATIONS[..3] {
                if random.below(3) == 0 {
                    restrictions.push(Restriction {
                        type_name: type_name.to_owned(),
                        form: SubjectForm::Userset((*relation).to_owned()),
                        condition: None,
                    });
                }
            }
        }
    }
    Relation {
        rewrite,
        restrictions,
        origin: Origin::default(),
    }
}

fn random_rewrite(random: &mut Random, depth: u32) -> Rewrite {
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0..=2 => Rewrite::This,
        3 => Rewrite::Computed(random.of(&RELATIONS[..3]).to_owned()),
        4 | 5 => Rewrite::TupleToUserset {
            tupleset: "p".to_owned(),
            computed: random.of(&RELATIONS[..3]).to_owned(),
        },
        6 | 7 => Rewrite::Union(vec![
            random_rewrite(random, depth - 1),
            random_rewrite(random, depth - 1),
        ]),
        8 => Rewrite::Intersection(vec![
            random_rewrite(random, depth - 1),
            random_rewrite(random, depth - 1),
        ]),
        _ => Rewrite::Exclusion {
            base: Box::new(random_rewrite(random, depth - 1)),
            subtract: Box::new(random_rewrite(random, depth - 1)),
        },
    }
}

fn random_object(random: &mut Random) -> String {
    format!("{}:{}", random.of(&TYPES), random.below(3))
}

fn random_subject(random: &mut Random) -> Subject {
    let text = match random.below(6) {
        0 => "user:*".to_owned(),
        1..=3 => format!("user:{}", random.below(3)),
        4 => random_object(random),
        _ => format!("{}#{}", random_object(random), random.of(&RELATIONS[..3])),
    };
    Subject::parse(&text).unwrap()
}

/// Tuples, one in eight without regard to what the model admits: those must change nothing.
fn random_tuples(random: &mut Random, model: &Model, count: usize) -> Vec<Tuple> {
    let mut tuples = HashSet::new();
    for _ in 0..count {
        let object = Object::parse(&random_object(random)).unwrap();
        let relation = random.of(&RELATIONS).to_owned();
        let allowed = &model
            .find_relation(object.type_name(), &relation)
            .unwrap()
            .restrictions;
        let subject = if allowed.is_empty() || random.below(8) == 0 {
            random_subject(random)
        } else {
            let restriction = &allowed[random.below(allowed.len())];
            let id = random.below(3);
            let text = match &restriction.form {
                SubjectForm::Object => format!("{}:{id}", restriction.type_name),
                SubjectForm::Wildcard => format!("{}:*", restriction.type_name),
                SubjectForm::Userset(relation) => {
                    format!("{}:{id}#{relation}", restriction.type_name)
                }
            };
            Subject::parse(&text).unwrap()
        };
        // `o#r@o#r` is never written (`NotAdmitted::Implicit`).
        if subject != Subject::Userset(object.clone(), relation.clone()) {
            tuples.insert(Tuple {
                object,
                relation,
                subject,
            });
        }
    }
    let mut tuples: Vec<Tuple> = tuples.into_iter().collect();
    tuples.sort();
    tuples
}

const NOW_MS: i64 = 1_000;

fn at_now(context: &Context) -> Circumstances<'_> {
    Circumstances {
        context,
        now: Timestamp::from_ms(NOW_MS),
    }
}

/// Puts the tuples that are not contextual into the graph, some with an end; those that count, now.
fn store(
    graph: &mut Graph,
    random: &mut Random,
    tuples: Vec<Tuple>,
    contextual: &[Relationship],
) -> Vec<Tuple> {
    let mut counting = Vec::new();
    for tuple in tuples {
        if contextual.iter().any(|one| one.tuple == tuple) {
            counting.push(tuple);
            continue;
        }
        let expires_at = match random.below(6) {
            0 => Some(Timestamp::from_ms(NOW_MS)),
            1 => Some(Timestamp::from_ms(NOW_MS + 1)),
            _ => None,
        };
        let limits = Limits {
            expires_at,
            ..Limits::default()
        };
        if !limits.expired(Timestamp::from_ms(NOW_MS)) {
            counting.push(tuple.clone());
        }
        graph.insert(&Relationship { tuple, limits }).unwrap();
    }
    counting
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
    let tuples = store(&mut graph, &mut random, tuples, &contextual);
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

#[test]
fn the_engine_agrees_with_the_oracle() {
    // SECURITY row 59. `TESSERA_ORACLE_SEEDS` runs more.
    let seeds = std::env::var("TESSERA_ORACLE_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_500);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        compare(seed, &mut tally);
    }
    println!("{tally:?}");
    assert!(tally.compared >= 40_000, "{tally:?}");
    assert!(
        tally.allowed > tally.compared / 20,
        "the cases say something: {tally:?}"
    );
    assert!(tally.cyclic > 100, "cycles are among them: {tally:?}");
    assert!(tally.given_up < tally.compared / 50, "{tally:?}");
}
