//! Stores: each has its own models, tuples and revision.

use super::error::PolicyError;
use super::models::page_of;
use super::service::Policy;
use super::system;
use crate::base::id::new_ulid;
use crate::base::time::Timestamp;
use crate::store::policy_stores::{self, StoreFilter, StoreRow};
use crate::store::{Conn, Tx};

/// A store.
pub type Store = StoreRow;

/// Makes a store in a transaction that may hold other facts too.
pub async fn create_store(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Store, PolicyError> {
    if !is_store_name(name) {
        return Err(PolicyError::StoreName);
    }
    let id = new_ulid(now);
    policy_stores::insert(tx, &id, name, now).await?;
    Ok(Store {
        id,
        name: name.to_owned(),
        created_at: now,
        updated_at: now,
    })
}

/// OpenFGA's pattern: `^[a-zA-Z0-9\s\.\-\/^_&@]{3,64}$`; of the white space only the blank.
fn is_store_name(name: &str) -> bool {
    (3..=64).contains(&name.len())
        && name.chars().all(|c| {
            c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '/' | '^' | '_' | '&' | '@')
        })
}

impl Policy {
    /// Makes a store.
    pub async fn create_store(&self, name: &str, now: Timestamp) -> Result<Store, PolicyError> {
        let mut tx = self.db().write().await?;
        let store = create_store(&mut tx, name, now).await?;
        tx.commit().await?;
        Ok(store)
    }

    /// A store.
    pub async fn store(&self, id: &str) -> Result<Store, PolicyError> {
        let mut conn = self.db().read().await?;
        policy_stores::find(&mut conn, id)
            .await?
            .ok_or_else(|| PolicyError::StoreNotFound(id.to_owned()))
    }

    /// The id of the one store that has this id or name; `None` when there is none, or more than one of the name.
    pub async fn find_store(&self, id_or_name: &str) -> Result<Option<String>, PolicyError> {
        let mut conn = self.db().read().await?;
        if let Some(store) = policy_stores::find(&mut conn, id_or_name).await? {
            return Ok(Some(store.id));
        }
        let filter = StoreFilter {
            name: Some(id_or_name),
            after: "",
        };
        let mut named = policy_stores::list(&mut conn, filter, 2).await?;
        let one = named.pop().filter(|_| named.is_empty());
        Ok(one.map(|store| store.id))
    }

    /// Stores, oldest first, and the token of the next page (empty at the end).
    pub async fn stores(
        &self,
        name: Option<&str>,
        page_size: u32,
        token: &str,
    ) -> Result<(Vec<Store>, String), PolicyError> {
        let list = ["stores", name.unwrap_or_default()];
        let after = self.place(&list, token)?.unwrap_or_default();
        let filter = StoreFilter {
            name,
            after: &after,
        };
        let mut conn = self.db().read().await?;
        let rows = policy_stores::list(&mut conn, filter, page_size + 1).await?;
        let (rows, end) = page_of(rows, page_size);
        let token = end.map_or_else(String::new, |row| self.tokens().page(&list, &[&row.id]));
        Ok((rows, token))
    }

    /// Deletes a store; deleting what is not there is no error.
    pub async fn delete_store(&self, id: &str, now: Timestamp) -> Result<(), PolicyError> {
        self.not_the_system_store(id)?;
        let mut tx = self.db().write().await?;
        policy_stores::delete(&mut tx, id, now).await?;
        let taken = system::take_all_rights(&mut tx, id, now).await?;
        tx.commit().await?;
        self.forget(id);
        for written in &taken {
            self.committed(written, now).await;
        }
        Ok(())
    }

    pub(super) async fn must_exist(
        &self,
        conn: &mut Conn,
        store_id: &str,
    ) -> Result<(), PolicyError> {
        match policy_stores::find(conn, store_id).await? {
            Some(_) => Ok(()),
            None => Err(PolicyError::StoreNotFound(store_id.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_names_follow_the_pattern() {
        for name in ["docs", "a/b.c-d_e^f&g@h", "two words"] {
            assert!(is_store_name(name), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "ab", "a\nb", "a<b>", "döcs", long.as_str()] {
            assert!(!is_store_name(name), "{name:?}");
        }
    }
}
