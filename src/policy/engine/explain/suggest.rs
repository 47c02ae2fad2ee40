//! Single tuples that would have allowed a denied question, each tried out.

use super::SUGGESTIONS;
use super::gather::Node;
use crate::policy::engine::check::asked::Asked;
use crate::policy::engine::check::{CheckError, Question, STEPS, check_with};
use crate::policy::engine::graph::Graph;
use crate::policy::engine::program::{Op, Program, RelationProgram};
use crate::policy::engine::relationship::{Circumstances, Relationship};
use crate::policy::engine::tuple::Tuple;

/// Most candidates that are tried out.
const CANDIDATES: usize = 100;

/// The subject itself, written wherever the answer was looked for and the model takes it; nearest first.
///
/// Membership in a group that stands on the object is among them: the group's members were asked for, too.
pub(super) fn candidates(
    program: &Program,
    graph: &Graph,
    nodes: &[Node],
    asked: &Asked,
) -> Vec<Tuple> {
    nodes
        .iter()
        .filter(|node| {
            program
                .relation(node.index)
                .is_some_and(|relation| has_this(&relation.op) && takes(relation, asked))
        })
        .filter_map(|node| graph.tuple(node.object, node.relation, asked.subject))
        .take(CANDIDATES)
        .collect()
}

/// Those that flip the answer, as far as the steps of one more question reach.
pub(super) fn verified(
    program: &Program,
    graph: &Graph,
    candidates: Vec<Tuple>,
    question: Question<'_>,
    circumstances: Circumstances<'_>,
) -> Result<Vec<Tuple>, CheckError> {
    let mut found = Vec::new();
    let mut steps = 0_u32;
    for tuple in candidates {
        let added = [Relationship::from(tuple.clone())];
        // How many steps an error took is not told: ten of them are enough.
        match check_with(program, graph, &added, question, circumstances) {
            Ok(decision) => {
                steps = steps.saturating_add(decision.steps);
                if decision.allowed {
                    found.push(tuple);
                }
            }
            // A list that is cut short for want of time must not look whole.
            Err(CheckError::OutOfTime) => return Err(CheckError::OutOfTime),
            Err(_) => steps = steps.saturating_add(STEPS / 10),
        }
        if steps >= STEPS || found.len() >= SUGGESTIONS {
            break;
        }
    }
    Ok(found)
}

/// Whether the model takes the subject directly, without a condition.
fn takes(relation: &RelationProgram, asked: &Asked) -> bool {
    let direct = &relation.direct;
    let type_symbol = asked.subject.type_symbol();
    if let Some(named) = asked.subject.relation() {
        return direct.usersets.iter().any(|(relation, to)| {
            *relation == named && to.type_symbol == type_symbol && to.gate.plain
        });
    }
    let admitted = if asked.is_wildcard {
        &direct.wildcards
    } else {
        &direct.objects
    };
    admitted
        .iter()
        .any(|(symbol, gate)| *symbol == type_symbol && gate.plain)
}

fn has_this(op: &Op) -> bool {
    match op {
        Op::This => true,
        Op::Computed(_) | Op::TupleToUserset { .. } => false,
        Op::Union(parts) | Op::Intersection(parts) => parts.iter().any(has_this),
        Op::Exclusion(sides) => has_this(&sides.0) || has_this(&sides.1),
    }
}
