//! `tessera policy`: each command over files, a data directory and a running server.

mod answers;
mod below_a_path;

use std::path::Path;

use tessera::policy::tuple_file::Format;

use super::process::Place;
use crate::harness::server::client;

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
    define banned: [user]
    define editor: [user, group#member]
    define viewer: (editor or viewer from parent) but not banned
";

const TUPLES: &str = "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_context
user,anne,,editor,doc,plan,,
group,eng,member,editor,doc,plan,,
user,bob,,member,group,eng,,
folder,top,,parent,doc,plan,,
user,carl,,viewer,folder,top,,
user,carl,,banned,doc,plan,,
";

/// The same tuples as the store sorts them.
const SORTED: &str = "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_context,expires_at
user,carl,,banned,doc,plan,,,
group,eng,member,editor,doc,plan,,,
user,anne,,editor,doc,plan,,,
folder,top,,parent,doc,plan,,,
user,carl,,viewer,folder,top,,,
user,bob,,member,group,eng,,,
";

const SETUP: &str = "
[[clients]]
client_id = \"worker\"
client_secret = \"change-me-to-32-random-characters\"
grant_types = [\"client_credentials\"]
roles = [\"policy_manager\"]

[[stores]]
name = \"docs\"
model = \"docs.fga\"
";

const FILES: [&str; 4] = ["--model", "docs.fga", "--tuples", "docs.csv"];

fn place() -> Place {
    let place = Place::new();
    for (name, text) in [
        ("docs.fga", MODEL),
        ("docs.csv", TUPLES),
        ("setup.toml", SETUP),
    ] {
        write(&place, name, text);
    }
    place
}

fn write(place: &Place, name: &str, text: &str) {
    std::fs::write(place.path().join(name), text).unwrap();
}

/// The place with a store in its data directory, and the store's id.
fn with_store() -> (Place, String) {
    let place = place();
    let text = policy_less(&place, &["apply", "setup.toml"]);
    let line = text
        .lines()
        .find(|line| line.starts_with("+ store docs"))
        .expect(&text);
    let id = line
        .split_once('(')
        .unwrap()
        .1
        .trim_end_matches(')')
        .to_owned();
    (place, id)
}

#[track_caller]
fn policy_less(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn policy(place: &Place, arguments: &[&str], flags: &[&str]) -> String {
    policy_less(place, &[&["policy"], arguments, flags].concat())
}

#[track_caller]
fn refused(place: &Place, arguments: &[&str], code: i32, expected: &str) {
    let line = place.refused(&[&["policy"], arguments].concat(), code);
    assert!(line.contains(expected), "{line}");
}

/// An access token of the client that `setup.toml` makes.
async fn token(url: &str) -> String {
    let reply = client()
        .post(format!("{url}/token"))
        .basic_auth("worker", Some("change-me-to-32-random-characters"))
        .form(&[("grant_type", "client_credentials")])
        .send()
        .await
        .unwrap();
    let reply: serde_json::Value = reply.json().await.unwrap();
    reply["access_token"].as_str().unwrap().to_owned()
}

/// Every question, whoever answers.
#[track_caller]
fn ask(place: &Place, flags: &[&str]) {
    for (asked, answer) in [
        (["check", "user:bob", "viewer", "doc:plan"], "allowed\n"),
        (["check", "user:carl", "viewer", "doc:plan"], "denied\n"),
        (["list-objects", "user:bob", "viewer", "doc"], "doc:plan\n"),
        (["list-objects", "user:carl", "viewer", "doc"], ""),
        (
            ["list-users", "user", "viewer", "doc:plan"],
            "user:anne\nuser:bob\n",
        ),
        (
            ["list-users", "group#member", "editor", "doc:plan"],
            "group:eng#member\n",
        ),
    ] {
        assert_eq!(policy(place, &asked, flags), answer, "{asked:?}");
    }
    let tree = policy(place, &["expand", "viewer", "doc:plan"], flags);
    assert_eq!(
        tree,
        "doc:plan#viewer: the first but not the second
├─ any of
│  ├─ doc:plan#editor
│  └─ through doc:plan#parent
│     └─ folder:top#viewer
└─ doc:plan#banned
"
    );
}

#[test]
fn files_answer_every_question() {
    ask(&place(), &FILES);
}

#[test]
fn a_data_directory_answers_every_question_after_an_import_and_exports_what_came_in() {
    let (place, id) = with_store();
    let flags = ["--store", &id];
    let imported = policy(&place, &["import", "docs.csv"], &flags);
    assert_eq!(imported, "6 tuples written, 0 were there already\n");
    ask(&place, &flags);
    assert_eq!(
        policy(&place, &["export", "--format", "csv"], &flags),
        SORTED
    );
    // Again, from where it was; what is there is left alone.
    let imported = policy(&place, &["import", "docs.csv", "--from-line", "6"], &flags);
    assert_eq!(imported, "0 tuples written, 2 were there already\n");
    let lines = policy(&place, &["export"], &flags);
    assert_eq!(lines.lines().count(), 6);
    write(&place, "again.ndjson", &lines);
    assert_eq!(
        policy(&place, &["import", "again.ndjson"], &flags),
        "0 tuples written, 6 were there already\n"
    );
}

#[tokio::test]
async fn a_server_answers_every_question_with_a_token() {
    let (place, id) = with_store();
    let served = place.serve(&[]);
    let token = token(&served.url).await;
    let flags = ["--server", &served.url, "--store", &id, "--token", &token];
    let imported = policy(&place, &["import", "docs.csv"], &flags);
    assert_eq!(imported, "6 tuples written, 0 were there already\n");
    ask(&place, &flags);
    assert_eq!(
        policy(&place, &["export", "--format", "csv"], &flags),
        SORTED
    );
    let asked = [
        "check",
        "user:bob",
        "viewer",
        "doc:plan",
        "--server",
        &served.url,
        "--store",
    ];
    let without = [&asked[..], &[&id]].concat();
    refused(
        &place,
        &without,
        1,
        "give `--token TOKEN` or set TESSERA_TOKEN",
    );
    let unknown = [
        &asked[..],
        &["01ARZ3NDEKTSV4RRFFQ69G5FAV", "--token", &token],
    ]
    .concat();
    refused(&place, &unknown, 1, "store_id_not_found");
    let place = place.with("TESSERA_TOKEN", &token);
    assert_eq!(
        policy_less(&place, &[&["policy"], &without[..]].concat()),
        "allowed\n"
    );
}

#[test]
fn questions_that_make_no_sense_say_what_to_do() {
    let place = place();
    let asked = ["check", "user:bob", "viewer", "doc:plan"];
    refused(
        &place,
        &asked,
        2,
        "nothing to ask; give `--model FILE --tuples FILE`",
    );
    for (flags, code, expected) in [
        (
            ["--server", "nonsense", "--store", "x"],
            2,
            "server `nonsense` is not a URL such as",
        ),
        (
            ["--server", "http://127.0.0.1:1", "--store", "x"],
            2,
            "store `x` is not an id",
        ),
        (
            [
                "--server",
                "http://127.0.0.1:1",
                "--store",
                "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            ],
            1,
            "cannot reach http://127.0.0.1:1/stores/",
        ),
        (
            [
                "--store",
                "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                "--listen",
                "127.0.0.1:0",
            ],
            1,
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ),
        (
            ["--model", "nowhere.fga", "--context", "{}"],
            1,
            "nowhere.fga: cannot read it",
        ),
        (
            ["--model", "docs.fga", "--tuples", "docs.fga"],
            1,
            "tuples are in .yaml, .json",
        ),
        (
            ["--model", "docs.fga", "--context", "[]"],
            2,
            "context `[]` is not a JSON object",
        ),
    ] {
        refused(&place, &[&asked[..], &flags].concat(), code, expected);
    }
    for (asked, code, expected) in [
        (
            ["check", "bob", "viewer", "doc:plan"],
            2,
            "the 'user' field is malformed",
        ),
        (
            ["check", "user:bob", "viewer", "doc"],
            2,
            "invalid 'object' field format",
        ),
        (
            ["check", "user:bob", "owner", "doc:plan"],
            1,
            "relation 'doc#owner' not found",
        ),
        (
            ["list-objects", "user:bob", "viewer", "page"],
            1,
            "type 'page' not found",
        ),
        (
            ["list-users", "robot", "viewer", "doc:plan"],
            1,
            "type 'robot' not found",
        ),
    ] {
        refused(&place, &[&asked[..], &FILES].concat(), code, expected);
    }
    refused(
        &place,
        &[&["expand", "owner", "doc:plan"], &FILES[..]].concat(),
        1,
        "relation 'doc#owner' not found",
    );
    refused(
        &place,
        &["export"],
        2,
        "no store is named; give `--store ID`",
    );
}

#[tokio::test]
async fn a_bad_line_is_named_with_what_is_in_the_store_and_how_to_go_on() {
    let (place, id) = with_store();
    let more: Vec<String> = (0..120)
        .map(|n| format!("user,u{n},,editor,doc,plan,,\n"))
        .collect();
    let text = format!("{TUPLES}{}", more.concat());
    write(
        &place,
        "long.csv",
        &format!("{text}user,anne,,owner,doc,plan,,\n"),
    );
    write(&place, "bad.csv", &format!("{TUPLES}user,anne\n"));
    let served = place.serve(&[]);
    let token = token(&served.url).await;
    let stored = ["--store", &id];
    let remote = ["--server", &served.url, "--store", &id, "--token", &token];
    for (flags, written) in [(&remote[..], 126), (&stored[..], 0)] {
        let import = |file, more: &[&str], expected: &str| {
            let arguments = [&["import", file], more, flags].concat();
            refused(&place, &arguments, 1, expected);
        };
        let nothing = ["--all-or-nothing"];
        import("long.csv", &nothing, "; nothing was written");
        let said = format!(
            "; {written} tuples were written, everything before line 128 is in the store; go on with `--from-line 128`"
        );
        import("long.csv", &[], &said);
        import("long.csv", &[], "long.csv:128: ");
        assert_eq!(policy(&place, &["export"], flags).lines().count(), 126);
        import("bad.csv", &[], "2 fields, but 8 columns");
        import("bad.csv", &[], "bad.csv:8: ");
        import("nowhere.csv", &[], "nowhere.csv: cannot read it");
    }
    write(
        &place,
        "list.yaml",
        "- {user: 'user:zoe', relation: editor, object: 'doc:plan'}\n",
    );
    for (flags, said) in [
        (&remote[..], "1 tuples written, 0"),
        (&stored[..], "0 tuples written, 1"),
    ] {
        let said = format!("{said} were there already\n");
        let import = ["import", "list.yaml", "--all-or-nothing"];
        assert_eq!(policy(&place, &import, flags), said);
    }
}

#[test]
fn validate_prints_every_fault_with_its_place() {
    let place = place();
    assert_eq!(
        policy(&place, &["validate", "docs.fga"], &[]),
        "docs.fga: 4 types, 6 relations\n"
    );
    write(
        &place,
        "bad.fga",
        "model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a: [group]\n    define b: c\n",
    );
    let output = place.run(&["policy", "validate", "docs.fga", "bad.fga"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("bad.fga:6:12: ") && text.contains("bad.fga:7:12: "),
        "{text}"
    );
    refused(
        &place,
        &["validate", "bad.fga"],
        1,
        "2 faults; correct them and validate again",
    );
    refused(
        &place,
        &["validate", "nowhere.fga"],
        1,
        "1 fault; correct it and validate again",
    );
}

#[test]
fn every_store_test_of_this_repository_passes() {
    let place = place();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in ["policies", "policies/examples", "tests/policies"] {
        let entries = std::fs::read_dir(root.join(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path().display().to_string());
        files.extend(paths.filter(|path| Format::of(Path::new(path)) == Ok(Format::Yaml)));
    }
    assert!(files.len() >= 8, "{files:?}");
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let text = policy(&place, &["test"], &files);
    assert!(text.starts_with("# Test Summary #\nTests "), "{text}");
}

#[test]
fn a_failing_test_says_what_was_expected_and_found() {
    let place = place();
    let cases = "model_file: docs.fga\ntuple_file: docs.csv\ntests:\n  - name: bob\n    check:\n      - {user: 'user:bob', object: 'doc:plan', assertions: {viewer: false}}\n    list_objects:\n      - {user: 'user:bob', type: doc, assertions: {viewer: ['doc:plan']}}\n";
    write(&place, "docs.fga.yaml", cases);
    let output = place.run(&["policy", "test", "docs.fga.yaml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        "(FAILING) docs.fga.yaml: bob\n  check user:bob viewer doc:plan\n    expected false\n    found    true\n# Test Summary #\nTests 0/1 passing\nChecks 0/1 passing\nListObjects 1/1 passing\n"
    );
    refused(&place, &["test", "docs.fga.yaml"], 1, "1 of 1 tests failed");
    refused(
        &place,
        &["test", "nowhere.yaml"],
        1,
        "1 of 1 files cannot be run, 0 of 0 tests failed",
    );
}

#[test]
fn tree_draws_how_relations_are_made() {
    let place = place();
    let text = policy(&place, &["tree", "docs.fga"], &[]);
    assert!(
        text.starts_with("model, schema 1.1\n├─ type user\n├─ type group\n│  └─ member: [user]\n"),
        "{text}"
    );
    assert!(text.ends_with("   └─ viewer: the first but not the second\n      ├─ any of\n      │  ├─ editor\n      │  └─ viewer from parent\n      └─ banned\n"), "{text}");
}

#[test]
fn diff_tells_which_answers_change() {
    let place = place();
    write(&place, "new.fga", &MODEL.replace(" but not banned", ""));
    let text = policy(
        &place,
        &["diff", "docs.fga", "new.fga", "--tuples", "docs.csv"],
        &[],
    );
    assert!(
        text.starts_with("user:carl viewer doc:plan: denied -> allowed\n"),
        "{text}"
    );
    write(
        &place,
        "more.fga",
        &MODEL.replace(
            "define member: [user]",
            "define member: [user]\n    define owner: [user]",
        ),
    );
    let text = policy(
        &place,
        &["diff", "docs.fga", "more.fga", "--tuples", "docs.csv"],
        &[],
    );
    assert!(
        text.contains("user:bob owner group:eng: undefined -> denied\n"),
        "{text}"
    );
    refused(
        &place,
        &["diff", "docs.fga", "nowhere.fga", "--tuples", "docs.csv"],
        1,
        "nowhere.fga: cannot read it",
    );
}
