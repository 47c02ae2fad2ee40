//! The schema: one portable set of migrations, run on both engines before anything else.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::{Db, StoreError};

/// Every migration, oldest first. INVARIANT: a released migration never changes; a new one is appended.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "foundation",
        include_str!("../../migrations/0001_foundation.sql"),
    ),
    (
        2,
        "policy_assertions",
        include_str!("../../migrations/0002_policy_assertions.sql"),
    ),
    (
        3,
        "tuple_expiry",
        include_str!("../../migrations/0003_tuple_expiry.sql"),
    ),
    (
        4,
        "api_keys",
        include_str!("../../migrations/0004_api_keys.sql"),
    ),
    (
        5,
        "oauth_details",
        include_str!("../../migrations/0005_oauth_details.sql"),
    ),
    (
        6,
        "wanted_signing_algorithms",
        include_str!("../../migrations/0006_wanted_signing_algorithms.sql"),
    ),
    (
        7,
        "client_authentication",
        include_str!("../../migrations/0007_client_authentication.sql"),
    ),
    (8, "dpop", include_str!("../../migrations/0008_dpop.sql")),
    (
        9,
        "pushed_requests",
        include_str!("../../migrations/0009_pushed_requests.sql"),
    ),
    (
        10,
        "outbox",
        include_str!("../../migrations/0010_outbox.sql"),
    ),
    (
        11,
        "device_and_backchannel",
        include_str!("../../migrations/0011_device_and_backchannel.sql"),
    ),
    (
        12,
        "user_profiles",
        include_str!("../../migrations/0012_user_profiles.sql"),
    ),
    (
        13,
        "trusted_issuers",
        include_str!("../../migrations/0013_trusted_issuers.sql"),
    ),
    (
        14,
        "resource_servers",
        include_str!("../../migrations/0014_resource_servers.sql"),
    ),
    (
        15,
        "client_registration",
        include_str!("../../migrations/0015_client_registration.sql"),
    ),
    (
        16,
        "pairwise_subjects",
        include_str!("../../migrations/0016_pairwise_subjects.sql"),
    ),
    (
        17,
        "polled_details",
        include_str!("../../migrations/0017_polled_details.sql"),
    ),
];

/// Why the schema could not be brought to this version.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database was written by a newer Tessera.
    #[error(
        "the database has schema version {found}, this binary knows {known}; start the newer tessera that wrote it"
    )]
    Newer {
        /// The newest version applied to the database.
        found: i64,
        /// The newest version that this binary has.
        known: i64,
    },
    /// A migration that was already applied has another text in this binary.
    #[error(
        "schema version {version} in the database differs from this binary's; use the tessera release that made it"
    )]
    Differs {
        /// The migration's version.
        version: i64,
    },
    /// A migration failed; its transaction was rolled back.
    #[error("bringing the schema up to date failed: {0}")]
    Failed(#[source] MigrateError),
    /// The database could not be used at all.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The newest schema version that this binary knows.
pub(super) fn known_version() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// Applies the missing migrations, each in a transaction; refuses a database that is newer than this binary.
pub async fn migrate(db: &Db) -> Result<(), SchemaError> {
    let migrator = Migrator::with_migrations(
        MIGRATIONS
            .iter()
            .map(|(version, name, sql)| {
                let name = Cow::Borrowed(*name);
                Migration::new(
                    *version,
                    name,
                    MigrationType::Simple,
                    (*sql).into_sql_str(),
                    false,
                )
            })
            .collect(),
    );
    let result = match db {
        Db::Sqlite { writer, .. } => {
            let mut turn = writer.exclusive().await;
            migrator.run_direct(None, turn.connection()?, false).await
        }
        Db::Postgres(pool) => {
            let mut connection = pool.acquire().await.map_err(StoreError::from)?;
            migrator.run_direct(None, &mut *connection, false).await
        }
    };
    result.map_err(|error| match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
            SchemaError::Newer {
                found,
                known: known_version(),
            }
        }
        MigrateError::VersionMismatch(version) => SchemaError::Differs { version },
        MigrateError::Execute(cause) => SchemaError::Store(cause.into()),
        other => SchemaError::Failed(other),
    })
}
