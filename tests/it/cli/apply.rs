//! `tessera apply` and `serve --apply`: the file's word becomes the database's, all of it or nothing.

use std::path::Path;

use http::StatusCode;
use tessera::cli::setup::{Mode, apply_text};

use super::process::Place;
use crate::harness::browser::Browser;
use crate::harness::database::engines;
use crate::harness::server::{TestApp, client};

const SECRET: &str = "0123456789abcdef0123456789";
const PASSWORD: &str = "correct horse battery staple";

const FULL: &str = r#"
[[clients]]
client_id = "web"
client_name = "Web shop"
client_secret = "0123456789abcdef0123456789"
redirect_uris = ["https://app.example/cb"]
grant_types = ["authorization_code", "refresh_token", "client_credentials"]
scope = "openid profile"
roles = ["policy_manager"]

[[clients]]
client_id = "phone"
redirect_uris = ["http://127.0.0.1/cb"]

[[users]]
username = "alice"
email = "alice@example.com"
email_verified = true
name = "Alice Liddell"
password = "correct horse battery staple"
roles = ["admin", "auditor"]

[[users]]
username = "bob"

[[stores]]
name = "docs"
model = "docs.fga"
tuples = [
  { user = "user:alice", relation = "owner", object = "doc:plan" },
  { user = "user:*", relation = "viewer", object = "doc:menu" },
]
"#;

/// An empty place with the setup file and the model that it names.
fn write(place: &Place, text: &str) {
    let model = include_str!("../../../policies/examples/docs.fga");
    std::fs::write(place.path().join("docs.fga"), model).unwrap();
    std::fs::write(place.path().join("setup.toml"), text).unwrap();
}

/// Applies the file; standard output.
#[track_caller]
fn apply(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(&[&["apply", "setup.toml"], arguments].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines, without the ids that differ from run to run.
fn shapes(text: &str) -> Vec<String> {
    let is_id = |word: &str| {
        let word = word.trim_matches(['(', ')']);
        word.starts_with("usr_") || (word.len() == 26 && word.starts_with("01"))
    };
    text.lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').filter(|word| !is_id(word)).collect();
            words.join(" ")
        })
        .collect()
}

/// What applying [`FULL`] to an empty database says; tuples come sorted.
const ALL_NEW: [&str; 11] = [
    "+ client web",
    "+ role policy_manager of client web",
    "+ client phone",
    "+ user alice",
    "+ role admin of user alice",
    "+ role auditor of user alice",
    "+ user bob",
    "+ store docs",
    "+ model of store docs",
    "+ tuple doc:menu#viewer@user:* in store docs",
    "+ tuple doc:plan#owner@user:alice in store docs",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_applied_once_and_then_changes_nothing() {
    for engine in engines() {
        let place = Place::on(engine).await;
        write(&place, FULL);
        let dry = shapes(&apply(&place, &["--dry-run"]));
        let (end, changes) = dry.split_last().unwrap();
        assert_eq!(changes, ALL_NEW, "{engine:?}");
        assert_eq!(end, "dry run: nothing was changed");
        // So the dry run did change nothing:
        assert_eq!(shapes(&apply(&place, &[])), ALL_NEW, "{engine:?}");
        assert_eq!(apply(&place, &[]), "nothing to change\n", "{engine:?}");
        assert_eq!(apply(&place, &["--dry-run"]), "nothing to change\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_differs_is_changed() {
    for engine in engines() {
        let place = Place::on(engine).await;
        write(&place, FULL);
        apply(&place, &[]);
        let mut text = FULL.to_owned();
        for (from, to) in [
            ("Web shop", "Web store"),
            (
                r#"["admin", "auditor"]"#,
                r#"["admin", "user_manager", "admin"]"#,
            ),
            ("Alice Liddell", "Alice P. Liddell"),
            ("alice@example.com", "liddell@example.com"),
            (r#"username = "bob""#, "username = \"bob\"\nname = \"Bob\""),
            (r#"relation = "viewer""#, r#"relation = "editor""#),
            ("user:*", "user:bob"),
        ] {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        write(&place, &text);
        let expected = [
            "~ client web",
            "~ user alice: email, name",
            "+ role user_manager of user alice",
            "- role auditor of user alice",
            "~ user bob: name",
            "+ tuple doc:menu#editor@user:bob in store docs",
        ];
        assert_eq!(shapes(&apply(&place, &[])), expected, "{engine:?}");
        assert_eq!(apply(&place, &[]), "nothing to change\n", "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_names_every_fault_and_changes_nothing() {
    let bad = r#"
[[clients]]
client_id = "fine"
redirect_uris = ["https://fine.example/cb"]

[[clients]]
client_id = "web"
client_secret = "1234567"
redirect_uris = ["http://evil.example/cb"]
roles = ["owner"]

[[users]]
username = "a b"

[[users]]
username = "carol"
email = "nowhere"

[[users]]
username = "Carol"

[[stores]]
name = "docs"
model = "absent.fga"
tuples = [ { user = "nobody", relation = "owner", object = "doc:plan" } ]
"#;
    for engine in engines() {
        let place = Place::on(engine).await;
        write(&place, bad);
        let said = place.refused(&["apply", "setup.toml"], 8);
        for fault in [
            "line 9: clients[1].redirect_uris: ",
            "line 10: clients[1].roles: `owner` is not a role; the roles are admin, ",
            "line 8: clients[1].client_secret: must be 8 to 512 ",
            "line 13: users[0].username: ",
            "line 17: users[1].email: ",
            "line 20: users[2].username: is the account `carol` of line 16",
            "line 24: stores[0].model: ",
            "absent.fga: cannot read it: ",
            "line 25: stores[0].tuples[0]: ",
        ] {
            assert!(said.contains(fault), "{fault}\n{said}");
        }
        assert_eq!(
            said.lines().filter(|l| l.starts_with("  line")).count(),
            8,
            "{said}"
        );

        // What only the database shows is found inside the transaction, which is rolled back.
        let text = FULL.replace(r#"relation = "owner""#, r#"relation = "boss""#);
        write(&place, &text);
        let said = place.refused(&["apply", "setup.toml"], 8);
        assert!(said.contains("line 30: stores[0].tuples[0]: "), "{said}");
        write(&place, FULL);
        assert_eq!(shapes(&apply(&place, &[])).len(), 11, "{engine:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_refused() {
    let place = Place::new();
    let said = place.refused(&["apply", "setup.toml"], 8);
    assert!(
        said.contains("cannot read the setup file setup.toml"),
        "{said}"
    );
}

#[tokio::test]
async fn a_short_secret_and_a_weak_password_are_taken_with_a_warning() {
    let place = Place::new();
    let text = FULL.replace(SECRET, "12345678").replace(PASSWORD, "alice");
    write(&place, &text);
    let said = apply(&place, &[]);
    let warnings: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(warnings.len(), 2, "{said}");
    assert!(
        warnings[0].starts_with("warning: client `web`: its secret is short"),
        "{said}"
    );
    assert!(warnings[1].starts_with("warning: user `alice`: "), "{said}");
    assert!(!said.contains("12345678"), "{said}");
}

#[tokio::test]
async fn a_dry_run_shows_no_secret_that_nobody_will_have() {
    let place = Place::new();
    let text = "[[clients]]\nclient_id = \"job\"\ngrant_types = [\"client_credentials\"]\n\
        token_endpoint_auth_method = \"client_secret_basic\"\n";
    write(&place, text);
    assert_eq!(
        apply(&place, &["--dry-run"]),
        "+ client job\ndry run: nothing was changed\n"
    );
    let said = apply(&place, &[]);
    assert!(
        said.starts_with("+ client job\n  its secret, shown this once: "),
        "{said}"
    );
    assert_eq!(apply(&place, &[]), "nothing to change\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_sessions_that_the_old_one_began() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = |password: &str| {
            format!("[[users]]\nusername = \"alice\"\npassword = \"{password}\"\n")
        };
        let apply = async |text: &str| {
            let how = (Mode::Commit, t.clock.now());
            apply_text(&t.app, text, Path::new("."), how)
                .await
                .unwrap()
                .changes
        };
        apply(&user(PASSWORD)).await;
        let mut browser = Browser::new(&t);
        let page = browser.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        assert!(browser.get("/").await.text.contains("alice"));

        assert_eq!(apply(&user(PASSWORD)).await.len(), 0, "{engine:?}");
        assert!(browser.get("/").await.text.contains("alice"));

        let changes = apply(&user("an entirely other sentence")).await;
        assert_eq!(
            changes,
            ["~ user alice: password (sessions and tokens ended)"]
        );
        assert!(!browser.get("/").await.text.contains("alice"), "{engine:?}");
        let page = browser.sign_in("alice", PASSWORD).await;
        assert_ne!(page.status, StatusCode::SEE_OTHER, "{engine:?}");
        let page = browser.sign_in("alice", "an entirely other sentence").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_applies_its_file_at_every_start() {
    for engine in engines() {
        let place = Place::on(engine).await;
        write(&place, FULL);
        let first = place.serve(&["--apply", "setup.toml"]);
        assert!(first.banner.contains("+ client web\n"), "{}", first.banner);
        let form = [("grant_type", "client_credentials")];
        let request = client().post(format!("{}/token", first.url)).form(&form);
        let answer = request
            .basic_auth("web", Some(SECRET))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        first.kill();
        let second = place.serve(&["--apply", "setup.toml"]);
        assert!(
            second.banner.starts_with("nothing to change\n"),
            "{}",
            second.banner
        );
        second.kill();

        write(&place, "[[users]]\nusername = 3\n");
        let said = place.refused(
            &["serve", "--listen", "127.0.0.1:0", "--apply", "setup.toml"],
            8,
        );
        assert!(said.contains("line 2: users[0].username"), "{said}");
    }
}
