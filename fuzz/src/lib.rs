//! What must hold of every text that a stranger can send to the permission engine and to the OAuth endpoints, as one function a fuzz target.
//!
//! The targets in `fuzz_targets/` feed these functions from libFuzzer; `tests/it/fuzz.rs` includes this file and feeds them
//! the corpus and seeded mutations of it. A property that does not hold panics; input that is refused ends early.

pub mod mutate;
pub mod oauth;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};
use tessera::base::time::Timestamp;
use tessera::policy::engine::check::{CheckError, Question, check};
use tessera::policy::engine::condition::{CompiledCondition, ConditionError, MAX_COST};
use tessera::policy::engine::graph::Graph;
use tessera::policy::engine::model::{Condition, Model, Origin, Rewrite};
use tessera::policy::engine::program::Program;
use tessera::policy::engine::relationship::{Circumstances, Context};
use tessera::policy::engine::tuple::{
    OBJECT_BYTES, Object, RELATION_BYTES, SUBJECT_BYTES, Subject, TYPE_BYTES, Tuple,
};
use tessera::policy::engine::validate::validate;
use tessera::policy::engine::{dsl, json};
use tessera::policy::token::{Revision, Tokens};
use tessera::store::seal::{MasterKey, Sealer};
use tessera::store::{Db, DbOptions, migrate};

/// Between the parts of an input that has several.
const SEPARATOR: &str = "\n---\n";

/// A target's name, and what it does with bytes of any kind.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name.
pub const TARGETS: [Target; 8] = [
    ("dsl", dsl_text),
    ("model_json", model_json),
    ("tuple", tuple),
    ("condition", condition),
    ("continuation_token", continuation_token),
    ("oauth_form", oauth::form),
    ("oauth_jwt", oauth::jwt),
    ("oauth_json", oauth::json),
];

/// A model's text that parses prints to text that parses to the same model, and so does its JSON form. A fault lies in the text.
pub fn dsl_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let model = match dsl::parse(text) {
        Ok(model) => model,
        Err(errors) => {
            assert!(!errors.faults().is_empty());
            for fault in errors.faults() {
                assert!(fault.line >= 1 && fault.line <= text.split('\n').count() + 1);
                assert!(fault.column >= 1 && fault.column <= text.chars().count() + 1);
                assert!(!fault.message.is_empty());
            }
            return;
        }
    };
    let printed = dsl::print(&model);
    assert_eq!(dsl::parse(&printed).as_ref(), Ok(&model), "{printed}");
    // The JSON form has no model without types; the text form has, and it is not valid.
    if model.types.is_empty() {
        assert!(validate(&model).is_err());
        return;
    }
    assert_json_keeps(&model);
    assert_answers(&model);
}

/// A model's JSON form that parses is written to JSON that parses to the same model; if the text form can say its names and
/// it is valid, so is its text.
pub fn model_json(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Ok(model) = json::parse(&value) else {
        return;
    };
    assert_json_keeps(&model);
    if validate(&model).is_err() {
        return;
    }
    assert_answers(&model);
    if names(&model).into_iter().all(is_sayable) && model.conditions.values().all(is_printable) {
        let printed = dsl::print(&model);
        let again = dsl::parse(&printed);
        assert_eq!(again.as_ref(), Ok(&as_text_says(&model)), "{printed}");
    }
}

fn assert_json_keeps(model: &Model) {
    let emitted = json::emit(model);
    assert_eq!(json::parse(&emitted).as_ref(), Ok(model), "{emitted}");
    let sent: Value = serde_json::from_str(&emitted.to_string()).unwrap();
    assert_eq!(json::parse(&sent).as_ref(), Ok(model), "{emitted}");
}

/// A model that is valid compiles, and answers no to everything when there are no tuples, except that `o#r` is in `r` of `o`.
fn assert_answers(model: &Model) {
    if validate(model).is_err() {
        return;
    }
    let graph = Graph::default();
    let program = Program::compile(&Arc::new(model.clone()), graph.symbols()).unwrap();
    let context = Context::new();
    let circumstances = Circumstances::at(&context, Timestamp::from_ms(0));
    for definition in model.types.iter().take(4) {
        // A name of the greatest length leaves no room for an id.
        let Ok(object) = Object::parse(&format!("{}:1", definition.name)) else {
            continue;
        };
        for relation in definition.relations.keys().take(8) {
            let itself = Subject::Userset(object.clone(), relation.clone());
            for (subject, expected) in [(Subject::Object(object.clone()), false), (itself, true)] {
                let question = Question {
                    object: &object,
                    relation,
                    subject: &subject,
                };
                match check(&program, &graph, question, circumstances) {
                    Ok(decision) => assert_eq!(decision.allowed, expected, "{subject}"),
                    Err(error) => assert_eq!(error, CheckError::TooDeep),
                }
            }
        }
    }
}

fn names(model: &Model) -> Vec<&str> {
    let mut all: Vec<&str> = model.conditions.keys().map(String::as_str).collect();
    for condition in model.conditions.values() {
        all.extend(condition.parameters.keys().map(String::as_str));
    }
    for definition in &model.types {
        all.push(&definition.name);
        for (name, relation) in &definition.relations {
            all.push(name);
            for rewrite in relation.rewrite.walk() {
                if let Rewrite::Computed(name) = rewrite {
                    all.push(name);
                }
            }
        }
    }
    all
}

/// Whether the text form can say a name: letters and a few marks, and none of its own words.
fn is_sayable(name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    !name.is_empty()
        && name.chars().all(is_word)
        && ![
            "model",
            "schema",
            "type",
            "relations",
            "define",
            "condition",
            "extend",
            "module",
            "or",
            "and",
            "but",
            "not",
            "from",
            "with",
        ]
        .contains(&name)
}

/// Whether the text form can say a condition: it has one level of lists and maps, at least one parameter, and lines that end
/// with a line feed.
fn is_printable(condition: &Condition) -> bool {
    let shallow = |kind: &dyn std::fmt::Display| kind.to_string().matches('<').count() < 2;
    !condition.parameters.is_empty() && condition.parameters.values().all(|kind| shallow(kind))
}

/// The model without what the text form does not have: where each part was written, and blanks around expressions.
fn as_text_says(model: &Model) -> Model {
    let mut model = model.clone();
    for definition in &mut model.types {
        definition.origin = Origin::default();
        for relation in definition.relations.values_mut() {
            relation.origin = Origin::default();
        }
    }
    for condition in model.conditions.values_mut() {
        condition.origin = Origin::default();
        condition.expression = condition.expression.trim().to_owned();
    }
    model
}

/// A tuple parses if its parts have the form that the documentation gives, and only then; it prints as it was written.
///
/// The input is object, relation and user, one a line.
pub fn tuple(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let (object, relation, user) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let parsed = Tuple::parse(object, relation, user);
    assert_eq!(parsed.is_ok(), is_tuple(object, relation, user), "{text:?}");
    let Ok(tuple) = parsed else { return };
    let printed = (tuple.object.to_string(), tuple.subject.to_string());
    assert_eq!((printed.0.as_str(), printed.1.as_str()), (object, user));
    assert_eq!(tuple.relation, relation);
    assert_eq!(tuple.to_string(), format!("{object}#{relation}@{user}"));
    assert_eq!(Tuple::parse(&printed.0, relation, &printed.1), Ok(tuple));
}

/// The form of a tuple, said once more and more simply.
fn is_tuple(object: &str, relation: &str, user: &str) -> bool {
    let plain = |text: &str| {
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let relation_name =
        |text: &str| plain(text) && text.len() <= RELATION_BYTES && !text.contains([':', '#', '@']);
    let object_text = |text: &str| {
        text.split(':').count() == 2
            && text.split_once(':').is_some_and(|(type_name, id)| {
                plain(type_name)
                    && type_name.len() <= TYPE_BYTES
                    && !type_name.contains(['#', '@'])
                    && plain(id)
                    && !id.contains('#')
            })
    };
    let is_wildcard = |text: &str| text.ends_with(":*");
    let subject = match user.split_once('#') {
        None => object_text(user),
        Some((of, relation)) => object_text(of) && !is_wildcard(of) && relation_name(relation),
    };
    user.len() <= SUBJECT_BYTES
        && subject
        && object.len() <= OBJECT_BYTES
        && object_text(object)
        && !is_wildcard(object)
        && relation_name(relation)
}

/// A condition that compiles ends within its cost on every context, twice in the same way; what a tuple stores wins, and what
/// no parameter names is not looked at.
///
/// The input is conditions in the text form, the stored context and the request's.
pub fn condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.splitn(3, SEPARATOR);
    let conditions = parts.next().unwrap_or_default();
    let mut context = || -> Context {
        let given = parts.next().map(serde_json::from_str::<Map<String, Value>>);
        given.and_then(Result::ok).unwrap_or_default()
    };
    let (stored, request) = (context(), context());
    let Ok(model) = dsl::parse(&format!("model\n  schema 1.1\ntype user\n{conditions}")) else {
        return;
    };
    for (name, condition) in model.conditions.iter().take(3) {
        if let Ok(compiled) = CompiledCondition::compile(name, condition) {
            assert_evaluates(&compiled, condition, &stored, &request);
        }
    }
}

fn assert_evaluates(
    compiled: &CompiledCondition,
    condition: &Condition,
    stored: &Context,
    request: &Context,
) {
    let evaluated = compiled.evaluate_counted(stored, request);
    assert!(evaluated.cost <= MAX_COST, "{evaluated:?}");
    assert_eq!(compiled.evaluate_counted(stored, request), evaluated);
    let outcome = evaluated.outcome;
    assert_eq!(compiled.evaluate(stored, request), outcome);
    let mut merged = request.clone();
    merged.extend(stored.clone());
    let same = compiled.evaluate(&Context::new(), &merged);
    assert_eq!(same, outcome, "the tuple's values win");
    let mut more = merged.clone();
    more.retain(|key, _| condition.parameters.contains_key(key));
    more.insert("no parameter\u{0}".to_owned(), Value::from(1));
    assert_eq!(compiled.evaluate(&Context::new(), &more), outcome);
    let is_whole = condition
        .parameters
        .keys()
        .all(|key| merged.contains_key(key));
    match &outcome {
        Ok(_) | Err(ConditionError::CostLimit { .. }) => assert!(is_whole),
        Err(ConditionError::Missing { parameters, .. }) => {
            assert!(parameters.iter().all(|name| !merged.contains_key(name)));
        }
        Err(ConditionError::Type { parameter, .. }) => assert!(merged.contains_key(parameter)),
        Err(ConditionError::Inline(_)) => panic!("no condition of a tuple's own: {outcome:?}"),
        Err(ConditionError::Evaluation { reason, .. }) => {
            assert!(is_whole);
            assert!(
                !reason.starts_with("expected a bool"),
                "compiling has said bool: {reason}"
            );
        }
    }
    if compiled.admit_context(stored).is_ok()
        && let Err(ConditionError::Type { parameter, .. }) = &outcome
    {
        assert!(
            !stored.contains_key(parameter),
            "`{parameter}` was admitted"
        );
    }
}

/// A token is read only if it was sealed here, for this list or store, and nothing of it was touched.
///
/// The input is whatever a client sends, and also the material of tokens that are sealed here.
pub fn continuation_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let [tokens, others] = &*TOKENS;
    assert!(tokens.read_any_page(text).is_err(), "not sealed here");
    assert!(tokens.read_page(&["stores"], text).is_err());
    assert!(tokens.read_revision("01", text).is_err());

    let parts: Vec<&str> = text.split('\n').take(8).collect();
    let (list, place) = parts.split_at(parts.len() / 2);
    let page = tokens.page(list, place);
    if page.len() <= tessera::policy::token::TOKEN_BYTES {
        let place: Vec<String> = place.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(tokens.read_page(list, &page), Ok(place));
    }
    let mut other: Vec<&str> = list.to_vec();
    other.push("");
    assert!(tokens.read_page(&other, &page).is_err());
    let joined = list.join("\n");
    assert!(list.len() < 2 || tokens.read_page(&[&joined], &page).is_err());
    assert!(others.read_any_page(&page).is_err(), "another database's");
    for touched in touched(&page, data) {
        assert!(tokens.read_any_page(&touched).is_err(), "{page} {touched}");
    }

    let store = list.concat().replace('.', "");
    let revision = Revision {
        store: store.clone(),
        number: i64::try_from(data.len()).unwrap(),
        nonce: place.concat(),
    };
    let token = tokens.revision(&revision);
    if token.len() <= tessera::policy::token::TOKEN_BYTES {
        assert_eq!(tokens.read_revision(&store, &token), Ok(revision));
    }
    assert!(tokens.read_revision(&format!("{store}x"), &token).is_err());
    assert!(tokens.read_any_page(&token).is_err(), "of another kind");
    assert!(others.read_revision(&store, &token).is_err());
    for touched in touched(&token, data) {
        assert!(
            tokens.read_revision(&store, &touched).is_err(),
            "{token} {touched}"
        );
    }
}

/// The token with something done to it, at places that the input chooses.
fn touched(token: &str, data: &[u8]) -> Vec<String> {
    let mut all = vec![
        format!("{token}="),
        format!("{token}A"),
        format!(" {token}"),
        format!("{token}\n"),
        token.get(1..).unwrap_or_default().to_owned(),
        token.get(..token.len() - 1).unwrap_or_default().to_owned(),
        token.replace(['-', '_'], "+"),
        token.to_lowercase(),
    ];
    for pair in data.chunks(2).take(8) {
        let at = usize::from(*pair.first().unwrap_or(&0)) % token.len();
        let by = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let by = by
            .get(usize::from(*pair.last().unwrap_or(&0)) % by.len())
            .copied();
        let mut bytes = token.as_bytes().to_vec();
        if let (Some(byte), Some(by)) = (bytes.get_mut(at), by) {
            *byte = by;
        }
        all.push(String::from_utf8(bytes).unwrap());
    }
    all.retain(|touched| touched != token);
    all
}

/// For a target's start: libFuzzer ends the process at every panic, but one of the CEL parser, which runs on a thread of its
/// own, is refused input and no more.
pub fn leave_parser_threads_alone() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some("cel-parser") {
            hook(panic);
        }
    }));
}

/// The tokens of two installations.
static TOKENS: LazyLock<[Tokens; 2]> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let make = || async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tessera.db");
        let db = Db::open(&DbOptions::Sqlite { path }).await.unwrap();
        migrate(&db).await.unwrap();
        let sealer = Sealer::open(&db, &MasterKey::generate(), Timestamp::from_ms(0))
            .await
            .unwrap();
        let tokens = Tokens::new(&sealer);
        db.close().await;
        tokens
    };
    // A thread of its own: the caller may be in a runtime.
    std::thread::scope(|scope| {
        let made = scope.spawn(|| runtime.block_on(async { [make().await, make().await] }));
        made.join().unwrap()
    })
});

/// A corpus by file name.
pub fn corpus(directory: &std::path::Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(directory).unwrap();
    files
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(file.path()).unwrap())
        })
        .collect()
}
