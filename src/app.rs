//! One [`App`], built once from the [`Config`]: what every handler and worker shares.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::base::time::Clock;
use crate::config::Config;
use crate::identity::hasher::{HashError, Hasher};
use crate::metrics::Metrics;
use crate::oauth::client_ca::{ClientCa, ClientCaError};
use crate::oauth::client_documents::ClientDocuments;
use crate::oauth::client_guesses::ClientGuesses;
use crate::oauth::keys::{Keys, KeysError};
use crate::oauth::remote_keys::RemoteKeys;
use crate::outbound::{Outbound, OutboundError};
use crate::policy::{Policy, PolicyError, PolicyLimits};
use crate::store::seal::{MasterKey, SealError, Sealer};
use crate::store::{Db, SchemaError, StoreError, migrate};

/// Live streams that may be open at once.
const WATCHERS: usize = 256;

/// Imports that may be under way at once.
const IMPORTS: usize = 4;
/// Exports that may be under way at once. Each holds a database connection to read with; SQLite has four.
const EXPORTS: usize = 2;

/// The state of the running server. Handlers take it as `State<Arc<App>>`.
#[derive(Debug)]
pub struct App {
    /// What the operator decided.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// Where `now` comes from.
    pub clock: Clock,
    /// Seals and opens stored secrets; derives MAC keys.
    pub sealer: Arc<Sealer>,
    /// Permissions: stores, models, tuples, checks.
    pub policy: Policy,
    /// Signs tokens, verifies them, publishes the keys.
    pub keys: Keys,
    /// The client for everything that is fetched.
    pub outbound: Outbound,
    /// The keys that clients publish.
    pub remote_keys: RemoteKeys,
    /// The documents that clients describe themselves in.
    pub client_documents: ClientDocuments,
    /// Whose client certificates prove a name.
    pub client_ca: Option<ClientCa>,
    /// How often clients' secrets were guessed.
    pub client_guesses: ClientGuesses,
    /// Hashes and verifies passwords, a bounded number at a time.
    pub hasher: Hasher,
    /// What this process counts.
    pub metrics: Metrics,
    /// Cancelled when the server begins to stop: streams end.
    pub stopping: CancellationToken,
    /// Places for live streams.
    pub watchers: Arc<Semaphore>,
    /// Places for imports.
    pub imports: Arc<Semaphore>,
    /// Places for exports.
    pub exports: Arc<Semaphore>,
}

/// Why the server could not be built.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The schema is not this binary's.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The master key is not this database's.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The signing keys could not be loaded.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The password hasher could not be made.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The client for outbound calls could not be made.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The authorities of client certificates could not be read.
    #[error(transparent)]
    ClientCa(#[from] ClientCaError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Tessera's own permission store could not be made.
    #[error("opening the permission stores failed: {0}")]
    Policy(#[from] PolicyError),
}

impl App {
    /// Opens the database, brings its schema up to date, and loads what lives in memory.
    pub async fn open(
        config: Config,
        master: &MasterKey,
        clock: Clock,
    ) -> Result<Arc<Self>, OpenError> {
        let db = Db::open(&config.database).await?;
        migrate(&db).await?;
        let sealer = Arc::new(Sealer::open(&db, master, clock.now()).await?);
        let limits = PolicyLimits {
            max_staleness: config.policy_max_staleness_seconds,
            decision_time: Duration::from_millis(config.policy_decision_timeout_ms.into()),
        };
        let policy = Policy::open(db.clone(), &sealer, limits, clock.now()).await?;
        let keys = Keys::open(&db, &sealer, &config, clock.now()).await?;
        let outbound = Outbound::new(&config.outbound_allowed)?;
        let authorities = config.client_certificates.authorities.as_deref();
        let client_ca = authorities.map(ClientCa::load).transpose()?;
        let hasher = Hasher::new(&config.sign_in, &sealer)?;
        let metrics = Metrics::new(db.engine());
        Ok(Arc::new(Self {
            config,
            db,
            clock,
            sealer,
            policy,
            keys,
            remote_keys: RemoteKeys::new(outbound.clone()),
            client_documents: ClientDocuments::new(outbound.clone()),
            outbound,
            client_ca,
            client_guesses: ClientGuesses::default(),
            hasher,
            metrics,
            stopping: CancellationToken::new(),
            watchers: Arc::new(Semaphore::new(WATCHERS)),
            imports: Arc::new(Semaphore::new(IMPORTS)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
        }))
    }
}
