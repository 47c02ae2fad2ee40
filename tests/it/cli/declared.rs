//! `[[trusted_issuers]]`, `acting_rights`, `[[api_keys]]` and the last administrator in setup files.

use std::path::Path;

use tessera::base::time::Seconds;
use tessera::cli::setup::{Mode, SetupError, apply_text};
use tessera::oauth::api_key;
use tessera::oauth::protocol::jwt_bearer::Subjects;
use tessera::policy::system;
use tessera::store::{trusted_issuers, users};

use crate::harness::database::engines;
use crate::harness::server::TestApp;

const PEOPLE: &str = r#"
[[clients]]
client_id = "web"
redirect_uris = ["http://127.0.0.1/cb"]

[[users]]
username = "Alice"
roles = ["admin"]
acting_rights = [
  { user = "bob", right = "delegate" },
  { client = "web", right = "impersonator" },
]

[[users]]
username = "bob"

[[stores]]
name = "docs"
"#;

const ISSUER: &str = r#"
[[trusted_issuers]]
name = "build"
issuer = "https://build.example"
jwks_uri = "https://build.example/keys"
algorithms = ["ES256"]
clients = ["web"]
scope = "deploy"
subjects = { mapped = { "project:main" = "client:web", "jo" = "user:alice" } }
"#;

const KEY: &str = r#"
[[api_keys]]
name = "nightly"
client = "web"
permissions = ["can_read", "can_check"]
store = "docs"
expires_at = "2099-01-31T12:00:00Z"
"#;

async fn apply(t: &TestApp, text: &str, mode: Mode) -> Result<Vec<String>, SetupError> {
    t.clock.advance(Seconds::new(1));
    let how = (mode, t.clock.now());
    let report = apply_text(&t.app, text, Path::new("."), how).await?;
    Ok(report.changes)
}

async fn faults(t: &TestApp, text: &str) -> Vec<String> {
    match apply(t, text, Mode::Commit).await.unwrap_err() {
        SetupError::Faults(faults) => faults.iter().map(ToString::to_string).collect(),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_is_applied_once_and_then_changes_nothing() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let text = [PEOPLE, ISSUER, KEY].concat();
        let shown = |lines: Vec<String>| -> Vec<String> {
            let of_store = |line: &String| !line.starts_with("+ store");
            let new = lines.into_iter().filter(of_store);
            new.map(|line| line.split(" (usr_").next().unwrap().to_owned())
                .collect()
        };
        let expected = [
            "+ client web",
            "+ user Alice",
            "+ role admin of user Alice",
            "+ user bob",
            "+ right delegate of user bob over user Alice",
            "+ right impersonator of client web over user Alice",
            "+ trusted issuer build",
            "+ API key nightly of client web",
        ];
        let dry = apply(&t, &text, Mode::DryRun).await.unwrap();
        assert_eq!(shown(dry), expected, "{engine:?}");
        let mut done = apply(&t, &text, Mode::Commit).await.unwrap();
        let secret = done.pop().unwrap();
        assert_eq!(shown(done), expected, "{engine:?}");
        let key = secret.strip_prefix("  it is shown this once: ").unwrap();
        let now = t.clock.now();
        let good = api_key::verify(&t.app.db, &t.app.sealer, key, now).await;
        let good = good.unwrap().unwrap();
        assert_eq!(
            (&*good.name, &*good.permissions),
            ("nightly", "can_read can_check")
        );
        let store = t.app.policy.find_store("docs").await.unwrap();
        assert_eq!(good.store_id, store);
        assert_eq!(apply(&t, &text, Mode::Commit).await.unwrap(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_issuer_speaks_for_the_person_that_the_file_names() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        apply(&t, &[PEOPLE, ISSUER].concat(), Mode::Commit)
            .await
            .unwrap();
        let mut conn = t.app.db.read().await.unwrap();
        let row = trusted_issuers::find(&mut conn, "build").await.unwrap();
        let Subjects::Mapped(parties) = row.unwrap().trusted.subjects else {
            panic!("mapped");
        };
        let alice = tessera::identity::identifier::Canonical::of_typed("alice");
        let alice = users::find_credentials(&mut conn, &alice).await.unwrap();
        assert_eq!(parties["jo"], format!("user:{}", alice.unwrap().user.id));
        drop(conn);
        let changed = ISSUER.replace(r#"scope = "deploy""#, r#"scope = "deploy read""#);
        let lines = apply(&t, &changed, Mode::Commit).await.unwrap();
        assert_eq!(lines, ["~ trusted issuer build"], "{engine:?}");

        let nobody = ISSUER.replace("user:alice", "user:carol");
        let found = faults(&t, &nobody).await;
        assert_eq!(
            found,
            ["line 9: trusted_issuers[0]: there is no user `carol`; add one under `[[users]]`"]
        );
        let twin = ISSUER.replace(r#"name = "build""#, r#"name = "other""#);
        let found = faults(&t, &twin).await;
        assert!(
            found[0].contains("another trusted issuer is `https://build.example`"),
            "{found:?}"
        );
        let own = ISSUER.replace("https://build.example\"", &format!("{}\"", t.url));
        let found = faults(&t, &own.replace("\"deploy\"", "\"tessera:admin\"")).await;
        assert!(
            found[0].starts_with("line 4: trusted_issuers[0].issuer: is this server's own"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("line 8: trusted_issuers[0].scope: `tessera:admin`"),
            "{found:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_over_a_person_become_the_files_and_stay_where_it_is_silent() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        apply(&t, PEOPLE, Mode::Commit).await.unwrap();
        let user = |rights: &str| format!("[[users]]\nusername = \"Alice\"\n{rights}");
        assert_eq!(apply(&t, &user(""), Mode::Commit).await.unwrap(), [""; 0]);
        let one = user("acting_rights = [ { user = \"bob\", right = \"impersonator\" } ]");
        assert_eq!(
            apply(&t, &one, Mode::Commit).await.unwrap(),
            [
                "+ right impersonator of user bob over user Alice",
                "- right delegate of user bob over user Alice",
                "- right impersonator of client web over user Alice",
            ],
            "{engine:?}"
        );
        let none = user("acting_rights = []");
        assert_eq!(
            apply(&t, &none, Mode::Commit).await.unwrap(),
            ["- right impersonator of user bob over user Alice"]
        );
        let found = faults(
            &t,
            &user("acting_rights = [ { user = \"bob\", right = \"owner\" } ]"),
        )
        .await;
        assert_eq!(
            found,
            [
                "line 3: users[0].acting_rights[0]: `owner` is not a right over a person; the rights are impersonator, delegate"
            ]
        );
        let found = faults(
            &t,
            &user("acting_rights = [ { user = \"carol\", right = \"delegate\" } ]"),
        )
        .await;
        assert!(found[0].contains("there is no user `carol`"), "{found:?}");
        let found = faults(
            &t,
            &user("acting_rights = [ { user = \"bob\", right = \"delegate\", type = \"doc\" } ]"),
        )
        .await;
        assert!(found[0].contains("is not a key here"), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_changed_by_a_file() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        apply(&t, &[PEOPLE, KEY].concat(), Mode::Commit)
            .await
            .unwrap();
        for other in [
            KEY.replace(r#", "can_check""#, ""),
            KEY.replace("store = \"docs\"\n", ""),
            KEY.replace("2099", "2098"),
        ] {
            let found = faults(&t, &other).await;
            assert!(
                found[0].contains("revoke it (`tessera api-key revoke key_"),
                "{engine:?} {found:?}"
            );
        }
        for (from, to, said) in [
            (
                "can_check",
                "can_fly",
                "line 5: api_keys[0].permissions: `can_fly`",
            ),
            (
                "docs",
                "absent",
                "line 6: api_keys[0].store: not exactly one store",
            ),
            (
                "2099-01",
                "2099-13",
                "line 7: api_keys[0].expires_at: `2099-13",
            ),
            (
                "client = \"web\"",
                "client = \"nobody\"",
                "line 3: api_keys[0]: there is no client `nobody`",
            ),
            (
                "client = \"web\"",
                "",
                "line 2: api_keys[0]: needs either `user",
            ),
        ] {
            let found = faults(&t, &KEY.replace(from, to)).await;
            let same_line = found[0].split(": ").nth(1) == said.split(": ").nth(1);
            assert!(found.len() == 1 && same_line, "{found:?} {said}");
            let words = said.rsplit(": ").next().unwrap();
            assert!(found[0].contains(words), "{found:?} {said}");
        }
        let past = KEY.replace("2099", "1999").replace("nightly", "old");
        assert_eq!(apply(&t, &past, Mode::Commit).await.unwrap(), [""; 0]);
        let twice = faults(&t, &[KEY, KEY].concat()).await;
        assert!(
            twice[0].contains("API key `nightly` stands on line 3 already"),
            "{twice:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_does_not_take_the_last_administrator() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        apply(&t, PEOPLE, Mode::Commit).await.unwrap();
        let nobody = "[[users]]\nusername = \"Alice\"\nroles = []\n";
        let found = faults(&t, nobody).await;
        assert_eq!(
            found,
            [
                "line 2: users[0].roles: would leave nobody with `admin`; give it to somebody else in this file, or leave `roles` out"
            ],
            "{engine:?}"
        );
        let mut conn = t.app.db.read().await.unwrap();
        assert!(system::any_admin(&mut conn).await.unwrap());
        drop(conn);
        let handed_over = format!("{nobody}[[users]]\nusername = \"bob\"\nroles = [\"admin\"]\n");
        assert_eq!(
            apply(&t, &handed_over, Mode::Commit).await.unwrap(),
            ["- role admin of user Alice", "+ role admin of user bob"]
        );
    }
}

#[tokio::test]
async fn faults_of_form_and_of_value_are_told_in_one_round() {
    let t = TestApp::start(crate::harness::database::Engine::Sqlite).await;
    let text = "[[clients]]\nclient_id = \"web\"\nskip_consent = 1\nredirect_uris = [\"http://evil.example/cb\"]\n\
        [[users]]\nusername = \"a b\"\nemail = 3\n[[stores]]\nname = \"docs\"\nmodel = \"absent.fga\"\nmodl = 1\n";
    let found = faults(&t, text).await;
    let places: Vec<&str> = found
        .iter()
        .map(|fault| fault.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "clients[0].skip_consent",
            "clients[0].redirect_uris",
            "users[0].username",
            "users[0].email",
            "stores[0].model",
            "stores[0].modl",
        ],
        "{found:#?}"
    );
}
