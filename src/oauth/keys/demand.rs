//! The first key of an algorithm, made when it is needed.
//!
//! Registration notes the algorithms that a client wants, in its own transaction; the worker of any node makes their first keys, so that they are
//! published before they sign. A request that comes sooner makes the key itself. Whoever is second, in this process or on
//! another node, finds the key there: the table takes one active key an algorithm.

use super::{Keys, KeysError, rotation};
use crate::base::time::Timestamp;
use crate::oauth::protocol::signing::SigningAlgorithm;
use crate::store::signing_keys;
use crate::store::{StoreError, Tx};

/// Notes the algorithms that a client is registered for.
pub async fn note(
    tx: &mut Tx,
    algorithms: &[SigningAlgorithm],
    now: Timestamp,
) -> Result<(), StoreError> {
    for algorithm in algorithms {
        // The key of the default algorithm is always there.
        if *algorithm != SigningAlgorithm::DEFAULT {
            signing_keys::want(tx, *algorithm, now).await?;
        }
    }
    Ok(())
}

impl Keys {
    /// Makes the first keys of the algorithms that clients registered for.
    pub async fn make_wanted(&self, now: Timestamp) -> Result<(), KeysError> {
        let unmet = signing_keys::list_unmet(&mut self.0.db.read().await?).await?;
        for algorithm in unmet {
            self.ensure(algorithm, now).await?;
        }
        Ok(())
    }

    /// Makes the algorithm's first key unless this node knows one.
    pub(super) async fn ensure(
        &self,
        algorithm: SigningAlgorithm,
        now: Timestamp,
    ) -> Result<(), KeysError> {
        if self.signs_with(algorithm) {
            return Ok(());
        }
        let _turn = self.0.making.lock().await;
        // The task before may have made it, another node may have.
        if !self.signs_with(algorithm) {
            self.reload(now).await?;
        }
        if !self.signs_with(algorithm) {
            let inner = &self.0;
            let wanted = (algorithm, inner.rotation);
            rotation::insert_first(&inner.db, &inner.sealer, wanted, now).await?;
            self.reload(now).await?;
        }
        Ok(())
    }

    fn signs_with(&self, algorithm: SigningAlgorithm) -> bool {
        self.0.set.load().active.contains_key(&algorithm)
    }
}
