//! A relation of an object as a tree, one level deep: what OpenFGA's `expand` shows.
//!
//! Leaves are the subjects written on the relation, another relation of the same object, or what a `from` leads to; the
//! usersets in them are not followed. Tuples that the model does not admit (any more) are left out.

use super::check::{CheckError, STEPS, named};
use super::graph::{Graph, NodeId, SubjectId, Subjects};
use super::model::{Relation, Restriction, Rewrite, SubjectForm};
use super::program::Program;
use super::tuple::Object;
use crate::base::time::Timestamp;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// `object#relation`
    pub name: String,
    /// What is there.
    pub value: Branch,
}

/// What a node of the tree holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Subjects written on the relation, sorted.
    Users(Vec<String>),
    /// Another relation of the object.
    Computed(String),
    /// A relation of the objects that a relation leads to.
    TupleToUserset {
        /// The relation that leads to them.
        tupleset: String,
        /// The relations of theirs, sorted.
        computed: Vec<String>,
    },
    /// Any of these.
    Union(Vec<Expanded>),
    /// All of these.
    Intersection(Vec<Expanded>),
    /// The first without the second.
    Difference(Box<(Expanded, Expanded)>),
}

/// Expands a relation of an object over the tuples of a graph.
pub fn expand(
    program: &Program,
    graph: &Graph,
    (object, relation): (&Object, &str),
    now: Timestamp,
) -> Result<Expanded, CheckError> {
    let (type_symbol, _) = named(program, object.type_name(), relation)?;
    let view = View {
        program,
        graph,
        object,
        relation,
        node: graph.find(type_symbol, object.id()),
        now,
    };
    match program.model().find_relation(object.type_name(), relation) {
        Some(definition) => view.node(&definition.rewrite),
        None => Err(unknown(object, relation)),
    }
}

fn unknown(object: &Object, relation: &str) -> CheckError {
    CheckError::UnknownRelation {
        type_name: object.type_name().to_owned(),
        relation: relation.to_owned(),
    }
}

struct View<'a> {
    program: &'a Program,
    graph: &'a Graph,
    object: &'a Object,
    relation: &'a str,
    /// The object's number, if some tuple names it.
    node: Option<NodeId>,
    now: Timestamp,
}

impl View<'_> {
    fn node(&self, rewrite: &Rewrite) -> Result<Expanded, CheckError> {
        let all = |children: &[Rewrite]| {
            children
                .iter()
                .map(|child| self.node(child))
                .collect::<Result<Vec<_>, _>>()
        };
        let value = match rewrite {
            Rewrite::This => Branch::Users(self.written(self.relation)?),
            Rewrite::Computed(relation) => Branch::Computed(format!("{}#{relation}", self.object)),
            Rewrite::TupleToUserset { tupleset, computed } => Branch::TupleToUserset {
                tupleset: format!("{}#{tupleset}", self.object),
                computed: self
                    .written(tupleset)?
                    .into_iter()
                    .map(|parent| format!("{parent}#{computed}"))
                    .collect(),
            },
            Rewrite::Union(children) => Branch::Union(all(children)?),
            Rewrite::Intersection(children) => Branch::Intersection(all(children)?),
            Rewrite::Exclusion { base, subtract } => {
                Branch::Difference(Box::new((self.node(base)?, self.node(subtract)?)))
            }
        };
        Ok(Expanded {
            name: format!("{}#{}", self.object, self.relation),
            value,
        })
    }

    /// The subjects written on a relation of the object, as texts.
    fn written(&self, relation: &str) -> Result<Vec<String>, CheckError> {
        let type_name = self.object.type_name();
        let (_, index) = named(self.program, type_name, relation)?;
        let definition: &Relation = self
            .program
            .model()
            .find_relation(type_name, relation)
            .ok_or_else(|| unknown(self.object, relation))?;
        let subjects = self
            .node
            .zip(self.program.relation(index))
            .and_then(|(node, relation)| self.graph.subjects(node, relation.symbol));
        let Some(subjects) = subjects else {
            return Ok(Vec::new());
        };
        let size = subjects.direct.len() + subjects.usersets.len();
        if u32::try_from(size).unwrap_or(u32::MAX) > STEPS {
            return Err(CheckError::Exhausted);
        }
        let mut texts = Vec::new();
        for restriction in &definition.restrictions {
            self.admitted(subjects, restriction, &mut texts);
        }
        texts.sort();
        texts.dedup();
        Ok(texts)
    }

    fn admitted(&self, subjects: &Subjects, restriction: &Restriction, into: &mut Vec<String>) {
        let (program, type_name) = (self.program, restriction.type_name.as_str());
        let Some(type_symbol) = program.type_symbol(type_name) else {
            return;
        };
        let wanted = match &restriction.form {
            SubjectForm::Object | SubjectForm::Wildcard => None,
            SubjectForm::Userset(relation) => {
                let found = program
                    .relation_index(type_name, relation)
                    .and_then(|index| program.relation(index));
                let Some(found) = found else { return };
                Some((found.symbol, relation))
            }
        };
        let side = match wanted {
            Some(_) => &subjects.usersets,
            None => &subjects.direct,
        };
        // Of a restriction are the tuples with its condition, or without one if it has none.
        let counts = |subject: &SubjectId| {
            let limits = subjects.limits(*subject);
            let condition = limits.and_then(|limits| limits.condition.as_ref());
            limits.is_none_or(|limits| !limits.expired(self.now))
                && condition.map(|named| &named.name) == restriction.condition.as_ref()
        };
        for subject in side.iter().map(SubjectId::from_set).filter(counts) {
            let Some(id) = self
                .graph
                .id_of(subject.node())
                .filter(|_| subject.type_symbol() == type_symbol)
            else {
                continue;
            };
            match (&restriction.form, wanted) {
                (SubjectForm::Object, _) if id == "*" => {}
                (SubjectForm::Wildcard, _) if id != "*" => {}
                (_, Some((symbol, _))) if subject.relation() != Some(symbol) => {}
                (_, Some((_, relation))) => into.push(format!("{type_name}:{id}#{relation}")),
                (_, None) => into.push(format!("{type_name}:{id}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::policy::engine::dsl;
    use crate::policy::engine::relationship::{Context, Relationship, TupleCondition};
    use crate::policy::engine::tuple::Tuple;

    const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
define member: [user]
type folder
  relations
define viewer: [user]
type doc
  relations
define parent: [folder]
define owner: [user]
define viewer: ([user, user:*, group#member] or owner or viewer from parent) but not banned
define banned: [user] and owner
";

    fn shown(tuples: &[(&str, &str, &str)], object: &str, relation: &str) -> Expanded {
        let mut graph = Graph::default();
        let model = Arc::new(dsl::parse(MODEL).unwrap());
        let program = Program::compile(&model, graph.symbols()).unwrap();
        for (user, relation, object) in tuples {
            graph
                .insert(&Tuple::parse(object, relation, user).unwrap().into())
                .unwrap();
        }
        expand(
            &program,
            &graph,
            (&Object::parse(object).unwrap(), relation),
            Timestamp::from_ms(0),
        )
        .unwrap()
    }

    fn node(value: Branch, relation: &str) -> Expanded {
        Expanded {
            name: format!("doc:1#{relation}"),
            value,
        }
    }

    #[test]
    fn every_operator_has_its_branch() {
        let tuples = [
            ("user:b", "viewer", "doc:1"),
            ("user:a", "viewer", "doc:1"),
            ("user:*", "viewer", "doc:1"),
            ("group:1#member", "viewer", "doc:1"),
            ("folder:2", "parent", "doc:1"),
            ("folder:1", "parent", "doc:1"),
            ("user:c", "banned", "doc:1"),
            ("user:z", "viewer", "doc:2"),
        ];
        let users = |list: &[&str]| Branch::Users(list.iter().map(ToString::to_string).collect());
        let through = Branch::TupleToUserset {
            tupleset: "doc:1#parent".to_owned(),
            computed: vec!["folder:1#viewer".to_owned(), "folder:2#viewer".to_owned()],
        };
        let owner = || Branch::Computed("doc:1#owner".to_owned());
        let base = Branch::Union(vec![
            node(
                users(&["group:1#member", "user:*", "user:a", "user:b"]),
                "viewer",
            ),
            node(owner(), "viewer"),
            node(through, "viewer"),
        ]);
        let subtract = Branch::Computed("doc:1#banned".to_owned());
        let expected =
            Branch::Difference(Box::new((node(base, "viewer"), node(subtract, "viewer"))));
        assert_eq!(shown(&tuples, "doc:1", "viewer"), node(expected, "viewer"));
        let banned = Branch::Intersection(vec![
            node(users(&["user:c"]), "banned"),
            node(owner(), "banned"),
        ]);
        assert_eq!(shown(&tuples, "doc:1", "banned"), node(banned, "banned"));
    }

    #[test]
    fn what_the_model_does_not_admit_is_left_out() {
        let tuples = [
            ("group:1", "viewer", "doc:1"),
            ("user:*", "owner", "doc:1"),
            ("user:a", "owner", "doc:1"),
            ("folder:1#viewer", "owner", "doc:1"),
        ];
        let found = shown(&tuples, "doc:1", "owner").value;
        assert_eq!(found, Branch::Users(vec!["user:a".to_owned()]));
        assert_eq!(
            shown(&[], "doc:none", "owner").value,
            Branch::Users(Vec::new())
        );
    }

    #[test]
    fn what_has_expired_or_has_another_condition_is_left_out() {
        let text = "model
  schema 1.1
type user
type doc
  relations
define owner: [user with early]
condition early(hour: int) {
  hour < 9
}
";
        let mut graph = Graph::default();
        let model = Arc::new(dsl::parse(text).unwrap());
        let program = Program::compile(&model, graph.symbols()).unwrap();
        for (user, condition, end) in [
            ("user:gone", Some("early"), 1_000),
            ("user:here", Some("early"), 1_001),
            ("user:plain", None, 1_001),
            ("user:other", Some("late"), 1_001),
        ] {
            let tuple = Tuple::parse("doc:1", "owner", user).unwrap();
            let mut relationship = Relationship::from(tuple);
            relationship.limits.expires_at = Some(Timestamp::from_ms(end));
            relationship.limits.condition = condition.map(|name| TupleCondition {
                name: name.to_owned(),
                context: Context::new(),
            });
            graph.insert(&relationship).unwrap();
        }
        let doc = Object::parse("doc:1").unwrap();
        let now = Timestamp::from_ms(1_000);
        let found = expand(&program, &graph, (&doc, "owner"), now).unwrap();
        assert_eq!(found.value, Branch::Users(vec!["user:here".to_owned()]));
    }

    #[test]
    fn names_that_the_model_lacks_are_errors() {
        let graph = Graph::default();
        let model = Arc::new(dsl::parse(MODEL).unwrap());
        let program = Program::compile(&model, graph.symbols()).unwrap();
        let ask = |object: &str, relation: &str| {
            expand(
                &program,
                &graph,
                (&Object::parse(object).unwrap(), relation),
                Timestamp::from_ms(0),
            )
        };
        assert!(matches!(
            ask("file:1", "viewer"),
            Err(CheckError::UnknownType(_))
        ));
        assert!(matches!(
            ask("doc:1", "boss"),
            Err(CheckError::UnknownRelation { .. })
        ));
    }
}
