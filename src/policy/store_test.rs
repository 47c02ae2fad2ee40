//! Store tests in the `fga` tool's format (`*.fga.yaml`): a model, tuples, and what must be answered.
//!
//! Answers come from the engine directly; there is no server and no database. The files that a test names are looked for
//! beside it.

mod file;

pub use self::file::{
    CheckTest, Expected, ListObjectsTest, ListUsersTest, NoAnswer, StoreTest, Test, UserFilter,
    Users,
};

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use super::engine::check::CheckError;
use super::engine::list::UsersFilter;
use super::engine::model::Model;
use super::engine::relationship::{Circumstances, Context, Relationship};
use super::engine::tuple::{Object, Subject};
use super::model_file;
use super::tuple_file::{self, TupleKey};
use super::world::World;
use crate::base::time::Timestamp;

/// Why a file of tests cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreTestError {
    /// The file, its model or its tuples make no sense; one line a fault.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
}

/// How the tests of a file went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was tested.
    pub name: String,
    /// How many tests there were.
    pub tests: usize,
    /// Names of the tests with a wrong answer.
    pub failed: Vec<String>,
    /// The answers of checks.
    pub checks: Tally,
    /// The answers of list objects.
    pub list_objects: Tally,
    /// The answers of list users.
    pub list_users: Tally,
    /// What was wrong.
    pub wrong: Vec<Wrong>,
}

/// How many answers were right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// As asserted.
    pub right: usize,
    /// All.
    pub all: usize,
}

/// An answer that is not as asserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In which test.
    pub test: String,
    /// What was asked.
    pub question: String,
    /// What was asserted.
    pub expected: String,
    /// What was answered, or why there is no answer.
    pub found: String,
}

/// Runs the tests of a file.
pub fn run(path: &Path, now: Timestamp) -> Result<Report, StoreTestError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| fault(&file, &error))?;
    let base = path.parent().unwrap_or(Path::new(""));
    run_text(&file, &text, base, now)
}

/// Reads a file of tests, without the files that it names.
pub fn parse(file: &str, text: &str) -> Result<StoreTest, StoreTestError> {
    serde_norway::from_str(text).map_err(|error| fault(file, &error))
}

/// Runs the tests of a text; the files that it names are looked for in `base`.
pub fn run_text(
    file: &str,
    text: &str,
    base: &Path,
    now: Timestamp,
) -> Result<Report, StoreTestError> {
    let given = parse(file, text)?;
    let model = Arc::new(model_of(file, &given, base)?);
    let named = given.tuple_file.iter().chain(&given.tuple_files);
    let tuples = tuples_of(file, &given.tuples, named, base)?;
    let world = World::new(&model, &tuples).map_err(|error| fault(file, &error))?;
    let mut report = Report {
        name: given.name,
        ..Report::default()
    };
    for (at, test) in given.tests.iter().enumerate() {
        let mut earlier = given.tests.iter().take(at);
        let name = if test.name.is_empty() {
            format!("test {}", at + 1)
        } else if earlier.any(|other| other.name == test.name) {
            format!("{} (test {})", test.name, at + 1)
        } else {
            test.name.clone()
        };
        let place = format!("{file}: {name}");
        let named = test.tuple_file.iter().chain(&test.tuple_files);
        let own = tuples_of(&place, &test.tuples, named, base)?;
        let world = world.with(&own).map_err(|error| fault(&place, &error))?;
        Run {
            world: &world,
            now,
            test: &name,
            report: &mut report,
        }
        .test(test);
        report.tests += 1;
        if report.wrong.iter().any(|wrong| wrong.test == name) {
            report.failed.push(name);
        }
    }
    Ok(report)
}

fn fault(place: &str, error: &dyn Display) -> StoreTestError {
    StoreTestError::Faults(vec![format!("{place}: {error}")])
}

fn model_of(file: &str, given: &StoreTest, base: &Path) -> Result<Model, StoreTestError> {
    let model = match (&given.model, &given.model_file) {
        (Some(text), None) => model_file::parse(&format!("{file}: model"), text),
        (None, Some(name)) => model_file::read(&base.join(name)),
        (None, None) | (Some(_), Some(_)) => {
            return Err(fault(file, &"give either `model` or `model_file`"));
        }
    };
    model.map_err(|faults| StoreTestError::Faults(faults.iter().map(ToString::to_string).collect()))
}

fn tuples_of<'a>(
    place: &str,
    keys: &[TupleKey],
    files: impl Iterator<Item = &'a String>,
    base: &Path,
) -> Result<Vec<Relationship>, StoreTestError> {
    let mut tuples = Vec::new();
    for key in keys {
        tuples.push(key.relationship().map_err(|error| fault(place, &error))?);
    }
    for name in files {
        let read = tuple_file::read(&base.join(name));
        tuples.extend(read.map_err(|error| StoreTestError::Faults(vec![error.to_string()]))?);
    }
    Ok(tuples)
}

struct Run<'a> {
    world: &'a World,
    now: Timestamp,
    test: &'a str,
    report: &'a mut Report,
}

impl Run<'_> {
    fn test(&mut self, test: &Test) {
        for check in &test.check {
            self.checks(check);
        }
        for list in &test.list_objects {
            self.objects(list);
        }
        for list in &test.list_users {
            self.users(list);
        }
    }

    fn checks(&mut self, check: &CheckTest) {
        for user in check.user.iter().chain(&check.users) {
            for object in check.object.iter().chain(&check.objects) {
                for (relation, expected) in &check.assertions {
                    let found = self.check(user, (object, relation), &check.context);
                    let question = format!("check {user} {relation} {object}");
                    let is_right = self.compare(question, expected, &found);
                    self.report.checks.count(is_right);
                }
            }
        }
        if (check.user.is_none() && check.users.is_empty())
            || (check.object.is_none() && check.objects.is_empty())
        {
            let nothing = malformed("give `user` or `users`, and `object` or `objects`");
            let expected = Expected::Answer(true);
            let is_right = self.compare("check".to_owned(), &expected, &Err(nothing));
            self.report.checks.count(is_right);
        }
    }

    fn check(
        &self,
        user: &str,
        (object, relation): (&str, &str),
        context: &Context,
    ) -> Result<bool, Unanswered> {
        let subject = Subject::parse(user).map_err(malformed)?;
        let object = Object::parse(object).map_err(malformed)?;
        let circumstances = self.circumstances(context);
        Ok(self
            .world
            .check(&subject, (&object, relation), circumstances)?)
    }

    fn objects(&mut self, list: &ListObjectsTest) {
        for (relation, expected) in &list.assertions {
            let found = self.found_objects(list, relation);
            let question = format!("list-objects {} {relation} {}", list.user, list.r#type);
            let expected = expected.map(|objects| sorted(objects));
            let is_right = self.compare(question, &expected, &found);
            self.report.list_objects.count(is_right);
        }
    }

    fn found_objects(
        &self,
        list: &ListObjectsTest,
        relation: &str,
    ) -> Result<Vec<String>, Unanswered> {
        let subject = Subject::parse(&list.user).map_err(malformed)?;
        let kind = (list.r#type.as_str(), relation);
        let circumstances = self.circumstances(&list.context);
        Ok(self.world.list_objects(&subject, kind, circumstances)?)
    }

    fn users(&mut self, list: &ListUsersTest) {
        for (relation, expected) in &list.assertions {
            let found = self.found_users(list, relation);
            let question = format!("list-users {relation} {}", list.object);
            let expected = expected.map(|users| sorted(&users.users));
            let is_right = self.compare(question, &expected, &found);
            self.report.list_users.count(is_right);
        }
    }

    fn found_users(&self, list: &ListUsersTest, relation: &str) -> Result<Vec<String>, Unanswered> {
        let object = Object::parse(&list.object).map_err(malformed)?;
        let mut found = Vec::new();
        for filter in &list.user_filter {
            let filter = UsersFilter {
                type_name: &filter.r#type,
                relation: filter.relation.as_deref(),
            };
            let circumstances = self.circumstances(&list.context);
            let users = self
                .world
                .list_users((&object, relation), filter, circumstances);
            found.extend(users?);
        }
        Ok(sorted(&found))
    }

    fn circumstances<'c>(&self, context: &'c Context) -> Circumstances<'c> {
        Circumstances::at(context, self.now)
    }

    fn compare<T: PartialEq + Shown>(
        &mut self,
        question: String,
        expected: &Expected<T>,
        found: &Result<T, Unanswered>,
    ) -> bool {
        let is_right = match (expected, found) {
            (Expected::Answer(expected), Ok(found)) => expected == found,
            (Expected::None(NoAnswer::Error), Err(none)) => none.is_undecided,
            (Expected::Answer(_), Err(_)) | (Expected::None(_), Ok(_)) => false,
        };
        if is_right {
            return true;
        }
        self.report.wrong.push(Wrong {
            test: self.test.to_owned(),
            question,
            expected: match expected {
                Expected::Answer(expected) => expected.shown(),
                Expected::None(NoAnswer::Error) => "an error".to_owned(),
            },
            found: match found {
                Ok(found) => found.shown(),
                Err(none) => format!("an error: {}", none.reason),
            },
        });
        false
    }
}

impl Tally {
    fn count(&mut self, is_right: bool) {
        self.all += 1;
        self.right += usize::from(is_right);
    }
}

/// An answer as people read it.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Vec<String> {
    fn shown(&self) -> String {
        format!("[{}]", self.join(", "))
    }
}

fn sorted(texts: &[String]) -> Vec<String> {
    let mut texts = texts.to_vec();
    texts.sort();
    texts.dedup();
    texts
}

/// Why there is no answer.
struct Unanswered {
    reason: String,
    /// Whether the question makes sense and yet cannot be decided.
    is_undecided: bool,
}

impl From<CheckError> for Unanswered {
    fn from(error: CheckError) -> Self {
        let is_undecided = match &error {
            CheckError::Condition(_)
            | CheckError::TooDeep
            | CheckError::Exhausted
            | CheckError::OutOfTime => true,
            CheckError::UnknownType(_)
            | CheckError::UnknownRelation { .. }
            | CheckError::Full(_) => false,
        };
        Self {
            reason: error.to_string(),
            is_undecided,
        }
    }
}

fn malformed(error: impl Display) -> Unanswered {
    Unanswered {
        reason: error.to_string(),
        is_undecided: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "model: |\n  model\n    schema 1.1\n  type user\n  type doc\n    relations\n      define viewer: [user, user:*]\ntuples:\n  - {user: 'user:anne', relation: viewer, object: 'doc:1'}\n";

    fn run_all(tests: &str) -> Result<Report, StoreTestError> {
        run_text(
            "t.yaml",
            &format!("{START}{tests}"),
            Path::new(""),
            Timestamp::from_ms(1),
        )
    }

    #[test]
    fn right_answers_are_counted_and_wrong_ones_told() {
        let report = run_all("tests:\n  - name: all\n    tuples:\n      - {user: 'user:bob', relation: viewer, object: 'doc:2'}\n    check:\n      - {users: ['user:anne', 'user:bob'], object: 'doc:1', assertions: {viewer: true}}\n      - {user: 'user:anne', object: 'doc:1', assertions: {editor: true}}\n    list_objects:\n      - {user: 'user:bob', type: doc, assertions: {viewer: ['doc:2']}}\n    list_users:\n      - {object: 'doc:1', user_filter: [{type: user}], assertions: {viewer: {users: ['user:anne', 'user:zoe']}}}\n").unwrap();
        assert_eq!(report.checks, Tally { right: 1, all: 3 });
        assert_eq!(report.list_objects, Tally { right: 1, all: 1 });
        assert_eq!(report.list_users, Tally { right: 0, all: 1 });
        assert_eq!(report.failed, ["all"]);
        assert_eq!(report.wrong[0].question, "check user:bob viewer doc:1");
        assert_eq!(
            (
                report.wrong[0].expected.as_str(),
                report.wrong[0].found.as_str()
            ),
            ("true", "false")
        );
        assert!(
            report.wrong[1]
                .found
                .starts_with("an error: relation 'doc#editor' not found")
        );
        assert_eq!(report.wrong[2].found, "[user:anne]");
    }

    #[test]
    fn tuples_of_one_test_are_not_there_for_the_next() {
        let report = run_all("tests:\n  - tuples: [{user: 'user:bob', relation: viewer, object: 'doc:1'}]\n    check: [{user: 'user:bob', object: 'doc:1', assertions: {viewer: true}}]\n  - check: [{user: 'user:bob', object: 'doc:1', assertions: {viewer: false}}]\n").unwrap();
        assert!(report.wrong.is_empty(), "{report:?}");
    }

    #[test]
    fn the_word_error_asks_for_no_answer() {
        let model = "model: |\n  model\n    schema 1.1\n  type user\n  type doc\n    relations\n      define viewer: [user with sober]\n      define editor: [user]\n  condition sober(is_sober: bool) {\n    is_sober\n  }\ntuples:\n  - {user: 'user:anne', relation: viewer, object: 'doc:1', condition: {name: sober}}\n";
        let run = |tests: &str| {
            let text = format!("{model}{tests}");
            run_text("t.yaml", &text, Path::new(""), Timestamp::from_ms(1))
        };
        let report = run("tests:\n  - check: [{user: 'user:anne', object: 'doc:1', assertions: {viewer: error}}]\n    list_objects: [{user: 'user:anne', type: doc, assertions: {viewer: error}}]\n    list_users: [{object: 'doc:1', user_filter: [{type: user}], assertions: {viewer: error}}]\n").unwrap();
        assert_eq!(report.wrong, []);
        let report = run("tests:\n  - check: [{user: 'user:anne', object: 'doc:1', assertions: {viewer: true, editor: error, boss: error}}]\n").unwrap();
        let told: Vec<(&str, &str)> = report
            .wrong
            .iter()
            .map(|wrong| (wrong.expected.as_str(), wrong.found.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("an error", "an error: relation 'doc#boss' not found"),
                ("an error", "false"),
                (
                    "true",
                    "an error: failed to evaluate relationship condition: 'sober' - context is missing parameters '[is_sober]'"
                ),
            ]
        );
        let error = run("tests:\n  - check: [{user: 'user:anne', object: 'doc:1', assertions: {viewer: maybe}}]\n").unwrap_err();
        assert!(
            error.to_string().contains("give the answer, or `error`"),
            "{error}"
        );
    }

    #[test]
    fn a_check_that_names_nobody_is_wrong() {
        let report =
            run_all("tests:\n  - check: [{object: 'doc:1', assertions: {viewer: false}}]\n");
        assert_eq!(report.unwrap().failed, ["test 1"]);
    }

    #[test]
    fn faults_of_a_file_name_it() {
        for (text, expected) in [
            ("tests: []\n", "t.yaml: give either `model` or `model_file`"),
            ("modle: x\n", "t.yaml: unknown field `modle`"),
            ("model: nonsense\n", "t.yaml: model:1:1: "),
            ("model_file: nowhere.fga\n", "nowhere.fga: cannot read it: "),
        ] {
            let error = run_text("t.yaml", text, Path::new(""), Timestamp::from_ms(1)).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        for (tests, expected) in [
            (
                "tests:\n  - name: n\n    tuples: [{user: 'user', relation: viewer, object: 'doc:1'}]\n",
                "t.yaml: n: the 'user' field is malformed",
            ),
            (
                "tests:\n  - name: n\n    tuples: [{user: 'user:a', relation: editor, object: 'doc:1'}]\n",
                "t.yaml: n: tuple `doc:1#editor@user:a`: ",
            ),
            ("tuple_file: nowhere.csv\n", "nowhere.csv: cannot read it: "),
        ] {
            let error = run_all(tests).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
