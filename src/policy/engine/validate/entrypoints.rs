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

/// The relations that somebody can be in: the least fixpoint.
fn entered(model: &Model) -> HashSet<Names<'_>> {
    let mut entered: HashSet<Names<'_>> = HashSet::new();
    loop {
        let before = entered.len();
        for definition in &model.types {
            for (name, relation) in &definition.relations {
                let enters = Enters {
                    model,
                    definition,
                    relation,
                    entered: &entered,
                };
                if enters.rewrite(&relation.rewrite) {
                    entered.insert((&definition.name, name));
                }
            }
        }
        if entered.len() == before {
            return entered;
        }
    }
}

struct Enters<'a> {
    model: &'a Model,
    definition: &'a TypeDefinition,
    relation: &'a Relation,
    entered: &'a HashSet<Names<'a>>,
}

impl Enters<'_> {
    fn rewrite(&self, rewrite: &Rewrite) -> bool {
        match rewrite {
            Rewrite::This => {
                self.relation
                    .restrictions
                    .iter()
                    .any(|restriction| match &restriction.form {
                        SubjectForm::Object | SubjectForm::Wildcard => true,
                        SubjectForm::Userset(name) => self
                            .entered
                            .contains(&(restriction.type_name.as_str(), name.as_str())),
                    })
            }
            Rewrite::Computed(name) => self
                .entered
                .contains(&(self.definition.name.as_str(), name.as_str())),
            Rewrite::TupleToUserset { tupleset, computed } => self
                .model
                .find_relation(&self.definition.name, tupleset)
                .is_some_and(|leading| {
                    leading.restrictions.iter().any(|restriction| {
                        self.entered
                            .contains(&(restriction.type_name.as_str(), computed.as_str()))
                    })
                }),
            Rewrite::Union(children) => children.iter().any(|child| self.rewrite(child)),
            Rewrite::Intersection(children) => children.iter().all(|child| self.rewrite(child)),
            Rewrite::Exclusion { base, subtract } => self.rewrite(base) && self.rewrite(subtract),
        }
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
    let reaches_itself = |start: &&str| {
        let mut open = vec![*start];
        let mut seen = HashSet::new();
        while let Some(name) = open.pop() {
            for source in computed.get(name).into_iter().flatten() {
                if source == start {
                    return true;
                }
                if seen.insert(*source) {
                    open.push(source);
                }
            }
        }
        false
    };
    computed.keys().copied().filter(reaches_itself).collect()
}
