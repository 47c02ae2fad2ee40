//! Whether somebody can ever be in each relation, and none is computed from itself.

use std::collections::{HashMap, HashSet};

use super::{ModelError, RelationFault, at};
use crate::policy::engine::model::{Model, Relation, Rewrite, SubjectForm, TypeDefinition};

type Names<'m> = (&'m str, &'m str);

/// Relations that nobody can enter, and relations computed from themselves. Only for models whose names all exist.
pub(super) fn faults(model: &Model) -> Vec<ModelError> {
    let entered = entered(model);
    let mut faults = Vec::new();
    for definition in &model.types {
        let cyclic = computed_from_itself(definition);
        for name in definition.relations.keys() {
            if cyclic.contains(name.as_str()) {
                faults.push(at(definition, name, RelationFault::Cycle));
            } else if !entered.contains(&(definition.name.as_str(), name.as_str())) {
                faults.push(at(definition, name, RelationFault::NoEntrypoint));
            }
        }
    }
    faults
}

/// The relations that somebody can be in: the least fixpoint, in time that grows with the model and no faster.
fn entered(model: &Model) -> HashSet<Names<'_>> {
    let relations = model.types.iter().flat_map(|definition| {
        let names = definition.relations.keys();
        names.map(|name| (definition.name.as_str(), name.as_str()))
    });
    let names: Vec<Names<'_>> = relations.collect();
    let mut doors = Doors {
        relations: names.iter().copied().zip(0..).collect(),
        all: names.iter().map(|_| Door::any()).collect(),
        open: Vec::new(),
    };
    for definition in &model.types {
        for (name, relation) in &definition.relations {
            if let Some(door) = doors.of((&definition.name, name)) {
                doors.lead((definition, relation), &relation.rewrite, door);
            }
        }
    }
    let open = doors.opened();
    let is_open = |(_, is_open): &(Names<'_>, bool)| *is_open;
    names
        .into_iter()
        .zip(open)
        .filter(is_open)
        .map(|(name, _)| name)
        .collect()
}

/// What opens when enough of the doors before it are open.
struct Door {
    /// How many of them are missing.
    missing: usize,
    /// Which doors it is one before.
    leads_to: Vec<usize>,
}

impl Door {
    /// One that any single door opens.
    const fn any() -> Self {
        Self::all_of(1)
    }

    const fn all_of(missing: usize) -> Self {
        Self {
            missing,
            leads_to: Vec::new(),
        }
    }
}

/// One door a relation, and those of the parts that need all of theirs.
struct Doors<'m> {
    relations: HashMap<Names<'m>, usize>,
    all: Vec<Door>,
    /// Doors that objects enter by themselves.
    open: Vec<usize>,
}

impl<'m> Doors<'m> {
    fn of(&self, relation: Names<'m>) -> Option<usize> {
        self.relations.get(&relation).copied()
    }

    /// Lets a relation lead to a door, if it exists.
    fn connect(&mut self, from: Names<'m>, to: usize) {
        let from = self.of(from);
        if let Some(door) = from.and_then(|from| self.all.get_mut(from)) {
            door.leads_to.push(to);
        }
    }

    /// Lets a rewrite of a relation lead to a door.
    fn lead(
        &mut self,
        (definition, relation): (&'m TypeDefinition, &'m Relation),
        rewrite: &'m Rewrite,
        to: usize,
    ) {
        let of = (definition, relation);
        match rewrite {
            Rewrite::This => {
                for restriction in &relation.restrictions {
                    match &restriction.form {
                        SubjectForm::Object | SubjectForm::Wildcard => self.open.push(to),
                        SubjectForm::Userset(name) => {
                            self.connect((&restriction.type_name, name), to);
                        }
                    }
                }
            }
            Rewrite::Computed(name) => self.connect((&definition.name, name), to),
            Rewrite::TupleToUserset { tupleset, computed } => {
                let leading = definition.relations.get(tupleset);
                for restriction in leading.into_iter().flat_map(|one| &one.restrictions) {
                    self.connect((&restriction.type_name, computed), to);
                }
            }
            Rewrite::Union(children) => {
                for child in children {
                    self.lead(of, child, to);
                }
            }
            Rewrite::Intersection(children) => {
                let children: Vec<&Rewrite> = children.iter().collect();
                self.lead_together(of, &children, to);
            }
            Rewrite::Exclusion { base, subtract } => {
                self.lead_together(of, &[base, subtract], to);
            }
        }
    }

    /// Lets rewrites lead to a door only all together.
    fn lead_together(
        &mut self,
        of: (&'m TypeDefinition, &'m Relation),
        parts: &[&'m Rewrite],
        to: usize,
    ) {
        let together = self.add(Door::all_of(parts.len()), to);
        for part in parts {
            let alone = self.add(Door::any(), together);
            self.lead(of, part, alone);
        }
    }

    fn add(&mut self, mut door: Door, to: usize) -> usize {
        door.leads_to.push(to);
        self.all.push(door);
        self.all.len() - 1
    }

    /// Which doors open, in their order. Each is passed once.
    fn opened(mut self) -> Vec<bool> {
        while let Some(open) = self.open.pop() {
            let Some(door) = self.all.get_mut(open).filter(|door| door.missing > 0) else {
                continue;
            };
            door.missing -= 1;
            if door.missing == 0 {
                let next = std::mem::take(&mut door.leads_to);
                self.open.extend(next);
            }
        }
        self.all.iter().map(|door| door.missing == 0).collect()
    }
}

/// The relations of a type that reach themselves by computed relations alone.
fn computed_from_itself(definition: &TypeDefinition) -> HashSet<&str> {
    let computed: HashMap<&str, Vec<&str>> = definition
        .relations
        .iter()
        .map(|(name, relation)| {
            let sources = relation
                .rewrite
                .walk()
                .into_iter()
                .filter_map(|part| match part {
                    Rewrite::Computed(source) => Some(source.as_str()),
                    Rewrite::This
                    | Rewrite::TupleToUserset { .. }
                    | Rewrite::Union(_)
                    | Rewrite::Intersection(_)
                    | Rewrite::Exclusion { .. } => None,
                });
            (name.as_str(), sources.collect())
        })
        .collect();
    let cycles = cycles(&computed);
    computed
        .into_keys()
        .filter(|name| cycles.contains(name))
        .collect()
}

/// The names that reach themselves: those in one strongly connected part with another, or that name themselves. Kosaraju's way, without
/// recursion: a chain may be as long as the model.
fn cycles<'m>(computed: &HashMap<&'m str, Vec<&'m str>>) -> HashSet<&'m str> {
    let mut backwards: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, sources) in computed {
        for source in sources {
            backwards.entry(*source).or_default().push(*name);
        }
    }
    let mut seen = HashSet::new();
    let mut finished = Vec::new();
    for start in computed.keys().copied() {
        walk(start, computed, &mut seen, &mut finished);
    }
    let mut seen = HashSet::new();
    let mut cyclic = HashSet::new();
    for start in finished.into_iter().rev() {
        let mut part = Vec::new();
        walk(start, &backwards, &mut seen, &mut part);
        let names_itself = computed
            .get(start)
            .is_some_and(|sources| sources.contains(&start));
        if part.len() > 1 || names_itself {
            cyclic.extend(part);
        }
    }
    cyclic
}

/// Appends what is reached from `start` and was not seen, each after what is reached from it.
fn walk<'m>(
    start: &'m str,
    edges: &HashMap<&'m str, Vec<&'m str>>,
    seen: &mut HashSet<&'m str>,
    finished: &mut Vec<&'m str>,
) {
    if !seen.insert(start) {
        return;
    }
    let next = |name: &'m str| edges.get(name).map_or([].iter(), |names| names.iter());
    let mut path = vec![(start, next(start))];
    while let Some((name, ahead)) = path.last_mut() {
        if let Some(&found) = ahead.find(|one| seen.insert(**one)) {
            path.push((found, next(found)));
        } else {
            finished.push(*name);
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::{RELATIONS, validate};
    use super::*;
    use crate::policy::engine::dsl;

    /// A type with as many relations as a model may have, where `define` says what stands behind the n-th.
    fn wide(define: impl Fn(usize) -> String) -> Model {
        let lines: Vec<String> = (0..RELATIONS)
            .map(|n| format!("    define r{n:04}: {}\n", define(n)))
            .collect();
        let text = format!(
            "model\n  schema 1.1\ntype user\ntype doc\n  relations\n{}",
            lines.concat()
        );
        dsl::parse(&text).unwrap()
    }

    #[track_caller]
    fn quickly(model: &Model) -> Result<(), Vec<ModelError>> {
        let begun = Instant::now();
        let result = validate(model);
        let took = begun.elapsed();
        println!("{took:?}");
        assert!(took < Duration::from_secs(4), "{took:?}");
        result
    }

    #[test]
    fn long_chains_take_no_longer_than_the_model_is_long() {
        let last = RELATIONS - 1;
        // Each is found out one after another, in the order in which they stand or against it.
        let down = |n: usize| {
            if n == last {
                "[user]".to_owned()
            } else {
                format!("r{:04}", n + 1)
            }
        };
        let up = |n: usize| {
            if n == 0 {
                "[user]".to_owned()
            } else {
                format!("r{:04}", n - 1)
            }
        };
        assert_eq!(quickly(&wide(down)), Ok(()));
        assert_eq!(quickly(&wide(up)), Ok(()));
        let round = |n: usize| format!("r{:04}", (n + 1) % RELATIONS);
        let faults = quickly(&wide(round)).unwrap_err();
        assert_eq!(faults.len(), RELATIONS);
        assert!(
            faults
                .iter()
                .all(|fault| fault.to_string().contains("computed from itself"))
        );
    }

    #[test]
    fn what_hangs_on_a_cycle_is_not_on_it() {
        let text = "model\n  schema 1.1\ntype user\ntype doc\n  relations\n\
            \x20   define into: a\n    define a: b\n    define b: a or out\n    define out: [user]\n    define me: me or out\n";
        let model = dsl::parse(text).unwrap();
        let definition = model.find_type("doc").unwrap();
        let mut cyclic: Vec<&str> = computed_from_itself(definition).into_iter().collect();
        cyclic.sort_unstable();
        assert_eq!(cyclic, ["a", "b", "me"]);
    }

    #[test]
    fn all_parts_of_and_are_needed_and_one_of_or() {
        let text = "model\n  schema 1.1\ntype user\ntype doc\n  relations\n\
            \x20   define yes: [user]\n    define no: [doc#no]\n    define both: yes and no\n    define either: no or yes\n\
            \x20   define less: yes but not no\n    define twice: yes and yes\n    define parent: [doc]\n    define up: yes from parent\n\
            \x20   define none: no from parent\n";
        let model = dsl::parse(text).unwrap();
        let mut names: Vec<&str> = entered(&model).into_iter().map(|(_, name)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["either", "parent", "twice", "up", "yes"]);
    }
}
