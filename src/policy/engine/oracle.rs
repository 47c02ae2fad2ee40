//! The naive evaluator, straight from the definitions, and the random comparison of the engine with it.
//!
//! The oracle knows tuples as a plain set, evaluates along paths without remembering anything, and cuts a path that comes
//! back to itself (unknown). What a condition says is a few lines of Rust ([`meaning`]). Nothing of `program`, `graph`,
//! `check`, `list` or `condition` is in it.

mod case;
mod explain;
mod lists;
mod meaning;
mod random;
mod shrink;

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use super::admit::admit;
use super::model::{
    Model, Origin, Relation, Restriction, Rewrite, Schema, SubjectForm, TypeDefinition,
};
use super::relationship::{Circumstances, Context, Relationship};
use super::tuple::{Object, Subject, Tuple};
use super::validate::validate;
use crate::base::time::Timestamp;

use case::{Answer, Ask, Case, Engine};
use random::*;

/// What is known of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    /// It only leads back to itself.
    Cycle,
    /// It depends on a condition that cannot be evaluated.
    Failed,
}

impl Truth {
    const fn known(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }

    const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            other => other,
        }
    }

    /// One yes is enough; else one failure spoils it; else one cycle.
    fn any(values: &[Self]) -> Self {
        [Self::Yes, Self::Failed, Self::Cycle]
            .into_iter()
            .find(|value| values.contains(value))
            .unwrap_or(Self::No)
    }

    fn all(values: &[Self]) -> Self {
        let negated: Vec<Self> = values.iter().copied().map(Self::not).collect();
        Self::any(&negated).not()
    }
}

struct Oracle<'a> {
    model: &'a Model,
    tuples: &'a [Relationship],
    context: &'a Context,
    subject: &'a Subject,
    work: u32,
}

type Path = Vec<(Object, String)>;

impl Oracle<'_> {
    /// Whether the subject has the relation; `Err` if the oracle gave up.
    fn holds(&mut self, object: &Object, relation: &str, path: &mut Path) -> Result<Truth, ()> {
        self.work += 1;
        if self.work > 20_000 {
            return Err(());
        }
        if *self.subject == Subject::Userset(object.clone(), relation.to_owned()) {
            return Ok(Truth::Yes);
        }
        let Some(definition) = self.model.find_relation(object.type_name(), relation) else {
            return Ok(Truth::No);
        };
        if !self.reachable(object.type_name(), relation, &mut Vec::new()) {
            return Ok(Truth::No);
        }
        let here = (object.clone(), relation.to_owned());
        if path.contains(&here) {
            return Ok(Truth::Cycle);
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
    ) -> Result<Truth, ()> {
        match rewrite {
            Rewrite::This => {
                let mut values = Vec::new();
                for (subject, counts) in self.written(object, relation) {
                    if self.names_asked(&subject) {
                        values.push(counts);
                    }
                    if let (Subject::Userset(object, relation), Truth::Yes) = (&subject, counts) {
                        values.push(self.holds(object, relation, path)?);
                    } else if matches!(subject, Subject::Userset(..)) {
                        // Whether a tuple counts is asked before what it leads to.
                        values.push(counts);
                    }
                }
                Ok(Truth::any(&values))
            }
            Rewrite::Computed(other) => self.holds(object, other, path),
            Rewrite::TupleToUserset { tupleset, computed } => {
                let mut values = Vec::new();
                for (subject, counts) in self.written(object, tupleset) {
                    let Subject::Object(parent) = subject else {
                        continue;
                    };
                    let has_it = self.model.find_relation(parent.type_name(), computed);
                    match counts {
                        _ if has_it.is_none() => {}
                        Truth::Yes => values.push(self.holds(&parent, computed, path)?),
                        other => values.push(other),
                    }
                }
                Ok(Truth::any(&values))
            }
            Rewrite::Union(parts) => Ok(Truth::any(&self.each(parts, object, relation, path)?)),
            Rewrite::Intersection(parts) => {
                Ok(Truth::all(&self.each(parts, object, relation, path)?))
            }
            Rewrite::Exclusion { base, subtract } => {
                let base = self.rewrite(base, object, relation, path)?;
                let subtract = self.rewrite(subtract, object, relation, path)?;
                Ok(Truth::all(&[base, subtract.not()]))
            }
        }
    }

    fn each(
        &mut self,
        parts: &[Rewrite],
        object: &Object,
        relation: &str,
        path: &mut Path,
    ) -> Result<Vec<Truth>, ()> {
        parts
            .iter()
            .map(|part| self.rewrite(part, object, relation, path))
            .collect()
    }

    /// Whether a tuple with this subject names the one asked about, or its wildcard.
    fn names_asked(&self, subject: &Subject) -> bool {
        match (subject, self.subject) {
            (Subject::Wildcard(type_name), Subject::Object(asked)) => {
                asked.type_name() == type_name
            }
            _ => subject == self.subject,
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

    /// The subjects written on a relation, and whether each of these tuples counts.
    fn written(&self, object: &Object, relation: &str) -> Vec<(Subject, Truth)> {
        self.tuples
            .iter()
            .filter(|one| one.tuple.object == *object && one.tuple.relation == relation)
            .map(|one| (one.tuple.subject.clone(), self.counts(one)))
            .collect()
    }

    fn counts(&self, relationship: &Relationship) -> Truth {
        if relationship.limits.expired(Timestamp::from_ms(NOW_MS))
            || admit(self.model, relationship).is_err()
        {
            return Truth::No;
        }
        match &relationship.limits.condition {
            Some(named) => meaning::of(&named.name, &named.context, self.context),
            None => Truth::Yes,
        }
    }
}

#[derive(Default, Debug)]
struct Tally {
    compared: u32,
    allowed: u32,
    cyclic: u32,
    failed: u32,
    given_up: u32,
}

fn compare(seed: u64, tally: &mut Tally) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let Some(mut case) = random_case(&mut random, 36) else {
        return;
    };
    let engine = Engine::with_history(&case, &mut random);
    for _ in 0..20 {
        case.ask = Ask::Check {
            object: Object::parse(&random_object(&mut random)).unwrap(),
            relation: random.of(&RELATIONS).to_owned(),
            subject: random_subject(&mut random),
        };
        let Ok(expected) = case.truth() else {
            tally.given_up += 1;
            continue;
        };
        let found = engine.answer(&case);
        tally.compared += 1;
        tally.allowed += u32::from(expected == Truth::Yes);
        tally.cyclic += u32::from(expected == Truth::Cycle);
        tally.failed += u32::from(expected == Truth::Failed);
        if found != Answer::of(expected) {
            shrink::report(&case, &Engine::answer_fresh, seed);
        }
        if expected != Truth::Failed {
            explain::compare(&engine, &case, expected == Truth::Yes);
        }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.compared += other.compared;
        self.allowed += other.allowed;
        self.cyclic += other.cyclic;
        self.failed += other.failed;
        self.given_up += other.given_up;
    }
}

/// Spreads the seeds over the machine's cores; what each core found.
fn on_all_cores<T: Default + Send>(seeds: u64, compare: impl Fn(u64, &mut T) + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = |core: usize| {
            let mut found = T::default();
            for seed in (0..seeds).skip(core).step_by(cores) {
                compare(seed, &mut found);
            }
            found
        };
        let threads: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || work(core)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let found = thread.join();
                found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
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
    let mut tally = Tally::default();
    for found in on_all_cores(seeds(5_000), compare) {
        tally.add(&found);
    }
    println!("{tally:?}");
    assert!(tally.compared >= 90_000, "{tally:?}");
    assert!(
        tally.allowed > tally.compared / 20,
        "the cases say something: {tally:?}"
    );
    assert!(tally.cyclic > 100, "cycles are among them: {tally:?}");
    assert!(
        tally.failed > tally.compared / 100,
        "conditions that cannot be evaluated are among them: {tally:?}"
    );
    assert!(tally.given_up < tally.compared / 50, "{tally:?}");
}
