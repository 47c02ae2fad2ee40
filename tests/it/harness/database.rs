//! Throw-away databases: a SQLite file in a temporary directory, and a fresh PostgreSQL database on the server that
//! `TESSERA_TEST_POSTGRES_URL` names (`tests/run` starts one; `tests/run --fast` leaves it out).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tessera::base::time::Timestamp;
use tessera::store::seal::{MasterKey, Sealer};
use tessera::store::{Db, DbOptions, migrate};

/// An instant to start from: 2025-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_ms(1_735_689_600_000);

/// A migrated database of its own.
pub struct TestDb {
    pub db: Db,
    pub sealer: Arc<Sealer>,
    pub options: DbOptions,
    _dir: TempDir,
}

/// Which engine a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// The engines of this run: both, or SQLite alone in the inner loop.
pub fn engines() -> Vec<Engine> {
    if postgres_url().is_some() {
        vec![Engine::Sqlite, Engine::Postgres]
    } else {
        vec![Engine::Sqlite]
    }
}

fn postgres_url() -> Option<String> {
    std::env::var("TESSERA_TEST_POSTGRES_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

impl TestDb {
    pub async fn open(engine: Engine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = match engine {
            Engine::Sqlite => DbOptions::Sqlite {
                path: dir.path().join("tessera.db"),
            },
            Engine::Postgres => DbOptions::Postgres {
                url: create_postgres_database().await,
                max_connections: 8,
            },
        };
        let db = Db::open(&options).await.unwrap();
        migrate(&db).await.unwrap();
        let sealer = Sealer::open(&db, &MasterKey::generate(), START)
            .await
            .unwrap();
        Self {
            db,
            sealer: Arc::new(sealer),
            options,
            _dir: dir,
        }
    }
}

/// Makes an empty database and returns its URL. Dropped with the throw-away server.
pub async fn create_postgres_database() -> String {
    use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
    static NEXT: AtomicU32 = AtomicU32::new(0);

    let server = postgres_url().expect("TESSERA_TEST_POSTGRES_URL names the test server");
    let name = format!(
        "t{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let mut connection = PgConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let (base, _) = server.rsplit_once('/').expect("a URL with a database name");
    format!("{base}/{name}")
}

/// Runs one async test on every engine, each on a fresh database.
///
/// `on_each_database!(name, |t| async move { .. })`
#[macro_export]
macro_rules! on_each_database {
    ($name:ident, |$db:ident| $body:block) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            for engine in $crate::harness::database::engines() {
                let $db = $crate::harness::database::TestDb::open(engine).await;
                $body
            }
        }
    };
}
