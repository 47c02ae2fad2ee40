//! Writing and reading authorization models. A model never changes; a newer one takes its place.

use super::change::Change;
use super::engine::json;
use super::engine::model::Model;
use super::engine::validate::validate;
use super::error::PolicyError;
use super::service::Policy;
use super::write::{Written, record};
use crate::base::id::new_ulid;
use crate::base::time::Timestamp;
use crate::store::policy_models::ModelRow;
use crate::store::{StoreError, Tx, policy_models};

/// Largest model, in bytes of its JSON form.
pub(super) const MODEL_BYTES: usize = 256 * 1024;

/// A model of a store.
#[derive(Clone, Debug)]
pub struct StoredModel {
    /// Its id.
    pub id: String,
    /// The model.
    pub model: Model,
}

/// Writes a model in a transaction that may hold other facts too; it is the store's latest then.
pub async fn write_model(
    tx: &mut Tx,
    store_id: &str,
    model: &Model,
    now: Timestamp,
) -> Result<(String, Written), PolicyError> {
    validate(model).map_err(PolicyError::InvalidModel)?;
    let body = json::emit(model).to_string();
    if body.len() > MODEL_BYTES {
        return Err(PolicyError::ModelTooLarge {
            found: body.len(),
            limit: MODEL_BYTES,
        });
    }
    let id = new_ulid(now);
    let written = record(tx, store_id, vec![Change::Model(id.clone())], now).await?;
    let row = ModelRow {
        id: id.clone(),
        body,
        revision: written.revision,
    };
    policy_models::insert(tx, store_id, &row, now).await?;
    Ok((id, written))
}

/// The model of a stored JSON form.
pub fn read_model(body: &str) -> Result<Model, PolicyError> {
    let value = serde_json::from_str(body)
        .map_err(|error| StoreError::corrupt("policy_models.body", &error))?;
    Ok(json::parse(&value)?)
}

fn stored(row: ModelRow) -> Result<StoredModel, PolicyError> {
    Ok(StoredModel {
        model: read_model(&row.body)?,
        id: row.id,
    })
}

impl Policy {
    /// Writes a model; its id.
    pub async fn write_model(
        &self,
        store_id: &str,
        model: &Model,
        now: Timestamp,
    ) -> Result<(String, Written), PolicyError> {
        self.not_the_system_store(store_id)?;
        let mut tx = self.db().write().await?;
        let (id, written) = write_model(&mut tx, store_id, model, now).await?;
        tx.commit().await?;
        self.committed(&written, now).await;
        Ok((id, written))
    }

    /// A model of a store.
    pub async fn model(&self, store_id: &str, id: &str) -> Result<StoredModel, PolicyError> {
        let mut conn = self.db().read().await?;
        self.must_exist(&mut conn, store_id).await?;
        let row = policy_models::find(&mut conn, store_id, id)
            .await?
            .ok_or_else(|| PolicyError::ModelNotFound(id.to_owned()))?;
        stored(row)
    }

    /// The models of a store, newest first, and the token of the next page (empty at the end).
    pub async fn models(
        &self,
        store_id: &str,
        page_size: u32,
        token: &str,
    ) -> Result<(Vec<StoredModel>, String), PolicyError> {
        let list = ["models", store_id];
        let before = self.place(&list, token)?.map_or(Ok(i64::MAX), |place| {
            place.parse().map_err(|_| super::token::TokenError::Page)
        })?;
        let mut conn = self.db().read().await?;
        self.must_exist(&mut conn, store_id).await?;
        let rows = policy_models::list(&mut conn, store_id, before, page_size + 1).await?;
        let (rows, end) = page_of(rows, page_size);
        let token = end.map_or_else(String::new, |row: ModelRow| {
            self.tokens().page(&list, &[&row.revision.to_string()])
        });
        let models = rows.into_iter().map(stored).collect::<Result<_, _>>()?;
        Ok((models, token))
    }
}

/// Cuts the row that was read too many; with it, the last row that stays, where the next page begins.
pub(super) fn page_of<T: Clone>(mut rows: Vec<T>, page_size: u32) -> (Vec<T>, Option<T>) {
    let size = usize::try_from(page_size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().cloned().filter(|_| more);
    (rows, last)
}
