//! A model with tuples, held in memory: what the command line asks, be it read from files or from a store.
//!
//! Nothing here is read from a database; a [`View`] becomes a world without copying its graph.

use std::sync::Arc;

use super::engine::admit::NotAdmitted;
use super::engine::check::{CheckError, Question, check_with};
use super::engine::expand::{Expanded, expand};
use super::engine::explain::{Explanation, explain};
use super::engine::graph::{Graph, GraphFull};
use super::engine::list::{
    ObjectsQuestion, UsersFilter, UsersQuestion, Window, list_objects, list_users,
};
use super::engine::model::Model;
use super::engine::program::Program;
use super::engine::relationship::{Circumstances, Relationship};
use super::engine::tuple::{Object, Subject, Tuple};
use super::engine::what_if::{Hypothesis, what_if};
use super::service::View;

/// A model and tuples.
#[derive(Clone, Debug)]
pub struct World {
    program: Arc<Program>,
    graph: Graph,
}

/// Why a model and tuples do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The model does not admit a tuple.
    #[error("tuple `{tuple}`: {reason}")]
    NotAdmitted {
        /// The tuple.
        tuple: Box<Tuple>,
        /// Why.
        reason: Box<NotAdmitted>,
    },
    /// A question has no answer.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The graph is out of numbers.
    #[error(transparent)]
    Full(#[from] GraphFull),
}

/// The relation of an object that is asked about.
pub type Asked<'a> = (&'a Object, &'a str);

impl World {
    /// Puts tuples under a model that must admit each of them.
    pub fn new(model: &Arc<Model>, tuples: &[Relationship]) -> Result<Self, WorldError> {
        let world = Self::loose(model, tuples)?;
        for relationship in tuples {
            admitted(&world.program, relationship)?;
        }
        Ok(world)
    }

    /// The same with tuples that the model need not admit: those it does not admit count for nothing.
    pub fn loose(model: &Arc<Model>, tuples: &[Relationship]) -> Result<Self, WorldError> {
        let mut graph = Graph::default();
        let program = Arc::new(Program::compile(model, graph.symbols())?);
        for relationship in tuples {
            graph.insert(relationship)?;
        }
        Ok(Self { program, graph })
    }

    /// A store as a request sees it.
    pub fn of(view: &View) -> Self {
        Self {
            program: Arc::clone(view.program()),
            graph: view.graph().clone(),
        }
    }

    /// The same with tuples of one test; the model must admit them.
    pub fn with(&self, tuples: &[Relationship]) -> Result<Self, WorldError> {
        for relationship in tuples {
            admitted(&self.program, relationship)?;
        }
        Ok(Self {
            program: Arc::clone(&self.program),
            graph: self.graph.with(tuples)?,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        self.program.model()
    }

    /// Whether the subject has the relation.
    pub fn check(
        &self,
        subject: &Subject,
        (object, relation): Asked<'_>,
        circumstances: Circumstances<'_>,
    ) -> Result<bool, CheckError> {
        let question = Question {
            object,
            relation,
            subject,
        };
        let decision = check_with(&self.program, &self.graph, &[], question, circumstances)?;
        Ok(decision.allowed)
    }

    /// Why the subject has the relation or not.
    pub fn explain(
        &self,
        subject: &Subject,
        (object, relation): Asked<'_>,
        circumstances: Circumstances<'_>,
    ) -> Result<Explanation, CheckError> {
        let question = Question {
            object,
            relation,
            subject,
        };
        explain(&self.program, &self.graph, question, circumstances)
    }

    /// The questions whose answers a change of tuples would change, with the answers after it.
    ///
    /// The model must admit the tuples to write.
    pub fn what_if(
        &self,
        (writes, deletes): (&[Relationship], &[Tuple]),
        questions: &[Tuple],
        circumstances: Circumstances<'_>,
    ) -> Result<Vec<(Tuple, bool)>, WorldError> {
        for relationship in writes {
            admitted(&self.program, relationship)?;
        }
        let asked: Vec<(Question<'_>, Circumstances<'_>)> = questions
            .iter()
            .map(|tuple| {
                let question = Question {
                    object: &tuple.object,
                    relation: &tuple.relation,
                    subject: &tuple.subject,
                };
                (question, circumstances)
            })
            .collect();
        let found = what_if(
            &self.program,
            &self.graph,
            Hypothesis { writes, deletes },
            &asked,
        )?;
        Ok(found
            .iter()
            .filter_map(|change| Some((questions.get(change.question)?.clone(), change.after)))
            .collect())
    }

    /// Every object of a type that the subject has the relation to.
    pub fn list_objects(
        &self,
        subject: &Subject,
        (type_name, relation): (&str, &str),
        circumstances: Circumstances<'_>,
    ) -> Result<Vec<String>, CheckError> {
        let question = ObjectsQuestion {
            type_name,
            relation,
            subject,
            circumstances,
        };
        let listed = list_objects(&self.program, &self.graph, &[], question, WHOLE)?;
        Ok(listed.entries.iter().map(ToString::to_string).collect())
    }

    /// Every subject of one form that has the relation.
    pub fn list_users(
        &self,
        (object, relation): Asked<'_>,
        filter: UsersFilter<'_>,
        circumstances: Circumstances<'_>,
    ) -> Result<Vec<String>, CheckError> {
        let question = UsersQuestion {
            object,
            relation,
            filter,
            circumstances,
        };
        let listed = list_users(&self.program, &self.graph, &[], question, WHOLE)?;
        Ok(listed.entries.iter().map(ToString::to_string).collect())
    }

    /// The relation of the object as a tree, one level deep.
    pub fn expand(
        &self,
        asked: Asked<'_>,
        circumstances: Circumstances<'_>,
    ) -> Result<Expanded, CheckError> {
        expand(&self.program, &self.graph, asked, circumstances.now)
    }
}

const WHOLE: Window<'static> = Window {
    after: None,
    limit: usize::MAX,
};

fn admitted(program: &Program, relationship: &Relationship) -> Result<(), WorldError> {
    program
        .admit(relationship)
        .map_err(|reason| WorldError::NotAdmitted {
            tuple: Box::new(relationship.tuple.clone()),
            reason: Box::new(reason),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::engine::dsl;

    #[test]
    fn a_tuple_that_the_model_does_not_admit_is_named() {
        let model =
            "model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define viewer: [user]\n";
        let model = Arc::new(dsl::parse(model).unwrap());
        let bad = Relationship::from(Tuple::parse("doc:1", "editor", "user:anne").unwrap());
        let bad = [bad];
        let error = World::new(&model, &bad).unwrap_err().to_string();
        assert!(
            error.starts_with("tuple `doc:1#editor@user:anne`: "),
            "{error}"
        );
        let world = World::loose(&model, &bad).unwrap();
        assert!(world.with(&bad).is_err());
    }
}
