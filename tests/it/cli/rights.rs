//! `rights = [..]` in setup files: the store's rights become the file's, all of it or nothing.

use tessera::base::time::Seconds;
use tessera::cli::setup::{Mode, SetupError, apply_text};
use tessera::policy::system::{self, PlacedRight, StoreRight};

use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;

const HOLDERS: &str = r#"
[[clients]]
client_id = "web"
redirect_uris = ["http://127.0.0.1/cb"]

[[users]]
username = "Alice"

[[stores]]
name = "docs"
model = "docs.fga"
"#;

struct Setup {
    t: TestApp,
    dir: tempfile::TempDir,
}

impl Setup {
    async fn on(engine: Engine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let model = include_str!("../../../policies/examples/docs.fga");
        std::fs::write(dir.path().join("docs.fga"), model).unwrap();
        Self {
            t: TestApp::start(engine).await,
            dir,
        }
    }

    /// Applies the holders and the store with these lines; the lines about rights.
    async fn apply(&self, rights: &str) -> Vec<String> {
        let text = format!("{HOLDERS}{rights}");
        let mut lines = self.try_apply(&text, Mode::Commit).await.unwrap();
        lines.retain(|line| line.contains("right"));
        lines
    }

    /// The faults of the same.
    async fn faults(&self, text: &str) -> Vec<String> {
        match self.try_apply(text, Mode::Commit).await.unwrap_err() {
            SetupError::Faults(faults) => faults.iter().map(ToString::to_string).collect(),
            other => panic!("{other}"),
        }
    }

    async fn try_apply(&self, text: &str, mode: Mode) -> Result<Vec<String>, SetupError> {
        self.t.clock.advance(Seconds::new(1));
        let how = (mode, self.t.clock.now());
        let report = apply_text(&self.t.app, text, self.dir.path(), how).await?;
        Ok(report.changes)
    }

    async fn rights(&self) -> Vec<PlacedRight> {
        let id = self.t.app.policy.find_store("docs").await.unwrap().unwrap();
        let mut conn = self.t.app.db.read().await.unwrap();
        system::rights_in(&mut conn, &id, None, 500).await.unwrap()
    }
}

const RIGHTS: &str = r#"
rights = [
  { client = "web", right = "tuple_writer", type = "doc" },
  { client = "web", right = "checker" },
  { user = "alice", right = "owner" },
]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_given_once_and_what_the_file_no_longer_says_is_taken() {
    for engine in engines() {
        let s = Setup::on(engine).await;
        let text = format!("{HOLDERS}{RIGHTS}");
        let dry = s.try_apply(&text, Mode::DryRun).await.unwrap();
        let given = s.apply(RIGHTS).await;
        assert_eq!(
            given,
            [
                "+ right tuple_writer over doc of client web in store docs",
                "+ right checker of client web in store docs",
                "+ right owner of user Alice in store docs",
            ],
            "{engine:?}"
        );
        assert_eq!(dry.iter().filter(|line| given.contains(line)).count(), 3);
        assert!(s.apply(RIGHTS).await.is_empty(), "{engine:?}");
        let rights = s.rights().await;
        assert_eq!(rights.len(), 3, "{rights:?}");
        // The server that runs knows it: no restart, no reload.
        let id = s.t.app.policy.find_store("docs").await.unwrap().unwrap();
        let (policy, now) = (&s.t.app.policy, s.t.clock.now());
        let web = "client:web";
        let check = system::StorePermission::Check;
        assert!(
            system::allows_store(policy, web, &id, check, now)
                .await
                .unwrap()
        );

        // A file that does not speak of rights leaves them alone; one that does is the whole truth.
        assert!(s.apply("").await.is_empty(), "{engine:?}");
        assert_eq!(s.rights().await, rights);
        let changes = s
            .apply("rights = [ { client = \"web\", right = \"checker\" }, { user = \"ALICE\", right = \"reader\" } ]\n")
            .await;
        assert_eq!(
            changes,
            [
                "+ right reader of user Alice in store docs",
                "- right owner of user Alice in store docs",
                "- right tuple_writer over doc of client web in store docs",
            ],
            "{engine:?}"
        );
        let changes = s.apply("rights = []\n").await;
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert_eq!(s.rights().await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rights_than_a_page_are_read_and_taken() {
    let s = Setup::on(Engine::Sqlite).await;
    s.apply("").await;
    let id = s.t.app.policy.find_store("docs").await.unwrap().unwrap();
    let now = s.t.clock.now();
    let mut tx = s.t.app.db.write().await.unwrap();
    for number in 0..450 {
        let right = PlacedRight {
            right: StoreRight::TupleWriter,
            object_type: Some("doc".to_owned()).filter(|_| number % 2 == 0),
            subject: format!("client:c{number:03}"),
        };
        system::give_right(&mut tx, &id, &right, now).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(s.apply("rights = []\n").await.len(), 450);
    assert_eq!(s.rights().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_right_is_named_with_what_would_be_right_and_nothing_is_applied() {
    let wrong = |lines: &[&str]| format!("{HOLDERS}rights = [\n{}\n]\n", lines.join(",\n"));
    for engine in engines() {
        let s = Setup::on(engine).await;
        // What the text alone shows.
        let text = wrong(&[
            r#"{ client = "web", right = "boss" }"#,
            r#"{ client = "web", right = "reader", type = "doc" }"#,
            r#"{ client = "web", right = "tuple_writer", type = "a b" }"#,
        ]);
        let found = s.faults(&text).await;
        for (fault, says) in found.iter().zip([
            "line 13: stores[0].rights[0]: `boss` is not a right; the rights are owner, model_writer, ",
            "line 14: stores[0].rights[1]: only `tuple_writer` takes a `type`; leave it out for `reader`",
            "line 15: stores[0].rights[2]: `type` is `a b`; name a type such as `document`",
        ]) {
            assert!(fault.starts_with(says), "{fault}");
        }
        assert_eq!(found.len(), 3, "{found:?}");
        let text = wrong(&[
            r#"{ right = "reader" }"#,
            r#"{ user = "alice", client = "web", right = "reader" }"#,
            r#"{ user = "alice" }"#,
            r#"{ user = "alice", right = "reader", role = "admin" }"#,
        ]);
        let found = s.faults(&text).await;
        for (fault, says) in found.iter().zip([
            "line 13: stores[0].rights[0]: needs either `user = \"<username>\"` or `client = ",
            "line 14: stores[0].rights[1]: needs either ",
            "line 15: stores[0].rights[2].right: is missing",
            "line 16: stores[0].rights[3].role: is not a key here; known keys: user, client, right, type",
        ]) {
            assert!(fault.starts_with(says), "{fault}");
        }
        assert_eq!(found.len(), 4, "{found:?}");
        // What only the database shows.
        let text = wrong(&[
            r#"{ user = "bob", right = "reader" }"#,
            r#"{ client = "a b", right = "reader" }"#,
            r#"{ client = "web", right = "reader" }"#,
            r#"{ client = "web", right = "reader" }"#,
            r#"{ client = "web", right = "tuple_writer", type = "dok" }"#,
        ]);
        let found = s.faults(&text).await;
        for (fault, says) in found.iter().zip([
            "line 13: stores[0].rights[0]: there is no user `bob`; add one under `[[users]]`",
            "line 14: stores[0].rights[1]: there is no client `a b`; add one under `[[clients]]`",
            "line 16: stores[0].rights[3]: stands in the file already",
            "line 17: stores[0].rights[4]: the store's model has no type `dok`; correct `type`",
        ]) {
            assert!(fault.starts_with(says), "{fault}");
        }
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(s.t.app.policy.find_store("docs").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_store_without_a_model_has_rights_too() {
    let s = Setup::on(Engine::Sqlite).await;
    let text = "[[clients]]\nclient_id = \"web\"\nredirect_uris = [\"http://127.0.0.1/cb\"]\n\
                [[stores]]\nname = \"docs\"\nrights = [ { client = \"web\", right = \"model_writer\" } ]\n";
    let changes = s.try_apply(text, Mode::Commit).await.unwrap();
    let last = changes.last().unwrap();
    assert_eq!(last, "+ right model_writer of client web in store docs");
}
