//! Whether a model makes sense: as strict as OpenFGA's type system.
//!
//! Names that exist, direct relations with types, relations behind `from` that lead to objects, no relation that nobody can
//! ever enter, no relation that is computed from itself, and limits.

mod conditions;
mod entrypoints;

use std::collections::HashSet;

pub use conditions::{CONDITIONS, DefinitionFault, EXPRESSION_BYTES, PARAMETERS};

use super::condition::INLINE;
use super::model::{Model, Relation, Rewrite, SubjectForm, TypeDefinition};
use super::tuple::{is_relation, is_type};

/// Most types in a model.
pub const TYPES: usize = 100;
/// Most levels of `and`, `or`, `but not` in one relation.
pub const REWRITE_LEVELS: usize = 36;
/// Most operators and operands in one relation.
pub const REWRITE_PARTS: usize = 1_000;
/// Most relations in a model.
pub const RELATIONS: usize = 5_000;

/// A fault in a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No types. The JSON form refuses this while it parses.
    #[error("the model has no types; define at least one, such as `type user`")]
    NoTypes,
    /// A limit is exceeded.
    #[error("the model has {found} {what}; at most {limit} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A name has characters that would make tuples ambiguous, or is reserved.
    #[error(
        "invalid name `{0}`: use letters, digits, `_`, `-`, not `self` or `this`, and no `:`, `#`, `@` or white space"
    )]
    Name(String),
    /// Two types have one name.
    #[error("type '{0}' is defined twice; keep one")]
    DuplicateType(String),
    /// A fault in one condition.
    #[error("the definition of condition '{condition}' is invalid: {fault}")]
    Condition {
        /// The condition.
        condition: String,
        /// What is wrong with it.
        fault: DefinitionFault,
    },
    /// A fault in one relation.
    #[error(
        "the definition of relation '{relation}' in object type '{type_name}' is invalid: {fault}"
    )]
    Relation {
        /// The type.
        type_name: String,
        /// The relation.
        relation: String,
        /// What is wrong with it.
        fault: RelationFault,
    },
}

/// A fault in one relation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationFault {
    /// A restriction names a type that the model lacks.
    #[error("type '{0}' is not defined; define it or leave it out of the list")]
    UndefinedType(String),
    /// A name that no relation has.
    #[error("relation '{type_name}#{relation}' is not defined; define it or correct the name")]
    UndefinedRelation {
        /// The type.
        type_name: String,
        /// The relation it lacks.
        relation: String,
    },
    /// A restriction names a condition that the model lacks.
    #[error("condition '{0}' is not defined; define it or leave `with` out")]
    UndefinedCondition(String),
    /// `[]`
    #[error("a directly assignable relation needs at least one type, such as `[user]`")]
    NoTypes,
    /// Types on a relation that has no `[..]`.
    #[error("it has types but is not directly assignable; leave the types out or add `this`")]
    NotAssignable,
    /// The same restriction twice.
    #[error("`{0}` is listed twice; keep one")]
    DuplicateRestriction(String),
    /// `from` needs a relation with a list of objects only.
    #[error(
        "`from {0}` needs `{0}` to be a direct relation to objects, such as `define {0}: [folder]`"
    )]
    Tupleset(String),
    /// No type behind the `from` has the relation.
    #[error(
        "no type that '{tupleset}' leads to has a relation '{computed}'; define it on one of them"
    )]
    NowhereComputed {
        /// The relation that leads away.
        tupleset: String,
        /// The relation asked there.
        computed: String,
    },
    /// `and` or `or` of fewer than two.
    #[error("`and` and `or` need at least two parts")]
    TooFewParts,
    /// Nesting.
    #[error(
        "it has more than {REWRITE_LEVELS} levels or {REWRITE_PARTS} parts; give parts a relation of their own"
    )]
    TooComplex,
    /// Nobody can ever be in it.
    #[error("no entrypoints: nobody can ever be in it; let some part lead to a direct relation")]
    NoEntrypoint,
    /// It is computed from itself on the same object.
    #[error("it is computed from itself; break the cycle")]
    Cycle,
}

/// Checks a model. All faults, in the order of the text.
pub fn validate(model: &Model) -> Result<(), Vec<ModelError>> {
    let relations = model
        .types
        .iter()
        .map(|definition| definition.relations.len())
        .sum();
    for (what, found, limit) in [
        ("types", model.types.len(), TYPES),
        ("relations", relations, RELATIONS),
        ("conditions", model.conditions.len(), CONDITIONS),
    ] {
        if found > limit {
            return Err(vec![ModelError::TooMany { what, found, limit }]);
        }
    }
    if model.types.is_empty() {
        return Err(vec![ModelError::NoTypes]);
    }
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for definition in &model.types {
        if !is_type(&definition.name) || is_reserved(&definition.name) {
            faults.push(ModelError::Name(definition.name.clone()));
        }
        if !seen.insert(&definition.name) {
            faults.push(ModelError::DuplicateType(definition.name.clone()));
        }
        for (name, relation) in &definition.relations {
            if !is_relation(name) || is_reserved(name) {
                faults.push(ModelError::Name(name.clone()));
            }
            faults.extend(
                relation_faults(model, definition, relation)
                    .into_iter()
                    .map(|fault| at(definition, name, fault)),
            );
        }
    }
    faults.extend(conditions::faults(model));
    if faults.is_empty() {
        faults = entrypoints::faults(model);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn at(definition: &TypeDefinition, relation: &str, fault: RelationFault) -> ModelError {
    ModelError::Relation {
        type_name: definition.name.clone(),
        relation: relation.to_owned(),
        fault,
    }
}

fn is_reserved(name: &str) -> bool {
    matches!(name, "self" | "this")
}

fn relation_faults(
    model: &Model,
    definition: &TypeDefinition,
    relation: &Relation,
) -> Vec<RelationFault> {
    let parts = relation.rewrite.walk();
    if relation.rewrite.depth() > REWRITE_LEVELS || parts.len() > REWRITE_PARTS {
        return vec![RelationFault::TooComplex];
    }
    let mut faults = restriction_faults(model, relation, parts.contains(&&Rewrite::This));
    for part in parts {
        match part {
            Rewrite::This | Rewrite::Exclusion { .. } => {}
            Rewrite::Computed(name) => {
                if !definition.relations.contains_key(name) {
                    faults.push(undefined(definition, name));
                }
            }
            Rewrite::TupleToUserset { tupleset, computed } => {
                faults.extend(tupleset_fault(model, definition, tupleset, computed));
            }
            Rewrite::Union(children) | Rewrite::Intersection(children) => {
                if children.len() < 2 {
                    faults.push(RelationFault::TooFewParts);
                }
            }
        }
    }
    faults
}

fn undefined(definition: &TypeDefinition, relation: &str) -> RelationFault {
    RelationFault::UndefinedRelation {
        type_name: definition.name.clone(),
        relation: relation.to_owned(),
    }
}

fn restriction_faults(model: &Model, relation: &Relation, assignable: bool) -> Vec<RelationFault> {
    let mut faults = Vec::new();
    match (assignable, relation.restrictions.is_empty()) {
        (true, true) => faults.push(RelationFault::NoTypes),
        (false, false) => faults.push(RelationFault::NotAssignable),
        (true, false) | (false, true) => {}
    }
    let mut seen = HashSet::new();
    for restriction in &relation.restrictions {
        if !seen.insert(restriction.to_string()) {
            faults.push(RelationFault::DuplicateRestriction(restriction.to_string()));
        }
        if let Some(name) = &restriction.condition
            && name != INLINE
            && !model.conditions.contains_key(name)
        {
            faults.push(RelationFault::UndefinedCondition(name.clone()));
        }
        match (model.find_type(&restriction.type_name), &restriction.form) {
            (None, _) => faults.push(RelationFault::UndefinedType(restriction.type_name.clone())),
            (Some(subject), SubjectForm::Userset(name))
                if !subject.relations.contains_key(name) =>
            {
                faults.push(undefined(subject, name));
            }
            (Some(_), SubjectForm::Object | SubjectForm::Wildcard | SubjectForm::Userset(_)) => {}
        }
    }
    faults
}

fn tupleset_fault(
    model: &Model,
    definition: &TypeDefinition,
    tupleset: &str,
    computed: &str,
) -> Option<RelationFault> {
    let Some(leading) = definition.relations.get(tupleset) else {
        return Some(undefined(definition, tupleset));
    };
    let leads_to_objects = leading.rewrite == Rewrite::This
        && leading
            .restrictions
            .iter()
            .all(|restriction| restriction.form == SubjectForm::Object);
    if !leads_to_objects {
        return Some(RelationFault::Tupleset(tupleset.to_owned()));
    }
    let somewhere = leading.restrictions.iter().any(|restriction| {
        model
            .find_relation(&restriction.type_name, computed)
            .is_some()
    });
    (!somewhere).then(|| RelationFault::NowhereComputed {
        tupleset: tupleset.to_owned(),
        computed: computed.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::dsl;
    use super::*;

    fn faults(body: &str) -> Vec<String> {
        let model = dsl::parse(&format!("model\n  schema 1.1\ntype user\n{body}")).unwrap();
        validate(&model)
            .err()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[track_caller]
    fn refuses(body: &str, message: &str) {
        let faults = faults(body);
        assert!(
            faults.iter().any(|fault| fault.contains(message)),
            "{faults:?}"
        );
    }

    #[track_caller]
    fn accepts(body: &str) {
        assert_eq!(faults(body), Vec::<String>::new());
    }

    #[test]
    fn a_model_needs_a_type() {
        let model = dsl::parse("model\n  schema 1.1\n").unwrap();
        assert_eq!(validate(&model), Err(vec![ModelError::NoTypes]));
    }

    const DOC: &str = "type doc\n  relations\n";

    #[test]
    fn names_must_exist_and_be_plain() {
        refuses(
            &format!("{DOC}    define a: [person]"),
            "type 'person' is not defined",
        );
        refuses(
            &format!("{DOC}    define a: [doc#b]"),
            "relation 'doc#b' is not defined",
        );
        refuses(
            &format!("{DOC}    define a: b"),
            "relation 'doc#b' is not defined",
        );
        refuses(
            &format!("{DOC}    define a: [user] or b from c"),
            "relation 'doc#c' is not defined",
        );
        refuses(
            &format!("{DOC}    define self: [user]"),
            "invalid name `self`",
        );
        refuses("type this", "invalid name `this`");
        refuses("type user", "defined twice");
        refuses(
            &format!("{DOC}    define a: [user, user]"),
            "`user` is listed twice",
        );
        accepts(&format!(
            "{DOC}    define a: [user, user with c]\ncondition c(x: int) {{ x > 1 }}"
        ));
        refuses(
            &format!("{DOC}    define a: [user with c]"),
            "condition 'c' is not defined",
        );
    }

    #[test]
    fn tuplesets_lead_to_objects_directly() {
        let with = |parent: &str| {
            format!("{DOC}    define parent: {parent}\n    define a: [user] or a from parent")
        };
        accepts(&with("[doc]"));
        refuses(&with("[doc#a]"), "`from parent` needs");
        refuses(&with("[doc:*]"), "`from parent` needs");
        refuses(&with("[doc] or a"), "`from parent` needs");
        refuses(
            &with("[user]"),
            "no type that 'parent' leads to has a relation 'a'",
        );
    }

    #[test]
    fn somebody_must_be_able_to_enter() {
        refuses(&format!("{DOC}    define a: [doc#a]"), "no entrypoints");
        refuses(
            &format!("{DOC}    define p: [doc]\n    define a: a from p"),
            "no entrypoints",
        );
        refuses(
            &format!("{DOC}    define a: [user]\n    define b: a and [doc#b]"),
            "no entrypoints",
        );
        refuses(
            &format!("{DOC}    define a: [user]\n    define b: a but not c\n    define c: [doc#c]"),
            "no entrypoints",
        );
        accepts(&format!("{DOC}    define a: [user, doc#a]"));
        accepts(&format!(
            "{DOC}    define p: [doc]\n    define a: [user] or a from p"
        ));
    }

    #[test]
    fn nothing_is_computed_from_itself() {
        refuses(&format!("{DOC}    define a: a"), "computed from itself");
        refuses(
            &format!("{DOC}    define a: [user] or b\n    define b: [user] or a"),
            "computed from itself",
        );
        accepts(&format!(
            "{DOC}    define a: [user, doc#b]\n    define b: [user, doc#a]"
        ));
    }

    #[test]
    fn limits_hold() {
        let many: Vec<String> = (0..=TYPES)
            .map(|n| {
                format!(
                    "type t{n}
"
                )
            })
            .collect();
        let many = many.concat();
        refuses(&many, "at most 100 are allowed");
        let mut rewrite = Rewrite::This;
        for _ in 0..=REWRITE_LEVELS {
            rewrite = Rewrite::Union(vec![rewrite, Rewrite::This]);
        }
        let mut model =
            dsl::parse("model\n  schema 1.1\ntype user\ntype a\n  relations\n    define r: [user]")
                .unwrap();
        model.types[1].relations.get_mut("r").unwrap().rewrite = rewrite;
        assert!(matches!(
            validate(&model).unwrap_err().as_slice(),
            [ModelError::Relation {
                fault: RelationFault::TooComplex,
                ..
            }]
        ));
        model.types[1].relations.get_mut("r").unwrap().rewrite =
            Rewrite::Union(vec![Rewrite::This]);
        assert!(
            validate(&model).unwrap_err()[0]
                .to_string()
                .contains("at least two parts")
        );
    }
}
