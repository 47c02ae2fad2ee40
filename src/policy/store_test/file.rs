//! The shape of a `*.fga.yaml` file, for reading and for writing.
//!
//! One thing more than the `fga` tool knows: `error` in the place of an answer says that there must be none, because a
//! condition cannot be evaluated or a bound is reached.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::policy::engine::relationship::Context;
use crate::policy::tuple_file::TupleKey;

/// A file of tests.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoreTest {
    /// What is tested.
    #[serde(default)]
    pub name: String,
    /// The model's text; or else [`StoreTest::model_file`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where the model is, from this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_file: Option<String>,
    /// Tuples that every test sees.
    #[serde(default)]
    pub tuples: Vec<TupleKey>,
    /// More of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuple_file: Option<String>,
    /// More of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tuple_files: Vec<String>,
    /// What must be answered.
    #[serde(default)]
    pub tests: Vec<Test>,
}

/// One test: tuples of its own, and questions.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What is tested.
    #[serde(default)]
    pub name: String,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Tuples that this test alone sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tuples: Vec<TupleKey>,
    /// More of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuple_file: Option<String>,
    /// More of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tuple_files: Vec<String>,
    /// Who may do what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check: Vec<CheckTest>,
    /// On what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list_objects: Vec<ListObjectsTest>,
    /// Who may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list_users: Vec<ListUsersTest>,
}

/// Checks of every user given on every object given.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CheckTest {
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Who else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// On what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// On what else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
    /// Values for the parameters of conditions.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// Whether they have a relation, by its name.
    pub assertions: BTreeMap<String, Expected<bool>>,
}

/// A list of objects.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ListObjectsTest {
    /// Who.
    pub user: String,
    /// Objects of which type.
    pub r#type: String,
    /// Values for the parameters of conditions.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// The objects, by the relation.
    pub assertions: BTreeMap<String, Expected<Vec<String>>>,
}

/// A list of users.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ListUsersTest {
    /// Of what.
    pub object: String,
    /// Users of which forms.
    pub user_filter: Vec<UserFilter>,
    /// Values for the parameters of conditions.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// The users, by the relation.
    pub assertions: BTreeMap<String, Expected<Users>>,
}

/// A form of users.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UserFilter {
    /// Their type.
    pub r#type: String,
    /// For usersets their relation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
}

/// Users, as lists of them are asserted.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    /// The users.
    pub users: Vec<String>,
}

/// What must be answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "give the answer, or `error` where there must be none"
)]
pub enum Expected<T> {
    /// This.
    Answer(T),
    /// Nothing.
    None(NoAnswer),
}

/// That there must be no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum NoAnswer {
    /// The word for it.
    #[serde(rename = "error")]
    Error,
}

impl<T> Expected<T> {
    /// The answer in another form.
    pub fn map<U>(&self, form: impl FnOnce(&T) -> U) -> Expected<U> {
        match self {
            Self::Answer(answer) => Expected::Answer(form(answer)),
            Self::None(none) => Expected::None(*none),
        }
    }
}
