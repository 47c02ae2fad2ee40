//! What is left of a case in which the engine and the oracle differ when all that does not matter is taken away.

use super::*;

/// Ends the test with the smallest case found, as a store test to be kept.
pub(super) fn report(case: &Case, engine: &dyn Fn(&Case) -> Answer, seed: u64) -> ! {
    assert!(
        differs(case, engine),
        "seed {seed}: the engine is wrong only after what came and went before: {case:?}"
    );
    let small = shrink(case.clone(), engine);
    panic!(
        "seed {seed}: the engine says {:?}, the oracle {:?}; the case, to be kept in tests/policies:\n{}",
        engine(&small),
        small.expected(),
        small.yaml(&format!("random case {seed}"))
    );
}

/// Whether the engine answers something else than the oracle.
pub(super) fn differs(case: &Case, engine: &dyn Fn(&Case) -> Answer) -> bool {
    case.makes_sense()
        && case
            .expected()
            .is_ok_and(|expected| expected != engine(case))
}

/// Takes something away as long as the difference stays.
pub(super) fn shrink(mut case: Case, engine: &dyn Fn(&Case) -> Answer) -> Case {
    let steps: [fn(&Case) -> Vec<Case>; 8] = [
        without_tuples,
        without_limits,
        without_context,
        without_types,
        without_relations,
        with_plainer_rewrites,
        without_restrictions,
        without_conditions,
    ];
    loop {
        let smaller = steps
            .iter()
            .flat_map(|step| step(&case))
            .find(|smaller| differs(smaller, engine));
        match smaller {
            Some(smaller) => case = smaller,
            None => return case,
        }
    }
}

/// The case after each of these changes that applies.
fn variants<T>(
    case: &Case,
    changes: impl IntoIterator<Item = T>,
    apply: impl Fn(&mut Case, T),
) -> Vec<Case> {
    changes
        .into_iter()
        .map(|change| {
            let mut case = case.clone();
            apply(&mut case, change);
            case
        })
        .collect()
}

/// Half of the tuples, a quarter, and so on to each single one; then contextual tuples that could as well be stored.
fn without_tuples(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for is_contextual in [false, true] {
        let of = |case: &Case| {
            if is_contextual {
                case.contextual.len()
            } else {
                case.stored.len()
            }
        };
        let mut size = of(case).div_ceil(2);
        while size > 0 {
            let starts = (0..of(case)).step_by(size);
            cases.extend(variants(case, starts, |case, start| {
                let end = (start + size).min(of(case));
                if is_contextual {
                    case.contextual.drain(start..end);
                } else {
                    case.stored.drain(start..end);
                }
            }));
            size /= 2;
        }
    }
    cases.extend(variants(case, 0..case.contextual.len(), |case, at| {
        let relationship = case.contextual.remove(at);
        case.stored.retain(|one| one.tuple != relationship.tuple);
        case.stored.push(relationship);
    }));
    cases
}

fn without_limits(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for at in 0..case.stored.len() + case.contextual.len() {
        let limits = one_of(&mut case.clone(), at).limits.clone();
        if limits.expires_at.is_some() {
            cases.extend(variants(case, [at], |case, at| {
                one_of(case, at).limits.expires_at = None;
            }));
        }
        let Some(condition) = limits.condition else {
            continue;
        };
        cases.extend(variants(case, [at], |case, at| {
            one_of(case, at).limits.condition = None;
        }));
        cases.extend(variants(case, condition.context.keys(), |case, key| {
            let condition = one_of(case, at).limits.condition.as_mut();
            condition.unwrap().context.remove(key);
        }));
    }
    cases
}

/// A tuple by its number: the stored ones come first.
fn one_of(case: &mut Case, at: usize) -> &mut Relationship {
    let stored = case.stored.len();
    if at < stored {
        &mut case.stored[at]
    } else {
        &mut case.contextual[at - stored]
    }
}

fn without_context(case: &Case) -> Vec<Case> {
    variants(case, case.context.keys(), |case, key| {
        case.context.remove(key);
    })
}

/// A type with all that names it.
fn without_types(case: &Case) -> Vec<Case> {
    variants(case, 0..case.model.types.len(), |case, at| {
        let name = case.model.types.remove(at).name;
        for relation in relations(&mut case.model) {
            relation.restrictions.retain(|one| one.type_name != name);
        }
        retain(case, |tuple| {
            tuple.object.type_name() != name && tuple.subject.type_name() != name
        });
    })
}

/// A relation with the restrictions and the tuples that name it.
fn without_relations(case: &Case) -> Vec<Case> {
    variants(case, places(case), |case, (at, name)| {
        let definition = &mut case.model.types[at];
        let type_name = definition.name.clone();
        definition.relations.remove(&name);
        for relation in relations(&mut case.model) {
            relation.restrictions.retain(|one| {
                one.type_name != type_name || one.form != SubjectForm::Userset(name.clone())
            });
        }
        retain(case, |tuple| {
            let is_of_it = tuple.object.type_name() == type_name && tuple.relation == name;
            let names_it = matches!(&tuple.subject, Subject::Userset(object, relation) if object.type_name() == type_name && *relation == name);
            !is_of_it && !names_it
        });
    })
}

fn with_plainer_rewrites(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, name) in places(case) {
        let rewrite = &case.model.types[at].relations[&name].rewrite;
        // The text form has one `[..]` in a relation.
        let most = written_parts(rewrite).max(1);
        let mut plainer = plainer(rewrite);
        plainer.retain(|plainer| written_parts(plainer) <= most);
        cases.extend(variants(case, plainer, |case, rewrite| {
            let relation = case.model.types[at].relations.get_mut(&name).unwrap();
            if !rewrite.walk().contains(&&Rewrite::This) {
                relation.restrictions.clear();
            } else if relation.restrictions.is_empty() {
                relation.restrictions.push(object_of("user"));
            }
            relation.rewrite = rewrite;
        }));
    }
    cases
}

/// An operand instead of its operator, or the tuples themselves instead of another relation, anywhere in a rewrite.
fn plainer(rewrite: &Rewrite) -> Vec<Rewrite> {
    let within = |parts: &[Rewrite], build: &dyn Fn(Vec<Rewrite>) -> Rewrite| {
        let mut all = parts.to_vec();
        for (at, part) in parts.iter().enumerate() {
            for plainer in plainer(part) {
                let mut parts = parts.to_vec();
                parts[at] = plainer;
                all.push(build(parts));
            }
        }
        all
    };
    match rewrite {
        Rewrite::This => Vec::new(),
        Rewrite::Computed(_) | Rewrite::TupleToUserset { .. } => vec![Rewrite::This],
        Rewrite::Union(parts) => within(parts, &Rewrite::Union),
        Rewrite::Intersection(parts) => within(parts, &Rewrite::Intersection),
        Rewrite::Exclusion { base, subtract } => {
            let sides = [(**base).clone(), (**subtract).clone()];
            within(&sides, &|sides| {
                let [base, subtract] = <[Rewrite; 2]>::try_from(sides).unwrap();
                Rewrite::Exclusion {
                    base: Box::new(base),
                    subtract: Box::new(subtract),
                }
            })
        }
    }
}

/// Fewer restrictions, and some without their condition.
fn without_restrictions(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, name) in places(case) {
        let restrictions = &case.model.types[at].relations[&name].restrictions;
        for (which, restriction) in restrictions.iter().enumerate() {
            let plain = restriction.condition.is_some().then(|| Restriction {
                condition: None,
                ..restriction.clone()
            });
            let mut instead = vec![None];
            if let Some(plain) = plain.filter(|plain| !restrictions.contains(plain)) {
                instead.push(Some(plain));
            }
            cases.extend(variants(case, instead, |case, instead| {
                let relation = case.model.types[at].relations.get_mut(&name).unwrap();
                relation.restrictions.splice(which..=which, instead);
            }));
        }
    }
    cases
}

fn without_conditions(case: &Case) -> Vec<Case> {
    variants(case, case.model.conditions.keys(), |case, name| {
        case.model.conditions.remove(name);
    })
}

fn relations(model: &mut Model) -> impl Iterator<Item = &mut Relation> {
    model
        .types
        .iter_mut()
        .flat_map(|definition| definition.relations.values_mut())
}

/// Every relation: the number of its type, and its name.
fn places(case: &Case) -> Vec<(usize, String)> {
    let types = case.model.types.iter().enumerate();
    types
        .flat_map(|(at, definition)| {
            let names = definition.relations.keys();
            names.map(move |name| (at, name.clone()))
        })
        .collect()
}

fn retain(case: &mut Case, keep: impl Fn(&Tuple) -> bool) {
    case.stored.retain(|one| keep(&one.tuple));
    case.contextual.retain(|one| keep(&one.tuple));
}

#[cfg(test)]
mod tests;
