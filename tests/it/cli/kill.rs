//! `kill -9` under load: whatever was acknowledged is there after the restart, tuples and rotations, and no refresh family forks.
//!
//! Each family is one client that rotates its token as fast as it gets answers. A kill cuts some answers off; the client then
//! presents the newest token that it has, which must still work: either the rotation was not committed, or its lost answer is
//! recovered.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tessera::app::App;
use tessera::base::id::{GrantId, SessionId};
use tessera::base::secret::{Secret, TokenHash, TokenKind};
use tessera::base::time::{Clock, Seconds};
use tessera::config::Config;
use tessera::identity::account;
use tessera::identity::identifier::Username;
use tessera::identity::profile::Profile;
use tessera::identity::user::NewUser;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::grant::GrantDetails;
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::policy::system::{self, Role};
use tessera::store::authorization_codes::Code;
use tessera::store::grants::Grant;
use tessera::store::seal::MasterKey;
use tessera::store::sessions::SessionRow;
use tessera::store::{DbOptions, authorization_codes, grants, q, sessions};
use tokio::task::JoinSet;

use super::process::{MASTER_KEY, Place};
use crate::harness::database::{Engine, engines};
use crate::harness::server::client as http_client;

const ROUNDS: u64 = 20;
const FAMILIES: usize = 8;
const WRITERS: usize = 4;
const CLIENT: &str = "load";
const CLIENT_SECRET: &str = "a-secret-that-the-test-chose";
const REDIRECT_URI: &str = "https://app.example/cb";

/// One client with one refresh family.
struct Family {
    url: String,
    /// The newest token that an answer brought, or the code to begin with.
    newest: Credential,
    /// The tokens before it, the latest first.
    spent: [Option<String>; 2],
    /// Rotations that were acknowledged.
    acknowledged: i64,
}

enum Credential {
    Code(String),
    Token(String),
}

impl Family {
    /// One exchange; `None` when the server went away. Any other answer than success is a failure of the test.
    async fn exchange(&mut self, http: &reqwest::Client) -> Option<()> {
        let form: Vec<(&str, &str)> = match &self.newest {
            Credential::Code(code) => vec![
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT_URI),
            ],
            Credential::Token(token) => {
                vec![("grant_type", "refresh_token"), ("refresh_token", token)]
            }
        };
        let request = http
            .post(format!("{}/token", self.url))
            .basic_auth(CLIENT, Some(CLIENT_SECRET))
            .form(&form);
        let response = request.send().await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        assert!(
            status.is_success(),
            "an acknowledged token was lost: {text}"
        );
        let body: Value = serde_json::from_str(&text).ok()?;
        let token = body["refresh_token"].as_str().unwrap().to_owned();
        if let Credential::Token(before) =
            std::mem::replace(&mut self.newest, Credential::Token(token))
        {
            self.spent.swap(0, 1);
            self.spent[0] = Some(before);
            self.acknowledged += 1;
        }
        Some(())
    }
}

impl Family {
    /// The error that a refresh token gets.
    async fn refused(&self, token: &str) -> String {
        let response = http_client()
            .post(format!("{}/token", self.url))
            .basic_auth(CLIENT, Some(CLIENT_SECRET))
            .form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .send();
        let body: Value = response.await.unwrap().json().await.unwrap();
        body["error"].as_str().unwrap_or("no error").to_owned()
    }
}

/// Somebody who writes one new tuple after the other.
struct Writer {
    url: String,
    name: usize,
    store: String,
    bearer: String,
    /// Objects whose tuple was acknowledged.
    acknowledged: Vec<String>,
    sent: usize,
}

impl Writer {
    /// One write; `None` when the server went away.
    async fn write(&mut self, http: &reqwest::Client) -> Option<()> {
        let object = format!("doc:w{}-{}", self.name, self.sent);
        self.sent += 1;
        let tuple = json!({"user": "user:ann", "relation": "viewer", "object": object});
        let path = format!("/stores/{}/write", self.store);
        let body = json!({"writes": {"tuple_keys": [tuple]}});
        post(http, &self.url, &path, (&self.bearer, &body)).await?;
        self.acknowledged.push(object);
        Some(())
    }
}

/// One request to the policy API, which must succeed; `None` when the server went away.
async fn post(
    http: &reqwest::Client,
    url: &str,
    path: &str,
    (bearer, body): (&str, &Value),
) -> Option<Value> {
    let request = http.post(format!("{url}{path}")).bearer_auth(bearer);
    let response = request.json(body).send().await.ok()?;
    let status = response.status();
    let text = response.text().await.ok()?;
    assert!(status.is_success(), "{path}: {text}");
    serde_json::from_str(&text).ok()
}

/// A store with its model, and who writes to it.
async fn writers(url: &str) -> Vec<Writer> {
    let http = http_client();
    let token = http
        .post(format!("{url}/token"))
        .basic_auth(CLIENT, Some(CLIENT_SECRET))
        .form(&[("grant_type", "client_credentials")])
        .send();
    let token: Value = token.await.unwrap().json().await.unwrap();
    let bearer = token["access_token"].as_str().unwrap();
    let store = post(&http, url, "/stores", (bearer, &json!({"name": "docs"}))).await;
    let store = store.unwrap()["id"].as_str().unwrap().to_owned();
    let users = json!([{"type": "user"}]);
    let model = json!({"schema_version": "1.1", "type_definitions": [
        {"type": "user"},
        {"type": "doc", "relations": {"viewer": {"this": {}}},
         "metadata": {"relations": {"viewer": {"directly_related_user_types": users}}}},
    ]});
    let path = format!("/stores/{store}/authorization-models");
    post(&http, url, &path, (bearer, &model)).await.unwrap();
    (0..WRITERS)
        .map(|name| Writer {
            url: url.to_owned(),
            name,
            store: store.clone(),
            bearer: bearer.to_owned(),
            acknowledged: Vec::new(),
            sent: 0,
        })
        .collect()
}

/// Every acknowledged tuple is there, and the change log has no gap.
async fn check_tuples(app: &App, writers: &[Writer]) {
    let store = &writers[0].store;
    let mut conn = app.db.read().await.unwrap();
    let objects: Vec<String> = conn
        .all(q("SELECT object_id FROM policy_tuples WHERE store_id = $1").bind(store))
        .await
        .unwrap();
    let objects: HashSet<String> = objects.into_iter().map(|id| format!("doc:{id}")).collect();
    for object in writers.iter().flat_map(|writer| &writer.acknowledged) {
        assert!(
            objects.contains(object),
            "an acknowledged tuple was lost: {object}"
        );
    }
    let (entries, last, revision): (i64, i64, i64) = conn
        .one(
            q(
                "SELECT COUNT(*), MAX(c.revision), MAX(s.revision) FROM policy_changes c \
               JOIN policy_stores s ON s.id = c.store_id WHERE s.id = $1",
            )
            .bind(store),
        )
        .await
        .unwrap();
    assert_eq!(
        (entries, last),
        (revision, revision),
        "a gap in the change log"
    );
}

/// The same state in this process, to arrange data and to look behind the curtain.
async fn inside(place: &Place, engine: Engine) -> Arc<App> {
    let database = match engine {
        Engine::Sqlite => DbOptions::Sqlite {
            path: place.path().join("tessera-data/tessera.db"),
        },
        Engine::Postgres => DbOptions::Postgres {
            url: place.variable("TESSERA_DATABASE_URL"),
            max_connections: 4,
        },
    };
    let config = Config {
        database,
        ..Config::default()
    };
    let key = MasterKey::parse(MASTER_KEY).unwrap();
    App::open(config, &key, Clock::System).await.unwrap()
}

/// A client, and one unredeemed code a family.
async fn arrange(app: &App) -> Vec<String> {
    let now = app.clock.now();
    let mut tx = app.db.write().await.unwrap();
    let user = NewUser {
        username: Username::parse("alice").unwrap(),
        email: None,
        email_verified: false,
        name: None,
        profile: Profile::default(),
        password: None,
    };
    let user_id = account::create(&mut tx, &user, now).await.unwrap();
    let words = |list: &[&str]| {
        list.iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let new = NewClient {
        client_id: Some(CLIENT.to_owned()),
        client_secret: Some(CLIENT_SECRET.to_owned()),
        redirect_uris: words(&[REDIRECT_URI]),
        grant_types: Some(words(&[
            "authorization_code",
            "refresh_token",
            "client_credentials",
        ])),
        scope: Some("openid offline_access".to_owned()),
        ..NewClient::default()
    };
    client::register(&mut tx, &app.sealer, &new, now)
        .await
        .unwrap();
    system::assign_role(&mut tx, &format!("client:{CLIENT}"), Role::Admin, now)
        .await
        .unwrap();
    let mut codes = Vec::new();
    for _ in 0..FAMILIES {
        let grant = Grant {
            id: GrantId::new(now),
            client_id: CLIENT.to_owned(),
            user_id: user_id.clone(),
            session_id: SessionId::new(now),
            scope: ScopeSet::parse("openid offline_access").unwrap(),
            auth_time: now,
            amr: words(&["pwd"]),
            details: GrantDetails::default(),
            created_at: now,
        };
        let session = SessionRow {
            session_id: grant.session_id.clone(),
            user_id: user_id.clone(),
            data: "{}".to_owned(),
            auth_time: now,
            last_seen_at: now,
            expires_at: now.plus(Seconds::new(86_400)),
        };
        let id = TokenHash::of(grant.session_id.as_str());
        sessions::insert(&mut tx, &id, &session).await.unwrap();
        assert!(grants::insert(&mut tx, &grant).await.unwrap());
        let code = Code {
            grant_id: grant.id,
            client_id: CLIENT.to_owned(),
            redirect_uri: REDIRECT_URI.to_owned(),
            redirect_uri_sent: true,
            code_challenge: None,
            nonce: None,
            dpop_jkt: None,
        };
        let secret: Secret<String> = TokenKind::AuthorizationCode.generate();
        let hash = TokenHash::of(secret.expose());
        authorization_codes::insert(&mut tx, &hash, &code, now, now.plus(Seconds::new(60)))
            .await
            .unwrap();
        codes.push(secret.expose().clone());
    }
    tx.commit().await.unwrap();
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_it_acknowledged_and_forks_no_family() {
    for engine in engines() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = port.local_addr().unwrap().to_string();
        drop(port);
        let place = Place::on(engine)
            .await
            .with("TESSERA_MASTER_KEY", MASTER_KEY)
            .with("TESSERA_LOG_FILTER", "warn")
            // Every exchange rotates, and every lost answer may be recovered.
            .with("TESSERA_TOKENS_REFRESH_GRACE_SECONDS", "0")
            .with("TESSERA_TOKENS_REFRESH_MAX_RECOVERIES", "1000");
        place.serve(&["--listen", &listen]).kill();
        let app = inside(&place, engine).await;
        let mut families: Vec<Family> = arrange(&app)
            .await
            .into_iter()
            .map(|code| Family {
                url: format!("http://{listen}"),
                newest: Credential::Code(code),
                spent: [None, None],
                acknowledged: 0,
            })
            .collect();

        // The first exchange of each family, undisturbed: a code whose answer is lost is gone by design.
        let server = place.serve(&["--listen", &listen]);
        for family in &mut families {
            family.exchange(&http_client()).await.unwrap();
        }
        let mut tuples = writers(&families[0].url).await;
        server.kill();

        for round in 0..ROUNDS {
            let server = place.serve(&["--listen", &listen]);
            let mut clients = JoinSet::new();
            let answers = Arc::new(AtomicU64::new(0));
            for mut family in families {
                let answers = Arc::clone(&answers);
                clients.spawn(async move {
                    let http = http_client();
                    while family.exchange(&http).await.is_some() {
                        answers.fetch_add(1, Ordering::Relaxed);
                    }
                    family
                });
            }
            let mut writing = JoinSet::new();
            for mut writer in tuples {
                writing.spawn(async move {
                    let http = http_client();
                    while writer.write(&http).await.is_some() {}
                    writer
                });
            }
            // At another point of the load each time.
            while answers.load(Ordering::Relaxed) < 16 + 3 * round {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.kill();
            families = clients.join_all().await;
            tuples = writing.join_all().await;
        }

        let acknowledged: i64 = families.iter().map(|family| family.acknowledged).sum();
        assert!(acknowledged > 200, "too little load: {acknowledged}");
        let server = place.serve(&["--listen", &listen]);
        for family in &mut families {
            family.exchange(&http_client()).await.unwrap();
        }
        // One row a family with one live head, and no more rotations than were acknowledged or cut off by one of the kills.
        let heads: Vec<(i64, i64)> = app
            .db
            .read()
            .await
            .unwrap()
            .all(q(
                "SELECT head_generation, recoveries FROM refresh_families",
            ))
            .await
            .unwrap();
        assert_eq!(heads.len(), FAMILIES);
        let rotations: i64 = heads.iter().map(|(generation, _)| generation).sum();
        let most =
            acknowledged + i64::try_from(FAMILIES).unwrap() * i64::try_from(ROUNDS + 4).unwrap();
        assert!(
            rotations >= acknowledged && rotations <= most,
            "{engine:?}: {acknowledged} acknowledged, {rotations} made"
        );
        let recovered: i64 = heads.iter().map(|(_, recoveries)| recoveries).sum();
        println!(
            "{engine:?}: {acknowledged} rotations acknowledged, {recovered} lost answers recovered"
        );
        check_tuples(&app, &tuples).await;
        app.db.close().await;
        // A token from before the last but one is no second lineage: it ends the family.
        for family in &families {
            let stolen = family.spent[1].as_ref().unwrap();
            assert_eq!(family.refused(stolen).await, "invalid_grant");
            let Credential::Token(newest) = &family.newest else {
                panic!("every family has a token");
            };
            assert_eq!(family.refused(newest).await, "invalid_grant");
        }
        drop(server);
    }
}
