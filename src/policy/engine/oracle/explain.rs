//! What explanations promise, on the random cases of the oracle.

use super::at_now;
use super::case::{Ask, Case, Engine};
use crate::policy::engine::check::{Question, check_with};
use crate::policy::engine::explain::{Step, What, explain};
use crate::policy::engine::graph::Graph;
use crate::policy::engine::model::Rewrite;
use crate::policy::engine::program::Program;
use crate::policy::engine::relationship::Relationship;
use crate::policy::engine::tuple::Tuple;

/// The verdict is that of `check`; the tuples of an allow suffice, and no shorter way does; every suggestion flips a deny.
pub(super) fn compare(engine: &Engine, case: &Case, allowed: bool) {
    let Ask::Check {
        object,
        relation,
        subject,
    } = &case.ask
    else {
        return;
    };
    let question = Question {
        object,
        relation,
        subject,
    };
    let program = &engine.program;
    let circumstances = at_now(&case.context);
    let whole = engine.graph.with(&case.contextual).unwrap();
    let told = explain(program, &whole, question, circumstances).unwrap();
    assert_eq!(told.allowed, allowed, "{question:?}");
    assert_eq!(told.root.holds(), allowed, "{question:?}");
    assert!(
        told.would_allow.is_empty() || !allowed,
        "an allow needs nothing more"
    );
    for tuple in &told.would_allow {
        let added = [Relationship::from(tuple.clone())];
        let flipped = check_with(program, &whole, &added, question, circumstances).unwrap();
        assert!(flipped.allowed, "{tuple} does not flip {question:?}");
    }
    if !allowed || !is_union_only(program) {
        return;
    }
    let explained = |tuples: &[&Tuple]| {
        let mut graph = Graph::new(std::sync::Arc::clone(whole.symbols()));
        for tuple in tuples {
            graph.insert(&stored(&whole, tuple)).unwrap();
        }
        explain(program, &graph, question, circumstances).unwrap()
    };
    let tuples: Vec<&Tuple> = told.tuples.iter().collect();
    assert!(
        explained(&tuples).allowed,
        "{tuples:?} do not suffice for {question:?}"
    );
    for left_out in 0..tuples.len() {
        let mut fewer = tuples.clone();
        fewer.remove(left_out);
        let other = explained(&fewer);
        // A longer way may go over the same tuple twice.
        assert!(
            !other.allowed || uses(&other.root) >= uses(&told.root),
            "{fewer:?} suffice for {question:?}\n{}",
            case.yaml("an explanation")
        );
    }
}

/// How many tuples a derivation goes over, one that it goes over twice counted twice.
fn uses(step: &Step) -> usize {
    let own = usize::from(matches!(step.what, What::Tuple(_)));
    own + step.children.iter().map(uses).sum::<usize>()
}

/// The tuple with what limits it.
fn stored(graph: &Graph, tuple: &Tuple) -> Relationship {
    let (node, relation, subject) = graph.locate(tuple).unwrap();
    let subjects = graph.subjects(node, relation).unwrap();
    Relationship {
        tuple: tuple.clone(),
        limits: subjects.limits(subject).cloned().unwrap_or_default(),
    }
}

fn is_union_only(program: &Program) -> bool {
    program
        .model()
        .types
        .iter()
        .flat_map(|definition| definition.relations.values())
        .flat_map(|relation| relation.rewrite.walk())
        .all(|rewrite| {
            !matches!(
                rewrite,
                Rewrite::Intersection(_) | Rewrite::Exclusion { .. }
            )
        })
}
