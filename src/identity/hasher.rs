//! Where passwords are hashed: a bounded number at a time, a bounded number waiting, nobody else slowed down.
//!
//! SECURITY R10. Memory blocks are reused while sign-ins follow one another, and given back when they stop. Never called with a
//! transaction open.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::Block;
use aws_lc_rs::hmac;
use tokio::sync::Semaphore;

use super::password::{Password, PasswordHash, Pepper, Verdict};
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::config::SignIn;
use crate::store::seal::Sealer;

/// How long memory blocks are kept for the next hash.
const KEEP_MEMORY_SECONDS: u64 = 5;
/// When to try again after [`HashError::Overloaded`].
pub const RETRY_AFTER: Seconds = Seconds::new(2);

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    /// One permit a hash that runs or waits.
    places: Arc<Semaphore>,
    /// One permit a hash that runs.
    turns: Arc<Semaphore>,
    memory: Arc<Memory>,
    pepper: Arc<Pepper>,
    nobody: Arc<PasswordHash>,
}

/// Why a password was neither hashed nor verified.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum HashError {
    /// As many wait as may wait.
    #[error("too many sign-ins at once; try again in a few seconds")]
    Overloaded,
    /// The hash function refused its parameters, or its thread died: a fault of ours.
    #[error("the password could not be hashed")]
    Failed,
}

/// Memory blocks that wait for the next hash.
#[derive(Default)]
struct Memory {
    free: Mutex<Vec<Vec<Block>>>,
    /// Moves with every hash.
    uses: AtomicU64,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({} turns free)", self.turns.available_permits())
    }
}

impl Hasher {
    /// A hasher with the configured bounds and this database's pepper.
    pub fn new(config: &SignIn, sealer: &Sealer) -> Result<Self, HashError> {
        let key = sealer.derive_mac_key("password pepper");
        let pepper = hmac::sign(&key, b"argon2id secret").as_ref().to_vec();
        let permits = |count: u32| usize::try_from(count).unwrap_or(1).max(1);
        let turns = permits(config.hashing_threads);
        Ok(Self {
            places: Arc::new(Semaphore::new(turns + permits(config.hashing_queue))),
            turns: Arc::new(Semaphore::new(turns)),
            memory: Arc::default(),
            pepper: Arc::new(Secret::new(pepper)),
            nobody: Arc::new(PasswordHash::of_nobody().ok_or(HashError::Failed)?),
        })
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        self.run(move |pepper, memory| PasswordHash::compute(&password, pepper, memory))
            .await?
            .ok_or(HashError::Failed)
    }

    /// Verifies a password against the stored hash. Without one it does the same work, and finds a mismatch.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let known = stored.is_some();
        let hash = stored.unwrap_or_else(|| PasswordHash::clone(&self.nobody));
        self.run(move |pepper, memory| {
            if hash.matches(&password, pepper, memory) && known {
                Verdict::Match {
                    outdated: hash.is_outdated(),
                }
            } else {
                Verdict::Mismatch
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pepper, &mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| HashError::Overloaded)?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Failed)?;
        let (memory, pepper) = (Arc::clone(&self.memory), Arc::clone(&self.pepper));
        // INVARIANT: the permits live in the thread, so a caller that goes away does not make room for another hash.
        let done = tokio::task::spawn_blocking(move || {
            let mut blocks = memory.take();
            let result = work(&pepper, &mut blocks);
            memory.put(blocks);
            drop((turn, place));
            result
        })
        .await
        .map_err(|_| HashError::Failed)?;
        self.give_memory_back_later();
        Ok(done)
    }

    /// Frees the blocks when nobody hashes for a while.
    fn give_memory_back_later(&self) {
        let memory = Arc::downgrade(&self.memory);
        let use_now = self.memory.uses.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(KEEP_MEMORY_SECONDS)).await;
            if let Some(memory) = memory.upgrade()
                && memory.uses.load(Ordering::Relaxed) == use_now
            {
                memory.with(Vec::clear);
            }
        });
    }
}

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<Vec<Block>>) -> T) -> T {
        act(&mut self.free.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self) -> Vec<Block> {
        self.with(Vec::pop).unwrap_or_default()
    }

    fn put(&self, blocks: Vec<Block>) {
        self.with(|free| free.push(blocks));
    }
}
