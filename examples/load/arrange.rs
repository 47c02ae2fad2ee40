//! The servers under load: child processes on free loopback ports, with data of their own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tessera::app::App;
use tessera::base::time::Clock;
use tessera::config::Config;
use tessera::oauth::client::{self, NewClient};
use tessera::policy::system::{self, Role};
use tessera::store::DbOptions;
use tessera::store::seal::MasterKey;

use super::BARE;
use super::drive::{Request, once};

const SECRET: &str = "a-secret-that-the-load-test-chose";

/// A child process that ends with this value.
pub struct Child {
    process: std::process::Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Child {
    fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            stdout,
            address: String::new(),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(
            self.stdout.read_line(&mut line).unwrap() > 0,
            "the server ended"
        );
        line
    }

    /// This program again, as a bare server.
    pub fn bare() -> Self {
        let mut child = Self::spawn(Command::new(std::env::current_exe().unwrap()).arg(BARE));
        let line = child.line();
        line.trim().clone_into(&mut child.address);
        child
    }

    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Tessera, with a client that may do everything.
pub struct Server {
    child: Child,
    _place: Place,
}

/// A directory that is removed at the end.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Server {
    pub async fn start() -> Self {
        let place =
            Place(std::env::temp_dir().join(format!("tessera-load-{}", std::process::id())));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&place.0)
            .unwrap();
        let key = MasterKey::generate();
        arrange(&place, &key).await;
        let directory = std::env::current_exe().unwrap();
        let binary = directory.parent().unwrap().with_file_name("tessera");
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&place.0)
            .env("TESSERA_MASTER_KEY", key.to_text().as_str())
            .env("TESSERA_LOG_FILTER", "warn");
        let mut child = Child::spawn(&mut command);
        while child.address.is_empty() {
            let line = child.line();
            if let Some((_, address)) = line.split_once("http://") {
                address.trim().clone_into(&mut child.address);
            }
        }
        Self {
            child,
            _place: place,
        }
    }

    pub fn address(&self) -> &str {
        &self.child.address
    }

    /// The requests to measure, each with its name.
    pub async fn requests(&mut self) -> Vec<(&'static str, Request)> {
        let basic = format!("Basic {}", STANDARD.encode(format!("load:{SECRET}")));
        let as_client = [("Authorization", basic.as_str())];
        let token = Request::form("/token", &as_client, "grant_type=client_credentials");
        let access = self.ask(&token, "access_token").await;
        let introspect = Request::form("/introspect", &as_client, &format!("token={access}"));
        let bearer = format!("Bearer {access}");
        let as_bearer = [("Authorization", bearer.as_str())];
        let post = |path: &str, body: Value| Request::json(path, &as_bearer, &body.to_string());

        let store = self
            .ask(&post("/stores", json!({"name": "load"})), "id")
            .await;
        let path = |end: &str| format!("/stores/{store}/{end}");
        let direct = |types: Value| json!({"directly_related_user_types": types});
        let model = json!({"schema_version": "1.1", "type_definitions": [
            {"type": "user"},
            {"type": "group",
             "relations": {"member": {"this": {}}},
             "metadata": {"relations": {"member": direct(json!([{"type": "user"}]))}}},
            {"type": "doc",
             "relations": {"viewer": {"this": {}}},
             "metadata": {"relations": {"viewer": direct(json!([{"type": "user"}, {"type": "group", "relation": "member"}]))}}},
        ]});
        self.ask(
            &post(&path("authorization-models"), model),
            "authorization_model_id",
        )
        .await;
        let tuples = json!([
            {"user": "user:ann", "relation": "member", "object": "group:g"},
            {"user": "group:g#member", "relation": "viewer", "object": "doc:plan"},
        ]);
        let write = json!({"writes": {"tuple_keys": tuples}});
        once(self.address(), &post(&path("write"), write)).await;
        let asked = json!({"user": "user:ann", "relation": "viewer", "object": "doc:plan"});
        let check = post(&path("check"), json!({"tuple_key": asked}));
        vec![
            ("POST /token", token),
            ("POST /introspect", introspect),
            ("POST /stores/../check", check),
        ]
    }

    /// One field of the answer.
    async fn ask(&self, request: &Request, field: &str) -> String {
        let text = once(self.address(), request).await;
        let body: Value = serde_json::from_str(&text).unwrap();
        body[field].as_str().expect(&text).to_owned()
    }

    pub fn resident_mb(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.process.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) / 1_024
    }
}

async fn arrange(place: &Place, key: &MasterKey) {
    let config = Config {
        database: DbOptions::Sqlite {
            path: place.0.join("tessera.db"),
        },
        ..Config::default()
    };
    let app = App::open(config, key, Clock::System).await.unwrap();
    let new = NewClient {
        client_id: Some("load".to_owned()),
        client_secret: Some(SECRET.to_owned()),
        grant_types: Some(vec!["client_credentials".to_owned()]),
        ..NewClient::default()
    };
    let now = app.clock.now();
    let mut tx = app.db.write().await.unwrap();
    client::register(&mut tx, &app.sealer, &new, now)
        .await
        .unwrap();
    system::assign_role(&mut tx, "client:load", Role::Admin, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app.db.close().await;
}
