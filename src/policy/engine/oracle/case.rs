//! One random case: what is asked of which tuples under which model, what the oracle and the engine answer, and the case
//! as a store test.

use super::lists::{self, Page};
use super::*;
use crate::policy::engine::check::{CheckError, Question, check_with};
use crate::policy::engine::graph::Graph;
use crate::policy::engine::list::{
    ObjectsQuestion, UsersFilter, UsersQuestion, Window, list_objects, list_users,
};
use crate::policy::engine::program::Program;
use crate::policy::store_test::{
    CheckTest, Expected, ListObjectsTest, ListUsersTest, NoAnswer, StoreTest, Test, UserFilter,
    Users,
};
use crate::policy::tuple_file::TupleKey;

/// A question with all that its answer depends on.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) model: Model,
    pub(super) stored: Vec<Relationship>,
    /// Each admitted by the model.
    pub(super) contextual: Vec<Relationship>,
    pub(super) context: Context,
    pub(super) ask: Ask,
}

#[derive(Clone, Debug)]
pub(super) enum Ask {
    Check {
        object: Object,
        relation: String,
        subject: Subject,
    },
    Objects {
        type_name: String,
        relation: String,
        subject: Subject,
    },
    Users {
        object: Object,
        relation: String,
        type_name: String,
        userset: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Check(bool),
    /// The pages of one list, for each size of page: 1, 2 and so on, until one page holds all.
    List(Vec<Vec<Page>>),
    /// A condition cannot be evaluated.
    Failed,
    /// An error that the oracle knows nothing of.
    Broken(String),
}

impl Answer {
    pub(super) fn of(truth: Truth) -> Self {
        match truth {
            Truth::Yes => Self::Check(true),
            Truth::No | Truth::Cycle => Self::Check(false),
            Truth::Failed => Self::Failed,
        }
    }

    fn broken(error: &CheckError) -> Self {
        match error {
            CheckError::Condition(_) => Self::Failed,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl Case {
    /// The tuples that the question sees: a contextual one stands in the place of the stored one.
    pub(super) fn tuples(&self) -> Vec<Relationship> {
        let is_shadowed =
            |one: &&Relationship| self.contextual.iter().any(|other| other.tuple == one.tuple);
        let stored = self.stored.iter().filter(|one| !is_shadowed(one));
        stored.chain(&self.contextual).cloned().collect()
    }

    /// What the oracle says of a check.
    pub(super) fn truth(&self) -> Result<Truth, ()> {
        let Ask::Check {
            object,
            relation,
            subject,
        } = &self.ask
        else {
            return Err(());
        };
        self.holds(&self.tuples(), (object, relation), subject)
    }

    pub(super) fn holds(
        &self,
        tuples: &[Relationship],
        (object, relation): (&Object, &str),
        subject: &Subject,
    ) -> Result<Truth, ()> {
        self.oracle(tuples, subject)
            .holds(object, relation, &mut Vec::new())
    }

    pub(super) fn oracle<'a>(
        &'a self,
        tuples: &'a [Relationship],
        subject: &'a Subject,
    ) -> Oracle<'a> {
        Oracle {
            model: &self.model,
            tuples,
            context: &self.context,
            subject,
            work: 0,
        }
    }

    /// What the oracle answers.
    pub(super) fn expected(&self) -> Result<Answer, ()> {
        match &self.ask {
            Ask::Check { .. } => Ok(Answer::of(self.truth()?)),
            Ask::Objects { .. } | Ask::Users { .. } => lists::expected(self),
        }
    }

    /// Whether it can be asked at all: a model that is valid, and tuples and names that it knows.
    pub(super) fn makes_sense(&self) -> bool {
        let knows = |type_name: &str, relation: &str| {
            self.model.find_relation(type_name, relation).is_some()
        };
        let knows_subject = |subject: &Subject| match subject {
            Subject::Userset(object, relation) => knows(object.type_name(), relation),
            other => self.model.find_type(other.type_name()).is_some(),
        };
        let names = match &self.ask {
            Ask::Check {
                object,
                relation,
                subject,
            } => knows(object.type_name(), relation) && knows_subject(subject),
            Ask::Objects {
                type_name,
                relation,
                subject,
            } => knows(type_name, relation) && knows_subject(subject),
            Ask::Users {
                object,
                relation,
                type_name,
                userset,
            } => {
                knows(object.type_name(), relation)
                    && self.model.find_type(type_name).is_some()
                    && userset.as_ref().is_none_or(|one| knows(type_name, one))
            }
        };
        names
            && validate(&self.model).is_ok()
            && self.contextual.iter().all(|one| admitted(&self.model, one))
    }

    /// The case in the store tests' format, with the oracle's answer.
    ///
    /// Stored tuples that the model does not admit have no place there; they come as comments.
    pub(super) fn yaml(&self, name: &str) -> String {
        let (admitted, odd): (Vec<_>, Vec<_>) = self
            .stored
            .iter()
            .partition(|one| admitted(&self.model, one));
        let mut test = Test {
            name: "the answer".to_owned(),
            tuples: self.contextual.iter().map(key).collect(),
            ..Test::default()
        };
        self.assert(&mut test);
        let file = StoreTest {
            name: name.to_owned(),
            model: Some(super::super::dsl::print(&self.model)),
            tuples: admitted.into_iter().map(key).collect(),
            tests: vec![test],
            ..StoreTest::default()
        };
        let odd = odd
            .iter()
            .map(|one| format!("# not admitted by the model: {one:?}\n"));
        let file = serde_norway::to_string(&file).unwrap();
        [file].into_iter().chain(odd).collect()
    }

    fn assert(&self, test: &mut Test) {
        let context = self.context.clone();
        let expected = self.expected().unwrap();
        let none = Expected::None(NoAnswer::Error);
        match &self.ask {
            Ask::Check {
                object,
                relation,
                subject,
            } => test.check.push(CheckTest {
                user: Some(subject.to_string()),
                object: Some(object.to_string()),
                context,
                assertions: [(
                    relation.clone(),
                    match expected {
                        Answer::Check(allowed) => Expected::Answer(allowed),
                        _ => Expected::None(NoAnswer::Error),
                    },
                )]
                .into(),
                ..CheckTest::default()
            }),
            Ask::Objects {
                type_name,
                relation,
                subject,
            } => test.list_objects.push(ListObjectsTest {
                user: subject.to_string(),
                r#type: type_name.clone(),
                context,
                assertions: [(
                    relation.clone(),
                    lists::whole(&expected).map_or(none, Expected::Answer),
                )]
                .into(),
            }),
            Ask::Users {
                object,
                relation,
                type_name,
                userset,
            } => test.list_users.push(ListUsersTest {
                object: object.to_string(),
                user_filter: vec![UserFilter {
                    r#type: type_name.clone(),
                    relation: userset.clone(),
                }],
                context,
                assertions: [(
                    relation.clone(),
                    lists::whole(&expected).map_or(Expected::None(NoAnswer::Error), |users| {
                        Expected::Answer(Users { users })
                    }),
                )]
                .into(),
            }),
        }
    }
}

/// A tuple as files write it. What still counts does so for long: files are run at other times.
fn key(relationship: &Relationship) -> TupleKey {
    let mut relationship = relationship.clone();
    if let Some(at) = &mut relationship.limits.expires_at
        && *at > Timestamp::from_ms(NOW_MS)
    {
        *at = Timestamp::parse_rfc3339("2200-01-01T00:00:00Z").unwrap();
    }
    TupleKey::from(&relationship)
}

/// Whether a write of the tuple would be taken.
pub(super) fn admitted(model: &Model, relationship: &Relationship) -> bool {
    let context_fits = |named: &crate::policy::engine::relationship::TupleCondition| {
        meaning::admits(&named.name, &named.context)
    };
    admit(model, relationship).is_ok()
        && relationship
            .limits
            .condition
            .as_ref()
            .is_none_or(context_fits)
}

/// What is compared with the oracle.
pub(super) struct Engine {
    pub(super) program: Program,
    /// Without the contextual tuples.
    pub(super) graph: Graph,
}

impl Engine {
    pub(super) fn new(case: &Case) -> Self {
        let mut graph = Graph::default();
        let program = Program::compile(&Arc::new(case.model.clone()), graph.symbols()).unwrap();
        for relationship in &case.stored {
            graph.insert(relationship).unwrap();
        }
        Self { program, graph }
    }

    /// The same where some tuples have come and gone before.
    pub(super) fn with_history(case: &Case, random: &mut Random) -> Self {
        let mut graph = Graph::default();
        let program = Program::compile(&Arc::new(case.model.clone()), graph.symbols()).unwrap();
        for tuple in random_tuples(random, &case.model, 6) {
            graph.insert(&tuple.clone().into()).unwrap();
            graph.remove(&tuple);
        }
        for relationship in &case.stored {
            graph.insert(relationship).unwrap();
        }
        Self { program, graph }
    }

    /// The answer of an engine made for the case.
    pub(super) fn answer_fresh(case: &Case) -> Answer {
        Self::new(case).answer(case)
    }

    pub(super) fn answer(&self, case: &Case) -> Answer {
        let circumstances = at_now(&case.context);
        let (program, graph) = (&self.program, &self.graph);
        match &case.ask {
            Ask::Check {
                object,
                relation,
                subject,
            } => {
                let question = Question {
                    object,
                    relation,
                    subject,
                };
                match check_with(program, graph, &case.contextual, question, circumstances) {
                    Ok(decision) => Answer::Check(decision.allowed),
                    Err(error) => Answer::broken(&error),
                }
            }
            Ask::Objects {
                type_name,
                relation,
                subject,
            } => {
                let question = ObjectsQuestion {
                    type_name,
                    relation,
                    subject,
                    circumstances,
                };
                let list = |window: Window<'_>| {
                    list_objects(program, graph, &case.contextual, question, window)
                };
                lists::pages(list, |object| (object.to_string(), object.id().to_owned()))
                    .map_or_else(|error| Answer::broken(&error), Answer::List)
            }
            Ask::Users {
                object,
                relation,
                type_name,
                userset,
            } => {
                let question = UsersQuestion {
                    object,
                    relation,
                    filter: UsersFilter {
                        type_name,
                        relation: userset.as_deref(),
                    },
                    circumstances,
                };
                let list = |window: Window<'_>| {
                    list_users(program, graph, &case.contextual, question, window)
                };
                lists::pages(list, |user| (user.to_string(), user.to_string()))
                    .map_or_else(|error| Answer::broken(&error), Answer::List)
            }
        }
    }
}
